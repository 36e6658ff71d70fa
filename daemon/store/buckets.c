/* Lookup, insertion, replacement and removal in chains of buckets. */
#include "daemon/store/buckets_impl.h"

#define ONES  UINT64_C(0x0101010101010101)
#define HIGHS UINT64_C(0x8080808080808080)

/* The high bit of each byte that is 0. (Of a 1 right above a 0 as well: all that is found here is looked at again.)
 */
static inline uint64_t zero_bytes(uint64_t x)
{
    return (x - ONES) & ~x & HIGHS;
}

/* Slots with this tag, as bits: slot s < 8 is bit 8s, the others bit 8(s - 8) + 1. All tags are compared at once.
 */
static inline uint64_t slots_with_tag(const struct bucket *at, uint8_t tag)
{
    _Static_assert(BUCKET_SLOTS == 11, "eight tags and three");
    uint64_t low;
    uint32_t last; /* three tags, and `used`, which is left out below */
    memcpy(&low, at->tag, sizeof low);
    memcpy(&last, (const char *)at + offsetof(struct bucket, tag) + 8, sizeof last);
    low = zero_bytes(low ^ ONES * tag);
    uint64_t high = zero_bytes(last ^ ONES * tag) & (HIGHS >> 40);
    return low >> 7 | high >> 6;
}

static inline unsigned take_slot(uint64_t *slots)
{
    unsigned bit = (unsigned)__builtin_ctzll(*slots);
    *slots &= *slots - 1;
    return (bit & 1) * 8 + bit / 8;
}

struct found buckets_find(const struct buckets *b, uint64_t hash, const void *key, size_t len)
{
    const struct bucket *at = buckets_at(b, hash);
    do {
        uint64_t slots = slots_with_tag(at, tag_of(hash));
        while (slots != 0) {
            uint32_t handle = at->slot[take_slot(&slots)];
            if (handle == SLAB_NONE) continue;
            struct entry *e = entry_at(b->slab, handle);
            if (entry_has_key(e, key, len)) return (struct found){e, handle};
        }
        at = at->next;
    } while (__builtin_expect(!!at, 0));
    return (struct found){NULL, SLAB_NONE};
}

uint32_t buckets_handle(const struct buckets *b, uint64_t hash, const struct entry *e)
{
    const struct bucket *at = buckets_at(b, hash);
    for (;;) {
        uint64_t slots = slots_with_tag(at, tag_of(hash));
        while (slots != 0) {
            uint32_t handle = at->slot[take_slot(&slots)];
            if (handle != SLAB_NONE && entry_at(b->slab, handle) == e) return handle;
        }
        at = at->next;
        assert(at);
    }
}

void buckets_prefetch_entry(const struct buckets *b, uint64_t hash)
{
    const struct bucket *at = buckets_at(b, hash);
    uint64_t slots = slots_with_tag(at, tag_of(hash));
    while (slots != 0) {
        uint32_t handle = at->slot[take_slot(&slots)];
        if (handle != SLAB_NONE) entry_prefetch(entry_at(b->slab, handle));
    }
}

/* The bucket of an entry that is here, and its slot in it. */
static struct bucket *bucket_of(const struct buckets *b, uint64_t hash, uint32_t handle, unsigned *slot)
{
    struct bucket *at = buckets_at(b, hash);
    for (;;) {
        for (*slot = 0; *slot < BUCKET_SLOTS; ++*slot)
            if (at->slot[*slot] == handle) return at;
        at = at->next;
        assert(at);
    }
}

bool buckets_insert(struct buckets *b, uint64_t hash, uint32_t handle)
{
    struct bucket *end = chain_end(buckets_at(b, hash)), *pool = NULL;
    if (end->used == BUCKET_SLOTS) {
        pool = buckets_alloc(b, 1);
        if (!pool) return false;
        pool->next = NULL;
    }
    append(&end, handle, tag_of(hash), &pool);
    b->entries++;
    if (b->entries > b->count * BUCKETS_SPLIT_LOAD) buckets_split(b);
    return true;
}

void buckets_replace(struct buckets *b, uint64_t hash, uint32_t old, uint32_t by)
{
    unsigned slot;
    struct bucket *at = bucket_of(b, hash, old, &slot);
    at->slot[slot] = by;
}

void buckets_remove(struct buckets *b, uint64_t hash, uint32_t handle)
{
    unsigned slot;
    struct bucket *at = bucket_of(b, hash, handle, &slot), *before = NULL, *last = buckets_at(b, hash);
    while (last->next) {
        before = last;
        last = last->next;
    }
    unsigned end = --last->used; /* the last one fills the hole, so the chain stays filled from the front */
    at->slot[slot] = last->slot[end];
    at->tag[slot] = last->tag[end];
    last->slot[end] = SLAB_NONE;
    last->tag[end] = 0;
    if (end == 0 && before) {
        before->next = NULL;
        buckets_free(b, last);
    }
    b->entries--;
    if (b->count > BUCKETS_MIN && b->entries < b->count * BUCKETS_MERGE_LOAD) buckets_merge(b);
}

void buckets_visit(const struct buckets *b, size_t i, void (*visit)(void *ctx, struct entry *e), void *ctx)
{
    for (const struct bucket *at = bucket_number(b, i); at; at = at->next)
        for (unsigned s = 0; s < at->used; s++)
            visit(ctx, entry_at(b->slab, at->slot[s]));
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
