/*
 * The single owner: one thread holds the table, all others send it calls through a bounded ring.
 *
 *     lanes --submit--> [bounded ring] --> worker: hash and prefetch the batch, execute in order --> lanes
 *
 * No lock is ever taken around the table, and nothing but the owner's time is contended. What a full ring means
 * is the admission's to say: `owner` waits, `backpressure` refuses.
 *
 * In place there is neither ring nor worker: the one lane owns the table, executes what it submits, and keeps
 * house.
 */
#include <stdlib.h>

#include "daemon/backend/backend.h"
#include "daemon/backend/shards.h"
#include "daemon/backend/worker.h"

struct owner {
    struct backend base;
    struct worker *worker; /* NULL: in place */
    struct shards shards;  /* one; the owning thread only */
    uint64_t time_ms;      /* in place: of the latest call; the lane's clock readings may be older */
};

static void owner_run(void *ctx, struct call **calls, size_t count, uint64_t now_ms)
{
    struct shards *s = &((struct owner *)ctx)->shards;
    execute_batch(&s->rules, s->databases[0], &s->work, calls, count, now_ms);
}

static uint64_t owner_housekeep(void *ctx, uint64_t now_ms)
{
    return shards_sweep(&((struct owner *)ctx)->shards, 0, now_ms);
}

static void owner_free(struct owner *o)
{
    shards_destroy(&o->shards);
    free(o);
}

static bool start_worker(struct owner *o, const struct backend_options *options)
{
    struct worker_job job = {
        .run = owner_run,
        .housekeep = owner_housekeep,
        .housekeep_interval_ms = options->sweep_interval_ms,
        .ctx = o,
        .cpus = options->cpus,
        .shares_processor = options->shares_processor,
    };
    o->worker = worker_start("sluice-owner", options->queue_bound, options->clock, &options->lanes, &job);
    return o->worker != NULL;
}

static struct backend *owner_start(const struct backend_options *options, const char **error)
{
    struct owner *o = calloc(1, sizeof *o);
    *error = "out of memory for the session table";
    if (!o) return NULL;
    o->base.design = &backend_owner;
    if (!shards_init(&o->shards, options, 1, SHARDS_ALONE)) {
        owner_free(o);
        return NULL;
    }
    if (options->in_place || start_worker(o, options)) return &o->base;
    *error = "cannot start the owner thread; are there processors as owner.cpus says?";
    owner_free(o);
    return NULL;
}

static struct owner *owner_of(struct backend *b)
{
    return (struct owner *)b;
}

/* In place. */
static void owner_run_here(struct backend *b, struct call **calls, size_t count)
{
    struct owner *o = owner_of(b);
    for (size_t at = 0, n; at < count; at += n) {
        n = count - at < EXECUTE_BATCH_MAX ? count - at : EXECUTE_BATCH_MAX;
        for (size_t i = at; i < at + n; i++)
            if (call_start_ns(calls[i]) / 1000000U > o->time_ms) o->time_ms = call_start_ns(calls[i]) / 1000000U;
        owner_run(o, calls + at, n, o->time_ms);
    }
}

static uint64_t owner_housekeep_here(struct backend *b, uint64_t now_ms)
{
    struct owner *o = owner_of(b);
    if (o->worker) return UINT64_MAX;
    if (now_ms > o->time_ms) o->time_ms = now_ms;
    uint64_t next_ms = owner_housekeep(o, o->time_ms);
    return next_ms <= o->time_ms ? now_ms : next_ms;
}

static enum backend_submit owner_submit(struct backend *b, struct call *call)
{
    struct owner *o = owner_of(b);
    if (o->worker) return station_submit(worker_station(o->worker), call) ? BACKEND_QUEUED : BACKEND_FULL;
    owner_run_here(b, &call, 1);
    return BACKEND_DONE;
}

static bool owner_queues(const struct backend *b)
{
    return ((const struct owner *)b)->worker != NULL;
}

static struct backend_load owner_load(const struct backend *b, const struct call *call)
{
    const struct owner *o = (const struct owner *)b;
    (void)call;
    return o->worker ? station_load(worker_station(o->worker)) : (struct backend_load){0, 0, 0};
}

static uint32_t owner_stations(const struct backend *b)
{
    return owner_queues(b);
}

static uint32_t owner_station_of(const struct backend *b, const struct call *call)
{
    (void)b, (void)call;
    return 0;
}

static const struct costs *owner_costs(const struct backend *b, uint32_t station)
{
    (void)station;
    return &worker_station(((const struct owner *)b)->worker)->costs;
}

static const struct ring *owner_ring(const struct backend *b, uint32_t station)
{
    (void)station;
    return worker_station(((const struct owner *)b)->worker)->ring;
}

static void owner_want_room(struct backend *b, const struct call *call)
{
    station_want_room(worker_station(owner_of(b)->worker), call->lane);
}

static void owner_flush(struct backend *b, uint32_t lane)
{
    (void)lane;
    if (owner_of(b)->worker) worker_flush(owner_of(b)->worker);
}

static void owner_add_facts(const struct backend *b, struct facts *f)
{
    shards_add_facts(&((const struct owner *)b)->shards, f);
}

static bool owner_register_metrics(struct backend *b, struct metrics *m)
{
    struct owner *o = owner_of(b);
    return (!o->worker || worker_register_metrics(o->worker, m)) && shards_register_metrics(&o->shards, m);
}

static void owner_abandon(struct backend *b)
{
    if (owner_of(b)->worker) station_abandon(worker_station(owner_of(b)->worker));
}

static void owner_stop(struct backend *b)
{
    if (owner_of(b)->worker) worker_stop(owner_of(b)->worker);
    owner_free(owner_of(b));
}

const struct backend_design backend_owner = {
    .name = "owner",
    .start = owner_start,
    .submit = owner_submit,
    .queues = owner_queues,
    .run = owner_run_here,
    .housekeep = owner_housekeep_here,
    .load = owner_load,
    .stations = owner_stations,
    .station_of = owner_station_of,
    .costs = owner_costs,
    .ring = owner_ring,
    .want_room = owner_want_room,
    .flush = owner_flush,
    .add_facts = owner_add_facts,
    .register_metrics = owner_register_metrics,
    .abandon = owner_abandon,
    .stop = owner_stop,
};
