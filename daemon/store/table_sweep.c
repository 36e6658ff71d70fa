/* What leaves the table, by itself or not: expiry, releases, and moving sparse memory together. */
#include "daemon/store/table_impl.h"

#define SWEEP_FOR_ROOM   64   /* entries moved to make room for one, when the budget is short */
#define COMPACT_FOR_ROOM 256  /* and entries moved together */
#define MOVE_BYTES       4096 /* copied in the time of a move, about */
#define TRIM_FOR_ROOM    64   /* and empty spans given back */

/* ---- removal ---- */

void table_let_go(struct table *t, uint32_t handle)
{
    const struct entry *e = entry_at(t->slab, handle);
    size_t block = entry_block_bytes(e);
    if (block > 0) budget_give(t->budget, block);
    if (block > 0) counter_sub(&t->counters->slab_bytes, block);
    table_count_bytes(t, -entry_bytes(e));
    entry_drop(t->slab, handle);
}

void table_drop(struct table *t, uint64_t hash, uint32_t handle, enum removal why)
{
    if (table_is_observed(t)) t->observer->removed(t->observer_ctx, t->database, entry_at(t->slab, handle), why);
    buckets_remove(&t->buckets, hash, handle);
    counter_sub(&t->counters->sessions, 1);
    if (why == REMOVED_EXPIRED) counter_add(&t->counters->expired, 1);
    table_let_go(t, handle);
}

/* ---- sweeping ---- */

/* Moves an entry to another slot; one that somebody holds stays where it is. */
static void move_entry(struct table *t, uint32_t from)
{
    struct entry *e = entry_at(t->slab, from);
    if (!e->linked || !entry_is_alone(e)) return;
    size_t size = entry_slot_bytes(e);
    uint32_t to = slab_alloc(t->slab, size, true);
    if (to == SLAB_NONE) return;
    memcpy(entry_at(t->slab, to), e, size);
    if (entry_block(e) != NULL) entry_block(e)->owner = to;
    buckets_replace(&t->buckets, table_hash_of(t, e), from, to);
    wheel_relocate(&t->wheel, e, to);
    slab_free(t->slab, from);
}

/* The same for a value that has a slot of its own. */
static void move_block(struct table *t, uint32_t from)
{
    const struct block *block = slab_at(t->slab, from);
    struct entry *owner = block->owner != SLAB_NONE ? entry_at(t->slab, block->owner) : NULL;
    if (!owner || !entry_is_alone(owner)) return;
    size_t size = sizeof *block + entry_value_len(owner);
    uint32_t to = slab_alloc(t->slab, size, true);
    if (to == SLAB_NONE) return;
    struct block *copy = slab_at(t->slab, to);
    memcpy(copy, block, size);
    copy->handle = to;
    entry_long(owner)->value = copy->bytes;
    slab_free(t->slab, from);
}

/* Empties sparse spans, by so many moves of small entries at most. True: nothing is left to do. */
static bool compact(struct table *t, bool pressing, uint64_t now_ms, size_t moves)
{
    while (moves > 0) {
        uint32_t handle = slab_next_to_move(t->slab, pressing, now_ms);
        if (handle == SLAB_NONE) return true;
        size_t size = slab_size_at(t->slab, handle), cost = 1 + size / MOVE_BYTES;
        if (size > SLAB_SLOT_MAX)
            move_block(t, handle);
        else
            move_entry(t, handle);
        moves -= cost < moves ? cost : moves;
    }
    return false;
}

static enum wheel_step expire(struct table *t, uint64_t now_ms, size_t *budget)
{
    uint32_t handle;
    enum wheel_step step;
    while ((step = wheel_advance(&t->wheel, now_ms, budget, &handle)) == WHEEL_EXPIRED)
        table_drop(t, table_hash_of(t, entry_at(t->slab, handle)), handle, REMOVED_EXPIRED);
    return step;
}

bool table_sweep(struct table *t, uint64_t now_ms, size_t budget)
{
    size_t trims = budget / SLAB_TRIM_COST + 1;
    budget -= slab_collect(t->slab, budget);
    bool done = expire(t, now_ms, &budget) == WHEEL_DONE && compact(t, false, now_ms, budget);
    return slab_trim(t->slab, trims) && done;
}

void table_make_room(struct table *t, uint64_t now_ms)
{
    size_t budget = SWEEP_FOR_ROOM;
    (void)slab_collect(t->slab, SWEEP_FOR_ROOM);
    (void)expire(t, now_ms, &budget);
    (void)compact(t, true, now_ms, COMPACT_FOR_ROOM);
    (void)slab_trim(t->slab, TRIM_FOR_ROOM);
}
