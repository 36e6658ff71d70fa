/* What the tests on simulated overload share: a server that does 4,000 requests a second, the policies, the goals.
 */
#ifndef TESTS_UNIT_SIM_HELPER_H
#define TESTS_UNIT_SIM_HELPER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "bench/sim/sim.h"

#define MS       1000000ULL
#define SERVICE  250000ULL /* ns */
#define CAPACITY 4000.0    /* a second */
#define TARGET   (5 * MS)

/* A policy as users set it. */
struct setup {
    const char *name;
    const struct admit_policy *policy;
    uint64_t target_ns;
};

#define SETUPS 6 /* those that keep goals */
static const struct setup setups[SETUPS] = {{"reject", &policy_reject, 0},
                                            {"reject, target", &policy_reject, TARGET},
                                            {"drop-oldest", &policy_drop_oldest, 0},
                                            {"drop-oldest, target", &policy_drop_oldest, TARGET},
                                            {"codel", &policy_codel, 0},
                                            {"adaptive", &policy_adaptive, 0}};

static inline struct sim_stream open_loop(uint32_t connections, double load)
{
    return (struct sim_stream){.connections = connections,
                               .plan = {.law = ARRIVALS_POISSON, .count = 1, .steps = {{0, load * CAPACITY}}}};
}

static inline struct sim_options options_of(const struct setup *setup, uint64_t duration_ms)
{
    return (struct sim_options){
        .policy = setup->policy,
        .target_ns = setup->target_ns,
        .bound = 1024,
        .gates = 1,
        .refill_ns = 20000,
        .network_ns = 100000,
        .away_every_ns = 10 * MS,
        .step_count = 1,
        .steps = {{0, SERVICE}},
        .stream_count = 1,
        .window_count = 1,
        .windows = {{duration_ms / 5 * MS, duration_ms * MS}}, /* after a second or so it has settled */
        .duration_ns = duration_ms * MS,
        .seed = 7,
    };
}

/* Every request is answered in exactly one way. */
static inline struct sim_result *run(const struct sim_options *o)
{
    struct sim_result *r = sim_run(o);
    assert_non_null(r);
    for (size_t i = 0; i < o->stream_count; i++) {
        const struct sim_count *n = &r->total[i];
        assert_int_equal(n->sent, n->served + n->overloaded + n->late);
    }
    /* A gate that has less than its share of the bound need not look at the others. */
    assert_true(r->deepest <= o->bound + (o->gates - 1) * 8);
    return r;
}

static inline uint64_t p999(const struct sim_result *r, size_t window, size_t stream)
{
    return histogram_quantile(&r->windows[window][stream].latency_ns, 0.999);
}

#define EXPECT_AT_LEAST(who_, what_, least_) \
    if (!((what_) >= (least_))) fail_msg("%s: %g is below %g", who_, (double)(what_), (double)(least_))
#define EXPECT_AT_MOST(who_, what_, most_) \
    if (!((what_) <= (most_))) fail_msg("%s: %g is above %g", who_, (double)(what_), (double)(most_))

#define EXPECT_NONE(who_, what_) \
    if ((what_) != 0) fail_msg("%s: %llu, not none", who_, (unsigned long long)(what_))

#endif
