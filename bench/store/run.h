/* One run of the in-process benchmark: one backend, so many callers. */
#ifndef BENCH_STORE_RUN_H
#define BENCH_STORE_RUN_H

#include "bench/common/workload.h"
#include "bench/store/drive.h"
#include "daemon/backend/backend.h"
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define STORE_WORKER_COUNTS_MAX 16
#define STORE_WORKERS_MAX       4096

/* What --backend names. */
struct store_backend {
    const char *name;
    const struct backend_design *design;
    enum lock_kind lock;
    bool refuse;  /* what finds --queue calls under way is refused */
    bool threads; /* it has threads of its own, unless in place */
};

#define STORE_BACKENDS 4
extern const struct store_backend store_backends[STORE_BACKENDS];

struct store_options {
    const struct store_backend *backends[STORE_BACKENDS];
    uint32_t backend_count;
    uint32_t workers[STORE_WORKER_COUNTS_MAX];
    uint32_t worker_counts;
    uint64_t threads; /* that the workers share; 0: as many as suit */
    struct mix mix;
    uint64_t keys;
    double theta; /* of the law of the keys */
    uint64_t key_size;
    uint64_t value_size;
    uint64_t work; /* rounds */
    bool work_outside;
    double slow_percent; /* of the keys; 0: none */
    uint64_t slow_factor;
    uint64_t queue; /* calls that may be under way where refusing is meant */
    uint64_t stripes;
    uint64_t shards; /* owners */
    bool here;       /* in place: whoever calls executes, whosever shard it is */
    bool in_place;   /* the threads are the owners */
    bool own_keys;   /* in place: each asks for keys of its own shard only */
    bool pin;
    uint64_t duration_ns;
    uint64_t count; /* operations of all workers together; 0: duration_ns decides */
    uint64_t repeat;
    uint64_t seed;
    const char *json; /* path; NULL: no */
};

/* Fills `o` from argv[1..argc). Returns the options (options_parse); NULL: a complaint was printed. */
json_t *store_options_parse(struct store_options *o, int argc, char **argv);

/* What the process and the machine have used so far. */
struct usage {
    uint64_t wall_ns; /* a monotonic clock */
    uint64_t cpu_ns;  /* of the process */
    uint64_t busy_ns; /* of all processors, by everybody on the machine; steps of some 10 ms; 0: not known */
    uint64_t switches_voluntary, switches_involuntary; /* of the process */
    /* Of the process, as jemalloc counts them: the latest hundreds of running threads may not be in it yet. */
    uint64_t allocations;
    bool allocations_known; /* it runs on jemalloc */
};

/* Adds what has been used so far, times `sign`: UINT64_MAX takes it away. */
void usage_add(struct usage *u, uint64_t sign);

struct run_result {
    uint32_t workers, threads;
    struct usage used; /* from the start of all threads to the end of the last */
    struct drive_tally tally;
    struct histogram latency;
    struct histogram ordinary; /* without slow sessions; only with --slow */
};

/* "ns_per_op": wall time divided by operations sent, refused ones included. */
json_t *run_json(const char *backend, const struct run_result *result);

/* Starts the backend, stores every key, lets `workers` callers loose on it, audits what is stored, stops. False,
 * with a message on standard error, when it could not be run or an answer or a sum was wrong. */
bool run_store(const struct store_options *o, const struct store_backend *backend, uint32_t workers,
               struct run_result *result);

#endif
