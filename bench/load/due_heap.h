/* Lanes by the instant at which their next request is due: a binary heap, the earliest first. One thread. */
#ifndef BENCH_LOAD_DUE_HEAP_H
#define BENCH_LOAD_DUE_HEAP_H

#include <assert.h>
#include <stdint.h>

struct due {
    uint64_t due_ns;
    uint32_t lane;
};

struct due_heap {
    struct due *entries; /* the caller's, with room for all */
    uint32_t count;
};

static inline void due_heap_sift_down(struct due_heap *h)
{
    struct due moving = h->entries[0];
    uint32_t at = 0;
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= h->count) break;
        if (child + 1 < h->count && h->entries[child + 1].due_ns < h->entries[child].due_ns) child++;
        if (moving.due_ns <= h->entries[child].due_ns) break;
        h->entries[at] = h->entries[child];
        at = child;
    }
    h->entries[at] = moving;
}

static inline void due_heap_push(struct due_heap *h, struct due e)
{
    uint32_t at = h->count++;

    for (; at > 0 && e.due_ns < h->entries[(at - 1) / 2].due_ns; at = (at - 1) / 2)
        h->entries[at] = h->entries[(at - 1) / 2];
    h->entries[at] = e;
}

/* Takes the earliest out; there must be one. */
static inline void due_heap_drop(struct due_heap *h)
{
    assert(h->count > 0);
    h->entries[0] = h->entries[--h->count];
    if (h->count > 1) due_heap_sift_down(h);
}

#endif
