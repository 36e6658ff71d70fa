/* Fault points: exactly the armed passages fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>

#include "daemon/base/fault.h"

static int disarm(void **state)
{
    (void)state;
    fault_disarm_all();
    return 0;
}

static void unarmed_points_never_fail(void **state)
{
    (void)state;
    for (int point = 0; point < FAULT_POINTS; point++) {
        assert_false(fault_hit(point));
        assert_false(fault_slow(point));
    }
}

static void nth_passage_fails_as_often_as_asked(void **state)
{
    (void)state;
    fault_arm(FAULT_SEND, 3, 2);
    static const bool expected[] = {false, false, true, true, false, false};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        assert_int_equal(fault_hit(FAULT_SEND), expected[i]);
    assert_false(atomic_load(&fault_armed));
}

static void points_do_not_disturb_each_other(void **state)
{
    (void)state;
    fault_arm(FAULT_ENTRY_ALLOC, 1, 1);
    fault_arm(FAULT_TABLE_GROW, 2, 1);
    assert_false(fault_hit(FAULT_CALL_ALLOC));
    assert_false(fault_hit(FAULT_TABLE_GROW));
    assert_true(fault_hit(FAULT_ENTRY_ALLOC));
    assert_true(atomic_load(&fault_armed)); /* the other one is still armed */
    assert_true(fault_hit(FAULT_TABLE_GROW));
    assert_false(atomic_load(&fault_armed));
}

static void arming_again_replaces_the_plan(void **state)
{
    (void)state;
    fault_arm(FAULT_SEND, 1, 10);
    fault_arm(FAULT_SEND, 2, 1);
    assert_false(fault_hit(FAULT_SEND));
    assert_true(fault_hit(FAULT_SEND));
    assert_false(fault_hit(FAULT_SEND));

    fault_arm(FAULT_SEND, 1, 10);
    fault_arm(FAULT_SEND, 1, 0); /* no times: not armed */
    assert_false(atomic_load(&fault_armed));
    assert_false(fault_hit(FAULT_SEND));
}

static void disarming_ends_every_plan(void **state)
{
    (void)state;
    fault_arm(FAULT_SEND, 1, UINT64_MAX);
    fault_arm(FAULT_ENTRY_ALLOC, 1, UINT64_MAX);
    assert_true(fault_hit(FAULT_SEND));
    fault_disarm_all();
    unarmed_points_never_fail(state);
}

enum { PASSAGES = 2000, FAILING = 700 };

static void *pass(void *arg)
{
    uint64_t *hits = arg;

    for (int i = 0; i < PASSAGES; i++)
        *hits += fault_hit(FAULT_CALL_ALLOC);
    return NULL;
}

static void threads_share_the_count(void **state)
{
    pthread_t threads[2];
    uint64_t hits[2] = {0};

    (void)state;
    fault_arm(FAULT_CALL_ALLOC, 100, FAILING);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, pass, &hits[i]), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(hits[0] + hits[1], FAILING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(unarmed_points_never_fail, disarm),
        cmocka_unit_test_teardown(nth_passage_fails_as_often_as_asked, disarm),
        cmocka_unit_test_teardown(points_do_not_disturb_each_other, disarm),
        cmocka_unit_test_teardown(arming_again_replaces_the_plan, disarm),
        cmocka_unit_test_teardown(disarming_ends_every_plan, disarm),
        cmocka_unit_test_teardown(threads_share_the_count, disarm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
