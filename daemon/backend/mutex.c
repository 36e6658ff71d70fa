/*
 * The mutex pool: threads around locks. A stripe is one lock and one table; a key's hash picks its stripe.
 *
 *     workers: 0    lanes --------------------------------> lock(stripe) execute unlock
 *     workers: N    lanes --ring per worker--> N workers -> lock(stripe) execute unlock --> lanes
 *
 * With workers, all tasks of a connection go to one worker: so they keep their order, and connections are dealt
 * out evenly. One more thread, the sweeper, expires sessions in slices, taking each stripe's lock per slice.
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/backend/mutex_impl.h"

/* ---- the sweeper ---- */

/* One slice of every stripe; returns when the next pass is worth it (as sweep_slice). */
static uint64_t sweep_pass(struct pool *p, uint64_t now_ms)
{
    uint64_t earliest_ms = UINT64_MAX;
    for (uint32_t i = 0; i < p->stripes.count; i++) {
        uint64_t due_ms = shards_sweep(&p->stripes, i, now_ms);
        if (due_ms < earliest_ms) earliest_ms = due_ms;
    }
    return earliest_ms;
}

/* Sleeps until then, unless the bell has been rung since it was armed. */
static void sweeper_sleep(struct pool *p, uint64_t until_ms)
{
    uint64_t now_ms = clock_ms(p->stripes.clock);
    if (until_ms > now_ms && !atomic_load(&p->stopping))
        bell_wait(&p->sweeper_bell, until_ms == UINT64_MAX ? UINT64_MAX : (until_ms - now_ms) * 1000000U);
    bell_disarm(&p->sweeper_bell);
}

static void *sweeper_main(void *arg)
{
    struct pool *p = arg;
    while (!atomic_load(&p->stopping)) {
        uint64_t now_ms = clock_ms(p->stripes.clock);
        bell_arm(&p->sweeper_bell); /* before the look: who finds a stripe calm after it must not ring in vain */
        uint64_t due = sweep_pass(p, now_ms);
        if (due <= now_ms) {
            sched_yield();
            continue;
        }
        sweeper_sleep(p, due);
        /* Rung early: a session was stored that may be due before that. It can wait for the interval. */
        bell_arm(&p->sweeper_bell);
        sweeper_sleep(p, now_ms + p->stripes.sweep_interval_ms);
    }
    return NULL;
}

/* ---- life cycle ---- */

static void pool_stop(struct backend *b)
{
    struct pool *p = (struct pool *)b;
    for (uint32_t i = 0; p->workers && i < p->worker_count; i++) {
        if (!p->workers[i]) continue;
        worker_end(p->workers[i]);
        worker_free(p->workers[i]);
    }
    for (uint32_t i = 0; p->lanes && i < p->lane_count; i++)
        station_free(&p->lanes[i]);
    if (p->sweeper_started) {
        atomic_store(&p->stopping, true);
        bell_ring(&p->sweeper_bell);
        pthread_join(p->sweeper, NULL);
    }
    shards_destroy(&p->stripes);
    bell_close(&p->sweeper_bell);
    backend_free_topology(b);
    free(p->workers);
    free(p->lanes);
    free(p);
}

/* The bound is shared out: together the workers' rings hold about queue_bound tasks. */
static bool make_workers(struct pool *p, const struct backend_options *options, struct station_options station)
{
    p->workers = calloc(p->worker_count, sizeof *p->workers);
    if (!p->workers) return false;
    station.bound = (options->queue_bound + p->worker_count - 1) / p->worker_count;
    struct worker_options worker = {
        .name = "sluice-worker", .station = station, .shares_processor = options->shares_processor};
    for (uint32_t i = 0; i < p->worker_count; i++) {
        p->workers[i] = worker_make(&worker);
        if (!p->workers[i]) return false;
        p->base.stations[i] = worker_station(p->workers[i]);
    }
    return true;
}

/* The lanes take the locks themselves. All of them stand for one station. */
static bool make_lanes(struct pool *p, struct station_options station)
{
    size_t size = p->lane_count * sizeof *p->lanes;
    p->lanes = aligned_alloc(_Alignof(struct station), size);
    if (!p->lanes) return false;
    memset(p->lanes, 0, size);
    station.is_lane = true;
    for (uint32_t i = 0; i < p->lane_count; i++) {
        if (!station_init(&p->lanes[i], &station)) return false;
        p->base.here[i].station = &p->lanes[i];
    }
    p->base.stations[0] = &p->lanes[0];
    return true;
}

static bool make_stations(struct pool *p, const struct backend_options *options)
{
    struct station_options station = {.clock = options->clock,
                                      .lanes = options->lanes,
                                      .run = pool_run,
                                      .ctx = p,
                                      .commit = options->commit,
                                      .commit_ctx = options->commit_ctx};
    uint32_t count = p->worker_count ? p->worker_count : 1;
    bool works = p->stripes.work.iterations > 0;
    p->stripes.works_inside = works && !options->work_outside;
    if (works && options->work_outside) work_wrap(&p->work, &p->stripes.work, &station);
    if (!backend_make_topology(&p->base, count, p->lane_count)) return false;
    return p->worker_count ? make_workers(p, options, station) : make_lanes(p, station);
}

static struct backend *pool_make(const struct backend_options *options, const char **error)
{
    struct pool *p = aligned_alloc(64, (sizeof *p + 63) / 64 * 64);
    *error = "out of memory for the session tables";
    if (!p) return NULL;
    memset(p, 0, sizeof *p);
    p->base.design = &backend_mutex;
    p->lane_count = options->lanes.count;
    p->worker_count = options->workers;
    bell_init(&p->sweeper_bell);
    if (shards_init(&p->stripes, options, options->stripes, options->lock) && make_stations(p, options))
        return &p->base;
    pool_stop(&p->base);
    return NULL;
}

static bool pool_start(struct backend *b, const char **error)
{
    struct pool *p = (struct pool *)b;
    *error = "cannot start the worker threads";
    p->sweeper_started = thread_start(&p->sweeper, "sluice-sweeper", sweeper_main, p) == 0;
    bool ok = p->sweeper_started;
    for (uint32_t i = 0; ok && i < p->worker_count; i++)
        ok = worker_start(p->workers[i]);
    return ok;
}

/* Connections are numbered from 0 on each lane, so this deals them out in turn. */
static uint32_t pool_station_of(const struct backend *b, const struct task *task)
{
    const struct pool *p = (const struct pool *)b;
    uint32_t slot = (uint32_t)task->conn;
    return (uint32_t)(((uint64_t)slot * p->lane_count + task->lane) % b->station_count);
}

static bool pool_register_metrics(struct backend *b, struct metrics *m)
{
    struct pool *p = (struct pool *)b;
    bool ok = true;
    for (uint32_t i = 0; i < p->worker_count; i++)
        ok = ok && worker_register_metrics(p->workers[i], m);
    for (uint32_t i = 0; p->lanes && i < p->lane_count; i++)
        ok = ok && station_register_metrics(&p->lanes[i], m);
    return ok && shards_register_metrics(&p->stripes, m);
}

const struct backend_design backend_mutex = {
    .name = "mutex",
    .make = pool_make,
    .start = pool_start,
    .station_of = pool_station_of,
    .register_metrics = pool_register_metrics,
    .stop = pool_stop,
};
