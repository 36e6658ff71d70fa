#include "daemon/backend/sweep.h"

uint64_t sweep_slice(struct databases *d, uint64_t now_ms, uint64_t interval_ms)
{
    if (!databases_sweep(d, now_ms, SWEEP_SLICE)) return now_ms;
    uint64_t due = databases_next_due(d);
    if (due == TABLE_NEVER) return UINT64_MAX;
    return due > now_ms + interval_ms ? due : now_ms + interval_ms;
}

_Static_assert(DATABASES_COUNT == DATABASES, "the store has as many databases as clients may choose from");

void sweep_add_facts(const struct databases *d, struct facts *f)
{
    for (unsigned i = 0; i < DATABASES_COUNT; i++) {
        const struct table_counters *c = &d->counters[i];
        f->sessions[i] += counter_get(&c->sessions);
        f->expired += counter_get(&c->expired);
        f->memory_sessions += counter_get(&c->entry_bytes) + counter_get(&c->bucket_bytes);
    }
}

bool sweep_register_metrics(struct databases *d, struct metrics *m)
{
    bool ok = true;
    for (unsigned i = 0; i < DATABASES_COUNT; i++) {
        const struct table_counters *c = &d->counters[i];
        ok = ok && metrics_gauge(m, "sessions.stored", &c->sessions) &&
             metrics_counter(m, "sessions.expired", &c->expired) &&
             metrics_gauge(m, "memory.sessions", &c->entry_bytes) &&
             metrics_gauge(m, "memory.buckets", &c->bucket_bytes) &&
             metrics_gauge(m, "table.buckets", &c->buckets) && metrics_counter(m, "table.splits", &c->splits) &&
             metrics_counter(m, "table.merges", &c->merges);
    }
    return ok;
}
