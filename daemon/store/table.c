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
#include "daemon/store/table.h"

#include <stdlib.h>

#include "daemon/base/fault.h"
#include "daemon/store/buckets.h"
#include "daemon/store/entry_impl.h"
#include "daemon/store/wheel.h"

#define SWEEP_FOR_ROOM   64   /* entries moved to make room for one, when the budget is short */
#define COMPACT_FOR_ROOM 256  /* and entries moved together */
#define PAGE             4096 /* what sessions are charged by */
#define COLLECT_LIMIT    64   /* entries that others released, freed before one is stored */

struct table {
    struct buckets buckets;
    struct slab *slab;
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

/* The entries of the table hold so many bytes more (modulo 2^64, so it may be less). */
static void count_bytes(struct table *t, size_t more)
{
    t->entry_bytes += more;
    counter_add(&t->counters->entry_bytes, more);
}

/* ---- life cycle ---- */

struct table *table_create(const struct table_options *options)
{
    assert(options->now_ms <= ENTRY_TIME_MAX / 2);
    struct table *t = calloc(1, sizeof *t);
    if (t == NULL) return NULL;
    t->budget = options->budget;
    t->version = options->version;
    t->counters = options->counters != NULL ? options->counters : &t->own_counters;
    t->slab = slab_create(options->budget, &t->counters->slab_bytes);
    if (t->slab == NULL) {
        free(t);
        return NULL;
    }
    wheel_init(&t->wheel, t->slab, options->now_ms);
    if (!buckets_init(&t->buckets, &options->hash_key, t->slab, options->budget, t->counters)) {
        (void)slab_destroy(t->slab);
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
    struct entry *e = buckets_find(&t->buckets, hash, key, len).entry;
    return e != NULL && !entry_expired(e, now_ms) ? e : NULL;
}

/* ---- removal ---- */

static uint64_t hash_of(const struct table *t, const struct entry *e)
{
    return table_hash(t, key_of(e), key_len_of(e));
}

/* Drops the table's reference to an entry that nothing of it leads to any more. */
static void let_go(struct table *t, uint32_t handle)
{
    const struct entry *e = entry_at(t->slab, handle);
    size_t block = entry_block_bytes(e);
    if (block > 0) budget_give(t->budget, block);
    if (block > 0) counter_sub(&t->counters->slab_bytes, block);
    count_bytes(t, -entry_bytes(e));
    entry_drop(t->slab, handle);
}

/* The wheel has let go of the entry already. */
static void drop(struct table *t, uint64_t hash, uint32_t handle)
{
    buckets_remove(&t->buckets, hash, handle);
    counter_sub(&t->counters->sessions, 1);
    let_go(t, handle);
}

static void drop_expired(struct table *t, uint64_t hash, uint32_t handle)
{
    drop(t, hash, handle);
    counter_add(&t->counters->expired, 1);
}

void table_remove(struct table *t, struct entry *e)
{
    uint64_t hash = hash_of(t, e);
    wheel_unlink(&t->wheel, e);
    drop(t, hash, buckets_handle(&t->buckets, hash, e));
}

/* ---- sweeping ---- */

/* Moves an entry to another slot; one that somebody holds stays where it is. */
static void move(struct table *t, uint32_t from)
{
    struct entry *e = entry_at(t->slab, from);
    if (!e->linked || !entry_is_alone(e)) return;
    size_t size = entry_slot_bytes(e);
    uint32_t to = slab_alloc(t->slab, size, true);
    if (to == SLAB_NONE) return;
    memcpy(entry_at(t->slab, to), e, size);
    buckets_replace(&t->buckets, hash_of(t, e), from, to);
    wheel_relocate(&t->wheel, e, to);
    slab_free(t->slab, from);
}

/* Empties sparse spans, by `moves` entries at most. True: nothing is left to do. */
static bool compact(struct table *t, bool pressing, uint64_t now_ms, size_t moves)
{
    for (; moves > 0; moves--) {
        uint32_t handle = slab_next_to_move(t->slab, pressing, now_ms);
        if (handle == SLAB_NONE) return true;
        move(t, handle);
    }
    return false;
}

static enum wheel_step expire(struct table *t, uint64_t now_ms, size_t *budget)
{
    uint32_t handle;
    enum wheel_step step;
    while ((step = wheel_advance(&t->wheel, now_ms, budget, &handle)) == WHEEL_EXPIRED)
        drop_expired(t, hash_of(t, entry_at(t->slab, handle)), handle);
    return step;
}

bool table_sweep(struct table *t, uint64_t now_ms, size_t budget)
{
    budget -= slab_collect(t->slab, budget);
    if (expire(t, now_ms, &budget) != WHEEL_DONE || !compact(t, false, now_ms, budget)) return false;
    slab_trim(t->slab);
    return true;
}

/* ---- storing ---- */

/* When the budget is short: a bounded part of what may help. */
static void make_room(struct table *t, uint64_t now_ms)
{
    size_t budget = SWEEP_FOR_ROOM;
    (void)slab_collect(t->slab, SWEEP_FOR_ROOM);
    (void)expire(t, now_ms, &budget);
    (void)compact(t, true, now_ms, COMPACT_FOR_ROOM);
    slab_trim(t->slab);
}

/* Memory for an entry. One that is no longer than what it replaces passes the budget, as that is freed soon. */
static uint32_t obtain(struct table *t, const struct table_item *item, struct entry *old, uint64_t now_ms)
{
    if (fault_hit(FAULT_ENTRY_ALLOC)) return SLAB_NONE;
    bool no_longer = old != NULL && item->value_len + item->more_len <= entry_value_len(old);
    (void)slab_collect(t->slab, COLLECT_LIMIT);
    uint32_t handle = entry_create(t->slab, t->budget, item, no_longer);
    if (handle != SLAB_NONE || no_longer || t->budget->limit == 0) return handle;
    if (old != NULL) entry_hold(old); /* it stays where it is, and so does a value that lies in it */
    make_room(t, now_ms);
    if (old != NULL) entry_release(old);
    return entry_create(t->slab, t->budget, item, false);
}

/* The entry is the table's from now on. */
static void adopt(struct table *t, uint32_t handle)
{
    struct entry *e = entry_at(t->slab, handle);
    e->linked = 1;
    wheel_link(&t->wheel, handle);
    counter_add(&t->counters->slab_bytes, entry_block_bytes(e));
    count_bytes(t, entry_bytes(e));
}

static void swap(struct table *t, uint64_t hash, struct found old, uint32_t handle)
{
    buckets_replace(&t->buckets, hash, old.handle, handle);
    wheel_unlink(&t->wheel, old.entry);
    adopt(t, handle);
    let_go(t, old.handle);
}

static bool add(struct table *t, uint64_t hash, uint32_t handle)
{
    if (!buckets_insert(&t->buckets, hash, handle)) {
        size_t block = entry_block_bytes(entry_at(t->slab, handle));
        if (block > 0) budget_give(t->budget, block);
        entry_drop(t->slab, handle);
        return false;
    }
    adopt(t, handle);
    counter_add(&t->counters->sessions, 1);
    return true;
}

/* The usual update: the new value fits where the old one is, and nobody reads that. */
static bool overwrite(struct table *t, struct found old, const struct table_item *item)
{
    size_t before = entry_bytes(old.entry);
    if (!entry_overwrite(old.entry, item)) return false;
    count_bytes(t, entry_bytes(old.entry) - before);
    wheel_move(&t->wheel, old.handle, item->deadline_ms);
    return true;
}

/* A new entry, in place of the old one if there is one. */
static struct entry *store_new(struct table *t, uint64_t hash, const struct table_item *item, struct found old,
                               uint64_t now_ms)
{
    if (old.entry != NULL) wheel_prefetch(&t->wheel, old.entry); /* they arrive while the value is copied */
    uint32_t handle = obtain(t, item, old.entry, now_ms);
    if (handle == SLAB_NONE) return NULL;
    struct entry *e = entry_at(t->slab, handle);
    entry_set_due(e, entry_due_from(item->deadline_ms));
    if (old.entry != NULL)
        swap(t, hash, old, handle);
    else if (!add(t, hash, handle))
        return NULL;
    return e;
}

enum table_status table_store(struct table *t, uint64_t hash, const struct table_item *item, uint64_t now_ms,
                              struct entry **stored)
{
    struct found old = buckets_find(&t->buckets, hash, item->key, item->key_len);
    /* Threads that share a table read their clocks before they get it, so now_ms may be behind what the wheel has
     * heard from another one. What is expired to the wheel is so here: the sweep that makes room would free it. */
    if (now_ms < t->wheel.now) now_ms = t->wheel.now;
    if (old.entry != NULL && entry_expired(old.entry, now_ms)) {
        wheel_unlink(&t->wheel, old.entry);
        drop_expired(t, hash, old.handle);
        old = (struct found){NULL, SLAB_NONE};
    }
    struct entry *e = old.entry;
    if (e == NULL || !overwrite(t, old, item)) e = store_new(t, hash, item, old, now_ms);
    if (e == NULL) return TABLE_NO_MEMORY;
    uint64_t version = item->version != 0 ? item->version & ENTRY_VERSION_MAX : t->version + 1;
    e->version = version & ENTRY_VERSION_MAX;
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

size_t table_price(const struct table *t, const struct table_item *item, size_t before)
{
    size_t block, slot = entry_wants(item, &block);
    size_t price = block + block / 4; /* to which the allocator may round it up */
    if (t == NULL || slab_vacant(t->slab, slot) <= before) price += slab_slot_size(slot) + PAGE;
    return price;
}

uint64_t table_version(const struct table *t)
{
    return t->version;
}

void table_set_deadline(struct table *t, struct entry *e, uint64_t deadline_ms)
{
    if (wheel_stay(&t->wheel, e, deadline_ms)) return; /* the usual touch of a busy session */
    wheel_move(&t->wheel, buckets_handle(&t->buckets, hash_of(t, e), e), deadline_ms);
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

static void drop_dismantled(void *ctx, uint32_t handle)
{
    struct table *t = ctx;
    counter_sub(&t->counters->sessions, 1);
    let_go(t, handle);
}

bool table_dismantle(struct table *t, size_t budget)
{
    if (!buckets_dismantle(&t->buckets, &t->dismantled, budget, drop_dismantled, t)) return false;
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
