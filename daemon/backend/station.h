/*
 * A station: the bounded ring of calls for one thread of the backend, and how that thread takes and runs them.
 *
 *     lanes --ring--> [pop a batch | one clock read | run] --mailbox, once per lane--> lanes
 *
 * Smart batching: a batch is what is there, at most STATION_BATCH_MAX calls and about 50 us of work by the moving
 * average of the cost of a call, so that replies of slow work do not wait for a batch to fill. There is one clock
 * read per batch. How the thread sleeps and is woken is its own affair (worker.h, or an I/O loop).
 */
#ifndef BACKEND_STATION_H
#define BACKEND_STATION_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/backend/backend.h"
#include "daemon/queue/ring.h"

#define STATION_BATCH_MAX 64

struct station_options {
    uint32_t bound;
    const struct clock *clock;
    const struct backend_lanes *lanes; /* copied */
    /* Executes the calls in order, all but those that have a reply already; now_ms is the batch's time. */
    void (*run)(void *ctx, struct task **tasks, size_t count, uint64_t now_ms);
    void *ctx;
};

struct station {
    _Alignas(64) _Atomic uint64_t starved; /* bit per lane that waits for room */
    /* Seldom written, read by all. */
    _Alignas(64) struct ring *ring;
    _Atomic bool abandoned; /* what is queued is completed, not run */
    struct station_options options;
    struct backend_lanes lanes;
    /* Written by the station's thread. */
    _Alignas(64) struct mail_batch *outgoing; /* one per lane */
    uint32_t turn;                            /* the lane that is told next of room, if it waits */
    uint64_t began_ns;                        /* the last batch */
    struct costs costs;
    counter deepest;
    struct histogram batches;
};

/* False when memory is out; station_free is due all the same. */
bool station_init(struct station *s, const struct station_options *options);
void station_free(struct station *s);

/* The station's thread: takes and runs one batch that started at `start_ns` (0: now). Returns when it ended, or 0
 * if nothing was there. */
uint64_t station_run_batch(struct station *s, uint64_t start_ns);

/*
 * The station's thread: tells lanes that wait for room, one per place that came free, taking turns: to tell all of
 * them would wake a herd of which most find the ring full again. The others stay marked, for the next batch or,
 * with SIZE_MAX, the empty ring.
 */
void station_tell_room(struct station *s, size_t places);

/* Any lane. False: the ring is full. */
bool station_submit(struct station *s, struct task *task);
/* Any lane: lanes.room(lane) is called once there is room: of the lanes that wait, one for each place that a batch
 * gives back, in turn, and all when the ring is empty. */
void station_want_room(struct station *s, uint32_t lane);
/* Any thread: from now on calls are completed without being run. */
void station_abandon(struct station *s);

struct backend_load station_load(const struct station *s);
bool station_register_metrics(struct station *s, struct metrics *m);

#endif
