/* Buckets from the inside: slots, chains and their memory, for the buckets_*.c files only. */
#ifndef STORE_BUCKETS_IMPL_H
#define STORE_BUCKETS_IMPL_H

#include <assert.h>
#include <string.h>

#include "daemon/store/buckets.h"
#include "daemon/store/entry_impl.h"

#define TAG_SHIFT    48
#define ADDRESS_MASK ((UINT64_C(1) << TAG_SHIFT) - 1)

/* Bucket memory, counted in the budget; NULL when there is none. The contents are undefined. */
struct bucket *buckets_alloc(struct buckets *b, size_t n);
void buckets_free(struct buckets *b, struct bucket *block);
/* A whole chain of single buckets. */
void buckets_free_chain(struct buckets *b, struct bucket *first);

/* Segment `number` is the one after the last. */
bool buckets_add_segment(struct buckets *b, size_t number);
/* Segment `number` is the last one, and not the only one. */
void buckets_drop_segment(struct buckets *b, size_t number);

/* Splits one bucket, unless memory is out. */
void buckets_split(struct buckets *b);
/* Merges the last bucket into another, unless memory is out; there are more than BUCKETS_MIN. */
void buckets_merge(struct buckets *b);

/* One end of a chain that is being rebuilt, and where its further buckets come from. */
struct writer {
    struct bucket *tail;
    unsigned used; /* slots of it */
};

static inline uint64_t make_slot(uint64_t hash, const struct entry *e)
{
    return (hash >> TAG_SHIFT) << TAG_SHIFT | (uint64_t)(uintptr_t)e;
}

static inline struct entry *slot_entry(uint64_t slot)
{
    return (struct entry *)(uintptr_t)(slot & ADDRESS_MASK);
}

static inline struct bucket *bucket_number(const struct buckets *b, size_t i)
{
    return &b->segments[i >> BUCKETS_SEGMENT_BITS][i & (BUCKETS_SEGMENT - 1)];
}

static inline unsigned slots_used(const struct bucket *bucket)
{
    unsigned n = 0;
    while (n < BUCKET_SLOTS && bucket->slot[n] != 0)
        n++;
    return n;
}

static inline struct writer chain_end(struct bucket *first)
{
    while (first->next != NULL)
        first = first->next;
    return (struct writer){first, slots_used(first)};
}

static inline struct bucket *empty_bucket(struct bucket *bucket)
{
    memset(bucket, 0, sizeof *bucket);
    return bucket;
}

/* Appends a slot, taking a bucket from `pool` when the last one is full; the caller made sure there is one. */
static inline void append(struct writer *w, uint64_t slot, struct bucket **pool)
{
    if (w->used == BUCKET_SLOTS) {
        struct bucket *more = *pool;
        assert(more != NULL);
        *pool = more->next;
        w->tail->next = empty_bucket(more);
        *w = (struct writer){more, 0};
    }
    w->tail->slot[w->used++] = slot;
}

#endif
