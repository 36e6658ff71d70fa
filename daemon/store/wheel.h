/*
 * Expiry: a hierarchical timing wheel (G. Varghese, T. Lauck, 1987), 1 ms exact, for all times below 2^40 ms.
 *
 *     level 0: 2048 slots of 1 ms                      level 3: 128 slots of 2^22 ms (70 minutes)
 *     level 1:  128 slots of 2^10 ms (1 second)        level 4: 128 slots of 2^28 ms (3 days)
 *     level 2:  128 slots of 2^16 ms (65 seconds)      level 5: 128 slots of 2^34 ms (199 days)
 *
 * Every level is a ring that starts at the cursor. An entry is filed in the finest level that reaches as far as
 * its deadline. When the cursor comes within one slot of a slot in a higher level, that slot's entries are moved
 * down, one at a time: there is a whole slot's time to do it, and every state on the way is valid. The cursor
 * never passes a slot that holds entries. An entry knows its level, so its deadline says which slot it is in,
 * and slots keep exact counts.
 *
 * Entries filed after the cursor has passed their deadline are overdue: they wait in one list of their own.
 * Not thread-safe, except that wheel_expired and wheel_next_due may run side by side.
 */
#ifndef STORE_WHEEL_H
#define STORE_WHEEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/base/metrics.h"
#include "daemon/store/entry.h"

#define WHEEL_LEVELS 6
#define WHEEL_NEAR   2048 /* slots of level 0: twice a slot of level 1 */
#define WHEEL_FAR    128  /* slots of the others: twice a slot of the next level */
#define WHEEL_SLOTS  (WHEEL_NEAR + (WHEEL_LEVELS - 1) * WHEEL_FAR)

struct wheel_slot {
    uint32_t head; /* handle */
    uint32_t count;
};

struct wheel {
    const struct slab *slab; /* of the entries */
    counter *filed;          /* how many entries are filed; wheels of one thread may share it */
    uint64_t cursor;         /* all slots before it are empty */
    uint64_t now;            /* the latest time heard of; at least cursor - 1 */
    unsigned busy;           /* the slot being emptied, if the cursor has not moved since it was found */
    struct wheel_slot slots[WHEEL_SLOTS + 1]; /* level by level, then the overdue ones */
    uint64_t used[WHEEL_SLOTS / 64];          /* one bit per slot: holds entries */
};

/* `slab` is borrowed, and entries are known by its handles; so is `filed`, which counts those that have a deadline.
 */
void wheel_init(struct wheel *w, const struct slab *slab, counter *filed, uint64_t now_ms);

/* All that is filed will never be taken out: it no longer counts. */
void wheel_forget(struct wheel *w);

/* Files an entry by its deadline, if it has one. */
void wheel_link(struct wheel *w, uint32_t handle);
/* Takes out an entry that was filed, or never expires. */
void wheel_unlink(struct wheel *w, struct entry *e);
/* Gives an entry another deadline. */
void wheel_move(struct wheel *w, uint32_t handle, uint64_t deadline_ms);
/* The same if that changes only the entry itself, as it stays in its slot; else nothing, and false. */
bool wheel_stay(struct wheel *w, struct entry *e, uint64_t deadline_ms);
/* The entry's copy takes its place. */
void wheel_relocate(struct wheel *w, const struct entry *e, uint32_t copy);
/* Asks the cache for what wheel_unlink will touch. */
void wheel_prefetch(const struct wheel *w, const struct entry *e);

enum wheel_step {
    WHEEL_EXPIRED, /* *out is due, and already taken out */
    WHEEL_DONE,    /* nothing left to do for now_ms */
    WHEEL_LIMIT    /* there is, but *moves are used up */
};

/* Moves on until an entry is due. Each entry it touches costs one of *moves. */
enum wheel_step wheel_advance(struct wheel *w, uint64_t now_ms, size_t *moves, uint32_t *out);

/* Filed entries that are due at now_ms, exact however far the cursor lags. Walks the slots, and the entries of
 * those slots above level 0 which now_ms falls into: none when sweeping keeps up. */
uint64_t wheel_expired(const struct wheel *w, uint64_t now_ms);

/* No call of wheel_advance for an earlier time has anything to do; UINT64_MAX: there are no entries. */
uint64_t wheel_next_due(const struct wheel *w);

#endif
