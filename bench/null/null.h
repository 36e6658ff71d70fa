/*
 * sluice-bench null-server: answers every request without parsing more of it than where it ends, and stores
 * nothing. What it costs is the floor that any server on libuv pays.
 */
#ifndef BENCH_NULL_NULL_H
#define BENCH_NULL_NULL_H

/* The subcommand; returns the exit status. Serves until SIGTERM or SIGINT. */
int null_main(int argc, char **argv);

#endif
