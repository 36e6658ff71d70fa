/*
 * A lane of the in-process benchmark: one thread that hands a call to the backend and waits for the answer.
 *
 *     thread -> submit -> [backend's queue] -> backend's thread
 *        ^                                          |
 *        '-- spin a little, then sleep <-- mailbox + bell of this lane only
 *
 * Every lane has a bell of its own, so a completed call wakes the one thread that waits for it and no other.
 */
#ifndef BENCH_STORE_LANE_H
#define BENCH_STORE_LANE_H

#include "daemon/backend/backend.h"
#include "daemon/queue/bell.h"
#include "daemon/queue/mailbox.h"
#include "daemon/queue/spin.h"

#define LANES_MAX 64 /* a backend keeps lanes in the bits of one word */

struct lane {
    struct mailbox box;
    struct bell bell;
    _Atomic bool room; /* the backend said that there is room again */
    _Alignas(64) struct spin spin;
};

/* `count` lanes, or NULL when memory is out. */
struct lane *lanes_create(uint32_t count);
void lanes_destroy(struct lane *lanes, uint32_t count);

/* What a backend is to call; the context is the array. */
struct backend_lanes lanes_callbacks(struct lane *lanes, uint32_t count);

/* Waits for the answer to the one call that is under way, and returns that call. */
struct call *lane_answer(struct lane *lane);

/* Waits for room, after BACKEND_FULL and want_room. */
void lane_room(struct lane *lane);

#endif
