/*
 * The bytes that sessions may occupy (limits.memory), shared by all tables of the daemon. What is counted is
 * what the system sees: pages of slabs that were touched, and what the allocator hands out (buckets, the largest
 * values). Thread-safe.
 */
#ifndef STORE_BUDGET_H
#define STORE_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct budget {
    size_t limit; /* bytes; 0: no limit */
    _Atomic size_t used;
};

void budget_init(struct budget *b, size_t limit);

/* Takes `bytes`, or nothing and false if that would pass the limit. */
bool budget_take(struct budget *b, size_t bytes);
/* Takes `bytes` even past the limit: for what must not fail (a bucket split, a smaller update). */
void budget_force(struct budget *b, size_t bytes);
void budget_give(struct budget *b, size_t bytes);
size_t budget_used(const struct budget *b);

#endif
