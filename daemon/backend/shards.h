/*
 * The sessions, dealt out to shards by a hash of their keys: each shard is a set of databases of its own, with a
 * lock where several threads come to it. The mutex pool calls them stripes; of owners each has one.
 *
 *     one session            its shard's lock
 *     several (shards_wide)  the locks of all their shards at once, taken in order of number
 *
 * Whoever takes locks of shards holds none of a higher number, nor waits for anything else while he holds one: so
 * no two threads ever wait for each other.
 */
#ifndef BACKEND_SHARDS_H
#define BACKEND_SHARDS_H

#include "daemon/backend/backend.h"
#include "daemon/backend/execute.h"
#include "daemon/backend/work.h"

#define SHARDS_MAX 1024 /* as the configuration allows for stripes */

struct shard {
    _Alignas(64) struct lock lock;
    struct databases databases;
    uint64_t time_ms; /* of the latest change; guarded by the lock */
    bool calm;        /* nobody will sweep for longer than an interval; guarded by the lock */
};

struct shards {
    struct execute_rules rules;
    struct work work;
    bool works_inside; /* with the locks held */
    const struct clock *clock;
    uint64_t sweep_interval_ms;
    struct budget budget;
    bool leaves_sessions; /* shards_destroy does not free them */
    uint32_t count;
    struct shard *all;
    struct databases **databases; /* theirs, by number */
};

/* False when memory is out; shards_destroy is due all the same. */
bool shards_init(struct shards *s, const struct backend_options *options, uint32_t count, enum lock_kind lock);
void shards_destroy(struct shards *s);

/* ---- one shard, by number ---- */

/* Who only reads lets others in who do, where the lock can, unless there is something due at `now_ms` that changes
 * the shard. */
void shards_lock(struct shards *s, uint32_t number, bool reads_only, uint64_t now_ms);
void shards_unlock(struct shards *s, uint32_t number);

/* With the locks of the call held: does its artificial work, if it is to be done there; returns the time after it.
 */
uint64_t shards_work(const struct shards *s, const struct call *call, uint64_t now_ms);

/* The time for an operation on this shard, whose lock is held: never before that of the latest change. */
uint64_t shard_time(struct shard *shard, bool reads_only, uint64_t now_ms);

/* Something changed, under the lock, that who sweeps may not know of: true if he would not look for long. */
bool shard_note_change(struct shard *shard);

/* Takes the lock, sweeps a slice; returns when the next one is worth it (as sweep_slice). */
uint64_t shards_sweep(struct shards *s, uint32_t number, uint64_t now_ms);

static inline uint64_t shards_hash(const struct shards *s, struct slice key)
{
    return databases_hash(s->databases[0], key.ptr, key.len);
}

/* ---- several ---- */

/* A set of shards. */
struct shards_set {
    uint64_t bits[SHARDS_MAX / 64];
};

static inline bool shards_has(const struct shards_set *set, uint32_t number)
{
    return set->bits[number / 64] >> (number % 64) & 1;
}

/*
 * Executes any operation as one step, with the locks of all shards that it touches; the caller holds none. `calm`
 * gets the shards that it changed and that nobody would have swept for long: whoever sweeps those is to be told.
 * False: there are none.
 */
bool shards_execute(struct shards *s, struct call *call, uint64_t now_ms, struct shards_set *calm);

/* ---- what they count ---- */

bool shards_register_metrics(struct shards *s, struct metrics *m);

#endif
