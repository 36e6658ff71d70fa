/* One reading of the server's statistics, as far as `watch` shows them. */
#ifndef CLIENTS_CLI_READING_H
#define CLIENTS_CLI_READING_H

#include <stdbool.h>
#include <stdint.h>

#include "clients/c/sluice.h"

enum reading_op { READ_GET, READ_PUT, READ_DELETE, READ_TOUCH, READ_LEN, READ_OPS };

const char *reading_op_name(enum reading_op op);

struct reading_latency {
    uint64_t count, p50, p99, p999, max; /* nanoseconds, since the server started */
};

struct reading_count {
    uint64_t done;    /* executed: ok, not found */
    uint64_t refused; /* overloaded, late */
    uint64_t failed;  /* conflicts and errors */
};

struct reading {
    int64_t taken_ms;   /* monotonic, on this side */
    uint64_t uptime_ms; /* whole seconds; 0: not told */
    char version[32];
    char backend[32];
    struct reading_count counts[READ_OPS];
    struct reading_latency latency[READ_OPS];
    uint64_t malformed;
    uint64_t expired;
    uint64_t connections;
    uint64_t sessions;
    uint64_t memory; /* bytes, all kinds */
    uint64_t queue_depth;
    uint64_t queue_max;
    uint64_t queue_bound; /* 0: this backend has no queue */
};

/* From the JSON of STATS; what it does not tell is 0. False when it is no JSON object. */
bool reading_parse(struct reading *reading, struct sluice_bytes json);

/* The sum over all operations. */
struct reading_count reading_total(const struct reading *reading);

#endif
