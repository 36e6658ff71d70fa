#include "daemon/backend/worker.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "daemon/base/longest.h"
#include "daemon/base/thread.h"
#include "daemon/queue/bell.h"
#include "daemon/queue/spin.h"

/* Calls that take less on average are waited for, where the worker shares the lanes' processor. */
#define YIELD_NS 5000

struct worker {
    struct station station;
    struct bell bell;
    _Alignas(64) _Atomic bool stopping;
    _Atomic bool disturbed; /* others changed what its housekeeping is about */
    pthread_t thread;
    const struct clock *clock;
    struct worker_job job;
    bool shares_processor;
    struct spin spin;       /* worker's thread */
    struct longest longest; /* turn: a batch and the housekeeping after it */
};

/* Runs one batch, and if nothing is there it stays awake for a moment, as what comes next often comes at once. */
static uint64_t run_or_spin(struct worker *w, uint64_t start_ns)
{
    uint64_t end_ns = station_run_batch(&w->station, start_ns);
    if (end_ns != 0) return end_ns;
    for (uint32_t left = spin_begin(&w->spin); left > 0; left--) {
        spin_pause();
        end_ns = station_run_batch(&w->station, 0);
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

/* Has somebody else changed something since the last look? */
static bool take_disturbance(struct worker *w)
{
    return atomic_load_explicit(&w->disturbed, memory_order_relaxed) && atomic_exchange(&w->disturbed, false);
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
        uint64_t end_ns = armed ? station_run_batch(&w->station, now_ns) : run_or_spin(w, now_ns);
        if (end_ns != 0) {
            if (armed) bell_disarm(&w->bell);
            armed = false;
            now_ns = end_ns;
            if (housekeep_ms > recheck_ms) housekeep_ms = recheck_ms;
        }
        if (take_disturbance(w) && housekeep_ms > recheck_ms) housekeep_ms = recheck_ms;
        if (now_ns == 0) now_ns = clock_ns(w->clock);
        uint64_t now_ms = now_ns / 1000000U, began_ns = end_ns != 0 ? w->station.began_ns : now_ns;
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
        station_tell_room(&w->station, SIZE_MAX); /* the ring is empty, whoever may have left a place unused */
        sleep_until(w, housekeep_ms);
        armed = false;
    }
    return NULL;
}

void worker_free(struct worker *w)
{
    station_free(&w->station);
    bell_close(&w->bell);
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
    w->job = *job;
    struct station_options options = {
        .bound = bound, .clock = clock, .lanes = lanes, .run = job->run, .ctx = job->ctx};
    if (!station_init(&w->station, &options) ||
        thread_start_on(&w->thread, name, &job->cpus, worker_main, w) != 0) {
        worker_free(w);
        return NULL;
    }
    return w;
}

void worker_end(struct worker *w)
{
    atomic_store(&w->stopping, true);
    bell_ring(&w->bell);
    pthread_join(w->thread, NULL);
}

void worker_stop(struct worker *w)
{
    worker_end(w);
    worker_free(w);
}

void worker_flush(struct worker *w)
{
    bell_ring(&w->bell);
    if (w->shares_processor && costs_mean(&w->station.costs) < YIELD_NS) sched_yield();
}

void worker_disturb(struct worker *w)
{
    atomic_store(&w->disturbed, true);
    bell_ring(&w->bell);
}

struct station *worker_station(struct worker *w)
{
    return &w->station;
}

bool worker_register_metrics(struct worker *w, struct metrics *m)
{
    return station_register_metrics(&w->station, m) && longest_register(&w->longest, m, "worker.longest_turn");
}
