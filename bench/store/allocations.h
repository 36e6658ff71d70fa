/* How often memory was allocated, as jemalloc counts it. */
#ifndef BENCH_STORE_ALLOCATIONS_H
#define BENCH_STORE_ALLOCATIONS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Allocation requests of the whole process so far. Approximate: what running threads allocated lately (some
 * hundred requests each) may not be in it yet. False: the program does not run on jemalloc.
 */
bool allocations_so_far(uint64_t *count);

#endif
