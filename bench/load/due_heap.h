/* Lanes by the instant at which their next request is due: a binary heap, the earliest at entries[0]. One thread.
 */
#ifndef BENCH_LOAD_DUE_HEAP_H
#define BENCH_LOAD_DUE_HEAP_H

#include <stdbool.h>
#include <stdint.h>

struct due {
    uint64_t due_ns;
    uint32_t lane;
};

struct due_heap {
    struct due *entries;
    uint32_t count, capacity;
};

bool due_heap_init(struct due_heap *h, uint32_t capacity); /* false when memory is out */
void due_heap_free(struct due_heap *h);

/* At most `capacity` entries at a time: asserted. */
void due_heap_push(struct due_heap *h, struct due e);

/* Takes the earliest out; there must be one. */
void due_heap_drop(struct due_heap *h);

/* Gives the earliest another instant; there must be one. */
void due_heap_change(struct due_heap *h, uint64_t due_ns);

#endif
