/*
 * What the operations mean: the one place, shared by every backend. The caller guards the sessions: their locks
 * held, or their owner's thread.
 *
 *     execute.c          GET, META, PUT, DELETE, TOUCH: one session, its condition, its lifetime
 *     execute_modify.c   APPEND, PREPEND, ADD, leases: a session made of the one before
 *     execute_wide.c     RENAME, LEN, SCAN, RANDOM, FLUSH, BATCH: more than one session, on any number of shards
 */
#ifndef BACKEND_EXECUTE_H
#define BACKEND_EXECUTE_H

#include <stdint.h>

#include "daemon/base/clock.h"
#include "daemon/queue/task.h"
#include "daemon/store/databases.h"

struct execute_rules {
    uint64_t ttl_default_ms;      /* UINT64_MAX: never */
    uint64_t ttl_max_lifetime_ms; /* UINT64_MAX: no cap */
    uint64_t value_max;           /* longest value that APPEND and PREPEND may make; 0: any */
    struct clock_wall wall;       /* with the clock that all times here are of */
};

/* The shard, of `count`, that a key's hash belongs to: by bits that buckets and tags use least. */
static inline uint32_t execute_shard(uint64_t hash, uint32_t count)
{
    return (uint32_t)(((hash >> 16 & UINT32_MAX) * count) >> 32);
}

/* True when the operation, parts included, changes nothing. */
bool execute_reads_only(const struct call *call);

/*
 * Executes an operation on one session (op_has_one_key) and fills call->reply. The reply never aliases the table: a
 * small value is copied into the call, a larger one becomes a counted reference. `hash` is databases_hash of the
 * key, `d` the shard it belongs to.
 */
void execute(struct execute_rules *rules, struct databases *d, uint64_t hash, struct call *call, uint64_t now_ms);

/* Executes one call that has no reply yet, whatever its operation, on the one shard there is. */
void execute_alone(struct execute_rules *rules, struct databases *d, struct call *call, uint64_t now_ms);

/* Executes calls that have no reply yet, in order, on the one shard there is, each with its work: what they need of
 * the table is asked of the cache for all of them before the first one runs. At most EXECUTE_BATCH_MAX. */
#define EXECUTE_BATCH_MAX 64
void execute_batch(struct execute_rules *rules, struct databases *d, struct task **tasks, size_t count,
                   uint64_t now_ms);

/* The same for operations on one session each whose keys have these hashes. */
void execute_hashed(struct execute_rules *rules, struct databases *d, struct task **tasks, const uint64_t *hashes,
                    size_t count, uint64_t now_ms);

/*
 * Executes any other operation on the table as one step: the caller guards all shards that it
 * touches (execute_touches). `shards` has `count` of them.
 */
void execute_wide(struct execute_rules *rules, struct databases *const *shards, uint32_t count, struct call *call,
                  uint64_t now_ms);

/* Calls `touch` for every shard that execute_wide needs for this call, perhaps more than once. */
void execute_touches(const struct databases *any, uint32_t count, const struct call *call,
                     void (*touch)(void *ctx, uint32_t shard), void *ctx);

#endif
