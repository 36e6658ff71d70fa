/* Which station gets a call: the one that suits, or the one that has others of its connection. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/admit/order.h"
#include "daemon/base/fault.h"

static struct task call_of(uint64_t conn)
{
    struct task task = {.conn = conn};
    return task;
}

static void enter(struct order *o, struct task *task, uint32_t best, uint32_t expected)
{
    task->wait.station = order_station(o, task, best);
    assert_int_equal(task->wait.station, expected);
    assert_true(order_enter(o, task));
}

static void a_pipeline_follows_its_first(void **state)
{
    (void)state;
    struct order o = {0};
    struct task a = call_of(7), b = call_of(7), c = call_of(7), other = call_of(1000);
    enter(&o, &a, 2, 2);
    enter(&o, &b, 1, 2);
    enter(&o, &other, 1, 1);
    order_leave(&o, &a);
    enter(&o, &c, 3, 2);
    order_leave(&o, &b);
    order_leave(&o, &c);
    assert_int_equal(order_station(&o, &a, 3), 3); /* run dry: it is free again */
    assert_int_equal(order_station(&o, &other, 0), 1);
    order_leave(&o, &other);
    order_free(&o);
}

/* Who takes a connection's slot while calls of the one before are still under way follows those: no harm is done.
 */
static void a_slot_is_taken_over(void **state)
{
    (void)state;
    struct order o = {0};
    struct task gone = call_of(1ULL << 32 | 5), now = call_of(2ULL << 32 | 5);
    enter(&o, &gone, 1, 1);
    enter(&o, &now, 0, 1);
    order_leave(&o, &gone);
    order_leave(&o, &now);
    order_free(&o);
}

static void no_memory_is_told(void **state)
{
    (void)state;
    struct order o = {0};
    struct task a = call_of(3), far = call_of(5000);
    enter(&o, &a, 1, 1);
    fault_arm(FAULT_CALL_ALLOC, 1, 1);
    assert_int_equal(order_station(&o, &far, 2), 2);
    assert_false(order_enter(&o, &far));
    fault_disarm_all();
    assert_int_equal(order_station(&o, &a, 2), 1); /* nothing is lost */
    enter(&o, &far, 2, 2);
    order_leave(&o, &far);
    order_leave(&o, &a);
    order_free(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pipeline_follows_its_first),
        cmocka_unit_test(a_slot_is_taken_over),
        cmocka_unit_test(no_memory_is_told),
    };
    return cmocka_run_group_tests_name("order", tests, NULL, NULL);
}
