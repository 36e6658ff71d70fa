/*
 * The session table: an index by key and a wheel by deadline over the same entries.
 *
 *     key -> hash -> buckets -+
 *                             +-> entry (the table's one reference)
 *     deadline -----> wheel --+
 *
 * Every linked entry is in the buckets, and in the wheel if it ever expires. A lookup takes an expired one for
 * absent and leaves it to the next sweep, so lookups change nothing.
 */
#include "daemon/store/table.h"

#include <stdlib.h>

#include "daemon/store/buckets.h"
#include "daemon/store/entry_impl.h"
#include "daemon/store/wheel.h"

#define SWEEP_FOR_ROOM 64 /* entries moved to make room for one, when the budget is short */

struct table {
    struct buckets buckets;
    struct budget *budget;
    uint64_t version; /* the last one given out */
    struct table_counters *counters;
    struct table_counters own_counters; /* when nobody lent any */
    size_t entry_bytes;
    size_t dismantled; /* buckets emptied by table_dismantle */
    struct wheel wheel;
};

static void counter_sub(counter *c, uint64_t n)
{
    counter_set(c, counter_get(c) - n);
}

/* An entry of the table holds so many bytes more (modulo 2^64, so it may be less). */
static void count_bytes(struct table *t, size_t more)
{
    t->entry_bytes += more;
    counter_add(&t->counters->entry_bytes, more);
}

struct table *table_create(const struct table_options *options)
{
    assert(options->now_ms <= ENTRY_TIME_MAX / 2);
    struct table *t = calloc(1, sizeof *t);
    if (t == NULL) return NULL;
    t->budget = options->budget;
    t->version = options->version;
    t->counters = options->counters != NULL ? options->counters : &t->own_counters;
    wheel_init(&t->wheel, options->now_ms);
    if (!buckets_init(&t->buckets, &options->hash_key, options->budget, t->counters)) {
        free(t);
        return NULL;
    }
    return t;
}

void table_destroy(struct table *t)
{
    if (t == NULL) return;
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
    struct entry *e = buckets_find(&t->buckets, hash, key, len);
    return e != NULL && !entry_expired(e, now_ms) ? e : NULL;
}

/* ---- removal ---- */

/* The wheel has let go of the entry already. */
static void drop(struct table *t, uint64_t hash, struct entry *e)
{
    size_t bytes = entry_bytes(e);
    buckets_remove(&t->buckets, hash, e);
    budget_give(t->budget, bytes);
    count_bytes(t, -bytes);
    counter_sub(&t->counters->sessions, 1);
    entry_release(e);
}

static void drop_expired(struct table *t, uint64_t hash, struct entry *e)
{
    drop(t, hash, e);
    counter_add(&t->counters->expired, 1);
}

void table_remove(struct table *t, struct entry *e)
{
    wheel_unlink(&t->wheel, e);
    drop(t, table_hash(t, e->bytes, e->key_len), e);
}

bool table_sweep(struct table *t, uint64_t now_ms, size_t budget)
{
    struct entry *e;
    enum wheel_step step;
    while ((step = wheel_advance(&t->wheel, now_ms, &budget, &e)) == WHEEL_EXPIRED)
        drop_expired(t, table_hash(t, e->bytes, e->key_len), e);
    return step == WHEEL_DONE;
}

/* ---- storing ---- */

/*
 * Counts `more` bytes for an entry: after a sweep if need be, or without asking when it replaces one at least as
 * long. (An allocator without size classes may spend a little more on the same length.)
 */
static bool take(struct table *t, size_t more, bool no_longer, uint64_t now_ms)
{
    if (no_longer) {
        budget_force(t->budget, more);
        return true;
    }
    if (budget_take(t->budget, more)) return true;
    (void)table_sweep(t, now_ms, SWEEP_FOR_ROOM);
    return budget_take(t->budget, more);
}

/* Memory for a new entry, counted in the budget as far as it exceeds that of `old`, which it will replace. */
static struct entry *obtain(struct table *t, const struct table_item *item, const struct entry *old,
                            uint64_t now_ms)
{
    size_t value_len = item->value_len + item->more_len;
    struct entry *e = entry_alloc(item->key_len, value_len, item->flags != 0);
    if (e == NULL) return NULL;
    size_t bytes = entry_bytes(e), held = old != NULL ? entry_bytes(old) : 0;
    bool no_longer = old != NULL && value_len <= old->value_len;
    if (bytes <= held || take(t, bytes - held, no_longer, now_ms)) return e;
    entry_release(e);
    return NULL;
}

static void swap(struct table *t, uint64_t hash, struct entry *old, struct entry *e)
{
    size_t bytes = entry_bytes(e), old_bytes = entry_bytes(old);
    buckets_replace(&t->buckets, hash, old, e);
    wheel_unlink(&t->wheel, old);
    wheel_link(&t->wheel, e);
    if (bytes < old_bytes) budget_give(t->budget, old_bytes - bytes);
    count_bytes(t, bytes - old_bytes);
    entry_release(old);
}

static bool add(struct table *t, uint64_t hash, struct entry *e)
{
    size_t bytes = entry_bytes(e);
    if (!buckets_insert(&t->buckets, hash, e)) {
        budget_give(t->budget, bytes);
        entry_release(e);
        return false;
    }
    wheel_link(&t->wheel, e);
    count_bytes(t, bytes);
    counter_add(&t->counters->sessions, 1);
    return true;
}

enum table_status table_store(struct table *t, uint64_t hash, const struct table_item *item, uint64_t now_ms,
                              struct entry **stored)
{
    struct entry *old = buckets_find(&t->buckets, hash, item->key, item->key_len);
    /* Threads that share a table read their clocks before they get it, so now_ms may be behind what the wheel has
     * heard from another one. What is expired to the wheel is so here: the sweep that makes room would free it. */
    if (now_ms < t->wheel.now) now_ms = t->wheel.now;
    if (old != NULL && entry_expired(old, now_ms)) {
        wheel_unlink(&t->wheel, old);
        drop_expired(t, hash, old);
        old = NULL;
    }
    if (old != NULL) wheel_prefetch(old); /* the neighbours arrive while the new value is copied */
    struct entry *e = obtain(t, item, old, now_ms);
    if (e == NULL) return TABLE_NO_MEMORY;
    uint64_t version = item->version != 0 ? item->version & ENTRY_VERSION_MAX : t->version + 1;
    entry_fill(e, item, version);
    if (old != NULL)
        swap(t, hash, old, e);
    else if (!add(t, hash, e))
        return TABLE_NO_MEMORY;
    if (version > t->version) t->version = version;
    *stored = e;
    return TABLE_OK;
}

enum table_status table_put(struct table *t, uint64_t hash, const void *key, size_t key_len, const void *value,
                            size_t value_len, uint64_t deadline_ms, uint64_t now_ms, struct entry **stored)
{
    struct table_item item = {
        .key = key, .key_len = key_len, .value = value, .value_len = value_len, .deadline_ms = deadline_ms};
    return table_store(t, hash, &item, now_ms, stored);
}

uint64_t table_version(const struct table *t)
{
    return t->version;
}

void table_set_deadline(struct table *t, struct entry *e, uint64_t deadline_ms)
{
    wheel_move(&t->wheel, e, deadline_ms);
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
    for (size_t i = 0; i < t->buckets.count && d.drawn == NULL; i++)
        buckets_visit(&t->buckets, (start + i) % t->buckets.count, draw_one, &d);
    return d.drawn;
}

bool table_dismantle(struct table *t, size_t budget)
{
    size_t entries = t->buckets.entries;
    bool gone = buckets_dismantle(&t->buckets, &t->dismantled, budget);
    counter_sub(&t->counters->sessions, entries - t->buckets.entries);
    /* What each was worth is not looked up again: all give back the average, the last ones the rest. */
    size_t bytes =
        t->buckets.entries == 0 ? t->entry_bytes : t->entry_bytes / entries * (entries - t->buckets.entries);
    budget_give(t->budget, bytes);
    count_bytes(t, -bytes);
    if (gone) free(t);
    return gone;
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
