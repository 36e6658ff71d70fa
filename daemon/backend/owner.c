/*
 * Owners: each shard of the sessions belongs to one thread, and all others send it tasks through a bounded ring.
 *
 *     lanes --submit--> [bounded ring] --> worker: hash and prefetch the batch, execute in order --> lanes
 *
 * With one shard no lock is ever taken around the table, and nothing but the owner's time is contended. Who waits
 * and who is refused when the owner is busy is for admission to say: `owner` lets wait, `backpressure` refuses.
 *
 * In place there is no worker: the lanes are the owners, each of the shard of its number. A lane runs its tasks for
 * its own shard itself, and keeps house; its tasks for another go into that one's ring, which that one's lane works
 * off between its own. With one shard there is no ring either.
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

/* ---- life cycle ---- */

static bool make_worker(struct owner *own, const struct backend_options *options, struct station_options station)
{
    char name[16] = "sluice-owner";
    if (own->all->shards.count > 1) snprintf(name, sizeof name, "sluice-owner-%02u", own->number % 100);
    station.bound = options->queue_bound;
    struct worker_options worker = {
        .name = name,
        .station = station,
        .cpus = options->cpus,
        .shares_processor = options->shares_processor,
    };
    own->worker = worker_make(&worker);
    own->station = own->worker ? worker_station(own->worker) : NULL;
    return own->worker;
}

static void wake_lane(void *ctx)
{
    const struct owner *own = ctx;
    const struct station_lanes *lanes = &own->lane.options.lanes;
    lanes->wake(lanes->ctx, own->number);
}

/* The lane of its number is its thread. */
static bool make_lane(struct owner *own, const struct backend_options *options, struct station_options station)
{
    station.is_lane = true;
    station.bound = own->all->shards.count > 1 ? options->queue_bound : 0;
    station.wake = wake_lane;
    station.wake_ctx = own;
    own->station = &own->lane;
    own->all->base.here[own->number] = (struct backend_here){own->station, own->number};
    return station_init(&own->lane, &station);
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
    for (uint32_t i = 0; i < o->count; i++) /* now that none disturbs another any more */
        if (o->owners[i].worker)
            worker_free(o->owners[i].worker);
        else if (o->owners[i].station)
            station_free(o->owners[i].station);
    shards_destroy(&o->shards);
    backend_free_topology(b);
    free(o->owners);
    free(o);
}

static bool make_owners(struct owners *o, const struct backend_options *options)
{
    uint32_t count = o->shards.count;
    o->owners = aligned_alloc(_Alignof(struct owner), count * sizeof *o->owners);
    if (!o->owners || !backend_make_topology(&o->base, count, options->lanes.count)) return false;
    memset(o->owners, 0, count * sizeof *o->owners);
    o->base.spreads = count > 1;
    while (o->count < count) {
        struct owner *own = &o->owners[o->count];
        own->all = o;
        own->number = o->count++;
        struct station_options station = {.clock = options->clock,
                                          .lanes = options->lanes,
                                          .run = owner_run,
                                          .ctx = own,
                                          .housekeep = owner_keep_house,
                                          .housekeep_ctx = own,
                                          .housekeep_interval_ms = options->sweep_interval_ms,
                                          .commit = options->commit,
                                          .commit_ctx = options->commit_ctx};
        if (o->shards.work.iterations > 0) work_wrap(&own->work, &o->shards.work, &station);
        if (!(options->in_place ? make_lane(own, options, station) : make_worker(own, options, station)))
            return false;
        o->base.stations[own->number] = own->station;
    }
    return true;
}

static struct backend *owners_make(const struct backend_options *options, const char **error)
{
    struct owners *o = calloc(1, sizeof *o);
    uint32_t count = options->shards ? options->shards : 1;
    *error = "out of memory for the session table";
    if (!o) return NULL;
    o->base.design = &backend_owner;
    if (shards_init(&o->shards, options, count, count > 1 ? LOCK_MUTEX : LOCK_NONE) && make_owners(o, options))
        return &o->base;
    owners_stop(&o->base);
    return NULL;
}

static bool owners_start(struct backend *b, const char **error)
{
    struct owners *o = owners_of(b);
    *error = "cannot start the owner thread; are there processors as owner.cpus says?";
    for (uint32_t i = 0; i < o->count; i++)
        if (o->owners[i].worker && !worker_start(o->owners[i].worker)) return false;
    return true;
}

/* ---- routing ---- */

/* The first key that the call or its parts name. */
static bool first_key(const struct call *call, struct slice *key)
{
    if (op_has_key(call->request.op)) {
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

/* ---- what they count ---- */

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
    for (unsigned i = 0; i < DATABASES; i++)
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
        ok = ok &&
             (own->worker ? worker_register_metrics(own->worker, m) : station_register_metrics(own->station, m));
        if (o->count > 1) ok = ok && register_shard(own, m);
    }
    return ok;
}

const struct backend_design backend_owner = {
    .name = "owner",
    .make = owners_make,
    .start = owners_start,
    .station_of = owners_station_of,
    .register_metrics = owners_register_metrics,
    .stop = owners_stop,
};
