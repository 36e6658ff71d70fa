/* The table from the inside, for the table*.c files only. */
#ifndef STORE_TABLE_IMPL_H
#define STORE_TABLE_IMPL_H

#include "daemon/store/buckets.h"
#include "daemon/store/entry_impl.h"
#include "daemon/store/wheel.h"

struct table {
    struct buckets buckets;
    struct slab *slab;
    struct budget *budget;
    uint64_t version; /* the last one given out */
    struct table_counters *counters;
    struct table_counters own_counters; /* when nobody lent any */
    size_t entry_bytes;
    uint32_t dismantled;             /* the slot that table_dismantle looks at next */
    size_t emptied;                  /* buckets that it has freed */
    const struct observer *observer; /* NULL: nobody is told */
    void *observer_ctx;
    unsigned database;
    struct wheel wheel;
};

/* table_sweep.c */

/* Forgets an entry that the wheel has let go of. */
void table_drop(struct table *t, uint64_t hash, uint32_t handle, enum removal why);
/* Drops the table's reference to an entry that nothing of it leads to any more. */
void table_let_go(struct table *t, uint32_t handle);
/* When the budget is short: a bounded part of what may help. */
void table_make_room(struct table *t, uint64_t now_ms);

static inline uint64_t table_hash_of(const struct table *t, const struct entry *e)
{
    return table_hash(t, key_of(e), key_len_of(e));
}

static inline bool table_is_observed(const struct table *t)
{
    return __builtin_expect(!!t->observer, 0);
}

static inline void counter_sub(counter *c, uint64_t n)
{
    counter_set(c, counter_get(c) - n);
}

/* The entries of the table hold so many bytes more (modulo 2^64, so it may be less). */
static inline void table_count_bytes(struct table *t, size_t more)
{
    t->entry_bytes += more;
    counter_add(&t->counters->entry_bytes, more);
}

#endif
