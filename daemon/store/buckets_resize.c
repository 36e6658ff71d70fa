/* Growth and shrinking of the index by one bucket at a time. */
#include "daemon/store/buckets_impl.h"

void buckets_prefetch_chain(const struct buckets *b, const struct bucket *at)
{
    for (; at; at = at->next)
        for (unsigned s = 0; s < at->used; s++)
            __builtin_prefetch(entry_at(b->slab, at->slot[s]));
}

/*
 * Splits one bucket in two. Needs no memory but the new bucket's segment: the overflow buckets of the old chain
 * go to the pool as they are read, and the two chains never need more of them than have been read.
 */
void buckets_split(struct buckets *b)
{
    size_t number = b->count;
    if (number % BUCKETS_SEGMENT == 0 && !buckets_add_segment(b, number / BUCKETS_SEGMENT)) return;
    uint64_t bit = b->mask + 1;
    struct bucket *from = bucket_number(b, number - bit);
    struct bucket *to = empty_bucket(bucket_number(b, number));
    buckets_prefetch_chain(b, from); /* the entries' keys decide where they go */

    struct bucket source = *from;
    struct bucket *rest = source.next, *pool = NULL;
    struct bucket *stay = empty_bucket(from), *move = to;
    for (;;) {
        for (unsigned s = 0; s < source.used; s++) {
            const struct entry *e = entry_at(b->slab, source.slot[s]);
            bool goes = (siphash13(&b->key, key_of(e), key_len_of(e)) & bit) != 0;
            append(goes ? &move : &stay, source.slot[s], source.tag[s], &pool);
        }
        if (!rest) break;
        struct bucket *emptied = rest;
        source = *emptied;
        rest = source.next;
        emptied->next = pool;
        pool = emptied;
    }
    buckets_free_chain(b, pool);
    b->count++;
    if (b->count > b->mask * 2 + 1) b->mask = b->mask * 2 + 1;
    counter_set(&b->counters->buckets, b->count);
    counter_add(&b->counters->splits, 1);
}

/* Appends the last bucket's entries to the bucket it was split from; at most one new overflow bucket is needed. */
void buckets_merge(struct buckets *b)
{
    size_t number = b->count - 1;
    uint64_t mask = b->count == b->mask + 1 ? b->mask / 2 : b->mask;
    struct bucket *from = bucket_number(b, number);
    struct bucket *end = chain_end(bucket_number(b, number - (mask + 1)));
    struct bucket *pool = NULL;
    /* Each overflow bucket of `from` becomes free before its entries need one. So all that may be short is one
     * bucket, for what does not fill whole ones. */
    unsigned left = end->used + from->used + (from->next ? chain_end(from)->used : 0U);
    if (left > (from->next ? 2 * BUCKET_SLOTS : BUCKET_SLOTS)) {
        pool = buckets_alloc(b, 1);
        if (!pool) return; /* no merge for now: nothing is lost */
        pool->next = NULL;
    }
    for (struct bucket *at = from->next, *next; at; at = next) {
        struct bucket source = *at;
        next = source.next;
        at->next = pool;
        pool = at;
        for (unsigned s = 0; s < source.used; s++)
            append(&end, source.slot[s], source.tag[s], &pool);
    }
    for (unsigned s = 0; s < from->used; s++)
        append(&end, from->slot[s], from->tag[s], &pool);
    buckets_free_chain(b, pool);
    b->count = number;
    b->mask = mask;
    if (number % BUCKETS_SEGMENT == 0) buckets_drop_segment(b, number / BUCKETS_SEGMENT);
    counter_set(&b->counters->buckets, b->count);
    counter_add(&b->counters->merges, 1);
}
