/* Dispatch in front of owners in place, two lanes played by one thread: what is executed here, what goes to the
 * other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/admit/gate.h"
#include "daemon/dispatch.h"
#include "tests/unit/fake_clock.h"

#define LANES 2
#define CALLS 64
#define CONN  7

struct fixture {
    struct fake_clock clock;
    struct backend *backend;
    struct tuning tuning;
    struct dispatch *dispatch;
    struct service service;
    struct mailbox boxes[LANES];
    unsigned woken[LANES];
    struct task tasks[CALLS];
    int used;
    int back; /* calls that have come back to lane 0, in order */
    struct task *parked[CALLS];
    size_t parked_count;
    bool parks; /* what is executed is parked before it is delivered */
};

static void complete(void *ctx, uint32_t lane, struct mail_batch *batch)
{
    mailbox_post(&((struct fixture *)ctx)->boxes[lane], batch);
}

static void wake(void *ctx, uint32_t lane)
{
    ((struct fixture *)ctx)->woken[lane]++;
}

static void commit(void *ctx, struct task **tasks, size_t count)
{
    struct fixture *f = ctx;
    for (size_t i = 0; i < count && f->parks; i++) {
        f->parked[f->parked_count++] = tasks[i];
        tasks[i] = NULL;
    }
}

static int setup(void **state)
{
    struct fixture *f = aligned_alloc(64, (sizeof *f + 63) / 64 * 64);
    memset(f, 0, sizeof *f);
    fake_clock_init(&f->clock);
    struct backend_options backend = {
        .clock = &f->clock.clock,
        .ttl_default_ms = UINT64_MAX,
        .ttl_max_lifetime_ms = UINT64_MAX,
        .sweep_interval_ms = 1000,
        .queue_bound = LANES * GATE_WINDOW_MOST,
        .shards = LANES,
        .in_place = true,
        .lanes = {.count = LANES, .complete = complete, .wake = wake, .ctx = f},
        .commit = commit,
        .commit_ctx = f,
    };
    const char *error = NULL;
    f->backend = backend_owner.make(&backend, &error);
    assert_non_null(f->backend);
    assert_true(backend_owner.start(f->backend, &error));
    atomic_store(&f->tuning.policy, POLICY_REJECT);
    atomic_store(&f->tuning.bound, 64);
    struct dispatch_options options = {
        .backend = f->backend,
        .lanes = LANES,
        .clock = &f->clock.clock,
        .tuning = &f->tuning,
        .classes = {PRIORITY_NORMAL, PRIORITY_NORMAL, PRIORITY_NORMAL, PRIORITY_NORMAL, PRIORITY_NORMAL},
    };
    f->dispatch = dispatch_create(&options);
    assert_non_null(f->dispatch);
    f->service = dispatch_service(f->dispatch);
    assert_non_null(f->service.serve);
    for (int i = 0; i < CALLS; i++)
        task_init(&f->tasks[i]);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < CALLS; i++)
        task_clear(&f->tasks[i]);
    backend_owner.stop(f->backend);
    dispatch_destroy(f->dispatch);
    fake_clock_destroy(&f->clock);
    free(f);
    return 0;
}

/* A key of the shard, its number `n`. */
static void find_key(struct fixture *f, uint32_t shard, int n, char key[16])
{
    struct task probe = {.call.request = {.op = OP_GET}};
    for (int i = 0;; i++) {
        snprintf(key, 16, "key%d", i);
        probe.call.request.key = slice_text(key);
        if (backend_owner.station_of(f->backend, &probe) == shard && n-- == 0) return;
    }
}

static enum service_verdict put(struct fixture *f, uint32_t shard, int n, bool followed)
{
    char key[16];
    struct task *task = &f->tasks[f->used++];
    find_key(f, shard, n, key);
    task->call.request.op = OP_PUT;
    task->call.request.key = slice_text(key);
    task->call.request.value = slice_text("v");
    task->conn = CONN;
    task->followed = followed;
    task->arrived_ns = clock_ns(&f->clock.clock);
    bool owned = call_own(&task->call); /* before `key` ends */
    assert_true(owned);
    return f->service.submit(f->service.ctx, task, task->arrived_ns);
}

static void run_here(struct fixture *f, int from, int to)
{
    struct task *tasks[CALLS];
    for (int i = from; i < to; i++)
        tasks[i - from] = &f->tasks[i];
    f->service.run(f->service.ctx, tasks, (size_t)(to - from), clock_ns(&f->clock.clock));
}

/* The end of lane 0's turn. */
static void flush(struct fixture *f)
{
    f->service.flush(f->service.ctx, 0, clock_ns(&f->clock.clock));
}

/* The other lane serves its ring; what it did comes back, in the order in which it was sent. */
static void serve_and_collect(struct fixture *f)
{
    while (f->service.serve(f->service.ctx, 1)) /* it keeps house when it is told to */
        f->service.flush(f->service.ctx, 1, clock_ns(&f->clock.clock));
    for (struct mail *mail = mailbox_take(&f->boxes[0]); mail; mail = mail->next) {
        struct task *task = task_of_mail(mail);
        assert_int_equal(task->call.reply.kind, REPLY_STORED);
        f->service.returned(f->service.ctx, task, clock_ns(&f->clock.clock));
        f->back++;
    }
}

static void a_lone_call_goes_to_its_owner(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(put(f, 0, 0, false), SERVICE_ANSWERED); /* until it is known how fast that is */
    assert_int_equal(f->tasks[0].call.reply.kind, REPLY_STORED);
    assert_int_equal(put(f, 1, 0, false), SERVICE_QUEUED);
    assert_int_equal(f->woken[1], 0);
    flush(f);
    flush(f);
    assert_int_equal(f->woken[1], 1); /* once for the batch */
    assert_false(f->service.serve(f->service.ctx, 0));
    serve_and_collect(f);
    assert_int_equal(f->back, 1);
    assert_int_equal(put(f, 0, 0, false), SERVICE_ANSWERED);
}

static void a_pipeline_is_executed_where_it_was_read(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 6; i++) {
        assert_int_equal(put(f, (uint32_t)i % 2, i, i < 5), i == 5 ? SERVICE_QUEUED : SERVICE_ANSWERED);
        if (i < 5) assert_int_equal(f->tasks[i].call.reply.kind, REPLY_STORED);
    }
    flush(f);
    serve_and_collect(f); /* the last one: nothing was under way any more */
    assert_int_equal(f->back, 1);
}

/* What is executed here with others of its turn is under way until then. */
static void its_end_stays_with_it(void **state)
{
    struct fixture *f = *state;
    while (put(f, 0, 0, true) == SERVICE_ANSWERED) /* becomes fast */
        assert_true(f->used < CALLS - 4);
    int first = f->used - 1;
    assert_int_equal(put(f, 1, 0, true), SERVICE_HERE);
    assert_int_equal(put(f, 1, 1, false), SERVICE_HERE);
    run_here(f, first, f->used);
    for (int i = first; i < f->used; i++)
        assert_int_equal(f->tasks[i].call.reply.kind, REPLY_STORED);
    assert_int_equal(put(f, 1, 2, false), SERVICE_QUEUED);
    flush(f);
    serve_and_collect(f);
}

static void who_comes_later_follows(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(put(f, 1, 0, false), SERVICE_QUEUED);
    assert_int_equal(put(f, 0, 0, false), SERVICE_QUEUED); /* its own session, but there is one before it */
    assert_int_equal(put(f, 0, 1, true), SERVICE_QUEUED);
    assert_int_equal(f->tasks[2].wait.station, 1);
    flush(f);
    for (int i = 0; i < 3; i++) {
        serve_and_collect(f);
        flush(f);
    }
    assert_int_equal(f->back, 3);
    assert_int_equal(put(f, 0, 0, false), SERVICE_ANSWERED); /* it has run dry */
}

/* What concerns all shards needs no owner in particular. */
static void len_is_executed_here(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(put(f, (uint32_t)i % 2, i, true), SERVICE_ANSWERED);
    struct task *task = &f->tasks[f->used++];
    task->call.request.op = OP_LEN;
    task->conn = CONN;
    assert_int_equal(f->service.submit(f->service.ctx, task, clock_ns(&f->clock.clock)), SERVICE_ANSWERED);
    assert_int_equal(task->call.reply.number, 4);
}

/* How many come back to lane 0. */
static int come_back(struct fixture *f)
{
    int before = f->back;
    flush(f);
    serve_and_collect(f);
    return f->back - before;
}

/* Parked by either owner, it is under way until it comes back: what follows of its connection goes the same way. */
static void what_is_parked_is_under_way(void **state)
{
    struct fixture *f = *state;
    for (uint32_t owner = 0; owner < LANES; owner++) {
        f->parks = true;
        assert_int_equal(put(f, owner, 0, false), SERVICE_QUEUED);
        assert_int_equal(come_back(f), 0);
        assert_int_equal(f->parked_count, 1);
        assert_ptr_equal(f->parked[0], &f->tasks[f->used - 1]);
        f->parks = false;
        put(f, 1 - owner, 0, false);
        assert_int_equal(f->tasks[f->used - 1].wait.station, owner);
        assert_int_equal(come_back(f), owner == 1); /* what is executed here is answered at once */
        station_deliver(f->backend->stations[owner], f->parked, 1);
        f->parked_count = 0;
        assert_int_equal(come_back(f), 1);
        put(f, 1 - owner, 0, false); /* nothing is under way any more */
        assert_int_equal(f->tasks[f->used - 1].wait.station, 1 - owner);
        assert_int_equal(come_back(f), owner == 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_lone_call_goes_to_its_owner), TEST(a_pipeline_is_executed_where_it_was_read),
        TEST(its_end_stays_with_it),         TEST(who_comes_later_follows),
        TEST(len_is_executed_here),          TEST(what_is_parked_is_under_way),
    };
    return cmocka_run_group_tests_name("dispatch in front of shards", tests, NULL, NULL);
}
