#include "bench/store/result.h"

#include <inttypes.h>

#include "bench/common/report.h"

static double per(uint64_t amount, uint64_t of)
{
    return of > 0 ? (double)amount / (double)of : 0;
}

double result_ns_per_op(const struct run_result *result)
{
    return per(result->wall_ns, result->tally.sent);
}

static double served_per_s(const struct run_result *result)
{
    return per(result->tally.served, result->wall_ns) * 1e9;
}

/* ---- for people ---- */

void result_table_head(FILE *out)
{
    fprintf(out, "%-12s %7s %9s %11s %9s %9s %9s %9s %9s %11s %7s %7s %7s %7s %7s\n", "backend", "workers", "ns/op",
            "ops/s", "mean", "p50", "p99", "p99.9", "max", "refused", "cpu ns", "vol/op", "inv/op", "alloc",
            "others");
}

void result_table_row(FILE *out, const char *backend, uint32_t workers, const struct run_result *r)
{
    static const double quantiles[] = {0.5, 0.99, 0.999, 1};
    char text[32];
    uint64_t sent = r->tally.sent;
    fprintf(out, "%-12s %7" PRIu32 " %9.1f", backend, workers, result_ns_per_op(r));
    fprintf(out, " %11s", report_format_count(text, sizeof text, (uint64_t)served_per_s(r)));
    fprintf(out, " %9s", report_format_ns(text, sizeof text, (uint64_t)histogram_mean(&r->latency)));
    for (size_t i = 0; i < sizeof quantiles / sizeof quantiles[0]; i++)
        fprintf(out, " %9s", report_format_ns(text, sizeof text, histogram_quantile(&r->latency, quantiles[i])));
    fprintf(out, " %11s", report_format_count(text, sizeof text, r->tally.refused));
    fprintf(out, " %7.0f %7.4f %7.4f", per(r->cpu_ns, sent), per(r->switches_voluntary, sent),
            per(r->switches_involuntary, sent));
    if (r->allocations_known)
        fprintf(out, " %7.3f", per(r->allocations, sent));
    else
        fprintf(out, " %7s", "-");
    fprintf(out, " %7.2f\n", r->others_cpu);
    fflush(out);
}

/* ---- for programs ---- */

void result_csv_head(FILE *out)
{
    fprintf(out,
            "backend,workers,ns_per_op,served_per_s,mean_ns,p50_ns,p99_ns,p99_9_ns,max_ns,sent,served,refused,"
            "cpu_ns_per_op,voluntary_switches_per_op,involuntary_switches_per_op,allocations_per_op,others_cpu\n");
}

void result_csv_row(FILE *out, const char *backend, uint32_t workers, const struct run_result *r)
{
    uint64_t sent = r->tally.sent;
    fprintf(out, "%s,%" PRIu32 ",%.2f,%.0f,%.0f", backend, workers, result_ns_per_op(r), served_per_s(r),
            histogram_mean(&r->latency));
    fprintf(out, ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64, histogram_quantile(&r->latency, 0.5),
            histogram_quantile(&r->latency, 0.99), histogram_quantile(&r->latency, 0.999),
            histogram_max(&r->latency));
    fprintf(out, ",%" PRIu64 ",%" PRIu64 ",%" PRIu64, sent, r->tally.served, r->tally.refused);
    fprintf(out, ",%.1f,%.6f,%.6f,", per(r->cpu_ns, sent), per(r->switches_voluntary, sent),
            per(r->switches_involuntary, sent));
    if (r->allocations_known) fprintf(out, "%.4f", per(r->allocations, sent));
    fprintf(out, ",%.2f\n", r->others_cpu);
    fflush(out);
}

static json_t *workers_json(const struct store_options *o)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < o->worker_counts; i++)
        json_array_append_new(list, json_integer(o->workers[i]));
    return list;
}

static json_t *backends_json(const struct store_options *o)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < o->backend_count; i++)
        json_array_append_new(list, json_string(o->backends[i]->name));
    return list;
}

static void set(json_t *object, const char *name, json_t *value)
{
    json_object_set_new(object, name, value);
}

static void set_count(json_t *object, const char *name, uint64_t n)
{
    set(object, name, json_integer((json_int_t)n));
}

static json_t *law_json(const struct store_options *o)
{
    json_t *law = json_object();
    set(law, "law", json_string(o->law == KEYS_ZIPF ? "zipf" : "uniform"));
    if (o->law == KEYS_ZIPF) set(law, "theta", json_real(o->theta));
    return law;
}

static json_t *slow_json(const struct store_options *o)
{
    if (o->slow_percent <= 0) return json_null();
    json_t *slow = json_object();
    set(slow, "percent", json_real(o->slow_percent));
    set_count(slow, "factor", o->slow_factor);
    return slow;
}

json_t *result_options_json(const struct store_options *o)
{
    json_t *j = json_object();
    set(j, "backends", backends_json(o));
    set(j, "workers", workers_json(o));
    set(j, "mix", json_string(o->mix_text));
    set_count(j, "keys", o->keys);
    set(j, "key_law", law_json(o));
    set_count(j, "key_size", o->key_size);
    set_count(j, "value", o->value_size);
    set_count(j, "work", o->work);
    set(j, "work_where", json_string(o->work_outside ? "outside" : "inside"));
    set(j, "slow", slow_json(o));
    set_count(j, "queue", o->queue);
    set(j, "wait", json_string(lane_wait_name(o->wait)));
    set_count(j, "stripes", o->stripes);
    set_count(j, "shards", o->shards);
    set(j, "in_place", json_boolean(o->in_place));
    set(j, "here", json_boolean(o->here));
    set(j, "own_keys", json_boolean(o->own_keys));
    set_count(j, "depth", o->depth);
    set(j, "pinned", json_boolean(o->pin));
    set(j, "duration_ns", o->count ? json_null() : json_integer((json_int_t)o->duration_ns));
    set(j, "count", o->count ? json_integer((json_int_t)o->count) : json_null());
    set_count(j, "repeat", o->repeat);
    set_count(j, "seed", o->seed);
    return j;
}

static json_t *tally_json(const struct tally *t)
{
    json_t *j = json_object();
    set_count(j, "sent", t->sent);
    set_count(j, "served", t->served);
    set_count(j, "refused", t->refused);
    set_count(j, "get_found", t->hits);
    set_count(j, "get_not_found", t->misses);
    set_count(j, "put_stored", t->stored);
    set_count(j, "delete_done", t->deleted);
    set_count(j, "delete_not_found", t->absent);
    set_count(j, "touch_done", t->touched);
    set_count(j, "touch_not_found", t->vanished);
    set_count(j, "len", t->counted);
    set_count(j, "waits_for_room", t->waits);
    return j;
}

json_t *result_json(const char *backend, uint32_t workers, const struct run_result *r)
{
    uint64_t sent = r->tally.sent;
    json_t *j = json_object();
    set(j, "backend", json_string(backend));
    set_count(j, "workers", workers);
    set(j, "ns_per_op", json_real(result_ns_per_op(r)));
    set(j, "ns_per_served", json_real(per(r->wall_ns, r->tally.served)));
    set(j, "served_per_s", json_real(served_per_s(r)));
    set_count(j, "wall_ns", r->wall_ns);
    set(j, "cpu_ns_per_op", json_real(per(r->cpu_ns, sent)));
    set(j, "voluntary_switches_per_op", json_real(per(r->switches_voluntary, sent)));
    set(j, "involuntary_switches_per_op", json_real(per(r->switches_involuntary, sent)));
    set(j, "allocations_per_op", r->allocations_known ? json_real(per(r->allocations, sent)) : json_null());
    set(j, "others_cpu", json_real(r->others_cpu));
    set(j, "operations", tally_json(&r->tally));
    set(j, "latency_ns", report_latency(&r->latency));
    set(j, "ordinary_latency_ns", histogram_count(&r->ordinary) ? report_latency(&r->ordinary) : json_null());
    return j;
}
