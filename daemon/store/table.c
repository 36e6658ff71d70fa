/*
 * The session table: an index by key and a wheel by deadline over the same entries.
 *
 *     key -> hash -> buckets -+
 *                             +-> handle -> slab -> entry (the table's one reference)
 *     deadline -----> wheel --+
 *
 * Every linked entry is in the buckets, and in the wheel if it ever expires. A lookup takes an expired one for
 * absent and leaves it to the next sweep, so lookups change nothing.
 */
#include <stdlib.h>

#include "daemon/store/table_impl.h"

/* ---- life cycle ---- */

struct table *table_create(const struct table_options *options)
{
    assert(options->now_ms <= ENTRY_TIME_MAX / 2);
    struct table *t = calloc(1, sizeof *t);
    if (!t) return NULL;
    t->budget = options->budget;
    t->version = options->version;
    t->observer = options->observer;
    t->observer_ctx = options->observer_ctx;
    t->database = options->database;
    t->counters = options->counters ? options->counters : &t->own_counters;
    t->slab = slab_create(options->budget, &t->counters->slab_bytes);
    if (!t->slab) {
        free(t);
        return NULL;
    }
    wheel_init(&t->wheel, t->slab, &t->counters->mortal, options->now_ms);
    if (!buckets_init(&t->buckets, &options->hash_key, t->slab, options->budget, t->counters)) {
        (void)slab_destroy(t->slab);
        free(t);
        return NULL;
    }
    return t;
}

void table_destroy(struct table *t)
{
    if (!t) return;
    table_retire(t);
    while (!table_dismantle(t, SIZE_MAX))
        ;
}

uint64_t table_hash(const struct table *t, const void *key, size_t len)
{
    return siphash13(&t->buckets.key, key, len);
}

void table_prefetch(const struct table *t, uint64_t hash)
{
    __builtin_prefetch(buckets_at(&t->buckets, hash));
}

void table_prefetch_entry(const struct table *t, uint64_t hash)
{
    buckets_prefetch_entry(&t->buckets, hash);
}

struct entry *table_find(const struct table *t, uint64_t hash, const void *key, size_t len, uint64_t now_ms)
{
    struct entry *e = buckets_find(&t->buckets, hash, key, len).entry;
    return e && !entry_expired(e, now_ms) ? e : NULL;
}

/* ---- single sessions ---- */

void table_remove(struct table *t, struct entry *e, enum removal why)
{
    uint64_t hash = table_hash_of(t, e);
    wheel_unlink(&t->wheel, e);
    table_drop(t, hash, buckets_handle(&t->buckets, hash, e), why);
}

uint64_t table_version(const struct table *t)
{
    return t->version;
}

void table_set_deadline(struct table *t, struct entry *e, uint64_t deadline_ms)
{
    if (!wheel_stay(&t->wheel, e, deadline_ms)) /* the usual touch of a busy session */
        wheel_move(&t->wheel, buckets_handle(&t->buckets, table_hash_of(t, e), e), deadline_ms);
    if (table_is_observed(t)) t->observer->touched(t->observer_ctx, t->database, e);
}

void table_set_leased(struct table *t, struct entry *e)
{
    e->leased = 1;
    if (table_is_observed(t)) t->observer->touched(t->observer_ctx, t->database, e);
}

/* ---- all of them ---- */

struct visitor {
    uint64_t now_ms;
    void (*visit)(void *ctx, const struct entry *e);
    void *ctx;
};

static void visit_live(void *ctx, struct entry *e)
{
    const struct visitor *v = ctx;
    if (!entry_expired(e, v->now_ms)) v->visit(v->ctx, e);
}

uint64_t table_scan(const struct table *t, uint64_t cursor, uint64_t now_ms,
                    void (*visit)(void *ctx, const struct entry *e), void *ctx)
{
    struct visitor v = {now_ms, visit, ctx};
    return buckets_scan(&t->buckets, cursor, visit_live, &v);
}

struct draw {
    uint64_t now_ms;
    uint64_t dice;
    uint64_t seen;
    struct entry *drawn;
};

/* Each of the bucket's live entries with the same chance (reservoir sampling). */
static void draw_one(void *ctx, struct entry *e)
{
    struct draw *d = ctx;
    if (entry_expired(e, d->now_ms)) return;
    d->seen++;
    d->dice = d->dice * UINT64_C(6364136223846793005) + 1442695040888963407; /* D. Knuth's MMIX generator */
    if ((d->dice >> 32) % d->seen == 0) d->drawn = e;
}

struct entry *table_random(const struct table *t, uint64_t dice, uint64_t now_ms)
{
    struct draw d = {.now_ms = now_ms, .dice = dice};
    size_t start = (size_t)(dice % t->buckets.count);
    for (size_t i = 0; i < t->buckets.count && !d.drawn; i++)
        buckets_visit(&t->buckets, (start + i) % t->buckets.count, draw_one, &d);
    return d.drawn;
}

void table_retire(struct table *t)
{
    counter_sub(&t->counters->sessions, t->buckets.entries);
    wheel_forget(&t->wheel);
}

/* Slot by slot and not bucket by bucket, so that span after span is empty and goes back to the system. */
bool table_dismantle(struct table *t, size_t budget)
{
    size_t trims = budget / SLAB_TRIM_COST + 1;
    uint32_t handle;
    for (; (handle = slab_next_used(t->slab, t->dismantled)) != SLAB_NONE && budget > 0; budget--) {
        t->dismantled = handle + 1;
        bool is_block = slab_size_at(t->slab, handle) > SLAB_SLOT_MAX; /* goes with its owner */
        if (!is_block && entry_at(t->slab, handle)->linked) table_let_go(t, handle);
    }
    (void)slab_trim(t->slab, trims);
    if (handle != SLAB_NONE) return false;
    t->dismantled = UINT32_MAX;
    if (!buckets_dismantle(&t->buckets, &t->emptied, budget)) return false;
    if (!slab_destroy(t->slab)) return false;
    free(t);
    return true;
}

/* ---- counting ---- */

uint64_t table_len(const struct table *t, uint64_t now_ms)
{
    return t->buckets.entries - wheel_expired(&t->wheel, now_ms);
}

uint64_t table_next_due(const struct table *t)
{
    return wheel_next_due(&t->wheel);
}

const struct table_counters *table_counters(const struct table *t)
{
    return t->counters;
}
