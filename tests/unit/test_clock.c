/* Monotonic times and times of day, turned into each other while the time of day drifts and is set. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/fake_clock.h"

#define NOW  FAKE_CLOCK_START_MS
#define WALL FAKE_CLOCK_WALL_MS

static void the_system_knows_both(void **state)
{
    (void)state;
    uint64_t first = clock_ns(&clock_system), wall = clock_wall_ms(&clock_system);
    assert_true(clock_ns(&clock_system) >= first);
    assert_true(wall > 1700000000000U); /* November 2023 */
    assert_true(clock_wall_us(&clock_system) / 1000 - wall < 3600000);
}

static void times_are_turned_both_ways(void **state)
{
    (void)state;
    struct fake_clock c;
    fake_clock_init(&c);
    struct clock_wall w = {.clock = &c.clock};
    assert_int_equal(clock_wall_ms(&c.clock), WALL + NOW);
    assert_int_equal(clock_to_wall_ms(&w, NOW + 5), WALL + NOW + 5);
    assert_int_equal(clock_from_wall_ms(&w, WALL + NOW + 5), NOW + 5);
    assert_int_equal(clock_from_wall_ms(&w, WALL), 0);
    assert_int_equal(clock_from_wall_ms(&w, WALL - 1), 0); /* before there were times */
    assert_int_equal(clock_from_wall_ms(&w, 0), 0);
    assert_true(clock_to_wall_ms(&w, UINT64_MAX) == UINT64_MAX); /* never is never */
    assert_true(clock_from_wall_ms(&w, UINT64_MAX) == UINT64_MAX);
    fake_clock_advance_ms(&c, 1000);
    assert_int_equal(clock_to_wall_ms(&w, NOW), WALL + NOW);
    fake_clock_destroy(&c);
}

static void drift_changes_nothing_and_a_step_does(void **state)
{
    (void)state;
    struct fake_clock c;
    fake_clock_init(&c);
    struct clock_wall w = {.clock = &c.clock};
    assert_int_equal(clock_to_wall_ms(&w, NOW), WALL + NOW);
    static const int64_t drifts[] = {100, -100, 1};
    for (int i = 0; i < 3; i++) {
        fake_clock_set_wall_ms(&c, WALL + (uint64_t)drifts[i]);
        assert_int_equal(clock_to_wall_ms(&w, NOW), WALL + NOW);
        assert_int_equal(clock_from_wall_ms(&w, WALL + NOW), NOW);
    }
    static const int64_t steps[] = {101, 3600000, -3600000};
    for (int i = 0; i < 3; i++) {
        uint64_t set = WALL + (uint64_t)steps[i];
        fake_clock_set_wall_ms(&c, set);
        assert_int_equal(clock_from_wall_ms(&w, set + NOW), NOW);
        assert_int_equal(clock_to_wall_ms(&w, NOW), set + NOW);
    }
    fake_clock_destroy(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_system_knows_both),
        cmocka_unit_test(times_are_turned_both_ways),
        cmocka_unit_test(drift_changes_nothing_and_a_step_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
