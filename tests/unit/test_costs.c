/* Moving averages of what operations cost: convergence, outliers, shares of a batch, batches of parts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "daemon/queue/costs.h"

struct fixture {
    struct costs costs;
    struct task tasks[4];
    struct task *pointers[4];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    costs_init(&f->costs);
    for (int i = 0; i < 4; i++) {
        task_init(&f->tasks[i]);
        f->tasks[i].call.request.op = OP_GET;
        f->pointers[i] = &f->tasks[i];
    }
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 4; i++)
        task_clear(&f->tasks[i]);
    free(f);
    return 0;
}

static void note(struct fixture *f, size_t count, uint64_t elapsed_ns, int times)
{
    for (int i = 0; i < times; i++)
        costs_note(&f->costs, f->pointers, count, elapsed_ns);
}

static uint64_t cost(const struct fixture *f, enum op op)
{
    struct call call = {.request.op = op};
    return costs_of(&f->costs, &call);
}

static void make_batch(struct call *call, enum op op, int parts)
{
    call->request.op = OP_BATCH;
    for (int i = 0; i < parts; i++)
        call_add_part(call, CALL_INLINE)->request.op = op;
}

static void what_was_not_measured_costs_the_mean(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(costs_mean(&f->costs), COSTS_FIRST_NS);
    assert_int_equal(cost(f, OP_PUT), COSTS_FIRST_NS);
    note(f, 1, 1000, 200);
    assert_int_equal(cost(f, OP_PUT), costs_mean(&f->costs));
    assert_int_equal(cost(f, OP_PING), 0); /* the backend does not execute it */
}

/* Up and down, to within what rounding up leaves. */
static void averages_converge(void **state)
{
    struct fixture *f = *state;
    static const uint64_t elapsed[] = {1000, 250000, 40, 1, 0, 10000000};
    for (size_t i = 0; i < sizeof elapsed / sizeof elapsed[0]; i++) {
        note(f, 1, elapsed[i], 300);
        assert_in_range(cost(f, OP_GET), elapsed[i] - elapsed[i] / 50, elapsed[i] + elapsed[i] / 50 + 16);
        assert_in_range(costs_mean(&f->costs), elapsed[i] - elapsed[i] / 50, elapsed[i] + elapsed[i] / 50 + 16);
        assert_true(costs_mean(&f->costs) > 0);
    }
}

/* What is known for long is changed by one measurement for a 32nd; by small differences too, either way. */
static void one_measurement_counts_for_a_part(void **state)
{
    struct fixture *f = *state;
    note(f, 1, 320, 100);
    assert_in_range(costs_mean(&f->costs), 319, 322);
    note(f, 1, 3520, 1);
    assert_in_range(costs_mean(&f->costs), 418, 424);
    for (int i = 0; i < 300; i++)
        note(f, 1, 310 + i % 2 * 20, 1);
    assert_in_range(costs_mean(&f->costs), 310, 332);
}

/* The thread was held up: one measurement moves the average to less than three times what it was. */
static void an_outlier_counts_for_little(void **state)
{
    struct fixture *f = *state;
    note(f, 1, 1000, 300);
    uint64_t before = cost(f, OP_GET);
    note(f, 1, 10000000000, 1);
    assert_in_range(cost(f, OP_GET), before, 3 * before);
    assert_in_range(costs_mean(&f->costs), before, 3 * before);
}

/* A slow operation among fast ones is found out although only batches are timed. */
static void a_rare_slow_operation_gets_its_share(void **state)
{
    struct fixture *f = *state;
    note(f, 4, 4000, 300);
    f->tasks[3].call.request.op = OP_SCAN;
    for (int i = 0; i < 400; i++)
        note(f, i % 4 ? 3 : 4, i % 4 ? 3000 : 103000, 1); /* 1 us each, and SCAN 100 us */
    assert_in_range(cost(f, OP_GET), 500, 4000);
    assert_in_range(cost(f, OP_SCAN), 50000, 110000);
}

static void a_batch_costs_what_its_parts_cost(void **state)
{
    struct fixture *f = *state;
    note(f, 1, 1000, 300);
    make_batch(&f->tasks[0].call, OP_GET, 10);
    uint64_t one = cost(f, OP_GET);
    assert_int_equal(costs_of(&f->costs, &f->tasks[0].call), 10 * one);
    make_batch(call_add_part(&f->tasks[0].call, CALL_INLINE), OP_GET, 5); /* a batch within */
    assert_int_equal(costs_of(&f->costs, &f->tasks[0].call), 15 * one);
}

/* The parts of one batch are one measurement together, not one each. */
static void many_parts_are_one_measurement(void **state)
{
    struct fixture *f = *state;
    note(f, 1, 1000, 300);
    make_batch(&f->tasks[0].call, OP_GET, 1000);
    uint64_t before = cost(f, OP_GET);
    note(f, 1, 2 * 1000 * before, 1);
    assert_in_range(cost(f, OP_GET), before, before + before / 4);
    note(f, 1, 1000 * before / 2, 100);
    assert_in_range(cost(f, OP_GET), before / 2 - before / 50, before / 2 + before / 50);
    make_batch(&f->tasks[1].call, OP_PUT, 1000); /* of an operation that was not measured before */
    f->pointers[0] = &f->tasks[1];
    note(f, 1, 5000000, 100);
    assert_in_range(cost(f, OP_PUT), 4900, 5200);
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_not_measured_costs_the_mean), TEST(averages_converge),
        TEST(one_measurement_counts_for_a_part),    TEST(an_outlier_counts_for_little),
        TEST(a_rare_slow_operation_gets_its_share), TEST(a_batch_costs_what_its_parts_cost),
        TEST(many_parts_are_one_measurement),
    };
    return cmocka_run_group_tests_name("costs", tests, NULL, NULL);
}
