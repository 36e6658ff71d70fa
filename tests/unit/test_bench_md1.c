/*
 * The open loop against queueing theory: the measuring core drives a simulated M/D/1 server (Poisson arrivals, one
 * server, constant service time) under a virtual clock, and its latencies must agree with the exact distribution.
 *
 * Waiting time (G. J. Franx, "A simple solution for the M/D/c waiting time distribution", 2001; for one server,
 * with only positive terms, so that it is stable where Crommelin's alternating sum is not):
 *
 *     P(W <= x) = sum over j < k of Q(k-j-1) * y^j / j! * exp(-y),   y = lambda (kD - x),  (k-1) D <= x < k D
 *
 * with Q(m) the probability that at most m wait, that is, at most m + 1 are in the system. The latter comes from
 * the chain at departures by level crossing (also only positive terms): p(n+1) a(0) = p(0) A(n) + sum p(i)
 * A(n+1-i), a = Poisson(rho), A(n) = P(more than n arrive during a service).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/load/core.h"

#define LEVELS     400
#define SERVICE_NS 100000.0
#define LANES      7
#define REQUESTS   6000000
#define IN_FLIGHT  65536

struct theory {
    double rho;
    double at_most[LEVELS]; /* P(at most n in the system) */
};

static void theory_init(struct theory *t, double rho)
{
    static double p[LEVELS], more[LEVELS + 1];
    double term = exp(-rho), a0 = term;

    t->rho = rho;
    /* Tails summed from the far end, where the terms are small. */
    double terms[LEVELS + 60], tail = 0;
    for (int n = 0; n < LEVELS + 60; n++) {
        terms[n] = term;
        term *= rho / (n + 1);
    }
    for (int n = LEVELS + 59; n > 0; n--) {
        tail += terms[n];
        if (n - 1 <= LEVELS) more[n - 1] = tail;
    }
    p[0] = 1 - rho;
    for (int n = 0; n + 1 < LEVELS; n++) {
        double sum = p[0] * more[n];
        for (int i = 1; i <= n; i++)
            sum += p[i] * more[n + 1 - i];
        p[n + 1] = sum / a0;
    }
    double sum = 0;
    for (int n = 0; n < LEVELS; n++) {
        sum += p[n];
        t->at_most[n] = sum;
    }
}

/* P(W <= x), x in service times. */
static double waits_at_most(const struct theory *t, double x)
{
    int k = (int)floor(x) + 1;
    double y = t->rho * (k - x), term = exp(-y), sum = 0;

    assert_true(k + 1 < LEVELS);
    for (int j = 0; j < k; j++) {
        sum += t->at_most[k - j] * term;
        term *= y / (j + 1);
    }
    return sum;
}

/* The quantile of waiting plus service, in ns. */
static double latency_quantile(const struct theory *t, double q)
{
    double low = 0, high = LEVELS - 3;

    if (waits_at_most(t, 0) >= q) return SERVICE_NS;
    for (int i = 0; i < 100; i++) {
        double middle = (low + high) / 2;
        if (waits_at_most(t, middle) < q)
            low = middle;
        else
            high = middle;
    }
    return (1 + high) * SERVICE_NS;
}

/* The formula itself: its ends, and its mean against Pollaczek and Khinchine's. */
static void the_formula_has_the_known_mean(void **state)
{
    static const double rhos[] = {0.1, 0.5, 0.8, 0.9};
    static struct theory t;

    (void)state;
    for (size_t r = 0; r < sizeof rhos / sizeof rhos[0]; r++) {
        double mean = 0, step = 1.0 / 128, previous = 1;
        theory_init(&t, rhos[r]);
        assert_true(fabs(waits_at_most(&t, 0) - (1 - rhos[r])) < 1e-12);
        for (double x = 0; x < LEVELS - 3; x += step) {
            double now = waits_at_most(&t, x + step);
            if (x > 0)
                assert_true(now >= 1 - previous - 1e-12); /* never falls */
            else
                previous = 1 - waits_at_most(&t, 0);
            mean += step * (previous + 1 - now) / 2;
            previous = 1 - now;
        }
        double known = rhos[r] / (2 * (1 - rhos[r]));
        assert_true(fabs(mean - known) < 1e-4 * known);
    }
}

/* One FIFO server behind all lanes. */
struct server {
    uint64_t free_ns;
    struct {
        uint64_t done_ns;
        uint32_t lane;
    } queue[IN_FLIGHT];
    uint32_t head, count;
};

static void simulate(struct core *c, struct server *s)
{
    for (;;) {
        uint64_t due = core_next_due(c), done = s->count ? s->queue[s->head].done_ns : ARRIVALS_NEVER;
        uint32_t lane = 0;
        if (due == ARRIVALS_NEVER && done == ARRIVALS_NEVER) return;
        if (done <= due) {
            core_answered(c, s->queue[s->head].lane, CORE_OLDEST, OUTCOME_SERVED, done);
            s->head = (s->head + 1) % IN_FLIGHT;
            s->count--;
            continue;
        }
        assert_true(core_due(c, due, &lane));
        core_take(c, lane, OP_GET, 0, due);
        core_flushed(c, lane, due);
        s->free_ns = (s->free_ns > due ? s->free_ns : due) + (uint64_t)SERVICE_NS;
        assert_true(s->count < IN_FLIGHT);
        uint32_t at = (s->head + s->count++) % IN_FLIGHT;
        s->queue[at].done_ns = s->free_ns;
        s->queue[at].lane = lane;
    }
}

static void agrees_with_theory(double rho, uint64_t seed)
{
    static const double quantiles[] = {0.5, 0.99, 0.999};
    static struct theory theory;
    static struct server server;
    struct arrival_plan plan = {.law = ARRIVALS_POISSON, .count = 1, .steps = {{0, rho * 1e9 / SERVICE_NS}}};
    struct core_options options = {
        .plan = &plan, .lanes = LANES, .all_lanes = LANES, .depth = IN_FLIGHT, .seed = seed, .count = REQUESTS};
    struct tally *tally = calloc(1, sizeof *tally);
    struct core *core = core_create(&options, tally);

    assert_non_null(core);
    server = (struct server){0};
    theory_init(&theory, rho);
    core_start(core, 1000, 1000000000, UINT64_MAX); /* the first second brings the queue to its steady state */
    simulate(core, &server);
    core_finish(core, server.free_ns);

    assert_true(tally_accounted(tally));
    assert_int_equal(counter_get(&tally->sent), REQUESTS);
    assert_int_equal(counter_get(&tally->outcomes[OUTCOME_SERVED]), REQUESTS);
    assert_int_equal(histogram_max(&tally->lag), 0);
    for (size_t i = 0; i < sizeof quantiles / sizeof quantiles[0]; i++) {
        double measured = (double)histogram_quantile(&tally->accepted, quantiles[i]);
        double exact = latency_quantile(&theory, quantiles[i]);
        if (fabs(measured / exact - 1) > 0.05)
            fail_msg("rho %.1f, quantile %g: measured %.0f ns, theory %.0f ns", rho, quantiles[i], measured, exact);
    }
    double mean = SERVICE_NS * (1 + rho / (2 * (1 - rho)));
    assert_true(fabs(histogram_mean(&tally->accepted) / mean - 1) < 0.02);
    core_destroy(core);
    free(tally);
}

static void half_loaded(void **state)
{
    (void)state;
    agrees_with_theory(0.5, 1);
}

static void loaded_to_four_fifths(void **state)
{
    (void)state;
    agrees_with_theory(0.8, 2);
}

static void loaded_to_nine_tenths(void **state)
{
    (void)state;
    agrees_with_theory(0.9, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_formula_has_the_known_mean),
        cmocka_unit_test(half_loaded),
        cmocka_unit_test(loaded_to_four_fifths),
        cmocka_unit_test(loaded_to_nine_tenths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
