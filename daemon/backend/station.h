/*
 * A station: where tasks run. One thread runs them at a time, in batches.
 *
 *     lanes --ring--> [pop a batch | station_run] --mailbox, once per lane--> lanes
 *     a lane's own tasks ----------> station_run  --> the lane goes on with them
 *
 *     station_run:  too late? | run | parked? | times taken and done, costs | commit | parked?
 *
 * Smart batching: a batch is what is there, at most STATION_BATCH_MAX tasks and about 50 us of work by the moving
 * average of the cost of a task, so that replies of slow work do not wait for a batch to fill. How the thread
 * sleeps and is woken is its own affair (worker.h, or an I/O loop).
 */
#ifndef BACKEND_STATION_H
#define BACKEND_STATION_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/base/clock.h"
#include "daemon/base/metrics.h"
#include "daemon/queue/costs.h"
#include "daemon/queue/ring.h"
#include "daemon/queue/task.h"

#define STATION_BATCH_MAX 64

/* The submitting side. Called on the station's thread. */
struct station_lanes {
    uint32_t count;
    /* Takes (empties) a batch of completed tasks of this lane and wakes the lane. */
    void (*complete)(void *ctx, uint32_t lane, struct mail_batch *batch);
    /* There is something to do for the station that this lane is. NULL where lanes are none. Any thread. */
    void (*wake)(void *ctx, uint32_t lane);
    void *ctx;
};

struct station_options {
    uint32_t bound; /* tasks that its ring holds; 0: it has no ring */
    bool is_lane;   /* a lane is its thread: fast tasks are timed now and then only, as that reads the clock */
    uint32_t lane;  /* is_lane: which */
    const struct clock *clock;
    struct station_lanes lanes;
    /* Executes the tasks in order, all but those that have a reply already; now_ms is the batch's time. It may park
     * one, to have it completed later (station_deliver): then it leaves NULL in its place, and sets the task's
     * taken_ns and done_ns before that. A lane's own task borrows its bytes from the input: what is needed of a
     * parked one must be made its own (call_own; once it has a reply, the tag alone, with key and value set to
     * nothing). */
    void (*run)(void *ctx, struct task **tasks, size_t count, uint64_t now_ms);
    void *ctx;
    /* After a batch has run, before anybody sees a reply. It may park tasks as well. NULL: none. */
    void (*commit)(void *ctx, struct task **tasks, size_t count);
    void *commit_ctx;
    /* Housekeeping: does a bounded slice and returns the time in ms from which on it wants the next one: now_ms
     * means at once, UINT64_MAX means not before a task has run. NULL: none. */
    uint64_t (*housekeep)(void *ctx, uint64_t now_ms);
    void *housekeep_ctx;
    uint64_t housekeep_interval_ms; /* after tasks have run, it is asked again at most this much later */
    /* Another thread has submitted: makes the station's thread look. NULL where nobody else submits. */
    void (*wake)(void *ctx);
    void *wake_ctx;
};

struct station {
    /* Seldom written, read by all. */
    _Alignas(64) struct ring *ring;
    _Atomic bool abandoned; /* what is queued is completed, not run */
    _Atomic bool disturbed; /* others have changed what its housekeeping is about */
    struct station_options options;
    /* Written by the station's thread. */
    _Alignas(64) struct mail_batch *outgoing; /* one per lane */
    uint64_t began_ns;                        /* the last batch; never goes back */
    uint64_t ended_ns;
    uint32_t untimed;    /* tasks run since some were timed */
    bool is_slow;        /* a batch of several would take too long for who waits for its first replies */
    uint64_t keep_ms;    /* when housekeeping wants its next slice */
    uint64_t recheck_ms; /* the same once tasks have run, which may have changed what is due */
    struct costs costs;
    counter deepest;
    struct histogram batches; /* sizes of those taken from the ring */
};

/* False when memory is out; station_free is due all the same. */
bool station_init(struct station *s, const struct station_options *options);
void station_free(struct station *s);

/*
 * The station's thread: runs up to STATION_BATCH_MAX tasks as one batch that starts at `start_ns`, which may be a
 * little old. The one place where tasks run. Returns how many are done, at the front of `tasks` and in order; the
 * others are parked, and no longer the caller's.
 */
size_t station_run(struct station *s, struct task **tasks, size_t count, uint64_t start_ns);

/* The station's thread: takes, runs and delivers one batch from the ring; start_ns 0: now. Returns when it ended,
 * or 0 if nothing was there. */
uint64_t station_run_batch(struct station *s, uint64_t start_ns);

/* The station's thread: hands tasks that are done back to their lanes. */
void station_deliver(struct station *s, struct task **tasks, size_t count);

/* Any lane, of a station with a ring; false: it is full. station_wake follows at the end of the lane's batch. */
bool station_submit(struct station *s, struct task *task);

static inline void station_wake(const struct station *s)
{
    s->options.wake(s->options.wake_ctx);
}

/* Any thread: from now on tasks are completed without being run. */
void station_abandon(struct station *s);

/* Any thread: housekeeping may be due earlier than the station's thread knows. It wakes. */
void station_disturb(struct station *s);

static inline bool station_is_disturbed(const struct station *s)
{
    return atomic_load_explicit(&s->disturbed, memory_order_relaxed);
}

/* The station's thread: does housekeeping want a slice? `keep_ms` says when it will. */
bool station_is_due(struct station *s, uint64_t now_ms);
void station_keep_house(struct station *s, uint64_t now_ms);

bool station_register_metrics(struct station *s, struct metrics *m);

#endif
