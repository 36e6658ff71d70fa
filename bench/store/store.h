/* sluice-bench store: the backends measured in process, called by threads that wait for each answer. */
#ifndef BENCH_STORE_STORE_H
#define BENCH_STORE_STORE_H

/* The subcommand; argv[0] is its name. Returns the exit status: 0, 1 (a run failed or a sum is wrong), 2 (usage).
 */
int store_main(int argc, char **argv);

#endif
