/* Lookup, insertion, replacement and removal in chains of buckets. */
#include "daemon/store/buckets_impl.h"

/* The slot of an entry that is here. */
static uint64_t *slot_of(const struct buckets *b, uint64_t hash, const struct entry *e)
{
    uint64_t wanted = make_slot(hash, e);
    struct bucket *at = buckets_at(b, hash);
    for (;;) {
        for (unsigned s = 0; s < BUCKET_SLOTS; s++)
            if (at->slot[s] == wanted) return &at->slot[s];
        at = at->next;
        assert(at != NULL);
    }
}

struct entry *buckets_find(const struct buckets *b, uint64_t hash, const void *key, size_t len)
{
    uint64_t tag = hash >> TAG_SHIFT;
    const struct bucket *at = buckets_at(b, hash);
    do {
        for (unsigned s = 0; s < BUCKET_SLOTS; s++) {
            uint64_t slot = at->slot[s];
            if (slot >> TAG_SHIFT != tag) continue;
            struct entry *e = slot_entry(slot);
            if (e != NULL && entry_has_key(e, key, len)) return e;
        }
        at = at->next;
    } while (__builtin_expect(at != NULL, 0));
    return NULL;
}

void buckets_prefetch_entry(const struct buckets *b, uint64_t hash)
{
    const struct bucket *at = buckets_at(b, hash);
    for (unsigned s = 0; s < BUCKET_SLOTS; s++)
        if (at->slot[s] >> TAG_SHIFT == hash >> TAG_SHIFT) entry_prefetch(slot_entry(at->slot[s]));
}

bool buckets_insert(struct buckets *b, uint64_t hash, struct entry *e)
{
    struct writer end = chain_end(buckets_at(b, hash));
    struct bucket *pool = NULL;
    if (end.used == BUCKET_SLOTS) {
        pool = buckets_alloc(b, 1);
        if (pool == NULL) return false;
        pool->next = NULL;
    }
    append(&end, make_slot(hash, e), &pool);
    b->entries++;
    if (b->entries > b->count * BUCKETS_SPLIT_LOAD) buckets_split(b);
    return true;
}

void buckets_replace(struct buckets *b, uint64_t hash, const struct entry *old, const struct entry *by)
{
    *slot_of(b, hash, old) = make_slot(hash, by);
}

void buckets_remove(struct buckets *b, uint64_t hash, const struct entry *e)
{
    uint64_t *hole = slot_of(b, hash, e);
    struct bucket *first = buckets_at(b, hash), *before = NULL, *last = first;
    while (last->next != NULL) {
        before = last;
        last = last->next;
    }
    unsigned used = slots_used(last);
    *hole = last->slot[used - 1]; /* keeps the chain filled from the front */
    last->slot[used - 1] = 0;
    if (used == 1 && before != NULL) {
        before->next = NULL;
        buckets_free(b, last);
    }
    b->entries--;
    if (b->count > BUCKETS_MIN && b->entries < b->count * BUCKETS_MERGE_LOAD) buckets_merge(b);
}

void buckets_visit(const struct buckets *b, size_t i, void (*visit)(void *ctx, struct entry *e), void *ctx)
{
    for (const struct bucket *at = bucket_number(b, i); at != NULL; at = at->next)
        for (unsigned s = 0; s < BUCKET_SLOTS && at->slot[s] != 0; s++)
            visit(ctx, slot_entry(at->slot[s]));
}

static uint64_t reverse(uint64_t n)
{
    n = __builtin_bswap64(n);
    n = (n >> 4 & 0x0f0f0f0f0f0f0f0f) | (n & 0x0f0f0f0f0f0f0f0f) << 4;
    n = (n >> 2 & 0x3333333333333333) | (n & 0x3333333333333333) << 2;
    return (n >> 1 & 0x5555555555555555) | (n & 0x5555555555555555) << 1;
}

/*
 * The cursor is a number of as many bits as the bucket it points at is addressed by, counted up from its highest
 * bit down. A bucket that is split later leaves its two halves next to each other in that order, so what has been
 * visited stays behind the cursor; a bucket whose half was joined to it meanwhile is visited whole, perhaps again.
 */
uint64_t buckets_scan(const struct buckets *b, uint64_t cursor, void (*visit)(void *ctx, struct entry *e),
                      void *ctx)
{
    uint64_t low = cursor & b->mask;
    bool is_split = low + b->mask + 1 < b->count;
    uint64_t mask = is_split ? b->mask * 2 + 1 : b->mask;
    buckets_visit(b, (size_t)(cursor & mask), visit, ctx);
    return reverse(reverse(cursor | ~mask) + 1);
}
