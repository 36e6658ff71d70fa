/*
 * A worker: one thread that drains a station (station.h) in batches and sleeps when there is nothing to do.
 *
 *     lanes --ring--> [a batch | housekeeping slice] --mailbox, once per lane--> lanes
 *
 * There is one wakeup per lane and batch, and none while the other side is awake.
 */
#ifndef BACKEND_WORKER_H
#define BACKEND_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/backend/station.h"
#include "daemon/base/thread.h"

/* What the design does with its thread's time. Called on the worker's thread only. */
struct worker_job {
    /* Executes the calls in order, all but those that have a reply already; now_ms is the batch's time. */
    void (*run)(void *ctx, struct task **tasks, size_t count, uint64_t now_ms);
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

/* Runs and completes all that is queued, then ends the thread and frees the worker. */
void worker_stop(struct worker *w);
/* The same in two steps, for workers that know of each other. */
void worker_end(struct worker *w);
void worker_free(struct worker *w);

/* What it drains: for lanes to submit to, and for any thread to look at. */
struct station *worker_station(struct worker *w);

bool worker_register_metrics(struct worker *w, struct metrics *m);

/* Any lane: wakes the worker if it sleeps and something was submitted. On a processor that it shares with the lanes
 * it runs now, unless that would take long: then the lane finds all of it done, and goes to sleep and is woken once
 * less. */
void worker_flush(struct worker *w);

/* Any thread: changed something that housekeeping may be due for earlier than the worker knows. */
void worker_disturb(struct worker *w);

#endif
