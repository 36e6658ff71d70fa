/* Artificial work: how much, and that a station's run goes on as before but for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "daemon/backend/work.h"
#include "tests/unit/fake_clock.h"

static const struct siphash_key hash_key = {1, 2};

static void ask(struct call *call, enum op op, const char *key)
{
    call_init(call);
    call->request.op = op;
    call->request.key = slice_text(key);
}

static void rounds_are_of_the_operation_and_its_parts(void **state)
{
    struct work work = {.iterations = 10, .hash_key = hash_key};
    struct call call;
    (void)state;
    ask(&call, OP_GET, "a");
    assert_int_equal(work_rounds(&work, &call), 10);
    ask(&call, OP_LEN, "");
    assert_int_equal(work_rounds(&work, &call), 10);
    for (int i = 0; i < 3; i++) {
        struct call *part = call_add_part(&call, CALL_INLINE);
        assert_non_null(part);
        part->request.op = OP_GET;
    }
    call.request.op = OP_BATCH;
    assert_int_equal(work_rounds(&work, &call), 30);
    call.parts->reply.kind = REPLY_NOT_FOUND; /* done in an earlier slice */
    assert_int_equal(work_rounds(&work, &call), 20);
    work_do(&work, &call);
    call_clear(&call);
}

static void slow_sessions_take_more(void **state)
{
    struct work work = {.iterations = 10, .slow_factor = 7, .hash_key = hash_key};
    struct call call;
    (void)state;
    uint32_t hash = (uint32_t)siphash13(&hash_key, "a", 1);
    ask(&call, OP_GET, "a");
    assert_int_equal(work_rounds(&work, &call), 10);
    work.slow_below = hash;
    assert_int_equal(work_rounds(&work, &call), 10);
    work.slow_below = hash + 1;
    assert_int_equal(work_rounds(&work, &call), 70);
    ask(&call, OP_LEN, "a"); /* it is about no session */
    assert_int_equal(work_rounds(&work, &call), 10);
}

#define TASKS 3

struct ran {
    struct fake_clock clock;
    struct task *tasks[TASKS];
    uint64_t times_ms[TASKS];
    size_t count;
};

/* Answers, and takes a millisecond for it. */
static void run(void *ctx, struct task **tasks, size_t count, uint64_t now_ms)
{
    struct ran *ran = ctx;
    assert_int_equal(count, 1);
    ran->times_ms[ran->count] = now_ms;
    ran->tasks[ran->count++] = tasks[0];
    tasks[0]->call.reply.kind = REPLY_OK;
    atomic_fetch_add(&ran->clock.ns, 1000000);
}

static void tasks_run_one_by_one_each_at_its_time(void **state)
{
    struct work work = {.iterations = 1, .hash_key = hash_key};
    struct ran ran = {.count = 0};
    struct work_around around;
    struct task tasks[TASKS], *all[TASKS];
    (void)state;
    fake_clock_init(&ran.clock);
    struct station_options station = {.clock = &ran.clock.clock, .run = run, .ctx = &ran};
    work_wrap(&around, &work, &station);
    for (int i = 0; i < TASKS; i++) {
        task_init(&tasks[i]);
        all[i] = &tasks[i];
    }
    tasks[1].call.reply.kind = REPLY_LATE; /* this one is answered */
    uint64_t now_ms = clock_ms(&ran.clock.clock);
    station.run(station.ctx, all, TASKS, now_ms);
    assert_int_equal(ran.count, 2);
    assert_ptr_equal(ran.tasks[0], &tasks[0]);
    assert_ptr_equal(ran.tasks[1], &tasks[2]);
    assert_int_equal(ran.times_ms[0], now_ms);
    assert_int_equal(ran.times_ms[1], now_ms + 1);
    assert_int_equal(tasks[1].call.reply.kind, REPLY_LATE);
    fake_clock_destroy(&ran.clock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounds_are_of_the_operation_and_its_parts),
        cmocka_unit_test(slow_sessions_take_more),
        cmocka_unit_test(tasks_run_one_by_one_each_at_its_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
