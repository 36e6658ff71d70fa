/*
 * A bounded multi-producer single-consumer ring of pointers (D. Vyukov's bounded queue with per-slot sequence
 * numbers, one consumer). Holds exactly `bound` items, whatever the power of two behind it.
 *
 * No side ever waits for another: a consumer that meets a slot claimed but not yet written takes the ring for
 * empty, and the producer rings the bell after writing. Modelled in tests/model/ring.pml.
 */
#ifndef QUEUE_RING_H
#define QUEUE_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ring;

#define RING_BOUND_MAX (1U << 20)

struct ring *ring_create(uint32_t bound); /* 1 to RING_BOUND_MAX; NULL when memory is out */
void ring_destroy(struct ring *r);

/* Any thread. False when `bound` items are in the ring. */
bool ring_push(struct ring *r, void *item);

/* The consumer. Takes up to `max` items in order; their places are free again when it returns. */
size_t ring_pop(struct ring *r, void **items, size_t max);

/* Any thread: items in the ring, a moment ago. */
uint32_t ring_depth(const struct ring *r);
uint32_t ring_bound(const struct ring *r);

#endif
