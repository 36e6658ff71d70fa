/* The bounded queue, the same on every backend that has one: exactly its bound, room that is announced, nothing
 * lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/store_contract.h"

#define CONN        1
#define CALLS_MAX   1100
#define RACE_ROUNDS (STORE_SANITIZED ? 1000 : 10000)

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
static size_t take_in_order(struct store *s, struct task *tasks, size_t from, struct mail *batch)
{
    (void)s;
    for (; batch; batch = batch->next) {
        assert_ptr_equal(task_of_mail(batch), &tasks[from]);
        assert_int_equal(tasks[from].call.reply.kind, REPLY_STORED);
        assert_true(from == 0 || tasks[from].call.reply.version > tasks[from - 1].call.reply.version);
        from++;
    }
    return from;
}

static struct backend_load load_of(struct store *s, struct task *task)
{
    store_place(s, task);
    return s->backend->design->load(s->backend, task);
}

/* Holds the thread that serves CONN: calls[0] is done, and what comes now must wait. */
static void hold_worker(struct store *s, struct task *tasks)
{
    store_block(s);
    assert_int_equal(store_submit(s, &tasks[0]), BACKEND_QUEUED);
    store_flush(s, 0);
    store_await_blocked(s);
}

static void full_at_exactly_the_bound(void **state)
{
    const struct store_config *config = *state;
    struct store *s = store_open(config, NULL);
    uint32_t bound = bound_of(config);
    struct task *tasks = make_calls(CALLS_MAX);
    assert_true(s->backend->design->queues(s->backend));
    hold_worker(s, tasks);
    for (uint32_t i = 1; i <= bound; i++) {
        struct backend_load load = load_of(s, &tasks[i]);
        assert_int_equal(load.bound, bound);
        assert_int_equal(load.depth, i - 1);
        assert_int_equal(store_submit(s, &tasks[i]), BACKEND_QUEUED);
    }
    struct task *extra = &tasks[bound + 1];
    assert_int_equal(load_of(s, extra).depth, bound);
    for (int tries = 0; tries < 3; tries++) {
        assert_int_equal(store_submit(s, extra), BACKEND_FULL);
        assert_int_equal(extra->call.reply.kind, REPLY_NONE);
        assert_true(slice_equal(extra->call.request.key, slice_text("k"))); /* untouched */
    }
    store_flush(s, 0);
    assert_int_equal(store_rooms(s, 0), 0); /* nobody asked */
    store_unblock(s);
    size_t done = 0;
    while (done < bound + 1)
        done = take_in_order(s, tasks, done, store_wait(s, 0, UINT32_MAX));
    assert_int_equal(load_of(s, extra).depth, 0);
    assert_int_equal(store_submit(s, extra), BACKEND_QUEUED);
    store_flush(s, 0);
    assert_int_equal(take_in_order(s, tasks, done, store_wait(s, 0, UINT32_MAX)), done + 1);
    assert_int_equal(store_rooms(s, 0), 0);
    assert_true(store_metric(s, "queue.ring_max") >= bound);
    store_close(s);
    free_calls(tasks, CALLS_MAX);
}

static void room_is_announced_to_who_asked(void **state)
{
    const struct store_config *config = *state;
    struct store *s = store_open(config, &(struct store_options){.lanes = 2});
    uint32_t bound = bound_of(config);
    struct task *tasks = make_calls(CALLS_MAX);
    hold_worker(s, tasks);
    for (uint32_t i = 1; i <= bound; i++)
        assert_int_equal(store_submit(s, &tasks[i]), BACKEND_QUEUED);
    struct task *extra = &tasks[bound + 1];
    assert_int_equal(store_submit(s, extra), BACKEND_FULL);
    store_want_room(s, extra);
    assert_int_equal(store_submit(s, extra), BACKEND_FULL);
    store_flush(s, 0);
    assert_int_equal(store_rooms(s, 0), 0); /* there is none yet */
    store_unblock(s);
    size_t done = 0;
    while (store_rooms(s, 0) == 0)
        done = take_in_order(s, tasks, done, store_wait(s, 0, 0));
    assert_int_equal(store_submit(s, extra), BACKEND_QUEUED);
    store_flush(s, 0);
    while (done < bound + 2)
        done = take_in_order(s, tasks, done, store_wait(s, 0, UINT32_MAX));
    assert_int_equal(store_rooms(s, 0), 1); /* asked once, told once */
    assert_int_equal(store_rooms(s, 1), 0);
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
            assert_int_equal(store_submit(s, &tasks[i]), BACKEND_QUEUED);
        if (flushed) store_flush(s, 0);
        store_unblock(s);
        store_stop(s);
        assert_int_equal(take_in_order(s, tasks, 0, store_take(s, 0)), bound + 1);
        store_free(s);
        free_calls(tasks, CALLS_MAX);
    }
}

/* The worker sleeps, and nobody has rung for the call in its queue. */
static void stop_completes_what_was_not_rung_for(void **state)
{
    struct store *s = store_open(*state, NULL);
    struct task *tasks = make_calls(2);
    assert_int_equal(store_submit(s, &tasks[0]), BACKEND_QUEUED);
    store_stop(s);
    assert_int_equal(take_in_order(s, tasks, 0, store_take(s, 0)), 1);
    store_free(s);
    free_calls(tasks, 2);
}

/* ---- the race for the last place ---- */

struct racer {
    struct store *store;
    uint32_t lane;
    uint64_t submitted, completed, waits;
};

static void count_completed(struct racer *racer, struct mail *batch)
{
    while (batch) {
        struct task *task = task_of_mail(batch);
        batch = batch->next;
        racer->completed += task->call.reply.kind == REPLY_NOT_FOUND;
        task_clear(task);
        free(task);
    }
}

/* Submits in a row; when full, does nothing until room is announced: a lost announcement hangs. */
static void *race(void *arg)
{
    struct racer *racer = arg;
    struct store *s = racer->store;
    for (int round = 0; round < RACE_ROUNDS; round++) {
        struct task *task = malloc(sizeof *task);
        task_init(task);
        store_fill(task, &(struct ask){.op = OP_GET, .key = "k"}, racer->lane, CONN);
        for (;;) {
            if (store_submit(s, task) == BACKEND_QUEUED) break;
            unsigned rooms = store_rooms(s, racer->lane);
            store_want_room(s, task);
            if (store_submit(s, task) == BACKEND_QUEUED) break;
            store_flush(s, racer->lane);
            racer->waits++;
            while (store_rooms(s, racer->lane) == rooms)
                count_completed(racer, store_wait(s, racer->lane, rooms));
        }
        racer->submitted++;
        store_flush(s, racer->lane);
    }
    while (racer->completed < racer->submitted)
        count_completed(racer, store_wait(s, racer->lane, UINT32_MAX));
    return NULL;
}

static void room_is_never_lost(void **state)
{
    struct store *s = store_open(*state, &(struct store_options){.lanes = STORE_LANES, .bound = 1});
    struct racer racers[STORE_LANES] = {{0}};
    pthread_t threads[STORE_LANES];
    for (uint32_t i = 0; i < STORE_LANES; i++) {
        racers[i].store = s;
        racers[i].lane = i;
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    }
    uint64_t waits = 0;
    for (uint32_t i = 0; i < STORE_LANES; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(racers[i].submitted, RACE_ROUNDS);
        assert_int_equal(racers[i].completed, RACE_ROUNDS);
        waits += racers[i].waits;
    }
    assert_true(waits > 0); /* otherwise nothing was tested */
    store_close(s);
}

/* ---- no queue ---- */

static void without_a_queue_nothing_is_full(void **state)
{
    struct store *s = store_open(*state, NULL);
    struct task *tasks = make_calls(CALLS_MAX);
    assert_false(s->backend->design->queues(s->backend));
    for (size_t i = 0; i < CALLS_MAX; i++) {
        assert_int_equal(store_submit(s, &tasks[i]), BACKEND_DONE);
        assert_int_equal(tasks[i].call.reply.kind, REPLY_STORED);
    }
    assert_int_equal(load_of(s, &tasks[0]).bound, 0);
    assert_int_equal(load_of(s, &tasks[0]).depth, 0);
    store_flush(s, 0);
    assert_null(store_take(s, 0));
    store_close(s);
    free_calls(tasks, CALLS_MAX);
}

int main(void)
{
    const struct CMUnitTest queued[] = {
        cmocka_unit_test(full_at_exactly_the_bound),
        cmocka_unit_test(room_is_announced_to_who_asked),
        cmocka_unit_test(stop_completes_what_is_queued),
        cmocka_unit_test(stop_completes_what_was_not_rung_for),
        cmocka_unit_test(room_is_never_lost),
    };
    const struct CMUnitTest direct[] = {
        cmocka_unit_test(without_a_queue_nothing_is_full),
    };
    int failed = store_contract_run("bounds", queued, sizeof queued / sizeof queued[0], store_config_queues);
    return failed +
           store_contract_run("no bounds", direct, sizeof direct / sizeof direct[0], store_config_is_direct);
}
