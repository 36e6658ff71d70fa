/*
 * A lane of the in-process benchmark: one thread that hands a call to the backend and waits for the answer.
 *
 *     thread -> submit -> [backend's queue] -> backend's thread
 *        ^                                          |
 *        '-- wait a little awake, then sleep <-- mailbox + bell of this lane only
 *
 * Every lane has a bell of its own, so a completed call wakes the one thread that waits for it and no other.
 *
 * How to wait awake is a choice, because it decides more than the backend does. Spinning needs a processor for
 * everybody who spins; then it saves a sleep and a wakeup each time. With fewer processors, letting others run
 * (yielding) until the answer is there is cheap too, but it is for the scheduler to say who runs when, and so some
 * wait for long; threads that sleep and are woken take turns more fairly and pay for it.
 */
#ifndef BENCH_STORE_LANE_H
#define BENCH_STORE_LANE_H

#include "daemon/backend/backend.h"
#include "daemon/queue/bell.h"
#include "daemon/queue/mailbox.h"

#define LANES_MAX 64 /* a backend keeps lanes in the bits of one word */

enum lane_wait {
    LANE_AUTO,  /* spin when there is a processor for every thread, else sleep */
    LANE_SPIN,  /* up to some 50 to 100 us, longer than a wakeup takes */
    LANE_YIELD, /* up to so many times that others had their turn */
    LANE_SLEEP,
};

struct lane {
    struct mailbox box;
    struct bell bell;
    enum lane_wait wait; /* never LANE_AUTO */
    uint32_t number;
    struct backend
        *owns; /* the backend of which this lane owns a shard: it serves others while it waits; NULL: none */
};

/* "auto", "spin", "yield" or "sleep". */
bool lane_parse_wait(const char *text, enum lane_wait *out);
const char *lane_wait_name(enum lane_wait wait);

/* `count` lanes, or NULL when memory is out. `owners`: there are no other threads beside them. */
struct lane *lanes_create(uint32_t count, enum lane_wait wait, bool owners);
void lanes_destroy(struct lane *lanes, uint32_t count);

/* What a backend is to call; the context is the array. */
struct station_lanes lanes_callbacks(struct lane *lanes, uint32_t count);

/* Waits for answers to calls that are under way, and returns those calls, oldest first. */
struct mail *lane_answer(struct lane *lane);

/* Works off a batch of what others have for this lane. False: there was none, or the lane owns nothing. */
bool lane_serve(struct lane *lane);

#endif
