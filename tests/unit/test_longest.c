/* The longest turn: ever, and lately. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "daemon/base/longest.h"
#include "tests/unit/fake_clock.h"

#define WINDOW_MS ((1ULL << LONGEST_WINDOW_BITS) / 1000000U)

static void note(struct longest *l, uint64_t ns)
{
    longest_note(l, ns, clock_ns(l->clock));
}

static void nothing_was_noted(void **state)
{
    struct fake_clock clock;
    struct longest l;
    (void)state;
    fake_clock_init(&clock);
    longest_init(&l, &clock.clock);
    assert_int_equal(longest_ever_ns(&l), 0);
    assert_int_equal(longest_recent_ns(&l), 0);
    fake_clock_destroy(&clock);
}

static void the_longest_stays(void **state)
{
    struct fake_clock clock;
    struct longest l;
    (void)state;
    fake_clock_init(&clock);
    longest_init(&l, &clock.clock);
    note(&l, 5);
    note(&l, 900);
    note(&l, 899);
    assert_int_equal(longest_ever_ns(&l), 900);
    assert_int_equal(longest_recent_ns(&l), 900);
    fake_clock_destroy(&clock);
}

/* For at least one window, for two at most; whether or not others are noted meanwhile. */
static void lately_ends(void **state)
{
    (void)state;
    for (int busy = 0; busy < 2; busy++) {
        struct fake_clock clock;
        struct longest l;
        fake_clock_init(&clock);
        longest_init(&l, &clock.clock);
        note(&l, 900);
        for (uint64_t ms = 0; ms < WINDOW_MS; ms += 1000) {
            fake_clock_advance_ms(&clock, 1000);
            if (busy) note(&l, 7);
            assert_true(ms + 1000 > WINDOW_MS || longest_recent_ns(&l) == 900);
        }
        for (int i = 0; i < 2; i++) {
            fake_clock_advance_ms(&clock, WINDOW_MS);
            if (busy) note(&l, 7);
        }
        assert_int_equal(longest_recent_ns(&l), busy ? 7 : 0);
        assert_int_equal(longest_ever_ns(&l), 900);
        fake_clock_destroy(&clock);
    }
}

/* After windows in which nothing was noted, an older one of the same parity does not come back. */
static void an_old_window_does_not_come_back(void **state)
{
    struct fake_clock clock;
    struct longest l;
    (void)state;
    fake_clock_init(&clock);
    longest_init(&l, &clock.clock);
    note(&l, 900);
    fake_clock_advance_ms(&clock, 4 * WINDOW_MS);
    note(&l, 3);
    assert_int_equal(longest_recent_ns(&l), 3);
    fake_clock_advance_ms(&clock, WINDOW_MS);
    assert_int_equal(longest_recent_ns(&l), 3);
    note(&l, 2);
    assert_int_equal(longest_recent_ns(&l), 3);
    fake_clock_advance_ms(&clock, WINDOW_MS);
    assert_int_equal(longest_recent_ns(&l), 2);
    fake_clock_destroy(&clock);
}

static void a_very_long_turn_spoils_no_window(void **state)
{
    struct fake_clock clock;
    struct longest l;
    (void)state;
    fake_clock_init(&clock);
    longest_init(&l, &clock.clock);
    note(&l, LONGEST_NS_MAX + 12345);
    assert_int_equal(longest_recent_ns(&l), LONGEST_NS_MAX);
    assert_int_equal(longest_ever_ns(&l), LONGEST_NS_MAX + 12345);
    fake_clock_advance_ms(&clock, 2 * WINDOW_MS);
    note(&l, 1);
    assert_int_equal(longest_recent_ns(&l), 1);
    fake_clock_destroy(&clock);
}

static void find(void *ctx, const struct metric *metric)
{
    uint64_t *found = ctx;
    assert_int_equal(metric->kind, METRIC_MAXIMUM);
    if (strcmp(metric->name, "turn_ns") == 0) found[0] = metric->value;
    if (strcmp(metric->name, "turn_recent_ns") == 0) found[1] = metric->value;
}

static void several_threads_are_one_metric(void **state)
{
    struct fake_clock clock;
    struct longest l[2];
    uint64_t found[2] = {0, 0};
    (void)state;
    fake_clock_init(&clock);
    struct metrics *m = metrics_create();
    assert_non_null(m);
    for (int i = 0; i < 2; i++) {
        longest_init(&l[i], &clock.clock);
        assert_true(longest_register(&l[i], m, "turn"));
    }
    note(&l[0], 70);
    fake_clock_advance_ms(&clock, 2 * WINDOW_MS);
    note(&l[1], 50);
    metrics_visit(m, find, found);
    assert_int_equal(found[0], 70);
    assert_int_equal(found[1], 50);
    metrics_destroy(m);
    fake_clock_destroy(&clock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_was_noted),
        cmocka_unit_test(the_longest_stays),
        cmocka_unit_test(lately_ends),
        cmocka_unit_test(an_old_window_does_not_come_back),
        cmocka_unit_test(a_very_long_turn_spoils_no_window),
        cmocka_unit_test(several_threads_are_one_metric),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
