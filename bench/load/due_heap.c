#include "bench/load/due_heap.h"

#include <assert.h>
#include <stdlib.h>

bool due_heap_init(struct due_heap *h, uint32_t capacity)
{
    *h = (struct due_heap){.entries = calloc(capacity, sizeof(*h->entries)), .capacity = capacity};
    return h->entries != NULL;
}

void due_heap_free(struct due_heap *h)
{
    free(h->entries);
    *h = (struct due_heap){0};
}

static void sift_down(struct due_heap *h)
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

void due_heap_push(struct due_heap *h, struct due e)
{
    assert(h->count < h->capacity);
    uint32_t at = h->count++;

    while (at > 0 && e.due_ns < h->entries[(at - 1) / 2].due_ns) {
        h->entries[at] = h->entries[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    h->entries[at] = e;
}

void due_heap_drop(struct due_heap *h)
{
    assert(h->count > 0);
    h->entries[0] = h->entries[--h->count];
    if (h->count > 1) sift_down(h);
}

void due_heap_change(struct due_heap *h, uint64_t due_ns)
{
    assert(h->count > 0);
    h->entries[0].due_ns = due_ns;
    sift_down(h);
}
