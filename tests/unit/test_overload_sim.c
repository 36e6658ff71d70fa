/*
 * What overload control is for, shown on the daemon's own gate and policies under a virtual clock (bench/sim):
 * goodput, the tail, refusals, bursts, changes, retries. Poisson arrivals, fixed seeds: every run gives the same
 * numbers. (Who is served: test_overload_who.c.)
 */
#include "tests/unit/sim_helper.h"

static const struct setup *const reject_by_time = &setups[1];
static const struct setup *const codel = &setups[4];
static const struct setup *const adaptive = &setups[5];
static const struct setup codel_rfc = {"codel-rfc", &policy_rfc8289, 0};

/* ---- goodput and tail ---- */

static const struct {
    double load, goodput;
} goals[] = {{1.2, 0.99}, {2, 0.99}, {5, 0.97}, {10, 0.95}};
#define GOALS (sizeof goals / sizeof goals[0])

/* At the first `count` of the loads. */
static void check_goodput(const struct setup *setup, struct sim_options o, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        o.streams[0].plan.steps[0].rate = goals[i].load * CAPACITY;
        struct sim_result *r = run(&o);
        /* What the backend could have done more: what it does in a second varies with its service times. */
        double busy = (double)r->busy_ns[0] / (double)(o.windows[0].to_ns - o.windows[0].from_ns);
        EXPECT_AT_LEAST(setup->name, busy, goals[i].goodput);
        if (!o.exponential) EXPECT_AT_LEAST(setup->name, sim_goodput(&o, r, 0), goals[i].goodput * CAPACITY);
        sim_result_free(r);
    }
}

static void goodput_stays_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < SETUPS; i++) {
        struct sim_options o = options_of(&setups[i], 5000);
        o.streams[0] = open_loop(64, 1);
        check_goodput(&setups[i], o, GOALS);
        o.gates = 4;
        check_goodput(&setups[i], o, GOALS);
        o.gates = 1;
        o.streams[0] = open_loop(1000, 1);
        check_goodput(&setups[i], o, GOALS);
    }
}

static void goodput_stays_up_where_service_times_vary(void **state)
{
    (void)state;
    for (size_t i = 0; i < SETUPS; i++) {
        struct sim_options o = options_of(&setups[i], 40000);
        o.exponential = true;
        o.streams[0] = open_loop(1000, 1);
        check_goodput(&setups[i], o, 1);
    }
}

/* A hundred times a second the I/O thread is away, for half a millisecond and sometimes for two: the backend has
 * been given enough to go on. */
static void goodput_stays_up_where_the_io_thread_is_late(void **state)
{
    (void)state;
    for (size_t i = 0; i < SETUPS; i++) {
        struct sim_options o = options_of(&setups[i], 10000);
        o.away_ns = MS / 2;
        o.streams[0] = open_loop(64, 1);
        check_goodput(&setups[i], o, 2);
    }
}

/* The accepted wait no longer than the target, whatever the load; and what is sent but not accepted costs nobody.
 */
static void check_tail(const struct setup *setup, uint32_t connections)
{
    uint64_t least = UINT64_MAX, most = 0;
    struct sim_options o = options_of(setup, 10000);
    o.streams[0] = open_loop(connections, 0.5);
    struct sim_result *r = run(&o);
    uint64_t unloaded = p999(r, 0, 0);
    EXPECT_NONE(setup->name, r->total[0].overloaded);
    sim_result_free(r);
    for (size_t g = 0; g < GOALS; g++) {
        o.streams[0].plan.steps[0].rate = goals[g].load * CAPACITY;
        r = run(&o);
        uint64_t tail = p999(r, 0, 0);
        /* codel lets a queue stand for up to an interval, and then what waits for twice its target. */
        uint64_t target = setup == codel ? 5 * MS + 2 * 8 * SERVICE : TARGET;
        EXPECT_AT_MOST(setup->name, tail, target + unloaded + SERVICE);
        if (goals[g].load >= 2) {
            if (tail < least) least = tail;
            if (tail > most) most = tail;
        }
        sim_result_free(r);
    }
    EXPECT_AT_MOST(setup->name, (double)most, 1.1 * (double)least);
}

static void the_tail_is_flat(void **state)
{
    const struct setup *const who[] = {reject_by_time, adaptive, codel};
    (void)state;
    for (size_t i = 0; i < sizeof who / sizeof who[0]; i++) {
        check_tail(who[i], 64);
        check_tail(who[i], 1000);
    }
}

/* RFC 8289 sheds too little of what does not slow down by itself: its queue is as long as it may be. */
static void codel_by_the_rfc_does_not_shed(void **state)
{
    (void)state;
    uint64_t tails[2];
    const struct setup *who[] = {codel, &codel_rfc};
    for (int i = 0; i < 2; i++) {
        struct sim_options o = options_of(who[i], 10000);
        o.streams[0] = open_loop(64, 1.2);
        struct sim_result *r = run(&o);
        tails[i] = p999(r, 0, 0);
        if (i == 1) assert_int_equal(r->deepest, o.bound);
        sim_result_free(r);
    }
    EXPECT_AT_LEAST("codel-rfc", (double)tails[1], 20.0 * (double)tails[0]);
}

/* ---- refusals ---- */

static uint64_t refusal_p99(uint32_t connections, bool overtake)
{
    struct sim_options o = options_of(reject_by_time, 5000);
    o.streams[0] = open_loop(connections, 10);
    o.overtake = overtake;
    struct sim_result *r = run(&o);
    uint64_t p99 = histogram_quantile(&r->windows[0][0].refused_ns, 0.99);
    sim_result_free(r);
    return p99;
}

/* In order, a refusal waits for what was accepted before it on its connection: the less often, the more
 * connections. Where it may overtake, it is there when it is decided. */
static void a_refusal_waits_for_the_answers_before_it(void **state)
{
    (void)state;
    uint64_t few = refusal_p99(64, false), many = refusal_p99(4000, false);
    EXPECT_AT_LEAST("64 connections", few, 4 * SERVICE);
    EXPECT_AT_MOST("64 connections", few, TARGET);
    EXPECT_AT_MOST("4000 connections", many, few);
    EXPECT_NONE("64 connections, not in order", refusal_p99(64, true));
    /* Of many, some are refused after they were let in: for those of which less was served. */
    EXPECT_AT_MOST("4000 connections, not in order", refusal_p99(4000, true), SERVICE + 200000);
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
    for (size_t i = 0; i < SETUPS; i++)
        if (setups[i].target_ns > 0 || &setups[i] == codel || &setups[i] == adaptive) check_burst(&setups[i]);
}

/* Requests take four times as long from one moment on; 200 ms later, adaptive does as well as the best fixed bound.
 */
static void adaptive_follows_the_cost(void **state)
{
    (void)state;
    double best = 0;
    for (uint64_t target_ms = 0; target_ms <= 80; target_ms = target_ms ? target_ms * 2 : 5) {
        struct setup setup = target_ms ? (struct setup){"reject", &policy_reject, target_ms * MS} : *adaptive;
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
    (void)state;
    for (size_t i = 0; i < SETUPS; i++) {
        struct sim_options o = options_of(&setups[i], 16000);
        /* Refusals that wait for what was accepted before them come back one after the other. With 1,024 of these
         * in front, that takes longer than a second. */
        o.bound = 256;
        o.streams[0] = open_loop(64, 0.7);
        o.streams[0].retries = 3;
        o.stall_at_ns = 4000 * MS;
        o.stall_ns = 5000 * MS;
        o.window_count = 2;
        o.windows[0] = (struct sim_window){0, 4000 * MS};
        o.windows[1] = (struct sim_window){10000 * MS, 16000 * MS};
        struct sim_result *r = run(&o);
        EXPECT_AT_MOST(setups[i].name, (double)p999(r, 1, 0), 1.5 * (double)p999(r, 0, 0));
        assert_int_equal(r->windows[1][0].overloaded, 0);
        sim_result_free(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goodput_stays_up),
        cmocka_unit_test(goodput_stays_up_where_service_times_vary),
        cmocka_unit_test(goodput_stays_up_where_the_io_thread_is_late),
        cmocka_unit_test(the_tail_is_flat),
        cmocka_unit_test(codel_by_the_rfc_does_not_shed),
        cmocka_unit_test(a_refusal_waits_for_the_answers_before_it),
        cmocka_unit_test(a_burst_is_over_when_it_is_over),
        cmocka_unit_test(adaptive_follows_the_cost),
        cmocka_unit_test(retries_do_not_keep_it_down),
    };
    return cmocka_run_group_tests_name("overload_sim", tests, NULL, NULL);
}
