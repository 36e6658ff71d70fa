#include "daemon/backend/worker.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "daemon/base/longest.h"
#include "daemon/base/thread.h"
#include "daemon/queue/bell.h"
#include "daemon/queue/ring.h"
#include "daemon/queue/spin.h"

/* Work per batch: bounds how long a finished call waits for its batch. As much as a call is taken to cost at first,
 * so that the first batch is one call. */
#define BATCH_NS COSTS_FIRST_NS

/* Calls that take less on average are waited for, where the worker shares the lanes' processor. */
#define YIELD_NS 5000

struct worker {
    struct ring *ring;
    struct bell bell;
    _Alignas(64) _Atomic uint64_t starved; /* bit per lane that waits for room */
    _Atomic bool stopping;
    _Atomic bool abandoned; /* what is queued is completed, not run */
    pthread_t thread;
    const struct clock *clock;
    struct backend_lanes lanes;
    struct worker_job job;
    bool shares_processor;
    struct mail_batch *outgoing; /* one per lane; worker's thread */
    struct spin spin;            /* worker's thread */
    uint32_t turn;               /* the lane that is told next of room, if it waits; worker's thread */
    struct costs costs;          /* written by the worker's thread */
    counter deepest;
    uint64_t began_ns;      /* the last batch; worker's thread */
    struct longest longest; /* turn: a batch and the housekeeping after it */
    struct histogram batches;
};

static size_t batch_limit(const struct worker *w)
{
    uint64_t limit = BATCH_NS / (costs_mean(&w->costs) + 1);
    if (limit < 1) return 1;
    return limit < WORKER_BATCH_MAX ? limit : WORKER_BATCH_MAX;
}

/*
 * Tells lanes that wait for room, one per place that came free, taking turns: to tell all of them would wake a
 * herd of which most find the ring full again. The others stay marked, for the next batch or the empty ring.
 *
 * Both sides do a read-modify-write of `starved`: a lane whose bit this misses finds the room on its second
 * submit (see backend.h, want_room), because its own operation on `starved` comes later and so does its look.
 */
static void tell_room(struct worker *w, size_t places)
{
    uint64_t lanes = atomic_exchange(&w->starved, 0);
    for (; lanes && places > 0; places--) {
        uint64_t later = lanes >> w->turn << w->turn;
        uint32_t lane = (uint32_t)__builtin_ctzll(later ? later : lanes);
        lanes &= ~(1ULL << lane);
        w->turn = (lane + 1) % 64;
        w->lanes.room(w->lanes.ctx, lane);
    }
    if (lanes) atomic_fetch_or(&w->starved, lanes);
}

static void deliver(struct worker *w, struct call **calls, size_t count)
{
    uint64_t touched = 0;
    for (size_t i = 0; i < count; i++) {
        touched |= 1ULL << calls[i]->lane;
        mail_batch_add(&w->outgoing[calls[i]->lane], calls[i]);
    }
    while (touched) {
        uint32_t lane = (uint32_t)__builtin_ctzll(touched);
        touched &= touched - 1;
        w->lanes.complete(w->lanes.ctx, lane, &w->outgoing[lane]);
    }
}

/* Notes when the calls' execution begins (0: they will not be executed). Those whose own deadline is past then, or
 * will be by estimate when those before them in the batch are done, are answered here; returns how many. */
static size_t begin(struct call **calls, size_t count, uint64_t start_ns)
{
    size_t late = 0;
    uint64_t own_start_ns = start_ns;
    for (size_t i = 0; i < count; i++) {
        struct call *call = calls[i];
        uint64_t deadline_ns = call->request.deadline_ms * 1000000U;
        call->taken_ns = start_ns;
        if (deadline_ns == 0 || own_start_ns <= call->arrived_ns + deadline_ns) {
            own_start_ns += call->wait.cost_ns;
            continue;
        }
        call->reply.kind = REPLY_LATE;
        late++;
    }
    return late;
}

/* Takes and runs one batch that started at `start_ns`; returns when it ended, or 0 if nothing was there. */
static uint64_t run_batch(struct worker *w, uint64_t start_ns)
{
    struct call *calls[WORKER_BATCH_MAX];
    size_t count = ring_pop(w->ring, (void **)calls, batch_limit(w));
    if (count == 0) return 0;
    uint64_t depth = count + ring_depth(w->ring); /* places that came free may be taken again already */
    counter_max(&w->deepest, depth < ring_bound(w->ring) ? depth : ring_bound(w->ring));
    tell_room(w, count);
    if (start_ns == 0) start_ns = clock_ns(w->clock);
    /* That may have been before they came, if this thread was held up since: nothing runs in its own past. */
    for (size_t i = 0; i < count; i++)
        if (calls[i]->arrived_ns > start_ns) start_ns = calls[i]->arrived_ns;
    w->began_ns = start_ns;
    bool abandoned = atomic_load_explicit(&w->abandoned, memory_order_relaxed);
    size_t late = begin(calls, count, abandoned ? 0 : start_ns);
    if (!abandoned && late < count) w->job.run(w->job.ctx, calls, count, start_ns / 1000000U);
    uint64_t end_ns = clock_ns(w->clock);
    for (size_t i = 0; i < count; i++)
        calls[i]->done_ns = end_ns;
    if (late == 0) costs_note(&w->costs, calls, count, end_ns - start_ns);
    deliver(w, calls, count);
    histogram_record(&w->batches, count);
    return end_ns;
}

/* The same, and if nothing is there it stays awake for a moment, as what comes next often comes at once. */
static uint64_t run_or_spin(struct worker *w, uint64_t start_ns)
{
    uint64_t end_ns = run_batch(w, start_ns);
    if (end_ns != 0) return end_ns;
    for (uint32_t left = spin_begin(&w->spin); left > 0; left--) {
        spin_pause();
        end_ns = run_batch(w, 0);
        if (end_ns != 0) break;
    }
    spin_end(&w->spin, end_ns != 0);
    return end_ns;
}

/* Sleeps until there are calls or `wake_ms` has come. */
static void sleep_until(struct worker *w, uint64_t wake_ms)
{
    uint64_t timeout_ns = UINT64_MAX;
    if (wake_ms != UINT64_MAX) {
        uint64_t now_ms = clock_ms(w->clock);
        timeout_ns = wake_ms > now_ms ? (wake_ms - now_ms) * 1000000U : 0;
    }
    if (timeout_ns > 0) bell_wait(&w->bell, timeout_ns);
    bell_disarm(&w->bell);
}

static void *worker_main(void *arg)
{
    struct worker *w = arg;
    uint64_t housekeep_ms = w->job.housekeep ? 0 : UINT64_MAX; /* when housekeeping wants its next slice */
    uint64_t recheck_ms = UINT64_MAX; /* the same once calls have run, which may have changed what is due */
    uint64_t now_ns = 0;              /* end of the last batch or slice; 0: not known */
    bool armed = false;
    for (;;) {
        bool last = armed && atomic_load(&w->stopping); /* before the look: what it finds was all there will be */
        uint64_t end_ns = armed ? run_batch(w, now_ns) : run_or_spin(w, now_ns);
        if (end_ns != 0) {
            if (armed) bell_disarm(&w->bell);
            armed = false;
            now_ns = end_ns;
            if (housekeep_ms > recheck_ms) housekeep_ms = recheck_ms;
        }
        if (now_ns == 0) now_ns = clock_ns(w->clock);
        uint64_t now_ms = now_ns / 1000000U, began_ns = end_ns != 0 ? w->began_ns : now_ns;
        bool keeps = housekeep_ms <= now_ms;
        if (keeps) {
            housekeep_ms = w->job.housekeep(w->job.ctx, now_ms);
            recheck_ms = now_ms + w->job.housekeep_interval_ms;
            now_ns = clock_ns(w->clock);
        }
        longest_note(&w->longest, now_ns - began_ns, now_ns);
        if (end_ns != 0 || (keeps && housekeep_ms <= now_ms)) continue;
        now_ns = 0;
        if (!armed) {
            bell_arm(&w->bell);
            armed = true;
            continue; /* look once more: a call may have come before the bell was armed */
        }
        if (last) break;
        tell_room(w, SIZE_MAX); /* the ring is empty, whoever may have left a place unused */
        sleep_until(w, housekeep_ms);
        armed = false;
    }
    return NULL;
}

static void worker_free(struct worker *w)
{
    if (w->ring) ring_destroy(w->ring);
    bell_close(&w->bell);
    free(w->outgoing);
    free(w);
}

struct worker *worker_start(const char *name, uint32_t bound, const struct clock *clock,
                            const struct backend_lanes *lanes, const struct worker_job *job)
{
    struct worker *w = aligned_alloc(_Alignof(struct worker), sizeof *w);
    if (!w) return NULL;
    memset(w, 0, sizeof *w);
    bell_init(&w->bell);
    w->shares_processor = job->shares_processor || spin_alone();
    spin_init(&w->spin, w->shares_processor);
    longest_init(&w->longest, clock);
    w->clock = clock;
    w->lanes = *lanes;
    w->job = *job;
    costs_init(&w->costs);
    w->ring = ring_create(bound);
    w->outgoing = calloc(lanes->count, sizeof *w->outgoing);
    if (!w->ring || !w->outgoing || thread_start_on(&w->thread, name, &job->cpus, worker_main, w) != 0) {
        worker_free(w);
        return NULL;
    }
    return w;
}

void worker_abandon(struct worker *w)
{
    atomic_store(&w->abandoned, true);
}

void worker_stop(struct worker *w)
{
    atomic_store(&w->stopping, true);
    bell_ring(&w->bell);
    pthread_join(w->thread, NULL);
    worker_free(w);
}

bool worker_submit(struct worker *w, struct call *call)
{
    return ring_push(w->ring, call);
}

void worker_flush(struct worker *w)
{
    bell_ring(&w->bell);
    if (w->shares_processor && costs_mean(&w->costs) < YIELD_NS) sched_yield();
}

void worker_want_room(struct worker *w, uint32_t lane)
{
    atomic_fetch_or(&w->starved, 1ULL << lane);
}

struct backend_load worker_load(const struct worker *w)
{
    return (struct backend_load){ring_depth(w->ring), ring_bound(w->ring), costs_mean(&w->costs)};
}

const struct costs *worker_costs(const struct worker *w)
{
    return &w->costs;
}

const struct ring *worker_ring(const struct worker *w)
{
    return w->ring;
}

bool worker_register_metrics(struct worker *w, struct metrics *m)
{
    return metrics_histogram(m, "queue.batch", &w->batches) && metrics_maximum(m, "queue.ring_max", &w->deepest) &&
           metrics_maximum(m, "queue.cost_ns", &w->costs.mean_ns) &&
           longest_register(&w->longest, m, "worker.longest_turn");
}
