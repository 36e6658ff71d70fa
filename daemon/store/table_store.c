/* Creating and replacing sessions. */
#include "daemon/base/fault.h"
#include "daemon/store/table_impl.h"

#define COLLECT_LIMIT 64 /* entries that others released, freed before one is stored */

/*
 * Memory for an entry, with what the item says in it. One that is no longer than what it replaces passes the
 * budget, as that is freed soon. The old one is held meanwhile, as the item's bytes may lie in it; it may have
 * expired for the sweep that makes room, and then there is none any more.
 */
static uint32_t obtain(struct table *t, const struct table_item *item, struct found *old, uint64_t now_ms)
{
    if (fault_hit(FAULT_ENTRY_ALLOC)) return SLAB_NONE;
    struct entry *e = old->entry;
    bool no_longer = e && item->value_len + item->more_len <= entry_value_len(e);
    (void)slab_collect(t->slab, COLLECT_LIMIT);
    uint32_t handle = entry_create(t->slab, t->budget, item, no_longer);
    if (handle != SLAB_NONE || no_longer || t->budget->limit == 0) return handle;
    if (e) entry_hold(e);
    table_make_room(t, now_ms);
    handle = entry_create(t->slab, t->budget, item, false);
    if (e && !e->linked) *old = (struct found){NULL, SLAB_NONE};
    if (e) entry_release(e);
    return handle;
}

/* The entry is the table's from now on. */
static void adopt(struct table *t, uint32_t handle)
{
    struct entry *e = entry_at(t->slab, handle);
    e->linked = 1;
    wheel_link(&t->wheel, handle);
    counter_add(&t->counters->slab_bytes, entry_block_bytes(e));
    table_count_bytes(t, entry_bytes(e));
}

static void swap(struct table *t, uint64_t hash, struct found old, uint32_t handle)
{
    buckets_replace(&t->buckets, hash, old.handle, handle);
    wheel_unlink(&t->wheel, old.entry);
    adopt(t, handle);
    table_let_go(t, old.handle);
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
    table_count_bytes(t, entry_bytes(old.entry) - before);
    wheel_move(&t->wheel, old.handle, item->deadline_ms);
    return true;
}

/* A new entry, in place of the old one if there is one. */
static struct entry *store_new(struct table *t, uint64_t hash, const struct table_item *item, struct found *old,
                               uint64_t now_ms)
{
    if (old->entry) wheel_prefetch(&t->wheel, old->entry); /* they arrive while the value is copied */
    uint32_t handle = obtain(t, item, old, now_ms);
    if (handle == SLAB_NONE) return NULL;
    struct entry *e = entry_at(t->slab, handle);
    entry_set_due(e, entry_due_from(item->deadline_ms));
    if (old->entry)
        swap(t, hash, *old, handle);
    else if (!add(t, hash, handle))
        return NULL;
    return e;
}

enum table_status table_store(struct table *t, uint64_t hash, const struct table_item *item, uint64_t now_ms,
                              struct entry **stored)
{
    struct found old = buckets_find(&t->buckets, hash, item->key, item->key_len);
    if (old.entry && entry_expired(old.entry, now_ms)) {
        wheel_unlink(&t->wheel, old.entry);
        table_drop(t, hash, old.handle, REMOVED_EXPIRED);
        old = (struct found){NULL, SLAB_NONE};
    }
    struct entry *e = old.entry;
    if (!e || !overwrite(t, old, item)) e = store_new(t, hash, item, &old, now_ms);
    if (!e) return TABLE_NO_MEMORY;
    uint64_t version = item->version != 0 ? item->version : t->version + 1;
    assert(item->version <= TABLE_SET_MAX && version <= ENTRY_VERSION_MAX); /* none comes twice */
    e->version = version & ENTRY_VERSION_MAX;
    if (version > t->version) t->version = version;
    if (table_is_observed(t)) t->observer->stored(t->observer_ctx, t->database, e);
    *stored = e;
    return TABLE_OK;
}

size_t table_price(const struct table *t, const struct table_item *item, size_t before)
{
    size_t block, slot = entry_wants(item, &block);
    size_t price = block + block / 4; /* to which the allocator may round it up */
    if (block_is_slot(block)) price = slab_slot_size(sizeof(struct block) + block) + SLAB_PAGE;
    if (!t || slab_vacant(t->slab, slot) <= before) price += slab_slot_size(slot) + SLAB_PAGE;
    return price;
}
