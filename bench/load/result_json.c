/* The same as JSON, and one result in ratio to another. */
#include <stdio.h>

#include "bench/common/report.h"
#include "bench/load/result.h"

static json_t *integer(uint64_t n)
{
    return json_integer((json_int_t)n);
}

static json_t *outcomes_json(const counter outcomes[OUTCOME_COUNT])
{
    json_t *json = json_object();

    for (unsigned o = 0; o < OUTCOME_COUNT; o++) {
        json_object_set_new(json, outcome_name((enum outcome)o), integer(counter_get(&outcomes[o])));
    }
    return json;
}

static json_t *steps_json(const struct arrival_plan *plan)
{
    json_t *array = json_array();

    for (size_t i = 0; i < plan->count; i++) {
        json_array_append_new(array, json_pack("{s:f, s:f}", "at_s", (double)plan->steps[i].at_ns / 1e9, "rate",
                                               plan->steps[i].rate));
    }
    return array;
}

json_t *load_options(const struct load_settings *s)
{
    json_t *json = json_pack("{s:s, s:s, s:I, s:I, s:s, s:s, s:I, s:s, s:I, s:s, s:b}", "target", s->target.text,
                             "protocol", s->adapter->name, "connections", (json_int_t)s->connections, "threads",
                             (json_int_t)s->threads, "loop", s->open_loop ? "open" : "closed", "mix", s->mix_text,
                             "keys", (json_int_t)s->keys.count, "key_dist", s->key_law_text, "key_size",
                             (json_int_t)s->keys.size, "value", s->value_text, "fill", s->fill);

    json_object_set_new(json, "ttl_ms", s->ttl_kind == TTL_RELATIVE ? integer(s->ttl_ms) : json_null());
    json_object_set_new(json, "deadline_ms", s->deadline_ms ? integer(s->deadline_ms) : json_null());
    json_object_set_new(json, "class", integer(s->priority));
    json_object_set_new(json, "retries", integer(s->retries));
    json_object_set_new(json, "early_refusals", json_boolean(s->early_refusals));
    json_object_set_new(json, "warmup_s", json_real((double)s->warmup_ns / 1e9));
    json_object_set_new(json, "duration_s", s->count ? json_null() : json_real((double)s->duration_ns / 1e9));
    json_object_set_new(json, "count", s->count ? integer(s->count) : json_null());
    json_object_set_new(json, "drain_s", json_real((double)s->drain_ns / 1e9));
    if (!s->open_loop) {
        json_object_set_new(json, "depth", integer(s->depth));
        return json;
    }
    json_object_set_new(json, "arrivals", json_string(s->plan.law == ARRIVALS_POISSON ? "poisson" : "constant"));
    json_object_set_new(json, "rate", json_real(s->rate));
    json_object_set_new(json, "steps_from_warmup", steps_json(&s->plan));
    json_object_set_new(json, "in_flight", integer(s->in_flight));
    json_object_set_new(json, "spin_us", json_real((double)s->spin_ns / 1e3));
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
    for (size_t i = 0; i < spoiled; i++) {
        json_array_append_new(reasons, json_string(texts[i]));
    }
    return json_pack("{s:b, s:o, s:f, s:I, s:o}", "spoiled", spoiled > 0, "reasons", reasons,
                     "busiest_without_spinning", load_busiest(r), "late_sends", (json_int_t)counter_get(&t->late),
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

json_t *load_json(const struct load_result *r)
{
    const struct tally *t = r->tally;
    json_t *by_op = json_object();
    json_t *json =
        json_pack("{s:f, s:I, s:I, s:b}", "seconds", r->seconds, "sent", (json_int_t)counter_get(&t->sent),
                  "unsent", (json_int_t)counter_get(&t->unsent), "accounted", tally_accounted(t));

    for (unsigned op = 0; op < TALLY_OPS; op++) {
        if (tally_sum(t->by_op[op])) json_object_set_new(by_op, op_name((enum op)op), outcomes_json(t->by_op[op]));
    }
    json_object_set_new(json, "outcomes", outcomes_json(t->outcomes));
    json_object_set_new(json, "outcomes_by_operation", by_op);
    json_object_set_new(json, "answered_in_time", outcomes_json(t->in_window));
    json_object_set_new(json, "rates", rates_json(r));
    json_object_set_new(
        json, "latency_ns",
        json_pack("{s:o, s:o}", "accepted", report_latency(&t->accepted), "refused", report_latency(&t->refused)));
    json_object_set_new(json, "retried", integer(counter_get(&t->retried)));
    json_object_set_new(json, "send_lag_ns", report_latency(&t->lag));
    json_object_set_new(json, "held_back_ns", report_latency(&t->held));
    json_object_set_new(json, "connections",
                        json_pack("{s:I, s:I, s:I, s:I}", "lost", (json_int_t)counter_get(&t->lost), "nonsense",
                                  (json_int_t)counter_get(&t->nonsense), "reconnected",
                                  (json_int_t)counter_get(&t->reconnected), "requests_lost",
                                  (json_int_t)counter_get(&t->lost_requests)));
    json_object_set_new(json, "generator", generator_json(r));
    json_object_set_new(json, "server", r->has_server ? server_json(r) : json_null());
    if (r->first_error[0]) json_object_set_new(json, "first_error", json_string(r->first_error));
    return json;
}

void load_print_ratio(FILE *out, const json_t *now, const json_t *then, const char *name)
{
    static const struct {
        const char *title, *path;
    } rows[] = {
        {"goodput", "results.rates.goodput_per_s"},
        {"server CPU per answer", "results.server.cpu_ns_per_answer"},
        {"p50 of executed", "results.latency_ns.accepted.p50"},
        {"p99 of executed", "results.latency_ns.accepted.p99"},
        {"p99.9 of executed", "results.latency_ns.accepted.p99_9"},
        {"max of executed", "results.latency_ns.accepted.max"},
    };

    fprintf(out, "\n  in ratio to %s\n", name);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const json_t *a = report_number(now, rows[i].path), *b = report_number(then, rows[i].path);
        if (!a || !b || !(json_number_value(b) > 0)) continue;
        fprintf(out, "    %-22s %8.3f\n", rows[i].title, json_number_value(a) / json_number_value(b));
    }
}
