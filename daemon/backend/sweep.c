#include "daemon/backend/sweep.h"

uint64_t sweep_slice(struct table *t, uint64_t now_ms, uint64_t interval_ms)
{
    if (!table_sweep(t, now_ms, SWEEP_SLICE)) return now_ms;
    uint64_t due = table_next_due(t);
    if (due == TABLE_NEVER) return UINT64_MAX;
    return due > now_ms + interval_ms ? due : now_ms + interval_ms;
}

bool sweep_register_metrics(const struct table_counters *c, struct metrics *m)
{
    return metrics_gauge(m, "sessions.stored", &c->sessions) &&
           metrics_counter(m, "sessions.expired", &c->expired) &&
           metrics_gauge(m, "memory.sessions", &c->entry_bytes) &&
           metrics_gauge(m, "memory.buckets", &c->bucket_bytes) && metrics_gauge(m, "table.buckets", &c->buckets) &&
           metrics_counter(m, "table.splits", &c->splits) && metrics_counter(m, "table.merges", &c->merges);
}
