/* The command line of sluice-bench store. */
#ifndef BENCH_STORE_OPTIONS_H
#define BENCH_STORE_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "bench/common/workload.h"
#include "daemon/backend/backend.h"

#define STORE_WORKER_COUNTS_MAX 16
#define STORE_WORKERS_MAX       4096

/* What --backend names. */
struct store_backend {
    const char *name;
    const struct backend_design *design;
    enum backend_lock lock;
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
    enum key_law law;
    double theta;
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

#endif
