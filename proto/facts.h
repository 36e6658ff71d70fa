/* What a daemon tells about itself to clients that ask in their protocol's own form (INFO, stats). All counts are
 * since it started, unless said otherwise. */
#ifndef PROTO_FACTS_H
#define PROTO_FACTS_H

#include <stdint.h>

#include "proto/request.h"

struct facts {
    const char *version; /* of the program: "0.1.0"; static */
    const char *backend; /* "mutex", "owner", "backpressure"; static */
    uint64_t pid;
    uint64_t time_us; /* since 1970-01-01 UTC, now */
    uint64_t uptime_s;
    uint32_t threads;
    uint64_t connections; /* open now */
    uint64_t connections_max;
    uint64_t connections_total;
    uint64_t connections_refused;
    uint64_t bytes_in, bytes_out;
    uint64_t idle_timeout_s;      /* 0: off */
    uint64_t memory_resident;     /* bytes, as the system sees it */
    uint64_t memory_sessions;     /* bytes of sessions and their index */
    uint64_t memory_limit;        /* 0: off */
    uint64_t value_max;           /* bytes */
    uint64_t sessions[DATABASES]; /* now, expired ones that are not yet swept included */
    uint64_t mortal[DATABASES];   /* of these, those that have a deadline */
    uint64_t expired;
    uint64_t operations[OP_TABLE_LAST + 1]; /* executed, parts of batches included */
    uint64_t hits;                          /* GETs that found a session */
    uint64_t misses;
    uint64_t overloaded; /* requests refused */
    uint64_t cpu_user_us, cpu_system_us;
    uint16_t port; /* TCP port of the listener that this connection came through; 0: a Unix socket */
    /* Of the connection that asks; filled in by the network room. */
    char peer[64]; /* "127.0.0.1:50123", "[::1]:50123", "/run/sluice.sock" */
    char local[64];
    uint64_t connected_s; /* for how long */
    uint64_t fd;
};

#endif
