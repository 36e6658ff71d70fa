/*
 * Memory of the index: the directory, its segments, overflow buckets. All of it counts in the budget and none of
 * it is refused for the budget's sake: what is refused is a session, before it needs a bucket.
 */
#include <malloc.h>
#include <stdlib.h>

#include "daemon/base/fault.h"
#include "daemon/store/buckets_impl.h"

#define DIRECTORY_MIN 8

static void count_in(struct buckets *b, void *block)
{
    size_t bytes = malloc_usable_size(block);
    budget_force(b->budget, bytes);
    counter_add(&b->counters->bucket_bytes, bytes);
}

static void count_out(struct buckets *b, void *block)
{
    size_t bytes = malloc_usable_size(block);
    budget_give(b->budget, bytes);
    counter_set(&b->counters->bucket_bytes, counter_get(&b->counters->bucket_bytes) - bytes);
}

struct bucket *buckets_alloc(struct buckets *b, size_t n)
{
    if (fault_hit(FAULT_TABLE_GROW)) return NULL;
    struct bucket *block = aligned_alloc(BUCKET_BYTES, n * sizeof *block);
    if (block) count_in(b, block);
    return block;
}

void buckets_free(struct buckets *b, struct bucket *block)
{
    count_out(b, block);
    free(block);
}

static bool resize_directory(struct buckets *b, size_t capacity)
{
    if (fault_hit(FAULT_TABLE_GROW)) return false;
    struct bucket **segments = calloc(capacity, sizeof *segments);
    if (!segments) return false;
    count_in(b, segments);
    if (b->segments) {
        size_t kept = b->capacity < capacity ? b->capacity : capacity;
        memcpy(segments, b->segments, kept * sizeof *segments);
        count_out(b, b->segments);
        free(b->segments);
    }
    b->segments = segments;
    b->capacity = capacity;
    return true;
}

bool buckets_add_segment(struct buckets *b, size_t number)
{
    if (number == b->capacity && !resize_directory(b, b->capacity * 2)) return false;
    b->segments[number] = buckets_alloc(b, BUCKETS_SEGMENT);
    return b->segments[number];
}

void buckets_drop_segment(struct buckets *b, size_t number)
{
    buckets_free(b, b->segments[number]);
    b->segments[number] = NULL;
    /* A directory too large does no harm should this fail. */
    if (b->capacity > DIRECTORY_MIN && number <= b->capacity / 4) (void)resize_directory(b, b->capacity / 2);
}

bool buckets_init(struct buckets *b, const struct siphash_key *key, const struct slab *slab, struct budget *budget,
                  struct table_counters *counters)
{
    *b = (struct buckets){.key = *key, .slab = slab, .budget = budget, .counters = counters};
    if (!resize_directory(b, DIRECTORY_MIN)) return false;
    if (!buckets_add_segment(b, 0)) {
        count_out(b, b->segments);
        free(b->segments);
        return false;
    }
    memset(b->segments[0], 0, BUCKETS_MIN * sizeof(struct bucket));
    b->count = BUCKETS_MIN;
    b->mask = BUCKETS_MIN - 1;
    counter_set(&counters->buckets, b->count);
    return true;
}

bool buckets_dismantle(struct buckets *b, size_t *at, size_t budget)
{
    for (; *at < b->count; ++*at) {
        if (budget-- == 0) return false;
        buckets_free_chain(b, bucket_number(b, *at)->next);
        /* A segment goes with its last bucket. */
        if ((*at + 1) % BUCKETS_SEGMENT == 0 || *at + 1 == b->count)
            buckets_free(b, b->segments[*at / BUCKETS_SEGMENT]);
    }
    if (b->segments) count_out(b, b->segments);
    free(b->segments);
    b->segments = NULL;
    return true;
}

void buckets_free_chain(struct buckets *b, struct bucket *pool)
{
    while (pool) {
        struct bucket *next = pool->next;
        buckets_free(b, pool);
        pool = next;
    }
}
