/* Buckets from the inside: slots, chains and their memory, for the buckets_*.c files only. */
#ifndef STORE_BUCKETS_IMPL_H
#define STORE_BUCKETS_IMPL_H

#include <assert.h>
#include <string.h>

#include "daemon/store/buckets.h"
#include "daemon/store/entry_impl.h"

#define TAG_SHIFT 56

/* Bucket memory, counted in the budget; NULL when there is none. The contents are undefined. */
struct bucket *buckets_alloc(struct buckets *b, size_t n);
void buckets_free(struct buckets *b, struct bucket *block);
/* A whole chain of single buckets. */
void buckets_free_chain(struct buckets *b, struct bucket *first);

/* Segment `number` is the one after the last. */
bool buckets_add_segment(struct buckets *b, size_t number);
/* Segment `number` is the last one, and not the only one. */
void buckets_drop_segment(struct buckets *b, size_t number);

/* Asks the cache for all entries of a chain: memory is waited for once, not once for each. */
void buckets_prefetch_chain(const struct buckets *b, const struct bucket *at);

/* Splits one bucket, unless memory is out. */
void buckets_split(struct buckets *b);
/* Merges the last bucket into another, unless memory is out; there are more than BUCKETS_MIN. */
void buckets_merge(struct buckets *b);

static inline uint8_t tag_of(uint64_t hash)
{
    return (uint8_t)(hash >> TAG_SHIFT);
}

static inline struct bucket *bucket_number(const struct buckets *b, size_t i)
{
    return &b->segments[i >> BUCKETS_SEGMENT_BITS][i & (BUCKETS_SEGMENT - 1)];
}

static inline struct bucket *chain_end(struct bucket *first)
{
    while (first->next)
        first = first->next;
    return first;
}

static inline struct bucket *empty_bucket(struct bucket *bucket)
{
    memset(bucket, 0, sizeof *bucket);
    return bucket;
}

/* Appends to the chain that ends with *tail, taking a bucket from `pool` when that is full; the caller made sure
 * there is one. */
static inline void append(struct bucket **tail, uint32_t handle, uint8_t tag, struct bucket **pool)
{
    struct bucket *at = *tail;
    if (at->used == BUCKET_SLOTS) {
        struct bucket *more = *pool;
        assert(more);
        *pool = more->next;
        at->next = empty_bucket(more);
        *tail = at = more;
    }
    at->slot[at->used] = handle;
    at->tag[at->used++] = tag;
}

#endif
