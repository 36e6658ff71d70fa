#include "bench/sim/simulate.h"

#include <stdio.h>
#include <string.h>

#include "bench/common/options.h"
#include "bench/sim/sim.h"

#define WARM_UP 5 /* a fifth of the time is not measured */

struct command {
    const struct admit_policy *policy;
    uint64_t bound, connections, threads, seed;
    uint64_t target_ns, service_ns, refill_ns, duration_ns, deadline_ns;
    double load, critical, slower;
    bool exponential;
};

static bool take_policy(void *into, const char *text)
{
    for (int id = 0; id < POLICY_ID_COUNT; id++) {
        const struct admit_policy *policy = admit_policy((enum policy_id)id);
        if (policy->when_full == ADMIT_HOLD || strcmp(policy->name, text) != 0) continue;
        ((struct command *)into)->policy = policy;
        return true;
    }
    return false;
}

#define AT(field) .offset = offsetof(struct command, field)

static const struct option_spec specs[] = {
    {"policy", "NAME", "reject, drop-oldest, codel, codel-rfc or adaptive (default: reject)", OPTION_CUSTOM,
     .take = take_policy},
    {"bound", "N", "queue.bound (default: 1024)", OPTION_COUNT, AT(bound), .min = 1, .max = 1 << 20},
    {"target", "TIME", "queue.target; 0: not set (default)", OPTION_DURATION, AT(target_ns)},
    {"load", "X", "requests sent, as a multiple of what the server can do (default: 2)", OPTION_REAL, AT(load)},
    {"critical", "X", "of these, class=critical, in the same unit (default: 0)", OPTION_REAL, AT(critical)},
    {"service", "TIME", "what a request takes (default: 250us)", OPTION_DURATION, AT(service_ns), .min = 1},
    {"exponential", NULL, "service times are exponentially distributed, not constant", OPTION_FLAG,
     AT(exponential)},
    {"slower", "X", "halfway, requests begin to take X times as long (default: 1)", OPTION_REAL, AT(slower)},
    {"deadline", "TIME", "of every request; 0: none (default)", OPTION_DURATION, AT(deadline_ns)},
    {"connections", "N", "of each class (default: 64)", OPTION_COUNT, AT(connections), .min = 1, .max = 100000},
    {"threads", "N", "I/O threads (default: 1)", OPTION_COUNT, AT(threads), .min = 1, .max = 64},
    {"refill", "TIME", "from the end of a batch until its I/O thread sees it (default: 20us)", OPTION_DURATION,
     AT(refill_ns)},
    {"duration", "TIME", "simulated time; the first fifth is not measured (default: 10)", OPTION_DURATION,
     AT(duration_ns), .min = 1},
    {"seed", "N", "the same seed gives the same run (default: 1)", OPTION_COUNT, AT(seed)},
};
#define SPECS (sizeof specs / sizeof specs[0])

static void add_stream(struct sim_options *o, const struct command *c, enum priority priority, double rate)
{
    if (rate <= 0) return;
    o->streams[o->stream_count++] = (struct sim_stream){
        .connections = (uint32_t)c->connections,
        .plan = {.law = ARRIVALS_POISSON, .count = 1, .steps = {{0, rate}}},
        .priority = priority,
        .deadline_ms = (c->deadline_ns + 999999) / 1000000,
    };
}

static struct sim_options options_of(const struct command *c)
{
    double capacity = 1e9 / (double)c->service_ns;
    struct sim_options o = {
        .policy = c->policy,
        .bound = (uint32_t)c->bound,
        .target_ns = c->target_ns,
        .gates = (uint32_t)c->threads,
        .refill_ns = c->refill_ns,
        .network_ns = 100000,
        .exponential = c->exponential,
        .step_count = 2,
        .steps = {{0, c->service_ns}, {c->duration_ns / 2, (uint64_t)((double)c->service_ns * c->slower)}},
        .window_count = 1,
        .windows = {{c->duration_ns / WARM_UP, c->duration_ns}},
        .duration_ns = c->duration_ns,
        .seed = c->seed,
    };
    add_stream(&o, c, PRIORITY_NORMAL, capacity * (c->load - c->critical));
    add_stream(&o, c, PRIORITY_CRITICAL, capacity * c->critical);
    return o;
}

static void print_stream(const struct sim_options *o, const struct sim_result *r, size_t stream)
{
    const struct sim_count *n = &r->windows[0][stream];
    double sent = n->sent ? (double)n->sent : 1;
    printf("%-9s %10llu %10llu %8.2f%% %10llu %8llu %9.0f %9.0f %9.0f\n",
           o->streams[stream].priority == PRIORITY_CRITICAL ? "critical" : "normal", (unsigned long long)n->sent,
           (unsigned long long)n->served, (double)n->served * 100 / sent, (unsigned long long)n->overloaded,
           (unsigned long long)n->late, (double)histogram_quantile(&n->latency_ns, 0.5) / 1e3,
           (double)histogram_quantile(&n->latency_ns, 0.99) / 1e3,
           (double)histogram_quantile(&n->latency_ns, 0.999) / 1e3);
}

int simulate_main(int argc, char **argv)
{
    struct command c = {.policy = &policy_reject,
                        .bound = 1024,
                        .connections = 64,
                        .threads = 1,
                        .seed = 1,
                        .service_ns = 250000,
                        .refill_ns = 20000,
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
    struct sim_options o = options_of(&c);
    struct sim_result *r = sim_run(&o);
    if (!r) {
        fputs("sluice-bench: out of memory\n", stderr);
        return 1;
    }
    double measured_ns = (double)(o.windows[0].to_ns - o.windows[0].from_ns);
    printf("policy %s, load %g: goodput %.0f/s, backend busy %.2f%%, spent on expired requests %.3f%%\n",
           c.policy->name, c.load, sim_goodput(&o, r, 0), (double)r->busy_ns[0] * 100 / measured_ns,
           (double)r->wasted_ns * 100 / (double)(r->all_busy_ns + 1));
    printf("%-9s %10s %10s %9s %10s %8s %9s %9s %9s\n", "class", "sent", "served", "", "overloaded", "late",
           "p50 us", "p99 us", "p999 us");
    for (size_t i = 0; i < o.stream_count; i++)
        print_stream(&o, r, i);
    sim_result_free(r);
    return 0;
}
