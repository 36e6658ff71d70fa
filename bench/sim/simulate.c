/* `sluice-bench simulate`: options, what they make of the simulation (sim.h), and its results. */
#include <stdio.h>
#include <string.h>

#include "bench/commands.h"
#include "bench/common/options.h"
#include "bench/common/report.h"
#include "bench/sim/sim.h"

#define WARM_UP    5 /* a fifth of the time is not measured */
#define BURST_NS   1000000000ULL
#define AWAY_EVERY 10000000ULL /* ns */
#define WHOLE_MS   1000000     /* ns */

struct sim_command {
    struct sim_options o;
    uint64_t connections, greedy, retries, service_ns, deadline_ns, from_ns;
    double load, critical, slower, burst;
    bool greedy_critical;
    const char *json;
};

static bool take_policy(void *into, const char *text)
{
    for (int id = POLICY_WAIT; id < POLICY_COUNT; id++) {
        const struct admit_policy *policy = admit_policy((enum policy_id)id);
        if (policy->when_full == ADMIT_HOLD || strcmp(policy->name, text) != 0) continue;
        ((struct sim_command *)into)->o.policy = policy;
        return true;
    }
    return false;
}

#define OPTIONS_INTO struct sim_command

static const struct option_spec specs[] = {
    CUSTOM("policy", "NAME", "reject", take_policy, "reject, drop-oldest, codel, codel-rfc or adaptive"),
    COUNT("bound", "N", "1024", o.bound, 1, 1 << 20, "queue.bound"),
    DURATION("target", "0", o.target_ns, 0, 0, "queue.target; 0: not set"),
    REAL("load", "X", "2", load, "requests sent, as a multiple of what the server can do"),
    REAL("critical", "X", "0", critical, "of these, class=critical, in the same unit"),
    COUNT("greedy", "N", "0", greedy, 0, 100000,
          "one more connection that always has N requests under way; 0: none"),
    FLAG("greedy-critical", greedy_critical, "these are class=critical"),
    REAL("burst", "X", "0", burst, "halfway, the load is X for a second; 0: it stays as it is"),
    DURATION("service", "250us", service_ns, 1, 0, "what a request takes"),
    FLAG("exponential", o.exponential, "service times are exponentially distributed, not constant"),
    REAL("slower", "X", "1", slower, "halfway, requests begin to take X times as long"),
    DURATION("stall", "0", o.stall_ns, 0, 0, "halfway, the backend stands still for so long"),
    DURATION("deadline", "0", deadline_ns, 0, 0, "of every request; 0: none"),
    COUNT("retries", "N", "0", retries, 0, 1000, "who is refused sends again, at once, so often"),
    COUNT("connections", "N", "64", connections, 1, 100000, "of each class"),
    FLAG("overtake", o.overtake, "a refusal does not wait for the answers of earlier requests of its connection"),
    COUNT("threads", "N", "1", o.gates, 1, 64, "I/O threads"),
    DURATION("refill", "20us", o.refill_ns, 0, 0, "from the end of a batch until its I/O thread sees it"),
    DURATION("away", "0", o.away_ns, 0, 0,
             "every 10 ms on average, an I/O thread is kept from its core, for so long on average"),
    DURATION("network", "100us", o.network_ns, 0, 0, "from a reply until its client sends again, where it does"),
    DURATION("duration", "10", o.duration_ns, 1, 0, "simulated time; the first fifth is not measured"),
    DURATION("from", "0", from_ns, 0, 0, "what is measured begins here, in place of the first fifth's end"),
    DURATION("pieces", "0", o.piece_ns, 0, 0,
             "the JSON result tells of pieces of time of this length too; 0: it does not"),
    COUNT("seed", "N", "1", o.seed, 0, 0, "the same seed gives the same run"),
    TEXT("json", "FILE", NULL, json, "write the results there; - is standard output, in place of the table"),
};

static const struct option_table table = {
    "The daemon's admission under a virtual clock, between simulated clients and a simulated backend.", specs,
    sizeof specs / sizeof specs[0]};

static struct sim_stream *add_stream(struct sim_command *c, enum priority priority)
{
    struct sim_stream *stream = &c->o.streams[c->o.stream_count++];
    *stream = (struct sim_stream){
        .connections = (uint32_t)c->connections,
        .priority = priority,
        .deadline_ms = (c->deadline_ns + WHOLE_MS - 1) / WHOLE_MS,
        .retries = (uint32_t)c->retries,
    };
    return stream;
}

/* Poisson arrivals: `load` times the capacity, and where that is said, `burst` times for a second. */
static void add_load(struct sim_command *c, enum priority priority, double load, double burst)
{
    double capacity = 1e9 / (double)c->service_ns;
    if (load <= 0) return;
    struct arrival_plan *plan = &add_stream(c, priority)->plan;
    *plan = (struct arrival_plan){.law = ARRIVALS_POISSON, .count = 1, .steps = {{0, load * capacity}}};
    if (burst <= 0) return;
    plan->count = 3;
    plan->steps[1] = (struct arrival_step){c->o.duration_ns / 2, burst * capacity};
    plan->steps[2] = (struct arrival_step){c->o.duration_ns / 2 + BURST_NS, load * capacity};
}

/* What follows from the options. */
static void complete(struct sim_command *c)
{
    struct sim_options *o = &c->o;
    o->away_every_ns = AWAY_EVERY;
    o->step_count = 2;
    o->steps[0].mean_ns = c->service_ns;
    o->steps[1] = (struct sim_step){o->duration_ns / 2, (uint64_t)((double)c->service_ns * c->slower)};
    o->stall_at_ns = o->duration_ns / 2;
    o->window_count = 1;
    o->windows[0] = (struct sim_window){c->from_ns ? c->from_ns : o->duration_ns / WARM_UP, o->duration_ns};
    add_load(c, PRIORITY_NORMAL, c->load - c->critical, c->burst);
    add_load(c, PRIORITY_CRITICAL, c->critical, 0);
    if (!c->greedy) return;
    struct sim_stream *greedy = add_stream(c, c->greedy_critical ? PRIORITY_CRITICAL : PRIORITY_NORMAL);
    greedy->connections = 1;
    greedy->depth = (uint32_t)c->greedy;
    greedy->retries = 0;
}

/* ---- results ---- */

static const char *name_of(const struct sim_stream *stream)
{
    if (stream->depth > 0) return "greedy";
    return stream->priority == PRIORITY_CRITICAL ? "critical" : "normal";
}

static double percent(uint64_t part, uint64_t whole)
{
    return whole ? (double)part * 100 / (double)whole : 0;
}

static json_t *count_json(const struct sim_count *n)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "sent", (json_int_t)n->sent, "served",
                     (json_int_t)n->served, "overloaded", (json_int_t)n->overloaded, "late", (json_int_t)n->late,
                     "lost", (json_int_t)n->lost, "latency_ns", report_latency(&n->latency_ns), "refused_ns",
                     report_latency(&n->refused_ns));
}

static json_t *streams_json(const struct sim_options *o, const struct sim_result *r)
{
    json_t *list = json_array();
    for (size_t i = 0; i < o->stream_count; i++) {
        json_array_append_new(list, json_pack("{s:s, s:o, s:o}", "name", name_of(&o->streams[i]), "measured",
                                              count_json(&r->windows[0][i]), "all", count_json(&r->total[i])));
    }
    return list;
}

static json_t *pieces_json(const struct sim_options *o, const struct sim_result *r)
{
    json_t *list = json_array();
    for (size_t i = 0; i < r->piece_count; i++) {
        const struct sim_piece *piece = &r->pieces[i];
        json_array_append_new(list,
                              json_pack("{s:f, s:I, s:I, s:I}", "at_s", (double)(i + 1) * (double)o->piece_ns / 1e9,
                                        "served", (json_int_t)piece->served, "refused", (json_int_t)piece->refused,
                                        "longest_ns", (json_int_t)piece->longest_ns));
    }
    return list;
}

static json_t *results_json(const struct sim_command *c, const struct sim_result *r)
{
    const struct sim_options *o = &c->o;
    double measured_ns = (double)(o->windows[0].to_ns - o->windows[0].from_ns);
    json_t *results = json_pack(
        "{s:f, s:f, s:f, s:f, s:I, s:I, s:I, s:o}", "goodput_per_s", sim_goodput(o, r, 0), "capacity_per_s",
        1e9 / (double)c->service_ns, "busy", (double)r->busy_ns[0] / measured_ns, "wasted_percent",
        percent(r->wasted_ns, r->all_busy_ns), "expired", (json_int_t)r->expired, "supplanted",
        (json_int_t)r->supplanted, "deepest", (json_int_t)r->deepest, "streams", streams_json(o, r));
    if (r->piece_count) json_object_set_new(results, "pieces", pieces_json(o, r));
    return results;
}

int simulate_main(int argc, char **argv)
{
    struct sim_command c = {0};
    struct report report;
    json_t *options = options_parse(&table, argc, argv, &c);
    bool wrong = c.from_ns >= c.o.duration_ns && c.from_ns > 0;
    if (options && wrong) options_complain("simulate", "--from must be before the end, --duration");
    if (!options || wrong) {
        json_decref(options);
        return 2;
    }
    complete(&c);
    bool begun = report_begin(&report, "simulation", argc, argv, options, c.json);
    struct sim_result *r = begun ? sim_run(&c.o) : NULL;
    if (begun && !r) report_fail("out of memory");
    bool ok = report_end(&report, r ? results_json(&c, r) : NULL);
    sim_result_free(r);
    json_decref(options);
    return ok ? 0 : 1;
}
