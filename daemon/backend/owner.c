/*
 * Owners: each shard of the sessions belongs to one thread, and all others send it calls through a bounded ring.
 *
 *     lanes --submit--> [bounded ring] --> worker: hash and prefetch the batch, execute in order --> lanes
 *
 * With one shard no lock is ever taken around the table, and nothing but the owner's time is contended. What a full
 * ring means is the admission's to say: `owner` waits, `backpressure` refuses.
 *
 * In place there is no worker: the lanes are the owners, each of the shard of its number. A lane executes what it
 * submits for its own shard, and keeps house; what it has for another goes into that one's ring, which that one's
 * lane works off between its own (`serve`). With one shard there is no ring either.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/backend/owner_impl.h"

static struct owners *owners_of(struct backend *b)
{
    return (struct owners *)b;
}

static const struct owners *owners_in(const struct backend *b)
{
    return (const struct owners *)b;
}

/* Does the one lane have all there is? */
static bool is_alone(const struct owners *o)
{
    return o->in_place && o->shards.count == 1;
}

/* ---- life cycle ---- */

static void run(void *ctx, struct task **tasks, size_t count, uint64_t now_ms)
{
    owner_execute(ctx, tasks, count, now_ms);
}

static uint64_t keep_house(void *ctx, uint64_t now_ms)
{
    return owner_keep_house(ctx, now_ms);
}

static bool start_worker(struct owner *own, const struct backend_options *options)
{
    struct worker_job job = {
        .run = run,
        .housekeep = keep_house,
        .housekeep_interval_ms = options->sweep_interval_ms,
        .ctx = own,
        .cpus = options->cpus,
        .shares_processor = options->shares_processor,
    };
    char name[16] = "sluice-owner";
    if (own->all->shards.count > 1) snprintf(name, sizeof name, "sluice-owner-%02u", own->number % 100);
    own->worker = worker_start(name, options->queue_bound, options->clock, &options->lanes, &job);
    if (own->worker) own->station = worker_station(own->worker);
    return own->worker != NULL;
}

/* The lane is its thread. */
static bool start_here(struct owner *own, const struct backend_options *options)
{
    if (own->all->shards.count == 1) return true;
    struct station_options station = {
        .bound = options->queue_bound, .clock = options->clock, .lanes = &options->lanes, .run = run, .ctx = own};
    own->station = &own->lanes;
    return station_init(&own->lanes, &station);
}

static void owners_stop(struct backend *b)
{
    struct owners *o = owners_of(b);
    for (uint32_t i = 0; i < o->count; i++) {
        struct owner *own = &o->owners[i];
        if (own->worker)
            worker_end(own->worker);
        else
            while (own->station && own->station->ring && station_run_batch(own->station, 0) != 0)
                ;
    }
    for (uint32_t i = 0; i < o->count; i++) { /* now that none disturbs another any more */
        if (o->owners[i].worker) worker_free(o->owners[i].worker);
        if (o->in_place) station_free(&o->owners[i].lanes);
    }
    shards_destroy(&o->shards);
    free(o->owners);
    free(o->rings);
    free(o->touched);
    free(o);
}

static bool make_room(struct owners *o, uint32_t shards, uint32_t lanes)
{
    o->owners = aligned_alloc(_Alignof(struct owner), shards * sizeof *o->owners);
    o->touched = aligned_alloc(_Alignof(struct owner_lane), lanes * sizeof *o->touched);
    o->rings = calloc(shards, sizeof *o->rings);
    if (!o->owners || !o->touched || !o->rings) return false;
    memset(o->owners, 0, shards * sizeof *o->owners);
    memset(o->touched, 0, lanes * sizeof *o->touched);
    return true;
}

static struct backend *owners_start(const struct backend_options *options, const char **error)
{
    struct owners *o = calloc(1, sizeof *o);
    uint32_t count = options->shards ? options->shards : 1;
    *error = "out of memory for the session table";
    if (!o) return NULL;
    o->base.design = &backend_owner;
    o->in_place = options->in_place;
    o->lanes = options->lanes;
    if (!shards_init(&o->shards, options, count, count > 1 ? SHARDS_MUTEX : SHARDS_ALONE) ||
        !make_room(o, count, options->lanes.count)) {
        owners_stop(&o->base);
        return NULL;
    }
    for (uint32_t i = 0; i < count; i++) {
        o->owners[i].all = o;
        o->owners[i].number = i;
    }
    for (; o->count < count; o->count++) {
        struct owner *own = &o->owners[o->count];
        if (o->in_place ? start_here(own, options) : start_worker(own, options)) {
            if (own->station) o->rings[own->number] = own->station->ring;
            continue;
        }
        *error = "cannot start the owner thread; are there processors as owner.cpus says?";
        owners_stop(&o->base);
        return NULL;
    }
    if (count == 1 && !o->in_place) {
        o->only = o->owners[0].worker;
        o->only_ring = o->rings[0];
    }
    return &o->base;
}

static void owners_abandon(struct backend *b)
{
    for (uint32_t i = 0; i < owners_of(b)->count; i++)
        if (owners_of(b)->owners[i].station) station_abandon(owners_of(b)->owners[i].station);
}

/* ---- the way to an owner ---- */

/* The first key that the call or its parts name. */
static bool first_key(const struct call *call, struct slice *key)
{
    if (op_has_one_key(call->request.op) || call->request.op == OP_RENAME) {
        *key = call->request.key;
        return true;
    }
    for (const struct call *part = call->parts; part; part = part->part_next)
        if (first_key(part, key)) return true;
    return false;
}

/* Who executes it: the owner of its first key, or, as it has none, one that is not far. */
static uint32_t owners_station_of(const struct backend *b, const struct task *task)
{
    const struct shards *s = &owners_in(b)->shards;
    struct slice key;
    return first_key(&task->call, &key) ? execute_shard(shards_hash(s, key), s->count) : task->lane % s->count;
}

/* In place: executes what a lane has for its own shard. */
static void owners_run_here(struct backend *b, struct task **tasks, size_t count)
{
    struct owners *o = owners_of(b);
    struct owner *own = &o->owners[o->shards.count == 1 ? 0 : tasks[0]->lane];
    for (size_t at = 0, n; at < count; at += n) {
        n = count - at < EXECUTE_BATCH_MAX ? count - at : EXECUTE_BATCH_MAX;
        for (size_t i = at; i < at + n; i++)
            if (task_start_ns(tasks[i]) / 1000000U > own->time_ms)
                own->time_ms = task_start_ns(tasks[i]) / 1000000U;
        owner_execute(own, tasks + at, n, own->time_ms);
    }
}

static bool owners_here(const struct backend *b, uint32_t lane, uint32_t station)
{
    return owners_in(b)->in_place && lane == station;
}

static enum backend_submit submit_to_one_of(struct owners *o, struct task *task)
{
    uint32_t station = task->wait.station;
    if (is_alone(o) || owners_here(&o->base, task->lane, station)) {
        owners_run_here(&o->base, &task, 1);
        return BACKEND_DONE;
    }
    if (!ring_push(o->rings[station], task)) return BACKEND_FULL;
    o->touched[task->lane].owners |= 1ULL << station;
    return BACKEND_QUEUED;
}

static enum backend_submit owners_submit(struct backend *b, struct task *task)
{
    struct owners *o = owners_of(b);
    if (!o->only_ring) return submit_to_one_of(o, task);
    return ring_push(o->only_ring, task) ? BACKEND_QUEUED : BACKEND_FULL;
}

static bool owners_serve(struct backend *b, uint32_t lane)
{
    struct owner *own = &owners_of(b)->owners[lane];
    bool any = station_run_batch(own->station, 0) != 0;
    if (!any) station_tell_room(own->station, SIZE_MAX); /* whoever may have left a place unused */
    if (atomic_load_explicit(&own->disturbed, memory_order_relaxed) && atomic_exchange(&own->disturbed, false))
        any = true;
    return any;
}

static uint64_t owners_housekeep_here(struct backend *b, uint32_t lane, uint64_t now_ms)
{
    struct owners *o = owners_of(b);
    if (!o->in_place) return UINT64_MAX;
    struct owner *own = &o->owners[o->shards.count == 1 ? 0 : lane];
    if (now_ms > own->time_ms) own->time_ms = now_ms;
    uint64_t next_ms = owner_keep_house(own, own->time_ms);
    return next_ms <= own->time_ms ? now_ms : next_ms;
}

static bool owners_queues(const struct backend *b)
{
    return !is_alone(owners_in(b));
}

static struct station *station_at(const struct backend *b, uint32_t number)
{
    return owners_in(b)->owners[number].station;
}

static struct backend_load owners_load(const struct backend *b, const struct task *task)
{
    const struct station *station = station_at(b, task->wait.station);
    return station ? station_load(station) : (struct backend_load){0, 0, 0};
}

static uint32_t owners_stations(const struct backend *b)
{
    return is_alone(owners_in(b)) ? 0 : owners_in(b)->shards.count;
}

static bool owners_spreads(const struct backend *b)
{
    return owners_in(b)->shards.count > 1;
}

static const struct costs *owners_costs(const struct backend *b, uint32_t station)
{
    return &station_at(b, station)->costs;
}

static const struct ring *owners_ring(const struct backend *b, uint32_t station)
{
    return owners_in(b)->rings[station];
}

static void owners_want_room(struct backend *b, const struct task *task)
{
    station_want_room(station_at(b, task->wait.station), task->lane);
}

static void owners_flush(struct backend *b, uint32_t lane)
{
    struct owners *o = owners_of(b);
    if (o->only) worker_flush(o->only);
    for (uint64_t left = o->touched[lane].owners; left; left &= left - 1) {
        struct owner *own = &o->owners[__builtin_ctzll(left)];
        if (own->worker)
            worker_flush(own->worker);
        else
            o->lanes.wake(o->lanes.ctx, own->number);
    }
    o->touched[lane].owners = 0;
}

/* ---- what they count ---- */

static void owners_add_facts(const struct backend *b, struct facts *f)
{
    shards_add_facts(&owners_in(b)->shards, f);
}

static uint64_t read_depth(void *ctx)
{
    return ring_depth(((const struct owner *)ctx)->station->ring);
}

/* How evenly the shards are used. */
static bool register_shard(struct owner *own, struct metrics *m)
{
    struct databases *d = own->all->shards.databases[own->number];
    char name[32];
    snprintf(name, sizeof name, "shards.%u.sessions", own->number);
    bool ok = true;
    for (unsigned i = 0; i < DATABASES_COUNT; i++)
        ok = ok && metrics_gauge(m, name, &d->counters[i].sessions);
    snprintf(name, sizeof name, "shards.%u.executed", own->number);
    ok = ok && metrics_counter(m, name, &own->executed);
    snprintf(name, sizeof name, "shards.%u.queued", own->number);
    return ok && metrics_gauge_read(m, name, read_depth, own);
}

static bool owners_register_metrics(struct backend *b, struct metrics *m)
{
    struct owners *o = owners_of(b);
    bool ok = shards_register_metrics(&o->shards, m);
    for (uint32_t i = 0; i < o->count; i++) {
        struct owner *own = &o->owners[i];
        if (own->worker)
            ok = ok && worker_register_metrics(own->worker, m);
        else if (own->station)
            ok = ok && station_register_metrics(own->station, m);
        if (o->count > 1) ok = ok && register_shard(own, m);
    }
    return ok;
}

const struct backend_design backend_owner = {
    .name = "owner",
    .start = owners_start,
    .submit = owners_submit,
    .queues = owners_queues,
    .run = owners_run_here,
    .housekeep = owners_housekeep_here,
    .load = owners_load,
    .stations = owners_stations,
    .station_of = owners_station_of,
    .spreads = owners_spreads,
    .here = owners_here,
    .serve = owners_serve,
    .costs = owners_costs,
    .ring = owners_ring,
    .want_room = owners_want_room,
    .flush = owners_flush,
    .add_facts = owners_add_facts,
    .register_metrics = owners_register_metrics,
    .abandon = owners_abandon,
    .stop = owners_stop,
};
