/* One run of the in-process benchmark: one backend, so many callers. */
#ifndef BENCH_STORE_RUN_H
#define BENCH_STORE_RUN_H

#include "bench/store/drive.h"
#include "bench/store/options.h"

/* What the process and the machine have used so far. */
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

struct run_result {
    uint32_t workers, threads;
    struct usage
        used; /* from the start of all threads to the end of the last; by callers and the backend's threads */
    struct drive_tally tally;
    struct histogram latency;
    struct histogram ordinary; /* without slow sessions; only with --slow */
};

/* Wall time divided by operations sent, refused ones included. */
double run_ns_per_op(const struct run_result *result);

json_t *run_json(const char *backend, const struct run_result *result);

/*
 * Starts the backend, stores every key, lets `workers` callers loose on it, audits what is stored, stops. False,
 * with a message on standard error, when it could not be run or an answer or a sum was wrong.
 */
bool run_store(const struct store_options *o, const struct store_backend *backend, uint32_t workers,
               struct run_result *result);

#endif
