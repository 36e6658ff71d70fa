/* What the process and the machine have used so far. */
#ifndef BENCH_STORE_USAGE_H
#define BENCH_STORE_USAGE_H

#include <stdbool.h>
#include <stdint.h>

struct usage {
    uint64_t wall_ns; /* a monotonic clock */
    uint64_t cpu_ns;  /* of the process */
    uint64_t busy_ns; /* of all processors, by everybody on the machine; steps of some 10 ms; 0: not known */
    uint64_t switches_voluntary, switches_involuntary; /* of the process */
    /* Allocation requests of the process, as jemalloc counts them: what running threads allocated lately (some
     * hundred requests each) may not be in it yet. */
    uint64_t allocations;
    bool allocations_known; /* it runs on jemalloc */
};

struct usage usage_now(void);

/* What was used since then. */
struct usage usage_since(const struct usage *before);

#endif
