/* The bounded queue, the same on every backend that has one: exactly its bound, nothing lost; and its end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/store_contract.h"

#define CONN      1
#define CALLS_MAX 1100

/* What one connection can have waiting: with workers, the bound is shared out. */
static uint32_t bound_of(const struct store_config *config)
{
    return config->workers ? (config->bound + config->workers - 1) / config->workers : config->bound;
}

static struct task *make_calls(size_t count)
{
    struct task *tasks = calloc(count, sizeof *tasks);
    assert_non_null(tasks);
    for (size_t i = 0; i < count; i++) {
        char value[16];
        snprintf(value, sizeof value, "%zu", i);
        task_init(&tasks[i]);
        store_fill(&tasks[i], &(struct ask){.op = OP_PUT, .key = "k", .value = value}, 0, CONN);
    }
    return tasks;
}

static void free_calls(struct task *tasks, size_t count)
{
    for (size_t i = 0; i < count; i++)
        task_clear(&tasks[i]);
    free(tasks);
}

/* Takes what has come; all of it must be executed, once, in order from calls[from] on. Returns the end of it. */
static size_t take_in_order(struct task *tasks, size_t from, struct mail *batch)
{
    for (; batch; batch = batch->next) {
        assert_ptr_equal(task_of_mail(batch), &tasks[from]);
        assert_int_equal(tasks[from].call.reply.kind, REPLY_STORED);
        assert_true(from == 0 || tasks[from].call.reply.version > tasks[from - 1].call.reply.version);
        from++;
    }
    return from;
}

/* Holds the thread that serves CONN: calls[0] is done, and what comes now must wait. */
static void hold_worker(struct store *s, struct task *tasks)
{
    store_block(s);
    assert_int_equal(store_submit(s, &tasks[0]), STORE_QUEUED);
    store_flush(s, 0);
    store_await_blocked(s);
}

/* The ring that calls of CONN go through. */
static const struct ring *ring_of(struct store *s, const struct task *task)
{
    return s->backend->stations[task->wait.station]->ring;
}

static void full_at_exactly_the_bound(void **state)
{
    const struct store_config *config = *state;
    struct store *s = store_open(config, NULL);
    uint32_t bound = bound_of(config);
    struct task *tasks = make_calls(CALLS_MAX);
    hold_worker(s, tasks);
    const struct ring *ring = ring_of(s, &tasks[0]);
    assert_int_equal(ring_bound(ring), bound);
    for (uint32_t i = 1; i <= bound; i++) {
        assert_int_equal(ring_depth(ring), i - 1);
        assert_int_equal(store_submit(s, &tasks[i]), STORE_QUEUED);
    }
    struct task *extra = &tasks[bound + 1];
    assert_int_equal(ring_depth(ring), bound);
    for (int tries = 0; tries < 3; tries++) {
        assert_int_equal(store_submit(s, extra), STORE_FULL);
        assert_int_equal(extra->call.reply.kind, REPLY_NONE);
        assert_true(slice_equal(extra->call.request.key, slice_text("k"))); /* untouched */
    }
    store_flush(s, 0);
    store_unblock(s);
    size_t done = 0;
    while (done < bound + 1)
        done = take_in_order(tasks, done, store_wait(s, 0));
    assert_int_equal(ring_depth(ring), 0);
    assert_int_equal(store_submit(s, extra), STORE_QUEUED);
    store_flush(s, 0);
    assert_int_equal(take_in_order(tasks, done, store_wait(s, 0)), done + 1);
    assert_true(store_metric(s, "queue.ring_max") >= bound);
    store_close(s);
    free_calls(tasks, CALLS_MAX);
}

/* ---- stop ---- */

static void stop_completes_what_is_queued(void **state)
{
    const struct store_config *config = *state;
    for (int flushed = 0; flushed < 2; flushed++) {
        struct store *s = store_open(config, NULL);
        uint32_t bound = bound_of(config);
        struct task *tasks = make_calls(CALLS_MAX);
        hold_worker(s, tasks);
        for (uint32_t i = 1; i <= bound; i++)
            assert_int_equal(store_submit(s, &tasks[i]), STORE_QUEUED);
        if (flushed) store_flush(s, 0);
        store_unblock(s);
        store_stop(s);
        assert_int_equal(take_in_order(tasks, 0, store_take(s, 0)), bound + 1);
        store_free(s);
        free_calls(tasks, CALLS_MAX);
    }
}

/* The worker sleeps, and nobody has rung for the call in its queue. */
static void stop_completes_what_was_not_rung_for(void **state)
{
    struct store *s = store_open(*state, NULL);
    struct task *tasks = make_calls(2);
    assert_int_equal(store_submit(s, &tasks[0]), STORE_QUEUED);
    store_stop(s);
    assert_int_equal(take_in_order(tasks, 0, store_take(s, 0)), 1);
    store_free(s);
    free_calls(tasks, 2);
}

static void made_and_never_started_it_ends(void **state)
{
    struct store *s = store_open(*state, &(struct store_options){.unstarted = true});
    assert_int_equal(store_metric(s, "sessions.stored"), 0);
    if (store_config_is_here(*state)) store_put(s, "k", "v"); /* as it needs no thread */
    store_close(s);
}

/* ---- no queue ---- */

static void what_is_executed_here_is_never_full(void **state)
{
    struct store *s = store_open(*state, NULL);
    struct task *tasks = make_calls(CALLS_MAX);
    for (size_t i = 0; i < CALLS_MAX; i++) {
        assert_int_equal(store_submit(s, &tasks[i]), STORE_DONE);
        assert_int_equal(tasks[i].call.reply.kind, REPLY_STORED);
    }
    assert_null(store_take(s, 0));
    store_close(s);
    free_calls(tasks, CALLS_MAX);
}

int main(void)
{
    const struct CMUnitTest queued[] = {
        cmocka_unit_test(full_at_exactly_the_bound),
        cmocka_unit_test(stop_completes_what_is_queued),
        cmocka_unit_test(stop_completes_what_was_not_rung_for),
    };
    const struct CMUnitTest here[] = {
        cmocka_unit_test(what_is_executed_here_is_never_full),
    };
    const struct CMUnitTest all[] = {
        cmocka_unit_test(made_and_never_started_it_ends),
    };
    int failed = store_contract_run("unstarted", all, sizeof all / sizeof all[0], NULL);
    failed += store_contract_run("bounds", queued, sizeof queued / sizeof queued[0], store_config_queues);
    return failed + store_contract_run("no bounds", here, sizeof here / sizeof here[0], store_config_is_here);
}
