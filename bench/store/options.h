/* The command line of sluice-bench store. */
#ifndef BENCH_STORE_OPTIONS_H
#define BENCH_STORE_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/common/keys.h"
#include "bench/common/mix.h"
#include "bench/store/lane.h"
#include "daemon/backend/backend.h"

#define STORE_WORKER_COUNTS_MAX 16

/* What --backend names. */
struct store_backend {
    const char *name;
    const struct backend_design *design;
    enum lock_kind lock;
    bool refuse; /* a full queue refuses */
};

#define STORE_BACKENDS 4
extern const struct store_backend store_backends[STORE_BACKENDS];

struct store_options {
    const struct store_backend *backends[STORE_BACKENDS];
    uint32_t backend_count;
    uint32_t workers[STORE_WORKER_COUNTS_MAX];
    uint32_t worker_counts;
    struct mix mix;
    const char *mix_text;
    uint64_t keys;
    enum key_law law;
    double theta;
    uint64_t key_size;
    uint64_t value_size;
    uint64_t work; /* rounds */
    bool work_outside;
    double slow_percent; /* of the keys; 0: none */
    uint64_t slow_factor;
    uint64_t queue;
    enum lane_wait wait; /* how a worker waits for its answer */
    uint64_t stripes;
    uint64_t shards; /* owners */
    bool here;       /* in place: whoever calls executes, whosever shard it is */
    bool in_place;   /* the workers are the owners */
    bool own_keys;   /* in place: each asks for keys of its own shard only */
    uint64_t depth;  /* calls that a worker has under way */
    bool pin;
    uint64_t duration_ns;
    uint64_t count; /* operations of all workers together; 0: duration_ns decides */
    uint64_t repeat;
    uint64_t seed;
    const char *json; /* path; NULL: no */
    bool csv;
};

/* Fills `o` from argv[1..argc). False: a complaint was printed. */
bool store_options_parse(struct store_options *o, int argc, char **argv);

void store_options_help(void);

#endif
