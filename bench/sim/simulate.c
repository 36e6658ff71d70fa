/* The command: options, and what they make of the simulation. */
#include "bench/sim/simulate.h"

#include <stdio.h>
#include <string.h>

#include "bench/common/options.h"
#include "bench/sim/sim_report.h"

#define WARM_UP    5 /* a fifth of the time is not measured */
#define BURST_NS   1000000000ULL
#define AWAY_EVERY 10000000ULL /* ns */
#define NETWORK_NS 100000ULL   /* ns */

static bool take_policy(void *into, const char *text)
{
    for (int id = POLICY_WAIT; id < POLICY_COUNT; id++) {
        const struct admit_policy *policy = admit_policy((enum policy_id)id);
        if (policy->when_full == ADMIT_HOLD || strcmp(policy->name, text) != 0) continue;
        ((struct sim_command *)into)->policy = policy;
        return true;
    }
    return false;
}

#define AT(field) .offset = offsetof(struct sim_command, field)

static const struct option_spec specs[] = {
    {"policy", "NAME", "reject, drop-oldest, codel, codel-rfc or adaptive (default: reject)", OPTION_CUSTOM,
     .take = take_policy},
    {"bound", "N", "queue.bound (default: 1024)", OPTION_COUNT, AT(bound), .min = 1, .max = 1 << 20},
    {"target", "TIME", "queue.target; 0: not set (default)", OPTION_DURATION, AT(target_ns)},
    {"load", "X", "requests sent, as a multiple of what the server can do (default: 2)", OPTION_REAL, AT(load)},
    {"critical", "X", "of these, class=critical, in the same unit (default: 0)", OPTION_REAL, AT(critical)},
    {"greedy", "N", "one more connection that always has N requests under way; 0: none (default)", OPTION_COUNT,
     AT(greedy), .max = 100000},
    {"greedy-critical", NULL, "these are class=critical", OPTION_FLAG, AT(greedy_critical)},
    {"burst", "X", "halfway, the load is X for a second; 0: it stays as it is (default)", OPTION_REAL, AT(burst)},
    {"service", "TIME", "what a request takes (default: 250us)", OPTION_DURATION, AT(service_ns), .min = 1},
    {"exponential", NULL, "service times are exponentially distributed, not constant", OPTION_FLAG,
     AT(exponential)},
    {"slower", "X", "halfway, requests begin to take X times as long (default: 1)", OPTION_REAL, AT(slower)},
    {"stall", "TIME", "halfway, the backend stands still for so long; 0: it does not (default)", OPTION_DURATION,
     AT(stall_ns)},
    {"deadline", "TIME", "of every request; 0: none (default)", OPTION_DURATION, AT(deadline_ns)},
    {"retries", "N", "who is refused sends again, at once, so often (default: 0)", OPTION_COUNT, AT(retries),
     .max = 1000},
    {"connections", "N", "of each class (default: 64)", OPTION_COUNT, AT(connections), .min = 1, .max = 100000},
    {"overtake", NULL, "a refusal does not wait for the answers of earlier requests of its connection", OPTION_FLAG,
     AT(overtake)},
    {"threads", "N", "I/O threads (default: 1)", OPTION_COUNT, AT(threads), .min = 1, .max = 64},
    {"refill", "TIME", "from the end of a batch until its I/O thread sees it (default: 20us)", OPTION_DURATION,
     AT(refill_ns)},
    {"away", "TIME",
     "every 10 ms on average, an I/O thread is kept from its core, for so long on average; 0: never (default)",
     OPTION_DURATION, AT(away_ns)},
    {"network", "TIME", "from a reply until its client sends again, where it does (default: 100us)",
     OPTION_DURATION, AT(network_ns)},
    {"duration", "TIME", "simulated time; the first fifth is not measured (default: 10)", OPTION_DURATION,
     AT(duration_ns), .min = 1},
    {"from", "TIME", "what is measured begins here, in place of the first fifth's end", OPTION_DURATION,
     AT(from_ns)},
    {"pieces", "TIME", "the JSON result tells of pieces of time of this length too; 0: it does not (default)",
     OPTION_DURATION, AT(piece_ns)},
    {"seed", "N", "the same seed gives the same run (default: 1)", OPTION_COUNT, AT(seed)},
    {"json", "FILE", "write the results there; - is standard output", OPTION_TEXT, AT(json)},
};
#define SPECS (sizeof specs / sizeof specs[0])

static struct sim_stream *add_stream(struct sim_options *o, const struct sim_command *c, enum priority priority)
{
    struct sim_stream *stream = &o->streams[o->stream_count++];
    *stream = (struct sim_stream){
        .connections = (uint32_t)c->connections,
        .priority = priority,
        .deadline_ms = (c->deadline_ns + 999999) / 1000000,
        .retries = (uint32_t)c->retries,
    };
    return stream;
}

/* Poisson arrivals: `load` times the capacity, and where that is said, `burst` times for a second. */
static void add_load(struct sim_options *o, const struct sim_command *c, enum priority priority, double load,
                     double burst)
{
    double capacity = 1e9 / (double)c->service_ns;
    if (load <= 0) return;
    struct arrival_plan *plan = &add_stream(o, c, priority)->plan;
    *plan = (struct arrival_plan){.law = ARRIVALS_POISSON, .count = 1, .steps = {{0, load * capacity}}};
    if (burst <= 0) return;
    plan->count = 3;
    plan->steps[1] = (struct arrival_step){c->duration_ns / 2, burst * capacity};
    plan->steps[2] = (struct arrival_step){c->duration_ns / 2 + BURST_NS, load * capacity};
}

static struct sim_options options_of(const struct sim_command *c)
{
    struct sim_options o = {
        .policy = c->policy,
        .bound = (uint32_t)c->bound,
        .target_ns = c->target_ns,
        .gates = (uint32_t)c->threads,
        .refill_ns = c->refill_ns,
        .network_ns = c->network_ns,
        .overtake = c->overtake,
        .away_ns = c->away_ns,
        .away_every_ns = AWAY_EVERY,
        .exponential = c->exponential,
        .step_count = 2,
        .steps = {{0, c->service_ns}, {c->duration_ns / 2, (uint64_t)((double)c->service_ns * c->slower)}},
        .stall_at_ns = c->duration_ns / 2,
        .stall_ns = c->stall_ns,
        .window_count = 1,
        .windows = {{c->from_ns ? c->from_ns : c->duration_ns / WARM_UP, c->duration_ns}},
        .piece_ns = c->piece_ns,
        .duration_ns = c->duration_ns,
        .seed = c->seed,
    };
    add_load(&o, c, PRIORITY_NORMAL, c->load - c->critical, c->burst);
    add_load(&o, c, PRIORITY_CRITICAL, c->critical, 0);
    if (!c->greedy) return o;
    struct sim_stream *greedy = add_stream(&o, c, c->greedy_critical ? PRIORITY_CRITICAL : PRIORITY_NORMAL);
    greedy->connections = 1;
    greedy->depth = (uint32_t)c->greedy;
    greedy->retries = 0;
    return o;
}

int simulate_main(int argc, char **argv)
{
    struct sim_command c = {.policy = &policy_reject,
                            .bound = 1024,
                            .connections = 64,
                            .threads = 1,
                            .seed = 1,
                            .service_ns = 250000,
                            .refill_ns = 20000,
                            .network_ns = NETWORK_NS,
                            .duration_ns = 10000000000,
                            .load = 2,
                            .slower = 1};
    if (options_want_help(argc, argv)) {
        puts("usage: sluice-bench simulate [options]\n\n"
             "The daemon's admission under a virtual clock, between simulated clients and a simulated backend.\n");
        options_print_help(stdout, specs, SPECS);
        return 0;
    }
    if (!options_parse(specs, SPECS, argc, argv, &c)) return 2;
    if (c.from_ns >= c.duration_ns && c.from_ns > 0) {
        options_complain("simulate", "--from must be before the end, --duration");
        return 2;
    }
    FILE *json = c.json ? report_open(c.json) : NULL;
    if (c.json && !json) return 1;
    struct sim_options o = options_of(&c);
    struct sim_result *r = sim_run(&o);
    if (!r) {
        fputs("sluice-bench: out of memory\n", stderr);
        return 1;
    }
    bool ok = true;
    if (!c.json || strcmp(c.json, "-") != 0) sim_report_print(&c, &o, r);
    if (json) ok = sim_report_json(&c, &o, r, argc, argv, json);
    sim_result_free(r);
    return ok ? 0 : 1;
}
