/* Admission policies, as the pure functions they are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/admit/admit.h"

static enum admit_verdict arrival(const struct admit_policy *policy, uint32_t depth, uint32_t bound)
{
    struct admit_view view = {depth, bound, 1000};
    return policy->arrival(&view);
}

static void wait_lets_everything_in(void **state)
{
    (void)state;
    assert_int_equal(arrival(&admit_wait, 0, 1), ADMIT_ENTER);
    assert_int_equal(arrival(&admit_wait, 1, 1), ADMIT_ENTER);
    assert_int_equal(arrival(&admit_wait, 1024, 1024), ADMIT_ENTER);
    assert_int_equal(arrival(&admit_wait, 0, 0), ADMIT_ENTER);
    assert_int_equal(admit_wait.full, ADMIT_WAIT);
    assert_string_equal(admit_wait.name, "wait");
}

static void reject_refuses_at_the_bound(void **state)
{
    (void)state;
    assert_int_equal(arrival(&admit_reject, 0, 1), ADMIT_ENTER);
    assert_int_equal(arrival(&admit_reject, 1, 1), ADMIT_REFUSE);
    assert_int_equal(arrival(&admit_reject, 63, 64), ADMIT_ENTER);
    assert_int_equal(arrival(&admit_reject, 64, 64), ADMIT_REFUSE);
    assert_int_equal(arrival(&admit_reject, 65, 64), ADMIT_REFUSE);
    assert_int_equal(arrival(&admit_reject, UINT32_MAX, UINT32_MAX), ADMIT_REFUSE);
    assert_int_equal(admit_reject.full, ADMIT_REFUSE);
    assert_string_equal(admit_reject.name, "reject");
}

static void without_a_queue_nothing_is_refused(void **state)
{
    (void)state;
    assert_int_equal(arrival(&admit_reject, 0, 0), ADMIT_ENTER);
    assert_int_equal(arrival(&admit_reject, 5, 0), ADMIT_ENTER);
}

static int64_t hint(uint32_t depth, uint64_t cost_ns)
{
    struct admit_view view = {depth, 1024, cost_ns};
    struct reply reply = {0};
    admit_refuse(&view, &reply);
    assert_int_equal(reply.kind, REPLY_OVERLOADED);
    return reply.number;
}

static void the_hint_is_the_time_of_the_backlog(void **state)
{
    (void)state;
    assert_int_equal(hint(1000, 50000), 51);
    assert_int_equal(hint(64, 1000000), 65);
    assert_int_equal(hint(10, 20000000), 201);
}

static void the_hint_stays_between_1_and_1000_ms(void **state)
{
    (void)state;
    assert_int_equal(hint(0, 0), 1);
    assert_int_equal(hint(0, UINT64_MAX), 1);
    assert_int_equal(hint(1024, 0), 1);
    assert_int_equal(hint(1, 999999), 1);
    assert_int_equal(hint(1, 1000000), 2);
    assert_int_equal(hint(1, 998000000), 999);
    assert_int_equal(hint(1, 999000000), 1000);
    assert_int_equal(hint(1, 1000000000), 1000);
    assert_int_equal(hint(1 << 20, 10000000000), 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wait_lets_everything_in),
        cmocka_unit_test(reject_refuses_at_the_bound),
        cmocka_unit_test(without_a_queue_nothing_is_refused),
        cmocka_unit_test(the_hint_is_the_time_of_the_backlog),
        cmocka_unit_test(the_hint_stays_between_1_and_1000_ms),
    };
    return cmocka_run_group_tests_name("admit", tests, NULL, NULL);
}
