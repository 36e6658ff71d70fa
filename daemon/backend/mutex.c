/*
 * The mutex pool: threads around locks. A stripe is one lock and one table; a key's hash picks its stripe.
 *
 *     workers: 0    lanes --------------------------------> lock(stripe) execute unlock
 *     workers: N    lanes --ring per worker--> N workers -> lock(stripe) execute unlock --> lanes
 *
 * With workers, all calls of a connection go to one worker: so they keep their order, and connections are dealt
 * out evenly. One more thread, the sweeper, expires sessions in slices, taking each stripe's lock per slice.
 */
#include <stdlib.h>

#include "daemon/backend/mutex_impl.h"

static void pool_run(void *ctx, struct task **tasks, size_t count, uint64_t now_ms)
{
    struct pool *p = ctx;
    for (size_t i = 0; i < count; i++)
        if (tasks[i]->call.reply.kind == REPLY_NONE) pool_execute(p, tasks[i], now_ms);
}

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
    for (uint32_t i = 0; p->workers && i < p->worker_count; i++)
        if (p->workers[i]) worker_stop(p->workers[i]);
    if (p->sweeper_started) {
        atomic_store(&p->stopping, true);
        bell_ring(&p->sweeper_bell);
        pthread_join(p->sweeper, NULL);
    }
    shards_destroy(&p->stripes);
    bell_close(&p->sweeper_bell);
    free(p->workers);
    free(p);
}

static void pool_abandon(struct backend *b)
{
    struct pool *p = (struct pool *)b;
    for (uint32_t i = 0; i < p->worker_count; i++)
        station_abandon(worker_station(p->workers[i]));
}

/* The bound is shared out: together the workers' rings hold about queue_bound calls. */
static bool start_workers(struct pool *p, const struct backend_options *options)
{
    if (p->worker_count == 0) return true;
    p->workers = calloc(p->worker_count, sizeof *p->workers);
    if (!p->workers) return false;
    uint32_t bound = (options->queue_bound + p->worker_count - 1) / p->worker_count;
    struct worker_job job = {.run = pool_run, .ctx = p, .shares_processor = options->shares_processor};
    for (uint32_t i = 0; i < p->worker_count; i++) {
        p->workers[i] = worker_start("sluice-worker", bound, options->clock, &options->lanes, &job);
        if (!p->workers[i]) return false;
    }
    return true;
}

static struct backend *pool_start(const struct backend_options *options, const char **error)
{
    struct pool *p = aligned_alloc(64, (sizeof *p + 63) / 64 * 64);
    *error = "out of memory";
    if (!p) return NULL;
    memset(p, 0, sizeof *p);
    p->base.design = &backend_mutex;
    p->work_outside = options->work_outside;
    p->lane_count = options->lanes.count;
    p->worker_count = options->workers;
    bell_init(&p->sweeper_bell);
    enum shards_guard guard = options->lock == BACKEND_LOCK_RWLOCK ? SHARDS_RWLOCK : SHARDS_MUTEX;
    if (!shards_init(&p->stripes, options, options->stripes, guard)) {
        *error = "out of memory for the session tables";
        pool_stop(&p->base);
        return NULL;
    }
    p->sweeper_started = thread_start(&p->sweeper, "sluice-sweeper", sweeper_main, p) == 0;
    if (!p->sweeper_started || !start_workers(p, options)) {
        *error = "cannot start the worker threads";
        pool_stop(&p->base);
        return NULL;
    }
    return &p->base;
}

/* ---- submitting ---- */

/* Connections are numbered from 0 on each lane, so this deals them out in turn. */
static uint32_t pool_station_of(const struct backend *b, const struct task *task)
{
    const struct pool *p = (const struct pool *)b;
    uint32_t slot = (uint32_t)task->conn;
    return (uint32_t)(((uint64_t)slot * p->lane_count + task->lane) % p->worker_count);
}

static struct worker *worker_of(const struct pool *p, const struct task *task)
{
    return p->workers[pool_station_of(&p->base, task)];
}

static enum backend_submit pool_submit(struct backend *b, struct task *task)
{
    struct pool *p = (struct pool *)b;
    if (p->worker_count == 0) {
        pool_execute(p, task, task_start_ns(task) / 1000000U);
        return BACKEND_DONE;
    }
    return station_submit(worker_station(worker_of(p, task)), task) ? BACKEND_QUEUED : BACKEND_FULL;
}

static bool pool_queues(const struct backend *b)
{
    return ((const struct pool *)b)->worker_count > 0;
}

static struct backend_load pool_load(const struct backend *b, const struct task *task)
{
    const struct pool *p = (const struct pool *)b;
    if (p->worker_count == 0) return (struct backend_load){0, 0, 0};
    return station_load(worker_station(worker_of(p, task)));
}

static uint32_t pool_stations(const struct backend *b)
{
    return ((const struct pool *)b)->worker_count;
}

static const struct costs *pool_costs(const struct backend *b, uint32_t station)
{
    return &worker_station(((const struct pool *)b)->workers[station])->costs;
}

static const struct ring *pool_ring(const struct backend *b, uint32_t station)
{
    return worker_station(((const struct pool *)b)->workers[station])->ring;
}

static void pool_want_room(struct backend *b, const struct task *task)
{
    station_want_room(worker_station(worker_of((struct pool *)b, task)), task->lane);
}

static void pool_flush(struct backend *b, uint32_t lane)
{
    struct pool *p = (struct pool *)b;
    (void)lane;
    for (uint32_t i = 0; i < p->worker_count; i++)
        worker_flush(p->workers[i]);
}

static void pool_add_facts(const struct backend *b, struct facts *f)
{
    shards_add_facts(&((const struct pool *)b)->stripes, f);
}

static bool pool_register_metrics(struct backend *b, struct metrics *m)
{
    struct pool *p = (struct pool *)b;
    bool ok = true;
    for (uint32_t i = 0; i < p->worker_count; i++)
        ok = ok && worker_register_metrics(p->workers[i], m);
    return ok && shards_register_metrics(&p->stripes, m);
}

const struct backend_design backend_mutex = {
    .name = "mutex",
    .start = pool_start,
    .submit = pool_submit,
    .queues = pool_queues,
    .run = pool_run_here,
    .load = pool_load,
    .stations = pool_stations,
    .station_of = pool_station_of,
    .costs = pool_costs,
    .ring = pool_ring,
    .want_room = pool_want_room,
    .flush = pool_flush,
    .add_facts = pool_add_facts,
    .register_metrics = pool_register_metrics,
    .abandon = pool_abandon,
    .stop = pool_stop,
};
