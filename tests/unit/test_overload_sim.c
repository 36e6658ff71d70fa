/*
 * What overload control is for, shown on the daemon's own gate and policies under a virtual clock (bench/sim):
 * goodput, the tail, bursts, greed, classes, deadlines, changes, retries. A server that does 4,000 requests a
 * second, Poisson arrivals, fixed seeds: every run gives the same numbers.
 */
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

static const struct setup reject_by_count = {"reject", &policy_reject, 0};
static const struct setup reject_by_time = {"reject, target", &policy_reject, TARGET};
static const struct setup drop_oldest = {"drop-oldest", &policy_drop_oldest, 0};
static const struct setup drop_oldest_by_time = {"drop-oldest, target", &policy_drop_oldest, TARGET};
static const struct setup codel = {"codel", &policy_codel, 0};
static const struct setup adaptive = {"adaptive", &policy_adaptive, 0};
static const struct setup codel_rfc = {"codel-rfc", &policy_rfc8289, 0};

static struct sim_stream open_loop(uint32_t connections, double load)
{
    return (struct sim_stream){.connections = connections,
                               .plan = {.law = ARRIVALS_POISSON, .count = 1, .steps = {{0, load * CAPACITY}}}};
}

static struct sim_options options_of(const struct setup *setup, uint64_t duration_ms)
{
    return (struct sim_options){
        .policy = setup->policy,
        .target_ns = setup->target_ns,
        .bound = 1024,
        .gates = 1,
        .refill_ns = 20000,
        .network_ns = 100000,
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
static struct sim_result *run(const struct sim_options *o)
{
    struct sim_result *r = sim_run(o);
    assert_non_null(r);
    for (size_t i = 0; i < o->stream_count; i++) {
        const struct sim_count *n = &r->total[i];
        assert_int_equal(n->sent, n->served + n->overloaded + n->late);
    }
    assert_true(r->deepest <= o->bound);
    return r;
}

static uint64_t p999(const struct sim_result *r, size_t window, size_t stream)
{
    return histogram_quantile(&r->windows[window][stream].latency_ns, 0.999);
}

#define EXPECT_AT_LEAST(who_, what_, least_) \
    if (!((what_) >= (least_))) fail_msg("%s: %g is below %g", who_, (double)(what_), (double)(least_))
#define EXPECT_AT_MOST(who_, what_, most_) \
    if (!((what_) <= (most_))) fail_msg("%s: %g is above %g", who_, (double)(what_), (double)(most_))

/* ---- goodput and tail ---- */

static const struct {
    double load, goodput;
} goals[] = {{1.2, 0.99}, {2, 0.99}, {5, 0.97}, {10, 0.95}};
#define GOALS (sizeof goals / sizeof goals[0])

static void check_goodput(const struct setup *setup, uint32_t connections, uint32_t gates)
{
    for (size_t i = 0; i < GOALS; i++) {
        struct sim_options o = options_of(setup, 5000);
        o.gates = gates;
        o.streams[0] = open_loop(connections, goals[i].load);
        struct sim_result *r = run(&o);
        EXPECT_AT_LEAST(setup->name, sim_goodput(&o, r, 0), goals[i].goodput * CAPACITY);
        sim_result_free(r);
    }
}

static void goodput_stays_up(void **state)
{
    static const struct setup *const setups[] = {&reject_by_count,     &reject_by_time, &drop_oldest,
                                                 &drop_oldest_by_time, &codel,          &adaptive};
    (void)state;
    for (size_t i = 0; i < sizeof setups / sizeof setups[0]; i++) {
        check_goodput(setups[i], 64, 1);
        check_goodput(setups[i], 1000, 1);
        check_goodput(setups[i], 64, 4);
    }
}

/* The accepted wait no longer than the target, whatever the load; and what is sent but not accepted costs nobody.
 */
static void the_tail_is_flat(void **state)
{
    static const struct setup *const setups[] = {&reject_by_time, &adaptive, &codel};
    (void)state;
    for (size_t i = 0; i < 2 * sizeof setups / sizeof setups[0]; i++) {
        const struct setup *setup = setups[i / 2];
        uint64_t least = UINT64_MAX, most = 0, unloaded = 0;
        struct sim_options o = options_of(setup, 10000);
        o.streams[0] = open_loop(i % 2 ? 64 : 1000, 0.5);
        struct sim_result *r = run(&o);
        unloaded = p999(r, 0, 0);
        assert_int_equal(r->total[0].overloaded, 0);
        sim_result_free(r);
        for (size_t g = 0; g < GOALS; g++) {
            o.streams[0].plan.steps[0].rate = goals[g].load * CAPACITY;
            r = run(&o);
            uint64_t tail = p999(r, 0, 0);
            /* codel lets a queue stand for up to an interval, and then what waits for twice its target. */
            uint64_t target = setup->policy == &policy_codel ? 5 * MS + 2 * 8 * SERVICE : TARGET;
            EXPECT_AT_MOST(setup->name, tail, target + unloaded + SERVICE);
            if (goals[g].load >= 2) {
                if (tail < least) least = tail;
                if (tail > most) most = tail;
            }
            sim_result_free(r);
        }
        EXPECT_AT_MOST(setup->name, (double)most, 1.1 * (double)least);
    }
}

/* RFC 8289 sheds too little of what does not slow down by itself: its queue is as long as it may be. */
static void codel_by_the_rfc_does_not_shed(void **state)
{
    (void)state;
    uint64_t tails[2];
    const struct setup *setups[] = {&codel, &codel_rfc};
    for (int i = 0; i < 2; i++) {
        struct sim_options o = options_of(setups[i], 10000);
        o.streams[0] = open_loop(64, 1.2);
        struct sim_result *r = run(&o);
        tails[i] = p999(r, 0, 0);
        if (i == 1) assert_int_equal(r->deepest, o.bound);
        sim_result_free(r);
    }
    EXPECT_AT_LEAST("codel-rfc", (double)tails[1], 20.0 * (double)tails[0]);
}

/* ---- what changes ---- */

/* Ten times the capacity for a second: 20 ms later it is as if nothing had been. */
static void check_burst(const struct setup *setup)
{
    struct histogram *before = calloc(2, sizeof *before), *after = before + 1;
    uint64_t refused = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct sim_options o = options_of(setup, 3200);
        o.seed = seed;
        o.streams[0] = open_loop(64, 0.5);
        o.streams[0].plan.count = 3;
        o.streams[0].plan.steps[1] = (struct arrival_step){2000 * MS, 10 * CAPACITY};
        o.streams[0].plan.steps[2] = (struct arrival_step){3000 * MS, 0.5 * CAPACITY};
        o.window_count = 2;
        o.windows[0] = (struct sim_window){0, 2000 * MS};
        o.windows[1] = (struct sim_window){3020 * MS, 3120 * MS};
        struct sim_result *r = run(&o);
        refused += r->windows[1][0].overloaded;
        histogram_merge(before, &r->windows[0][0].latency_ns);
        histogram_merge(after, &r->windows[1][0].latency_ns);
        sim_result_free(r);
    }
    EXPECT_AT_MOST(setup->name, (double)histogram_quantile(after, 0.999),
                   1.2 * (double)histogram_quantile(before, 0.999));
    EXPECT_AT_MOST(setup->name, (double)refused, 0.001 * (double)histogram_count(after));
    free(before);
}

static void a_burst_is_over_when_it_is_over(void **state)
{
    (void)state;
    check_burst(&reject_by_time);
    check_burst(&drop_oldest_by_time);
    check_burst(&codel);
    check_burst(&adaptive);
}

/* Requests take four times as long from one moment on; 200 ms later, adaptive does as well as the best fixed bound.
 */
static void adaptive_follows_the_cost(void **state)
{
    (void)state;
    double best = 0;
    for (uint64_t target_ms = 0; target_ms <= 80; target_ms = target_ms ? target_ms * 2 : 5) {
        struct setup setup = target_ms ? (struct setup){"reject", &policy_reject, target_ms * MS} : adaptive;
        struct sim_options o = options_of(&setup, 4000);
        o.streams[0] = open_loop(64, 2);
        o.step_count = 2;
        o.steps[1] = (struct sim_step){2000 * MS, 4 * SERVICE};
        o.windows[0] = (struct sim_window){2200 * MS, 4000 * MS};
        struct sim_result *r = run(&o);
        double goodput = sim_goodput(&o, r, 0);
        if (target_ms == 0) {
            best = goodput;
            EXPECT_AT_MOST("adaptive", p999(r, 0, 0), 26 * 4 * SERVICE); /* its target is 20 services */
        } else {
            EXPECT_AT_LEAST("adaptive", best, 0.95 * goodput);
        }
        sim_result_free(r);
    }
}

/* The backend stands still for five seconds, and whoever is refused tries three times more, at once. */
static void retries_do_not_keep_it_down(void **state)
{
    static const struct setup *const setups[] = {&reject_by_count, &reject_by_time, &drop_oldest, &codel,
                                                 &adaptive};
    (void)state;
    for (size_t i = 0; i < sizeof setups / sizeof setups[0]; i++) {
        struct sim_options o = options_of(setups[i], 16000);
        o.streams[0] = open_loop(64, 0.7);
        o.streams[0].retries = 3;
        o.bound = 256; /* refusals wait for what was accepted before them; behind 1,024 of these, for long */
        o.stall_at_ns = 4000 * MS;
        o.stall_ns = 5000 * MS;
        o.window_count = 2;
        o.windows[0] = (struct sim_window){0, 4000 * MS};
        o.windows[1] = (struct sim_window){10000 * MS, 16000 * MS};
        struct sim_result *r = run(&o);
        EXPECT_AT_MOST(setups[i]->name, (double)p999(r, 1, 0), 1.5 * (double)p999(r, 0, 0));
        assert_int_equal(r->windows[1][0].overloaded, 0);
        sim_result_free(r);
    }
}

/* ---- who ---- */

/* One connection with a thousand requests under way takes nothing from 99 that want half of the capacity. */
static void greed_harms_only_the_greedy(void **state)
{
    static const struct setup *const setups[] = {&reject_by_count,     &reject_by_time, &drop_oldest,
                                                 &drop_oldest_by_time, &codel,          &adaptive};
    (void)state;
    for (size_t i = 0; i < sizeof setups / sizeof setups[0]; i++) {
        struct sim_options o = options_of(setups[i], 10000);
        o.network_ns = MS;
        o.streams[0] = open_loop(99, 0.5);
        struct sim_result *alone = run(&o);
        o.stream_count = 2;
        o.streams[1] = (struct sim_stream){.connections = 1, .depth = 1000};
        struct sim_result *r = run(&o);
        EXPECT_AT_MOST(setups[i]->name, (double)p999(r, 0, 0), 1.5 * (double)p999(alone, 0, 0));
        /* Where the line is short, it may be full of them now and then. */
        EXPECT_AT_MOST(setups[i]->name, (double)r->total[0].overloaded, 0.002 * (double)r->total[0].sent);
        if (setups[i] == &reject_by_count) assert_int_equal(r->total[0].overloaded, 0);
        EXPECT_AT_LEAST(setups[i]->name, sim_goodput(&o, r, 0), 0.99 * CAPACITY); /* it gets what is left */
        sim_result_free(alone);
        sim_result_free(r);
    }
}

/* Critical requests for half of the capacity, inside of ten times the capacity of others. */
static void the_critical_are_served(void **state)
{
    static const struct setup *const setups[] = {&reject_by_count,     &reject_by_time, &drop_oldest,
                                                 &drop_oldest_by_time, &codel,          &adaptive};
    (void)state;
    for (size_t i = 0; i < 2 * sizeof setups / sizeof setups[0]; i++) {
        struct sim_options o = options_of(setups[i / 2], 10000);
        o.gates = 1 + i % 2;
        o.stream_count = 2;
        o.streams[0] = open_loop(64, 9.5);
        o.streams[1] = open_loop(64, 0.5);
        o.streams[1].priority = PRIORITY_CRITICAL;
        struct sim_result *r = run(&o);
        const struct sim_count *critical = &r->total[1];
        EXPECT_AT_LEAST(o.policy->name, (double)critical->served, 0.999 * (double)critical->sent);
        EXPECT_AT_LEAST(o.policy->name, sim_goodput(&o, r, 0), 0.95 * CAPACITY);
        sim_result_free(r);
    }
}

/* Sheddable requests give way to normal ones. */
static void the_sheddable_go_first(void **state)
{
    static const struct setup *const setups[] = {&reject_by_count, &reject_by_time, &drop_oldest, &codel,
                                                 &adaptive};
    (void)state;
    for (size_t i = 0; i < sizeof setups / sizeof setups[0]; i++) {
        struct sim_options o = options_of(setups[i], 5000);
        o.stream_count = 2;
        o.streams[0] = open_loop(64, 0.5);
        o.streams[1] = open_loop(64, 2);
        o.streams[1].priority = PRIORITY_SHEDDABLE;
        struct sim_result *r = run(&o);
        const struct sim_count *normal = &r->total[0], *sheddable = &r->total[1];
        EXPECT_AT_LEAST(setups[i]->name, (double)normal->served, 0.99 * (double)normal->sent);
        EXPECT_AT_LEAST(setups[i]->name, (double)sheddable->overloaded, 0.5 * (double)sheddable->sent);
        sim_result_free(r);
    }
}

/* ---- deadlines ---- */

static void no_time_is_wasted_on_the_expired(void **state)
{
    static const struct setup *const setups[] = {&reject_by_count, &drop_oldest, &codel, &adaptive};
    (void)state;
    for (size_t i = 0; i < 2 * sizeof setups / sizeof setups[0]; i++) {
        struct sim_options o = options_of(setups[i / 2], 5000);
        o.steps[0].mean_ns = i % 2 ? SERVICE : SERVICE / 20; /* one by one, or in batches */
        o.streams[0] = open_loop(64, i % 2 ? 5 : 100);
        o.streams[0].deadline_ms = 3;
        struct sim_result *r = run(&o);
        EXPECT_AT_MOST(setups[i / 2]->name, (double)r->wasted_ns, 0.001 * (double)r->all_busy_ns);
        EXPECT_AT_LEAST(setups[i / 2]->name, sim_goodput(&o, r, 0), 0.97 * 1e9 / (double)o.steps[0].mean_ns);
        sim_result_free(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goodput_stays_up),
        cmocka_unit_test(the_tail_is_flat),
        cmocka_unit_test(codel_by_the_rfc_does_not_shed),
        cmocka_unit_test(a_burst_is_over_when_it_is_over),
        cmocka_unit_test(adaptive_follows_the_cost),
        cmocka_unit_test(retries_do_not_keep_it_down),
        cmocka_unit_test(greed_harms_only_the_greedy),
        cmocka_unit_test(the_critical_are_served),
        cmocka_unit_test(the_sheddable_go_first),
        cmocka_unit_test(no_time_is_wasted_on_the_expired),
    };
    return cmocka_run_group_tests_name("overload_sim", tests, NULL, NULL);
}
