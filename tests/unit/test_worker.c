/* One worker: batches, time, housekeeping, stopping. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/backend/worker.h"
#include "daemon/queue/bell.h"
#include "tests/unit/fake_clock.h"

#define HANG_S 60
#define CALLS  300

/* What a worker did, and how its job behaves. */
struct bench {
    struct fake_clock clock;
    struct worker *worker;
    struct task tasks[CALLS];
    size_t submitted;
    struct mailbox box;
    struct bell bell;
    /* By the worker's thread. */
    size_t ran; /* calls, which came in order */
    size_t largest_batch;
    uint64_t last_now_ms;
    bool out_of_order;
    uint64_t cost_ns; /* each call moves the clock by this */
    /* Housekeeping. */
    _Atomic unsigned kept;      /* how often it was asked */
    _Atomic uint64_t kept_at;   /* the time it was told last */
    _Atomic uint64_t keep_next; /* what it answers */
    _Atomic unsigned keep_now;  /* so often it first answers "at once" */
    _Atomic uint64_t keep_ns;   /* it moves the clock by this */
    /* While held, `complete` does not return. */
    _Atomic bool held;
    _Atomic bool waiting;
};

static void run(void *ctx, struct task **tasks, size_t count, uint64_t now_ms)
{
    struct bench *b = ctx;
    if (count > b->largest_batch) b->largest_batch = count;
    b->last_now_ms = now_ms;
    for (size_t i = 0; i < count; i++) {
        if (tasks[i] != &b->tasks[b->ran]) b->out_of_order = true;
        b->ran++;
        atomic_fetch_add(&b->clock.ns, b->cost_ns);
    }
}

static uint64_t housekeep(void *ctx, uint64_t now_ms)
{
    struct bench *b = ctx;
    atomic_store(&b->kept_at, now_ms);
    atomic_fetch_add(&b->clock.ns, atomic_load(&b->keep_ns));
    atomic_fetch_add(&b->kept, 1);
    if (atomic_load(&b->keep_now) > 0) {
        atomic_fetch_sub(&b->keep_now, 1);
        return now_ms;
    }
    return atomic_load(&b->keep_next);
}

static void complete(void *ctx, uint32_t lane, struct mail_batch *batch)
{
    struct bench *b = ctx;
    assert_int_equal(lane, 0);
    mailbox_post(&b->box, batch);
    bell_ring(&b->bell);
    while (atomic_load(&b->held)) {
        atomic_store(&b->waiting, true);
        sched_yield();
    }
    atomic_store(&b->waiting, false);
}

static struct bench *bench_open(uint32_t bound, bool keeps, uint64_t interval_ms)
{
    struct bench *b = aligned_alloc(64, (sizeof *b + 63) / 64 * 64);
    assert_non_null(b);
    memset(b, 0, sizeof *b);
    fake_clock_init(&b->clock);
    bell_init(&b->bell);
    atomic_store(&b->keep_next, UINT64_MAX);
    for (int i = 0; i < CALLS; i++)
        task_init(&b->tasks[i]);
    struct worker_options options = {
        .name = "test-worker",
        .station = {.bound = bound,
                    .clock = &b->clock.clock,
                    .lanes = {.count = 1, .complete = complete, .ctx = b},
                    .run = run,
                    .ctx = b,
                    .housekeep = keeps ? housekeep : NULL,
                    .housekeep_ctx = b,
                    .housekeep_interval_ms = interval_ms},
    };
    b->worker = worker_make(&options);
    assert_non_null(b->worker);
    assert_true(worker_start(b->worker));
    return b;
}

static void bench_stop(struct bench *b)
{
    worker_end(b->worker);
    worker_free(b->worker);
    assert_false(b->out_of_order);
    assert_int_equal(b->ran, b->submitted);
}

static void bench_free(struct bench *b)
{
    bell_close(&b->bell);
    fake_clock_destroy(&b->clock);
    free(b);
}

static void submit(struct bench *b, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct task *task = &b->tasks[b->submitted++];
        task->arrived_ns = atomic_load(&b->clock.ns);
        assert_true(station_submit(worker_station(b->worker), task));
    }
}

/* Takes `count` completed calls. */
static void take(struct bench *b, size_t count)
{
    while (count > 0) {
        bell_arm(&b->bell);
        struct mail *mail = mailbox_take(&b->box);
        if (!mail) bell_wait(&b->bell, UINT64_MAX);
        for (; mail; mail = mail->next)
            count--;
    }
}

static void hold(struct bench *b)
{
    atomic_store(&b->held, true);
    submit(b, 1);
    station_wake(worker_station(b->worker));
    while (!atomic_load(&b->waiting))
        sched_yield();
}

static void release(struct bench *b)
{
    atomic_store(&b->held, false);
}

/* Behind a held batch, the next ones are as large as allowed. */
static void batches_are_bounded(void **state)
{
    (void)state;
    struct bench *b = bench_open(1024, false, 0);
    hold(b);
    submit(b, 250);
    release(b);
    take(b, 251);
    bench_stop(b);
    assert_in_range(b->largest_batch, 2, STATION_BATCH_MAX);
    bench_free(b);
}

/* Calls that take a millisecond each are handed back one by one: none waits for others to fill a batch. */
static void slow_calls_come_back_one_by_one(void **state)
{
    (void)state;
    struct bench *b = bench_open(1024, false, 0);
    b->cost_ns = 1000000;
    for (int i = 0; i < 40; i++) { /* it learns what a call costs */
        submit(b, 1);
        station_wake(worker_station(b->worker));
        take(b, 1);
    }
    assert_in_range(costs_mean(&worker_station(b->worker)->costs), 900000, 1000000);
    hold(b);
    b->largest_batch = 0; /* the worker waits in `complete` */
    submit(b, 50);
    release(b);
    take(b, 51);
    bench_stop(b);
    assert_int_equal(b->largest_batch, 1);
    bench_free(b);
}

static void its_ring_holds_exactly_its_bound(void **state)
{
    (void)state;
    struct bench *b = bench_open(17, false, 0);
    const struct ring *ring = worker_station(b->worker)->ring;
    assert_int_equal(ring_bound(ring), 17);
    hold(b);
    submit(b, 17);
    assert_int_equal(ring_depth(ring), 17);
    assert_false(station_submit(worker_station(b->worker), &b->tasks[b->submitted]));
    release(b);
    take(b, 18);
    assert_int_equal(ring_depth(ring), 0);
    bench_stop(b);
    bench_free(b);
}

/* The time a batch runs at is not before any of its calls arrived, even if the worker was held up right after it
 * read the clock for the last time. */
static void no_call_runs_in_its_past(void **state)
{
    (void)state;
    struct bench *b = bench_open(64, false, 0);
    hold(b); /* it has read the time, and delivers */
    fake_clock_advance_ms(&b->clock, 500);
    submit(b, 1);
    release(b);
    take(b, 2);
    bench_stop(b);
    assert_int_equal(b->last_now_ms, FAKE_CLOCK_START_MS + 500);
    bench_free(b);
}

/* ---- housekeeping ---- */

static void await_kept(struct bench *b, unsigned count)
{
    while (atomic_load(&b->kept) < count)
        sched_yield();
}

static void it_keeps_house_at_the_start_and_at_once_while_asked(void **state)
{
    (void)state;
    struct bench *b = bench_open(64, true, 10);
    await_kept(b, 1);
    atomic_store(&b->keep_now, 5);
    submit(b, 1); /* changes what is due: asked again, though it had said never */
    station_wake(worker_station(b->worker));
    fake_clock_advance_ms(&b->clock, 10);
    take(b, 1);
    await_kept(b, 7);
    assert_int_equal(atomic_load(&b->keep_now), 0);
    bench_stop(b);
    assert_int_equal(atomic_load(&b->kept), 7); /* and no more than that */
    bench_free(b);
}

/* "Not before then" is kept, however many calls run. */
static void it_is_not_asked_before_its_time(void **state)
{
    (void)state;
    struct bench *b = bench_open(64, true, 1000);
    await_kept(b, 1);
    for (int i = 0; i < 50; i++) {
        fake_clock_advance_ms(&b->clock, 19);
        submit(b, 1);
        station_wake(worker_station(b->worker));
        take(b, 1);
    }
    bench_stop(b); /* 950 ms have passed */
    assert_int_equal(atomic_load(&b->kept), 1);
    bench_free(b);
}

/* It said never, and calls run all the time: asked again once the interval is over. */
static void under_load_it_is_asked_every_interval(void **state)
{
    (void)state;
    struct bench *b = bench_open(64, true, 100);
    await_kept(b, 1);
    for (unsigned round = 1; round <= 10; round++) {
        fake_clock_advance_ms(&b->clock, 100);
        submit(b, 1);
        station_wake(worker_station(b->worker));
        take(b, 1);
        await_kept(b, 1 + round);
        assert_int_equal(atomic_load(&b->kept_at), FAKE_CLOCK_START_MS + 100 * round);
    }
    bench_stop(b);
    assert_int_equal(atomic_load(&b->kept), 11);
    bench_free(b);
}

/* With nothing to do, it wakes up by itself when housekeeping is due. (The time of its sleep is real.) */
static void it_wakes_up_to_keep_house(void **state)
{
    (void)state;
    struct bench *b = bench_open(64, true, 1);
    await_kept(b, 1);
    atomic_store(&b->keep_next, FAKE_CLOCK_START_MS + 15);
    submit(b, 1);
    station_wake(worker_station(b->worker));
    fake_clock_advance_ms(&b->clock, 5);
    take(b, 1);
    await_kept(b, 2);
    atomic_store(&b->keep_next, UINT64_MAX);
    fake_clock_advance_ms(&b->clock, 10);
    await_kept(b, 3);
    assert_int_equal(atomic_load(&b->kept_at), FAKE_CLOCK_START_MS + 15);
    bench_stop(b);
    bench_free(b);
}

static void find_longest_turn(void *ctx, const struct metric *metric)
{
    if (strcmp(metric->name, "worker.longest_turn_ns") == 0) *(uint64_t *)ctx = metric->value;
}

static uint64_t longest_turn_ns(struct metrics *m)
{
    uint64_t ns = 0;
    metrics_visit(m, find_longest_turn, &ns);
    return ns;
}

/* A batch and the housekeeping after it are one turn; what was before they came is not in it. */
static void it_knows_its_longest_turn(void **state)
{
    (void)state;
    struct bench *b = bench_open(64, true, 10);
    struct metrics *m = metrics_create();
    assert_non_null(m);
    assert_true(worker_register_metrics(b->worker, m));
    await_kept(b, 1);
    b->cost_ns = 3000000;
    hold(b);
    fake_clock_advance_ms(&b->clock, 100); /* so it is to keep house */
    atomic_store(&b->keep_ns, 7000000);
    submit(b, 1);
    release(b);
    take(b, 2);
    while (longest_turn_ns(m) < 10000000)
        sched_yield();
    assert_int_equal(longest_turn_ns(m), 10000000);
    bench_stop(b);
    metrics_destroy(m);
    bench_free(b);
}

static void stopping_runs_all_that_is_queued(void **state)
{
    (void)state;
    for (int held = 0; held < 2; held++) {
        struct bench *b = bench_open(1024, true, 10);
        if (held) hold(b);
        submit(b, 200);
        if (held) release(b);
        bench_stop(b); /* checks that all have run */
        take(b, b->submitted);
        bench_free(b);
    }
}

/* Nobody waits any more: what is queued comes back, and is not run. */
static void stopping_after_abandoning_runs_nothing_more(void **state)
{
    (void)state;
    struct bench *b = bench_open(1024, false, 0);
    hold(b);
    submit(b, 250);
    station_abandon(worker_station(b->worker));
    release(b);
    take(b, 251);
    worker_end(b->worker);
    worker_free(b->worker);
    assert_int_equal(b->ran, 1);
    bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_are_bounded),
        cmocka_unit_test(slow_calls_come_back_one_by_one),
        cmocka_unit_test(its_ring_holds_exactly_its_bound),
        cmocka_unit_test(no_call_runs_in_its_past),
        cmocka_unit_test(it_keeps_house_at_the_start_and_at_once_while_asked),
        cmocka_unit_test(it_is_not_asked_before_its_time),
        cmocka_unit_test(under_load_it_is_asked_every_interval),
        cmocka_unit_test(it_wakes_up_to_keep_house),
        cmocka_unit_test(it_knows_its_longest_turn),
        cmocka_unit_test(stopping_runs_all_that_is_queued),
        cmocka_unit_test(stopping_after_abandoning_runs_nothing_more),
    };
    alarm(HANG_S);
    return cmocka_run_group_tests_name("worker", tests, NULL, NULL);
}
