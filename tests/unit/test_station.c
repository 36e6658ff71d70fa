/* One station, without threads: what is run, parked, committed and delivered, in place and through a ring. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "daemon/backend/station.h"
#include "tests/unit/fake_clock.h"

#define CALLS   8
#define LANES   2
#define COST_NS 700 /* each call run moves the clock by this */

/* What the station is to do with a call. */
enum fate { ANSWER, PARK_IN_RUN, PARK_IN_COMMIT };

struct fixture {
    struct fake_clock clock;
    struct station station;
    struct mailbox boxes[LANES];
    struct task tasks[CALLS];
    enum fate fates[CALLS];
    struct task *parked[CALLS], *committed[CALLS];
    size_t parked_count, committed_count, ran_count;
    unsigned runs, commits, deliveries;
};

static void park(struct fixture *f, struct task **task)
{
    f->parked[f->parked_count++] = *task;
    *task = NULL;
}

static void run(void *ctx, struct task **tasks, size_t count, uint64_t now_ms)
{
    struct fixture *f = ctx;
    assert_true(now_ms >= FAKE_CLOCK_START_MS);
    f->runs++;
    for (size_t i = 0; i < count; i++) {
        if (tasks[i]->call.reply.kind != REPLY_NONE) continue;
        atomic_fetch_add(&f->clock.ns, COST_NS);
        f->ran_count++;
        if (f->fates[tasks[i] - f->tasks] == PARK_IN_RUN)
            park(f, &tasks[i]);
        else
            tasks[i]->call.reply.kind = REPLY_OK;
    }
}

static void commit(void *ctx, struct task **tasks, size_t count)
{
    struct fixture *f = ctx;
    assert_true(count > 0);
    assert_int_equal(f->deliveries, f->commits); /* nobody has seen this batch */
    f->commits++;
    for (size_t i = 0; i < count; i++) {
        assert_non_null(tasks[i]);
        assert_int_not_equal(tasks[i]->call.reply.kind, REPLY_NONE);
        f->committed[f->committed_count++] = tasks[i];
        if (f->fates[tasks[i] - f->tasks] == PARK_IN_COMMIT) park(f, &tasks[i]);
    }
}

static void complete(void *ctx, uint32_t lane, struct mail_batch *batch)
{
    struct fixture *f = ctx;
    f->deliveries++;
    mailbox_post(&f->boxes[lane], batch);
}

static void wake(void *ctx)
{
    (void)ctx;
}

static struct fixture *fixture_open(bool is_lane)
{
    struct fixture *f = aligned_alloc(64, (sizeof *f + 63) / 64 * 64);
    assert_non_null(f);
    memset(f, 0, sizeof *f);
    fake_clock_init(&f->clock);
    struct station_options options = {
        .bound = is_lane ? 0 : CALLS,
        .is_lane = is_lane,
        .clock = &f->clock.clock,
        .lanes = {.count = LANES, .complete = complete, .ctx = f},
        .run = run,
        .ctx = f,
        .commit = commit,
        .commit_ctx = f,
        .wake = wake,
    };
    assert_true(station_init(&f->station, &options));
    if (!is_lane) counter_set(&f->station.costs.mean_ns, 1); /* so that all calls are one batch */
    for (int i = 0; i < CALLS; i++) {
        task_init(&f->tasks[i]);
        f->tasks[i].call.request.op = OP_GET;
        f->tasks[i].arrived_ns = atomic_load(&f->clock.ns);
    }
    return f;
}

static int setup_here(void **state)
{
    *state = fixture_open(true);
    return 0;
}

static int setup_ring(void **state)
{
    *state = fixture_open(false);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    station_free(&f->station);
    fake_clock_destroy(&f->clock);
    free(f);
    return 0;
}

/* Runs these calls as one batch; returns how many of them are done, at the front of `tasks`. */
static size_t run_all(struct fixture *f, struct task **tasks, size_t count)
{
    for (size_t i = 0; i < count; i++)
        tasks[i] = &f->tasks[i];
    return station_run(&f->station, tasks, count, atomic_load(&f->clock.ns));
}

static void submit_all(struct fixture *f, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_true(station_submit(&f->station, &f->tasks[i]));
}

/* The lane gets exactly these calls, by number, in this order. */
static void expect_mail(struct fixture *f, uint32_t lane, const int *numbers, size_t count)
{
    struct mail *mail = mailbox_take(&f->boxes[lane]);
    for (size_t i = 0; i < count; i++, mail = mail->next) {
        assert_non_null(mail);
        assert_ptr_equal(task_of_mail(mail), &f->tasks[numbers[i]]);
    }
    assert_null(mail);
}
#define EXPECT_MAIL(f_, lane_, ...) \
    expect_mail((f_), (lane_), (const int[]){__VA_ARGS__}, sizeof((const int[]){__VA_ARGS__}) / sizeof(int))

static void set_fates(struct fixture *f)
{
    f->fates[1] = PARK_IN_RUN;
    f->fates[2] = PARK_IN_COMMIT;
    f->fates[5] = PARK_IN_COMMIT;
}

/* ---- parked ---- */

static void parked_here_they_are_not_done(void **state)
{
    struct fixture *f = *state;
    struct task *tasks[6];
    uint64_t begun_ns = atomic_load(&f->clock.ns);
    set_fates(f);
    assert_int_equal(run_all(f, tasks, 6), 3);
    static const int done[] = {0, 3, 4};
    for (int i = 0; i < 3; i++) {
        assert_ptr_equal(tasks[i], &f->tasks[done[i]]);
        assert_int_equal(tasks[i]->taken_ns, begun_ns);
        assert_int_equal(tasks[i]->done_ns, begun_ns + 6 * COST_NS);
    }
    assert_int_equal(f->parked_count, 3);
    assert_int_equal(f->deliveries, 0);
    f->tasks[5].lane = 1;
    station_deliver(&f->station, f->parked, f->parked_count); /* 1, 2, 5 */
    EXPECT_MAIL(f, 0, 1, 2);
    EXPECT_MAIL(f, 1, 5);
}

static void parked_behind_a_ring_they_are_not_delivered(void **state)
{
    struct fixture *f = *state;
    set_fates(f);
    submit_all(f, 6);
    assert_true(station_run_batch(&f->station, 0) != 0);
    EXPECT_MAIL(f, 0, 0, 3, 4);
    assert_int_equal(f->tasks[0].done_ns, atomic_load(&f->clock.ns));
    assert_int_equal(station_run_batch(&f->station, 0), 0); /* there is no more */
    station_deliver(&f->station, f->parked + 1, 1);
    EXPECT_MAIL(f, 0, 2);
    station_deliver(&f->station, f->parked, 1);
    EXPECT_MAIL(f, 0, 1);
    assert_int_equal(f->ran_count, 6);
}

/* Of a batch that is parked as a whole nothing is left to commit, to deliver, or to tell of what it cost. */
static void all_may_be_parked(void **state)
{
    struct fixture *f = *state;
    struct task *tasks[CALLS];
    uint64_t mean_ns = costs_mean(&f->station.costs);
    for (int i = 0; i < CALLS; i++)
        f->fates[i] = PARK_IN_RUN;
    assert_int_equal(run_all(f, tasks, CALLS), 0);
    assert_int_equal(f->parked_count, CALLS);
    assert_int_equal(f->commits, 0);
    assert_int_equal(costs_mean(&f->station.costs), mean_ns);
}

/* ---- the commit hook ---- */

static void each_batch_is_committed_once_and_first(void **state)
{
    struct fixture *f = *state;
    for (unsigned batch = 0; batch < 3; batch++) {
        for (int i = 0; i < 4; i++)
            f->tasks[i].call.reply.kind = REPLY_NONE;
        f->committed_count = 0;
        submit_all(f, 4);
        assert_true(station_run_batch(&f->station, 0) != 0);
        assert_int_equal(f->commits, batch + 1); /* the hook itself looks that nothing was delivered before it */
        assert_int_equal(f->deliveries, batch + 1);
        assert_int_equal(f->committed_count, 4);
        for (int i = 0; i < 4; i++)
            assert_ptr_equal(f->committed[i], &f->tasks[i]);
        EXPECT_MAIL(f, 0, 0, 1, 2, 3);
    }
}

static void what_was_parked_before_it_is_not_committed(void **state)
{
    struct fixture *f = *state;
    struct task *tasks[3];
    f->fates[0] = PARK_IN_RUN;
    assert_int_equal(run_all(f, tasks, 3), 2);
    assert_int_equal(f->commits, 1);
    assert_int_equal(f->committed_count, 2);
    assert_ptr_equal(f->committed[0], &f->tasks[1]);
    assert_ptr_equal(f->committed[1], &f->tasks[2]);
}

static void what_is_abandoned_is_neither_run_nor_committed(void **state)
{
    struct fixture *f = *state;
    submit_all(f, 4);
    station_abandon(&f->station);
    assert_true(station_run_batch(&f->station, 0) != 0);
    assert_int_equal(f->runs, 0);
    assert_int_equal(f->commits, 0);
    EXPECT_MAIL(f, 0, 0, 1, 2, 3);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(f->tasks[i].call.reply.kind, REPLY_NONE);
        assert_int_equal(f->tasks[i].taken_ns, 0);
    }
}

/* ---- time ---- */

/* What comes too late is answered, and not run; by estimate, behind what is before it in its batch. */
static void the_late_are_answered_in_their_place(void **state)
{
    struct fixture *f = *state;
    struct task *tasks[4];
    f->tasks[1].call.request.deadline_ms = f->tasks[3].call.request.deadline_ms = 5;
    f->tasks[2].wait.cost_ns = 5000001;
    assert_int_equal(run_all(f, tasks, 4), 4);
    assert_int_equal(f->ran_count, 3);
    for (int i = 0; i < 4; i++) {
        assert_ptr_equal(tasks[i], &f->tasks[i]);
        assert_int_equal(tasks[i]->call.reply.kind, i == 3 ? REPLY_LATE : REPLY_OK);
    }
    f->deliveries++; /* this test has taken them */
    fake_clock_advance_ms(&f->clock, 6);
    f->tasks[1].call.reply.kind = REPLY_NONE;
    struct task *late = &f->tasks[1];
    assert_int_equal(station_run(&f->station, &late, 1, atomic_load(&f->clock.ns)), 1);
    assert_int_equal(late->call.reply.kind, REPLY_LATE);
    assert_int_equal(f->runs, 1);
}

#define TEST_HERE(name_) cmocka_unit_test_setup_teardown(name_, setup_here, teardown)
#define TEST_RING(name_) cmocka_unit_test_setup_teardown(name_, setup_ring, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_HERE(parked_here_they_are_not_done),
        TEST_RING(parked_behind_a_ring_they_are_not_delivered),
        TEST_HERE(all_may_be_parked),
        TEST_RING(each_batch_is_committed_once_and_first),
        TEST_HERE(what_was_parked_before_it_is_not_committed),
        TEST_RING(what_is_abandoned_is_neither_run_nor_committed),
        TEST_HERE(the_late_are_answered_in_their_place),
    };
    return cmocka_run_group_tests_name("station", tests, NULL, NULL);
}
