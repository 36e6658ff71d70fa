/* The verdict, and all of it as JSON. */
#include "bench/load/result.h"

#include <stdio.h>

#include "bench/common/report.h"

double load_goodput(const struct load_result *r)
{
    const counter *in = r->tally->in_window;
    if (!(r->seconds > 0)) return 0;
    return (double)(counter_get(&in[OUTCOME_SERVED]) + counter_get(&in[OUTCOME_NOT_FOUND])) / r->seconds;
}

/* The share of a core that the busiest generator thread used, spinning left out. */
static double busiest(const struct load_result *r)
{
    double most = 0;
    for (uint64_t i = 0; i < r->settings->threads && r->cpu_seconds > 0; i++) {
        const struct load_thread *t = &r->threads[i];
        uint64_t work = t->cpu_ns > t->spin_ns ? t->cpu_ns - t->spin_ns : 0;
        double share = (double)work / (r->cpu_seconds * 1e9);
        if (share > most) most = share;
    }
    return most;
}

double load_server_ns(const struct load_result *r)
{
    uint64_t answered = tally_sum(r->tally->in_window);
    if (!answered || !(r->cpu_seconds > 0)) return 0;
    return (double)r->server_cpu_ns / r->cpu_seconds * r->seconds / (double)answered;
}

size_t load_spoiled(const struct load_result *r, char reasons[2][120])
{
    uint64_t lag = histogram_quantile(&r->tally->lag, 0.99);
    double most = busiest(r);
    size_t count = 0;
    char text[16];
    if (r->settings->open_loop && lag > LOAD_LAG_LIMIT_NS) {
        snprintf(reasons[count++], 120, "p99 of the send lag is %s, more than 50 us",
                 report_format_ns(text, sizeof text, lag));
    }
    if (most > LOAD_CPU_LIMIT)
        snprintf(reasons[count++], 120, "a generator thread used %.0f %% of a core, more than 70 %%", 100 * most);
    return count;
}

/* ---- JSON ---- */

static json_t *integer(uint64_t n)
{
    return json_integer((json_int_t)n);
}

static json_t *outcomes_json(const counter outcomes[OUTCOME_COUNT])
{
    json_t *json = json_object();
    for (unsigned o = 0; o < OUTCOME_COUNT; o++)
        json_object_set_new(json, outcome_name((enum outcome)o), integer(counter_get(&outcomes[o])));
    return json;
}

static json_t *rates_json(const struct load_result *r)
{
    const struct tally *t = r->tally;
    double seconds = r->seconds > 0 ? r->seconds : 1;
    uint64_t answered = tally_sum(t->in_window);
    uint64_t refused = counter_get(&t->in_window[OUTCOME_OVERLOADED]) + counter_get(&t->in_window[OUTCOME_LATE]);
    return json_pack("{s:f, s:f, s:f, s:f, s:f}", "offered_per_s",
                     (double)(counter_get(&t->sent) + counter_get(&t->unsent)) / seconds, "goodput_per_s",
                     load_goodput(r), "refused_per_s", (double)refused / seconds, "answered_per_s",
                     (double)answered / seconds, "refusal_rate",
                     answered ? (double)refused / (double)answered : 0.0);
}

static json_t *generator_json(const struct load_result *r)
{
    const struct tally *t = r->tally;
    json_t *threads = json_array(), *reasons = json_array();
    char texts[2][120];
    size_t spoiled = load_spoiled(r, texts);
    for (uint64_t i = 0; i < r->settings->threads; i++) {
        json_array_append_new(threads, json_pack("{s:I, s:I}", "cpu_ns", (json_int_t)r->threads[i].cpu_ns,
                                                 "spin_ns", (json_int_t)r->threads[i].spin_ns));
    }
    for (size_t i = 0; i < spoiled; i++)
        json_array_append_new(reasons, json_string(texts[i]));
    return json_pack("{s:b, s:o, s:f, s:I, s:o}", "spoiled", spoiled > 0, "reasons", reasons,
                     "busiest_without_spinning", busiest(r), "late_sends", (json_int_t)counter_get(&t->late),
                     "threads", threads);
}

static json_t *server_json(const struct load_result *r)
{
    json_t *threads = json_array();
    for (size_t i = 0; i < r->server.count; i++) {
        const struct server_thread *t = &r->server.threads[i];
        json_array_append_new(
            threads, json_pack("{s:i, s:s, s:I}", "tid", t->tid, "name", t->name, "cpu_ns", (json_int_t)t->cpu_ns));
    }
    return json_pack("{s:I, s:f, s:f, s:o}", "cpu_ns", (json_int_t)r->server_cpu_ns, "seconds", r->cpu_seconds,
                     "cpu_ns_per_answer", load_server_ns(r), "threads", threads);
}

static json_t *connections_json(const struct tally *t)
{
    return json_pack("{s:I, s:I, s:I, s:I}", "lost", (json_int_t)counter_get(&t->lost), "nonsense",
                     (json_int_t)counter_get(&t->nonsense), "reconnected", (json_int_t)counter_get(&t->reconnected),
                     "requests_lost", (json_int_t)counter_get(&t->lost_requests));
}

static json_t *accepted_and_refused(const struct tally *t, json_t *(*tell)(const struct histogram *h))
{
    return json_pack("{s:o, s:o}", "accepted", tell(&t->accepted), "refused", tell(&t->refused));
}

json_t *load_json(const struct load_result *r)
{
    const struct tally *t = r->tally;
    json_t *by_op = json_object();
    for (unsigned op = 0; op < TALLY_OPS; op++)
        if (tally_sum(t->by_op[op])) json_object_set_new(by_op, op_name((enum op)op), outcomes_json(t->by_op[op]));
    json_t *json = json_pack(
        "{s:f, s:o, s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "seconds", r->seconds,
        "sent", integer(counter_get(&t->sent)), "unsent", integer(counter_get(&t->unsent)), "accounted",
        tally_accounted(t), "outcomes", outcomes_json(t->outcomes), "outcomes_by_operation", by_op,
        "answered_in_time", outcomes_json(t->in_window), "rates", rates_json(r), "latency_ns",
        accepted_and_refused(t, report_latency), "retried", integer(counter_get(&t->retried)), "send_lag_ns",
        report_latency(&t->lag), "held_back_ns", report_latency(&t->held), "connections", connections_json(t),
        "generator", generator_json(r), "server", r->has_server ? server_json(r) : json_null());
    if (r->first_error[0]) json_object_set_new(json, "first_error", json_string(r->first_error));
    if (r->settings->distributions)
        json_object_set_new(json, "distributions_ns", accepted_and_refused(t, report_distribution));
    return json;
}
