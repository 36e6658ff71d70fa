#include "daemon/backend/sweep.h"

#include <stdio.h>

#include "daemon/base/clock.h"
#include "daemon/store/buckets.h"

uint64_t sweep_slice(struct databases *d, uint64_t now_ms, uint64_t interval_ms)
{
    /* The system's clock: this is about the machine, not about the sessions' time. */
    uint64_t began_ns = clock_ns(&clock_system), end_ns = began_ns;
    bool done = false;
    for (int piece = 0; !done && piece < SWEEP_PIECES && end_ns - began_ns < SWEEP_SLICE_NS; piece++) {
        done = databases_sweep(d, now_ms, SWEEP_PIECE);
        end_ns = clock_ns(&clock_system);
    }
    longest_note(&d->slice, end_ns - began_ns, end_ns);
    if (!done) return now_ms;
    uint64_t due = databases_next_due(d);
    if (due == TABLE_NEVER) return UINT64_MAX;
    return due > now_ms + interval_ms ? due : now_ms + interval_ms;
}

static uint64_t read_waste(void *ctx)
{
    const struct table_counters *c = ctx;
    uint64_t used = counter_get(&c->entry_bytes), held = counter_get(&c->slab_bytes);
    return held > used ? held - used : 0; /* they do not change at once */
}

static bool register_table(struct table_counters *c, unsigned database, struct metrics *m)
{
    char of_database[32], mortal[32];
    snprintf(of_database, sizeof of_database, "databases.%u.sessions", database);
    snprintf(mortal, sizeof mortal, "databases.%u.mortal", database);
    return metrics_gauge(m, "sessions.stored", &c->sessions) &&
           metrics_gauge_sparse(m, of_database, &c->sessions) && metrics_gauge_sparse(m, mortal, &c->mortal) &&
           metrics_counter(m, "sessions.expired", &c->expired) &&
           metrics_gauge(m, "memory.sessions", &c->entry_bytes) &&
           metrics_gauge(m, "memory.slabs", &c->slab_bytes) &&
           metrics_gauge_read(m, "memory.waste", read_waste, c) &&
           metrics_gauge(m, "memory.buckets", &c->bucket_bytes) &&
           metrics_ratio(m, "memory.per_session", &c->slab_bytes, &c->sessions, 1) &&
           metrics_ratio(m, "memory.per_session", &c->bucket_bytes, NULL, 1) &&
           metrics_gauge(m, "table.buckets", &c->buckets) &&
           metrics_ratio(m, "table.load_percent", &c->sessions, &c->buckets, 100.0 / BUCKET_SLOTS) &&
           metrics_counter(m, "table.splits", &c->splits) && metrics_counter(m, "table.merges", &c->merges);
}

bool sweep_register_metrics(struct databases *d, struct metrics *m)
{
    bool ok = longest_register(&d->slice, m, "sweep.longest");
    for (unsigned i = 0; i < DATABASES; i++)
        ok = ok && register_table(&d->counters[i], i, m);
    return ok;
}
