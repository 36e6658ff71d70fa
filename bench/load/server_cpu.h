/* CPU time of another process on this machine, thread by thread, from /proc. Main thread only. */
#ifndef BENCH_LOAD_SERVER_CPU_H
#define BENCH_LOAD_SERVER_CPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SERVER_CPU_THREADS 256

struct server_thread {
    int tid;
    char name[16];
    uint64_t cpu_ns; /* since the thread began */
};

struct server_cpu {
    size_t count; /* 0: nothing could be read */
    struct server_thread threads[SERVER_CPU_THREADS];
};

/* What the threads of `pid` have used so far: by the kernel's schedstat.
 * False when there is no such process, or the kernel does not count; threads beyond SERVER_CPU_THREADS are left
 * out. */
bool server_cpu_read(struct server_cpu *out, uint64_t pid);

/* Makes `after` hold what was used since `before`. Returns the sum over all threads. */
uint64_t server_cpu_since(struct server_cpu *after, const struct server_cpu *before);

#endif
