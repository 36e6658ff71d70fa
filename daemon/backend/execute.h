/*
 * What Get, Put, Delete, Touch and Len mean: the one place, shared by every backend. The caller guards the
 * table: its lock held, or its owner's thread.
 */
#ifndef BACKEND_EXECUTE_H
#define BACKEND_EXECUTE_H

#include <stdint.h>

#include "daemon/store/table.h"
#include "proto/call.h"

struct execute_rules {
    uint64_t ttl_default_ms;      /* UINT64_MAX: never */
    uint64_t ttl_max_lifetime_ms; /* UINT64_MAX: no cap */
};

/*
 * Executes an operation on one session and fills call->reply. The reply never aliases the table: a small value
 * is copied into the call, a larger one becomes a counted reference. `hash` is table_hash of the key.
 */
void execute(const struct execute_rules *rules, struct table *t, uint64_t hash, struct call *call, uint64_t now_ms);

/* The stand-in for business logic: `iterations` rounds of xorshift64. */
void execute_work(uint64_t iterations);

/* How much of it an operation does; see backend_options. */
struct execute_load {
    uint64_t iterations;
    uint32_t slow_below;
    uint32_t slow_factor;
};

static inline uint64_t execute_load_of(const struct execute_load *load, uint64_t hash)
{
    return (uint32_t)hash < load->slow_below ? load->iterations * load->slow_factor : load->iterations;
}

#endif
