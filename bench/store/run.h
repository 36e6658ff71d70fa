/* One run of the in-process benchmark: one backend, so many workers. */
#ifndef BENCH_STORE_RUN_H
#define BENCH_STORE_RUN_H

#include "bench/store/drive.h"
#include "bench/store/options.h"

struct run_result {
    uint64_t wall_ns;  /* from the start of all workers to the end of the last */
    uint64_t cpu_ns;   /* of the process: workers and the backend's threads */
    double others_cpu; /* processors that other programs used meanwhile: 0 on a quiet machine */
    uint64_t switches_voluntary;
    uint64_t switches_involuntary;
    bool allocations_known; /* jemalloc is there to tell */
    uint64_t allocations;
    struct tally tally;
    struct histogram latency;
    struct histogram ordinary; /* without slow sessions; only with --slow */
};

/*
 * Starts the backend, stores every key, lets `workers` threads loose on it, audits what is stored, stops. False,
 * with a message on standard error, when it could not be run or an answer or a sum was wrong.
 */
bool run_store(const struct store_options *o, const struct store_backend *backend, uint32_t workers,
               struct run_result *result);

#endif
