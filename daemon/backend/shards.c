#include "daemon/backend/shards.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/backend/sweep.h"

/* ---- life cycle ---- */

bool shards_init(struct shards *s, const struct backend_options *options, uint32_t count, enum lock_kind lock)
{
    memset(s, 0, sizeof *s);
    s->rules.ttl_default_ms = options->ttl_default_ms;
    s->rules.ttl_max_lifetime_ms = options->ttl_max_lifetime_ms;
    s->rules.value_max = options->value_max;
    s->rules.wall.clock = options->clock;
    s->clock = options->clock;
    s->sweep_interval_ms = options->sweep_interval_ms;
    s->leaves_sessions = options->leaves_sessions;
    budget_init(&s->budget, options->memory_limit);
    struct siphash_key key = options->hash_key ? *options->hash_key : siphash_random_key();
    s->work = (struct work){options->work_iterations, options->work_slow_below, options->work_slow_factor, key};
    s->all = aligned_alloc(_Alignof(struct shard), count * sizeof *s->all);
    s->databases = calloc(count, sizeof *s->databases);
    if (!s->all || !s->databases) return false;
    memset(s->all, 0, count * sizeof *s->all);
    for (; s->count < count; s->count++) {
        struct shard *shard = &s->all[s->count];
        lock_init(&shard->lock, lock);
        databases_init(&shard->databases, &key, &s->budget, options->observer, options->observer_ctx);
        shard->calm = true; /* nobody has looked yet, nor thinks of it */
        s->databases[s->count] = &shard->databases;
    }
    for (uint32_t i = 0; i < count; i++)
        if (!databases_make(s->databases[i], 0, clock_ms(options->clock))) return false;
    return true;
}

void shards_destroy(struct shards *s)
{
    for (uint32_t i = 0; i < s->count; i++) {
        if (!s->leaves_sessions) databases_destroy(s->databases[i]);
        lock_destroy(&s->all[i].lock);
    }
    free(s->all);
    free(s->databases);
}

/* ---- one shard ---- */

void shards_lock(struct shards *s, uint32_t number, bool reads_only, uint64_t now_ms)
{
    struct shard *shard = &s->all[number];
    lock_take(&shard->lock, reads_only);
    if (!reads_only || shard->databases.flush_next_ms > now_ms) return;
    lock_release(&shard->lock);
    lock_take(&shard->lock, false);
}

void shards_unlock(struct shards *s, uint32_t number)
{
    lock_release(&s->all[number].lock);
}

uint64_t shards_work(const struct shards *s, const struct call *call, uint64_t now_ms)
{
    if (!s->works_inside) return now_ms;
    work_do(&s->work, call);
    return clock_ms(s->clock);
}

/* Threads read the clock once for a whole batch, and a client that has seen one thread's answer must not be shown,
 * by another, how things were before it. */
uint64_t shard_time(struct shard *shard, bool reads_only, uint64_t now_ms)
{
    if (now_ms <= shard->time_ms) return shard->time_ms;
    if (!reads_only) shard->time_ms = now_ms;
    return now_ms;
}

bool shard_note_change(struct shard *shard)
{
    bool was_calm = shard->calm;
    shard->calm = false;
    return was_calm;
}

uint64_t shards_sweep(struct shards *s, uint32_t number, uint64_t now_ms)
{
    shards_lock(s, number, false, now_ms);
    uint64_t due_ms = sweep_slice(s->databases[number], now_ms, s->sweep_interval_ms);
    s->all[number].calm = due_ms > now_ms + s->sweep_interval_ms;
    shards_unlock(s, number);
    return due_ms;
}

/* ---- several ---- */

static void mark(void *ctx, uint32_t number)
{
    struct shards_set *set = ctx;
    set->bits[number / 64] |= 1ULL << (number % 64);
}

/* The one time for all shards of an operation, whose locks are held: not before the latest change of any. */
static uint64_t latest_time(const struct shards *s, const struct shards_set *touched, uint64_t now_ms)
{
    for (uint32_t i = 0; i < s->count; i++)
        if (shards_has(touched, i) && s->all[i].time_ms > now_ms) now_ms = s->all[i].time_ms;
    return now_ms;
}

bool shards_execute(struct shards *s, struct call *call, uint64_t now_ms, struct shards_set *calm)
{
    struct shards_set touched = {{0}};
    bool reads_only = execute_reads_only(call), any_calm = false;
    execute_touches(s->databases[0], s->count, call, mark, &touched);
    for (uint32_t i = 0; i < s->count; i++)
        if (shards_has(&touched, i)) shards_lock(s, i, false, now_ms);
    now_ms = shards_work(s, call, now_ms);
    now_ms = latest_time(s, &touched, now_ms);
    for (uint32_t i = 0; i < s->count; i++)
        if (shards_has(&touched, i)) (void)shard_time(&s->all[i], reads_only, now_ms);
    execute_wide(&s->rules, s->databases, s->count, call, now_ms);
    memset(calm, 0, sizeof *calm);
    for (uint32_t i = s->count; i-- > 0;) {
        if (!shards_has(&touched, i)) continue;
        if (!reads_only && shard_note_change(&s->all[i])) {
            mark(calm, i);
            any_calm = true;
        }
        shards_unlock(s, i);
    }
    return any_calm;
}

/* ---- what they count ---- */

bool shards_register_metrics(struct shards *s, struct metrics *m)
{
    bool ok = true;
    for (uint32_t i = 0; i < s->count; i++)
        ok = ok && sweep_register_metrics(s->databases[i], m);
    return ok;
}
