/* The budget at its limit, and under several threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

#include "daemon/store/budget.h"

static void takes_up_to_the_limit_exactly(void **state)
{
    (void)state;
    struct budget b;
    budget_init(&b, 100);
    assert_true(budget_take(&b, 60));
    assert_false(budget_take(&b, 41));
    assert_int_equal(budget_used(&b), 60);
    assert_true(budget_take(&b, 40));
    assert_false(budget_take(&b, 1));
    assert_true(budget_take(&b, 0));
    assert_false(budget_take(&b, SIZE_MAX)); /* no wrap-around */
    budget_give(&b, 30);
    assert_true(budget_take(&b, 30));
    budget_give(&b, 100);
    assert_int_equal(budget_used(&b), 0);
}

static void force_passes_the_limit(void **state)
{
    (void)state;
    struct budget b;
    budget_init(&b, 10);
    budget_force(&b, 25);
    assert_int_equal(budget_used(&b), 25);
    assert_false(budget_take(&b, 1));
    assert_false(budget_take(&b, 0));
    budget_give(&b, 16);
    assert_true(budget_take(&b, 1));
    assert_false(budget_take(&b, 1));
}

static void zero_is_no_limit(void **state)
{
    (void)state;
    struct budget b;
    budget_init(&b, 0);
    assert_true(budget_take(&b, SIZE_MAX / 2));
    assert_int_equal(budget_used(&b), SIZE_MAX / 2);
}

static void *take_ones(void *arg)
{
    uintptr_t got = 0;
    for (int i = 0; i < 5000; i++)
        got += budget_take(arg, 1);
    return (void *)got;
}

static void threads_share_the_limit(void **state)
{
    (void)state;
    struct budget b;
    budget_init(&b, 12000);
    pthread_t threads[4];
    uintptr_t sum = 0;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_ones, &b), 0);
    for (int i = 0; i < 4; i++) {
        void *got;
        pthread_join(threads[i], &got);
        sum += (uintptr_t)got;
    }
    assert_int_equal(sum, 12000);
    assert_int_equal(budget_used(&b), 12000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_up_to_the_limit_exactly),
        cmocka_unit_test(force_passes_the_limit),
        cmocka_unit_test(zero_is_no_limit),
        cmocka_unit_test(threads_share_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
