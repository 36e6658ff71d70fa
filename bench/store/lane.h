/*
 * A lane of the in-process benchmark: one thread that hands calls to the backend and takes the answers.
 *
 *     thread -> submit -> [backend's queue] -> backend's thread
 *        ^                                          |
 *        '-- look for a moment, then sleep <-- mailbox + bell of this lane only
 */
#ifndef BENCH_STORE_LANE_H
#define BENCH_STORE_LANE_H

#include "daemon/backend/backend.h"
#include "daemon/queue/bell.h"
#include "daemon/queue/mailbox.h"
#include "daemon/queue/spin.h"

#define LANES_MAX 64

struct lane {
    struct mailbox box;
    struct bell bell;
    struct spin spin;
    uint32_t number;
    struct backend *owns; /* the backend of which it owns a shard: it serves others while it waits; NULL: none */
};

/* `count` lanes, or NULL when memory is out. */
struct lane *lanes_create(uint32_t count);
void lanes_destroy(struct lane *lanes, uint32_t count);

/* What a backend is to call; the context is the array. */
struct backend_lanes lanes_callbacks(struct lane *lanes, uint32_t count);

/* Waits for answers to calls that are under way, and returns the tasks of those calls, oldest first. */
struct mail *lane_answer(struct lane *lane);

/* Works off a batch of what others have for this lane. False: there was none, or the lane owns nothing. */
bool lane_serve(struct lane *lane);

#endif
