#include "daemon/backend/worker.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    bool started;
    pthread_t thread;
    const struct clock *clock;
    struct worker_options options;
    char name[16];
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

static void *worker_main(void *arg)
{
    struct worker *w = arg;
    struct station *s = &w->station;
    uint64_t now_ns = 0; /* end of the last batch or slice; 0: not known */
    bool armed = false;
    for (;;) {
        bool last = armed && atomic_load(&w->stopping); /* before the look: what it finds was all there will be */
        uint64_t end_ns = armed ? station_run_batch(s, now_ns) : run_or_spin(w, now_ns);
        if (end_ns != 0) {
            if (armed) bell_disarm(&w->bell);
            armed = false;
            now_ns = end_ns;
        }
        if (now_ns == 0) now_ns = clock_ns(w->clock);
        uint64_t now_ms = now_ns / 1000000U, began_ns = end_ns != 0 ? s->began_ns : now_ns;
        bool keeps = station_is_due(s, now_ms);
        if (keeps) {
            station_keep_house(s, now_ms);
            now_ns = clock_ns(w->clock);
        }
        longest_note(&w->longest, now_ns - began_ns, now_ns);
        if (end_ns != 0 || (keeps && s->keep_ms <= now_ms)) continue;
        now_ns = 0;
        if (!armed) {
            bell_arm(&w->bell);
            armed = true;
            continue; /* look once more: a task may have come before the bell was armed */
        }
        if (last) break;
        sleep_until(w, s->keep_ms);
        armed = false;
    }
    return NULL;
}

/* ---- life cycle ---- */

static void wake(void *ctx)
{
    struct worker *w = ctx;
    bell_ring(&w->bell);
    if (w->shares_processor && costs_mean(&w->station.costs) < YIELD_NS) sched_yield();
}

struct worker *worker_make(const struct worker_options *options)
{
    struct worker *w = aligned_alloc(_Alignof(struct worker), sizeof *w);
    if (!w) return NULL;
    memset(w, 0, sizeof *w);
    bell_init(&w->bell);
    w->options = *options;
    snprintf(w->name, sizeof w->name, "%s", options->name);
    w->clock = options->station.clock;
    w->shares_processor = options->shares_processor || spin_alone();
    spin_init(&w->spin, w->shares_processor);
    longest_init(&w->longest, w->clock);
    struct station_options station = options->station;
    station.wake = wake;
    station.wake_ctx = w;
    if (station_init(&w->station, &station)) return w;
    worker_free(w);
    return NULL;
}

bool worker_start(struct worker *w)
{
    w->started = thread_start_on(&w->thread, w->name, &w->options.cpus, worker_main, w) == 0;
    return w->started;
}

void worker_end(struct worker *w)
{
    if (!w->started) return;
    atomic_store(&w->stopping, true);
    bell_ring(&w->bell);
    pthread_join(w->thread, NULL);
}

void worker_free(struct worker *w)
{
    station_free(&w->station);
    bell_close(&w->bell);
    free(w);
}

struct station *worker_station(struct worker *w)
{
    return &w->station;
}

bool worker_register_metrics(struct worker *w, struct metrics *m)
{
    return station_register_metrics(&w->station, m) && longest_register(&w->longest, m, "worker.longest_turn");
}
