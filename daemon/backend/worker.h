/*
 * A worker: one thread that drains one bounded ring of calls in batches.
 *
 *     lanes --ring--> [pop a batch | one clock read | run | housekeeping slice] --mailbox, once per lane--> lanes
 *
 * Smart batching: a batch is what is there, at most BATCH_MAX calls and about BATCH_NS of work by the moving
 * average of the cost of a call, so that replies of slow work do not wait for a batch to fill. There is one
 * clock read and one wakeup per lane and batch, and none while the other side is awake.
 */
#ifndef BACKEND_WORKER_H
#define BACKEND_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/backend/backend.h"
#include "daemon/base/thread.h"
#include "daemon/queue/ring.h"

#define WORKER_BATCH_MAX 64

/* What the design does with its thread's time. Called on the worker's thread only. */
struct worker_job {
    /* Executes the calls in order, all but those that have a reply already; now_ms is the batch's time. */
    void (*run)(void *ctx, struct call **calls, size_t count, uint64_t now_ms);
    /* Housekeeping: does a bounded slice and returns the time in ms from which on it wants the next one: now_ms
     * means at once, UINT64_MAX means not before a call has run. NULL: none. */
    uint64_t (*housekeep)(void *ctx, uint64_t now_ms);
    uint64_t housekeep_interval_ms; /* after calls have run, it is asked again at most this much later */
    void *ctx;
    struct thread_cpus cpus; /* where the thread may run */
    bool shares_processor;   /* with all who give it work: nobody waits awake */
};

struct worker;

/* Starts the thread, named `name` (15 bytes at most). NULL on failure. */
struct worker *worker_start(const char *name, uint32_t bound, const struct clock *clock,
                            const struct backend_lanes *lanes, const struct worker_job *job);

/* From now on calls are completed without being run. */
void worker_abandon(struct worker *w);
/* Runs and completes all that is queued, then ends the thread and frees the worker. */
void worker_stop(struct worker *w);

/* Any lane. False: the ring is full. */
bool worker_submit(struct worker *w, struct call *call);
/* Any lane: wakes the worker if it sleeps and something was submitted. On a processor that it shares with the lanes
 * it runs now, unless that would take long: then the lane finds all of it done, and goes to sleep and is woken once
 * less. */
void worker_flush(struct worker *w);
/* Any lane: lanes.room(lane) is called once there is room: of the lanes that wait, one for each place that a batch
 * gives back, in turn, and all when the ring is empty. */
void worker_want_room(struct worker *w, uint32_t lane);

struct backend_load worker_load(const struct worker *w);
/* What calls cost here, and the ring that they wait in: for any thread to look at. */
const struct costs *worker_costs(const struct worker *w);
const struct ring *worker_ring(const struct worker *w);
bool worker_register_metrics(struct worker *w, struct metrics *m);

#endif
