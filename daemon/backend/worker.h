/*
 * A worker: one thread that runs what is in a station's ring (station.h) in batches, keeps house in between, and
 * sleeps when there is nothing to do.
 *
 *     lanes --ring--> [a batch | housekeeping slice] --mailbox, once per lane--> lanes
 *
 * There is one wakeup per lane and batch, and none while the other side is awake.
 */
#ifndef BACKEND_WORKER_H
#define BACKEND_WORKER_H

#include "daemon/backend/station.h"
#include "daemon/base/thread.h"

struct worker_options {
    const char *name;               /* of the thread, 15 bytes at most; copied */
    struct station_options station; /* its `wake` is filled in */
    struct thread_cpus cpus;        /* where the thread may run */
    bool shares_processor;          /* with all who give it work: nobody waits awake */
};

struct worker;

/* NULL when memory is out. */
struct worker *worker_make(const struct worker_options *options);

/* False: there is no thread to be had. */
bool worker_start(struct worker *w);

/* Runs and completes all that is queued, then ends the thread, if it was started. */
void worker_end(struct worker *w);
void worker_free(struct worker *w);

/* What it runs: for lanes to submit to, and for any thread to look at. To wake it is to let it run now on a
 * processor that it shares with the lanes, unless that would take long: then the lane finds all of it done, and
 * goes to sleep and is woken once less. */
struct station *worker_station(struct worker *w);

bool worker_register_metrics(struct worker *w, struct metrics *m);

#endif
