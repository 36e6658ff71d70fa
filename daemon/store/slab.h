/*
 * Memory for the sessions of one table: slots of 204 sizes up to 240 KiB, cut from spans of 256 KiB.
 *
 *     handle (32 bits)    = | span number, 19 | slot, 13 |
 *     places[span number] = | address | slot size, 18 |
 *
 *     chunk of 16 spans from the system -> span of one slot size, with a bit per slot -> slot
 *
 * Sizes are 8 bytes apart up to 512 and at most 1/16 apart beyond, so little is lost to rounding. A handle takes
 * half the room of a pointer, and finding its address costs one lookup in a small array. New slots come from the
 * fullest span that has a free one (E. Berger's Hoard, 2000), so the emptier spans run empty. Empty ones are used
 * again first, for any size, or go back to the system a few at a time (slab_trim): each costs it as much time as
 * freeing some tens of slots. What is left of sparse spans can be moved together (slab_next_to_move).
 *
 * The budget is charged for pages of 4 KiB as they are touched for the first time, and for nothing else: what is
 * counted is what the system sees.
 *
 * One thread at a time, like the table; only slab_give may be called by any thread, at any time.
 */
#ifndef STORE_SLAB_H
#define STORE_SLAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/base/metrics.h"
#include "daemon/store/budget.h"

#define SLAB_NONE      0U /* no slot has this handle */
#define SLAB_SLOT_MIN  32U
#define SLAB_SLOT_MAX  8192U   /* of a session; what is larger is a block of bytes that some session has */
#define SLAB_BLOCK_MAX 245760U /* a span holds one such */
#define SLAB_PAGE      4096U   /* what is charged at a time */
#define SLAB_SPAN_BITS 18
#define SLAB_SPAN      ((size_t)1 << SLAB_SPAN_BITS)
#define SLAB_HEAD      64U /* bytes of a span in front of its slots */
#define SLAB_SLOT_BITS 13
#define SLAB_TRIM_COST 16U /* slots freed in the time that giving back an empty span takes, about */
#define SLAB_SPANS_MAX ((1U << (32 - SLAB_SLOT_BITS)) - 1) /* 128 GiB, which is the limit of a table */

struct slab; /* defined in slab_impl.h */

/* `budget` and `bytes` (what is charged) are borrowed until slab_destroy. NULL when memory is out. */
struct slab *slab_create(struct budget *budget, counter *bytes);

/*
 * Gives everything back, except that slots still in use stay valid until each has come back by slab_give; the last
 * one ends the slab. (Memory that holds no such slot goes in slices: false, call again.)
 */
bool slab_destroy(struct slab *s);

/* A slot of at least `bytes` (SLAB_BLOCK_MAX at most); SLAB_NONE when the system or the budget says no.
 * `over_budget`: the budget is charged but not asked. The contents are undefined. */
uint32_t slab_alloc(struct slab *s, size_t bytes, bool over_budget);
void slab_free(struct slab *s, uint32_t handle);

/* The same from any thread, by address, without a lock: the slot is free once slab_collect has come by. */
void slab_give(void *slot);
/* Frees what was given, at most `limit` slots; returns how many. Cheap when there is nothing. */
size_t slab_collect(struct slab *s, size_t limit);

/* Free slots for requests of so many bytes: touched before, so that they cost the budget nothing. */
size_t slab_vacant(const struct slab *s, size_t bytes);

/* The first slot in use at or behind this handle (0: the first of all), given ones that were not collected
 * included; SLAB_NONE: there is no more. */
uint32_t slab_next_used(const struct slab *s, uint32_t handle);

/* The size of the slots that a request for so many bytes gets. */
size_t slab_slot_size(size_t bytes);

/*
 * Compaction: a slot of a sparse span, which the caller moves (slab_alloc, copy, slab_free) or leaves where it is;
 * SLAB_NONE when nothing is worth moving. Each call goes on to the next slot. Worth it: more than an eighth of a
 * size's slots are free or, `pressing`, a span's worth. After a span that could not be emptied there is a pause.
 */
uint32_t slab_next_to_move(struct slab *s, bool pressing, uint64_t now_ms);

/* Gives the memory of empty spans back to the system, of `limit` at most. True: there are no more. */
bool slab_trim(struct slab *s, size_t limit);

/* ---- addresses ---- */

/* By span number, for slab_at; the first field of struct slab. */
struct slab_places {
    const uint64_t *at;
};

/* The size of the slot that a handle names. */
static inline size_t slab_size_at(const struct slab *s, uint32_t handle)
{
    return ((const struct slab_places *)(const void *)s)->at[handle >> SLAB_SLOT_BITS] & (SLAB_SPAN - 1);
}

static inline void *slab_at(const struct slab *s, uint32_t handle)
{
    const uint64_t place = ((const struct slab_places *)(const void *)s)->at[handle >> SLAB_SLOT_BITS];
    const uint64_t size = place & (SLAB_SPAN - 1), slot = handle & ((1U << SLAB_SLOT_BITS) - 1);
    return (void *)(uintptr_t)((place & ~(uint64_t)(SLAB_SPAN - 1)) + SLAB_HEAD + slot * size);
}

#endif
