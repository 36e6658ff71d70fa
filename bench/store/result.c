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
    fprintf(out, "%-12s %7s %9s %11s %9s %9s %9s %9s %9s %11s %7s %7s %7s %7s\n", "backend", "workers", "ns/op",
            "ops/s", "mean", "p50", "p99", "p99.9", "max", "refused", "cpu ns", "vol/op", "inv/op", "alloc");
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
        fprintf(out, " %7.3f\n", per(r->allocations, sent));
    else
        fprintf(out, " %7s\n", "-");
    fflush(out);
}

/* ---- for programs ---- */

void result_csv_head(FILE *out)
{
    fprintf(out, "backend,workers,ns_per_op,served_per_s,mean_ns,p50_ns,p99_ns,p99_9_ns,max_ns,sent,served,refused,"
                 "cpu_ns_per_op,voluntary_switches_per_op,involuntary_switches_per_op,allocations_per_op\n");
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
    fputc('\n', out);
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

json_t *result_options_json(const struct store_options *o)
{
    json_t *limit = o->count ? json_null() : json_integer((json_int_t)o->duration_ns);
    json_t *law = o->law == KEYS_ZIPF ? json_pack("{s:s, s:f}", "law", "zipf", "theta", o->theta)
                                      : json_pack("{s:s}", "law", "uniform");
    json_t *slow = o->slow_percent > 0
                       ? json_pack("{s:f, s:I}", "percent", o->slow_percent, "factor", (json_int_t)o->slow_factor)
                       : json_null();
    return json_pack("{s:o, s:o, s:s, s:I, s:o, s:I, s:I, s:I, s:s, s:o, s:I, s:I, s:o, s:I, s:I, s:I}", "backends",
                     backends_json(o), "workers", workers_json(o), "mix", o->mix_text, "keys", (json_int_t)o->keys,
                     "key_law", law, "key_size", (json_int_t)o->key_size, "value", (json_int_t)o->value_size,
                     "work", (json_int_t)o->work, "work_where", o->work_outside ? "outside" : "inside", "slow",
                     slow, "queue", (json_int_t)o->queue, "wait", lane_wait_name(o->wait), "stripes",
                     (json_int_t)o->stripes, "duration_ns", limit, "count", (json_int_t)o->count, "repeat",
                     (json_int_t)o->repeat, "seed", (json_int_t)o->seed);
}

static json_t *tally_json(const struct tally *t)
{
    return json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "sent", (json_int_t)t->sent, "served",
        (json_int_t)t->served, "refused", (json_int_t)t->refused, "get_found", (json_int_t)t->hits, "get_not_found",
        (json_int_t)t->misses, "put_stored", (json_int_t)t->stored, "delete_done", (json_int_t)t->deleted,
        "delete_not_found", (json_int_t)t->absent, "touch_done", (json_int_t)t->touched, "touch_not_found",
        (json_int_t)t->vanished, "len", (json_int_t)t->counted, "waits_for_room", (json_int_t)t->waits);
}

json_t *result_json(const char *backend, uint32_t workers, const struct run_result *r)
{
    uint64_t sent = r->tally.sent;
    json_t *allocations = r->allocations_known ? json_real(per(r->allocations, sent)) : json_null();
    json_t *ordinary = histogram_count(&r->ordinary) ? report_latency(&r->ordinary) : json_null();
    return json_pack(
        "{s:s, s:I, s:f, s:f, s:f, s:I, s:f, s:f, s:f, s:o, s:o, s:o, s:o}", "backend", backend, "workers",
        (json_int_t)workers, "ns_per_op", result_ns_per_op(r), "ns_per_served", per(r->wall_ns, r->tally.served),
        "served_per_s", served_per_s(r), "wall_ns", (json_int_t)r->wall_ns, "cpu_ns_per_op", per(r->cpu_ns, sent),
        "voluntary_switches_per_op", per(r->switches_voluntary, sent), "involuntary_switches_per_op",
        per(r->switches_involuntary, sent), "allocations_per_op", allocations, "operations", tally_json(&r->tally),
        "latency_ns", report_latency(&r->latency), "ordinary_latency_ns", ordinary);
}
