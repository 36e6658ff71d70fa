#include "bench/sim/sim_report.h"

static const char *name_of(const struct sim_stream *stream)
{
    if (stream->depth > 0) return "greedy";
    return stream->priority == PRIORITY_CRITICAL ? "critical" : "normal";
}

static double percent(uint64_t part, uint64_t whole)
{
    return whole ? (double)part * 100 / (double)whole : 0;
}

static double measured_ns(const struct sim_options *o)
{
    return (double)(o->windows[0].to_ns - o->windows[0].from_ns);
}

/* ---- for people ---- */

static void print_stream(const struct sim_options *o, const struct sim_result *r, size_t stream)
{
    const struct sim_count *n = &r->windows[0][stream];
    printf("%-9s %10llu %10llu %8.2f%% %10llu %8llu %9.0f %9.0f %9.0f %9.0f\n", name_of(&o->streams[stream]),
           (unsigned long long)n->sent, (unsigned long long)n->served, percent(n->served, n->sent),
           (unsigned long long)n->overloaded, (unsigned long long)n->late,
           (double)histogram_quantile(&n->latency_ns, 0.5) / 1e3,
           (double)histogram_quantile(&n->latency_ns, 0.99) / 1e3,
           (double)histogram_quantile(&n->latency_ns, 0.999) / 1e3,
           (double)histogram_quantile(&n->refused_ns, 0.99) / 1e3);
}

void sim_report_print(const struct sim_command *c, const struct sim_options *o, const struct sim_result *r)
{
    printf("policy %s, load %g: goodput %.0f/s, backend busy %.2f%%, spent on expired requests %.3f%%\n",
           c->policy->name, c->load, sim_goodput(o, r, 0), (double)r->busy_ns[0] * 100 / measured_ns(o),
           percent(r->wasted_ns, r->all_busy_ns));
    printf("%-9s %10s %10s %9s %10s %8s %9s %9s %9s %9s\n", "class", "sent", "served", "", "overloaded", "late",
           "p50 us", "p99 us", "p999 us", "refused99");
    for (size_t i = 0; i < o->stream_count; i++)
        print_stream(o, r, i);
}

/* ---- for programs ---- */

static void set(json_t *object, const char *name, json_t *value)
{
    json_object_set_new(object, name, value);
}

static void set_count(json_t *object, const char *name, uint64_t n)
{
    set(object, name, json_integer((json_int_t)n));
}

static json_t *count_json(const struct sim_count *n)
{
    json_t *j = json_object();
    set_count(j, "sent", n->sent);
    set_count(j, "served", n->served);
    set_count(j, "overloaded", n->overloaded);
    set_count(j, "late", n->late);
    set_count(j, "lost", n->lost);
    set(j, "latency_ns", report_latency(&n->latency_ns));
    set(j, "refused_ns", report_latency(&n->refused_ns));
    return j;
}

static json_t *stream_json(const struct sim_options *o, const struct sim_result *r, size_t stream)
{
    json_t *j = json_object();
    set(j, "name", json_string(name_of(&o->streams[stream])));
    set(j, "measured", count_json(&r->windows[0][stream]));
    set(j, "all", count_json(&r->total[stream]));
    return j;
}

static json_t *pieces_json(const struct sim_options *o, const struct sim_result *r)
{
    json_t *list = json_array();
    for (size_t i = 0; i < r->piece_count; i++) {
        json_t *j = json_object();
        set(j, "at_s", json_real((double)(i + 1) * (double)o->piece_ns / 1e9));
        set_count(j, "served", r->pieces[i].served);
        set_count(j, "refused", r->pieces[i].refused);
        set_count(j, "longest_ns", r->pieces[i].longest_ns);
        json_array_append_new(list, j);
    }
    return list;
}

bool sim_report_json(const struct sim_command *c, const struct sim_options *o, const struct sim_result *r, int argc,
                     char **argv, FILE *file)
{
    json_t *root = report_head("simulation", argc, argv, c->seed), *results = json_object(),
           *streams = json_array();
    set(results, "goodput_per_s", json_real(sim_goodput(o, r, 0)));
    set(results, "capacity_per_s", json_real(1e9 / (double)c->service_ns));
    set(results, "busy", json_real((double)r->busy_ns[0] / measured_ns(o)));
    set(results, "wasted_percent", json_real(percent(r->wasted_ns, r->all_busy_ns)));
    set_count(results, "expired", r->expired);
    set_count(results, "supplanted", r->supplanted);
    set_count(results, "deepest", r->deepest);
    for (size_t i = 0; i < o->stream_count; i++)
        json_array_append_new(streams, stream_json(o, r, i));
    set(results, "streams", streams);
    if (r->piece_count) set(results, "pieces", pieces_json(o, r));
    set(root, "results", results);
    bool ok = report_write_json(root, file, c->json);
    json_decref(root);
    return ok;
}
