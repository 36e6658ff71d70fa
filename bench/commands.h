/* The commands of sluice-bench: argv[0] is the command's name. They return the exit status: 0, 1 (the run failed,
 * or a sum is wrong) or 2 (a wrong command line). */
#ifndef BENCH_COMMANDS_H
#define BENCH_COMMANDS_H

int tcp_main(int argc, char **argv);
int store_main(int argc, char **argv);
int null_main(int argc, char **argv);
int simulate_main(int argc, char **argv);

#endif
