/*
 * The measuring core of one generator thread: which request is due when, on which connection, what is in flight,
 * and what became of it. It knows no socket and no clock: every instant is an argument, so that a test can run it
 * against a simulated server.
 *
 *     schedule of each lane --> heap by due instant --> core_take --> in flight --> core_answered --> tally
 *                                                          |            |
 *                                                     core_flushed   core_lost, core_finish: unanswered
 *
 * A lane is one connection. In the open loop every lane has its own schedule; requests that a lane cannot take yet
 * stay in it, in order and without memory, while their latency clock is running. In the closed loop a request is
 * always due on a lane that has fewer than `depth` in flight. These are told apart by numbers; one may be answered
 * before those that are older. A refused request that is tried again stays one request: due when it was first due,
 * and in the class of its last answer.
 */
#ifndef BENCH_LOAD_CORE_H
#define BENCH_LOAD_CORE_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/common/workload.h"
#include "bench/load/flights.h"
#include "bench/load/tally.h"

#define CORE_ALWAYS UINT16_MAX
#define CORE_OLDEST UINT32_MAX /* in place of a number: the request that is longest in flight on the lane */

struct core_options {
    const struct arrival_plan *plan; /* NULL: closed loop; borrowed */
    uint32_t lanes;                  /* connections of this thread ... */
    uint32_t first_lane, all_lanes;  /* ... the first one's number among all connections of the run */
    uint32_t depth;                  /* requests in flight on a lane at most */
    uint64_t seed;
    uint64_t count;   /* measured requests at most; 0: no bound */
    uint16_t retries; /* times that a refused request is tried again; CORE_ALWAYS: until it is not refused */
};

/* Why a lane takes no requests. */
enum core_hold {
    CORE_HOLD_FULL = 1,   /* `depth` are in flight; the core's own */
    CORE_HOLD_OUTPUT = 2, /* the socket takes no more bytes */
    CORE_HOLD_DOWN = 4,   /* not connected */
};

struct core;

/* `tally` is borrowed. NULL when memory is out. */
struct core *core_create(const struct core_options *options, struct tally *tally);
void core_destroy(struct core *c);

/* Schedules begin at `zero_ns`; requests due from `from_ns` on are measured; none is due at or after `until_ns`
 * (UINT64_MAX: no end). */
void core_start(struct core *c, uint64_t zero_ns, uint64_t from_ns, uint64_t until_ns);

/* Moves the end to an earlier instant. */
void core_set_end(struct core *c, uint64_t until_ns);

/* The earliest instant at which a lane that can take requests has one due; ARRIVALS_NEVER: none. */
uint64_t core_next_due(struct core *c);

/* Finds the lane whose request is due first, at `now` or before. False: none is due. */
bool core_due(struct core *c, uint64_t now, uint32_t *lane);

/* Takes the lane's request that core_due just found: it counts as sent and is in flight. Returns its number: below
 * `depth`, and its own until it is answered for good. */
uint32_t core_take(struct core *c, uint32_t lane, enum op op, uint32_t key, uint64_t now);

/* All requests taken on the lane so far are being handed to the socket at `now`. */
void core_flushed(struct core *c, uint32_t lane, uint64_t now);

/* Requests in flight on the lane, and on all lanes. */
uint32_t core_in_flight(const struct core *c, uint32_t lane);
uint64_t core_all_in_flight(const struct core *c);

/* Is there a request in flight on the lane that has this number? And is it the oldest? */
bool core_has(const struct core *c, uint32_t lane, uint32_t number);
bool core_is_oldest(const struct core *c, uint32_t lane, uint32_t number);

/* This request in flight on the lane got this answer at `now`. */
struct flight core_answered(struct core *c, uint32_t lane, uint32_t number, enum outcome outcome, uint64_t now);

/* The same, if it was a refusal and the request is to be tried again: then true, and it is the newest in flight on
 * the lane, about to be sent as `again` says, under the same number. False: it has not been answered yet; call
 * core_answered. */
bool core_retried(struct core *c, uint32_t lane, uint32_t number, enum outcome outcome, uint64_t now,
                  struct flight *again);

/* The lane's connection is gone: what is in flight stays unanswered, and the lane is held (CORE_HOLD_DOWN). */
void core_lost(struct core *c, uint32_t lane);

/* A reason to hold the lane begins or ends; any number of reasons may hold. */
void core_hold(struct core *c, uint32_t lane, enum core_hold why);
void core_release(struct core *c, uint32_t lane, enum core_hold why, uint64_t now);

/* True when no more requests will fall due: the end has come, or all of `count` are taken. */
bool core_exhausted(const struct core *c, uint64_t now);

/* The run is over: what is in flight is unanswered, what was due before `now` and the end and not taken is unsent.
 */
void core_finish(struct core *c, uint64_t now);

#endif
