/* Dispatch between the gates and a fake backend: every verdict, what comes back, and what needs no table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "daemon/admit/admit.h"
#include "daemon/dispatch.h"
#include "proto/text/text.h"
#include "tests/unit/fake_clock.h"

#define CALLS 32

/* A backend of one station, with a queue that nobody works off, or executed by the lane. */
struct fake {
    struct backend backend;
    struct station *stations[1];
    struct backend_here here;
    struct station station;
    struct task *ran[CALLS]; /* in the lane */
    size_t ran_count;
    struct task *taken[CALLS]; /* out of the queue */
    size_t taken_count, returned_count;
    unsigned wakes;
    struct fake_clock *clock;
    uint64_t cost_ns; /* each call executed moves the clock by this */
    bool parks;       /* GETs */
};

static void fake_run(void *ctx, struct task **tasks, size_t count, uint64_t now_ms)
{
    struct fake *f = ctx;
    (void)now_ms;
    for (size_t i = 0; i < count; i++) {
        assert_true(f->ran_count < CALLS);
        f->ran[f->ran_count++] = tasks[i];
        atomic_fetch_add(&f->clock->ns, f->cost_ns);
        if (f->parks && tasks[i]->call.request.op == OP_GET) {
            tasks[i]->taken_ns = atomic_load(&f->clock->ns);
            tasks[i] = NULL;
        } else {
            tasks[i]->call.reply.kind = REPLY_OK;
        }
    }
}

static void fake_wake(void *ctx)
{
    ((struct fake *)ctx)->wakes++;
}

static const struct backend_design design = {.name = "fake"};

static void fake_open(struct fake *f, bool queues)
{
    struct station_options options = {.bound = queues ? CALLS : 0,
                                      .is_lane = !queues,
                                      .clock = &f->clock->clock,
                                      .lanes = {.count = 1},
                                      .run = fake_run,
                                      .ctx = f,
                                      .wake = fake_wake,
                                      .wake_ctx = f};
    assert_true(station_init(&f->station, &options));
    f->stations[0] = &f->station;
    f->here.station = queues ? NULL : &f->station;
    f->backend = (struct backend){.design = &design, .station_count = 1, .stations = f->stations, .here = &f->here};
}

/* How many it has been given. */
static size_t given_count(const struct fake *f)
{
    return f->station.ring ? f->taken_count + ring_depth(f->station.ring) : f->ran_count;
}

struct fixture {
    struct fake fake;
    struct fake_clock clock;
    struct tuning tuning;
    struct metrics *metrics;
    struct dispatch *dispatch;
    struct service service;
    struct task tasks[CALLS];
    size_t call_count;
    uint64_t now_ns;
};

static void open_dispatch(struct fixture *f, bool queues)
{
    if (f->dispatch) {
        dispatch_destroy(f->dispatch);
        station_free(&f->fake.station);
    }
    fake_open(&f->fake, queues);
    struct dispatch_options options = {
        .backend = &f->fake.backend,
        .lanes = 1,
        .clock = &f->clock.clock,
        .tuning = &f->tuning,
        .classes = {[OP_CLASS_GET] = PRIORITY_NORMAL,
                    [OP_CLASS_PUT] = PRIORITY_NORMAL,
                    [OP_CLASS_DELETE] = PRIORITY_CRITICAL,
                    [OP_CLASS_TOUCH] = PRIORITY_NORMAL,
                    [OP_CLASS_OTHER] = PRIORITY_NORMAL},
    };
    f->dispatch = dispatch_create(&options);
    assert_non_null(f->dispatch);
    f->service = dispatch_service(f->dispatch);
}

static int setup(void **state)
{
    struct fixture *f = aligned_alloc(64, (sizeof *f + 63) / 64 * 64);
    memset(f, 0, sizeof *f);
    fake_clock_init(&f->clock);
    f->now_ns = clock_ns(&f->clock.clock);
    f->fake.clock = &f->clock;
    atomic_store(&f->tuning.policy, POLICY_REJECT);
    atomic_store(&f->tuning.bound, 4);
    f->metrics = metrics_create();
    open_dispatch(f, true);
    for (int i = 0; i < CALLS; i++)
        task_init(&f->tasks[i]);
    *state = f;
    return 0;
}

static void drain(struct fixture *f);

static int teardown(void **state)
{
    struct fixture *f = *state;
    drain(f); /* what still waits would be freed with the dispatch, as the network room's calls are */
    for (int i = 0; i < CALLS; i++)
        task_clear(&f->tasks[i]);
    dispatch_destroy(f->dispatch);
    metrics_destroy(f->metrics);
    station_free(&f->fake.station);
    fake_clock_destroy(&f->clock);
    free(f);
    return 0;
}

static enum service_verdict submit_call(struct fixture *f, struct task *task)
{
    return f->service.submit(f->service.ctx, task, f->now_ns);
}

/* The next call, not yet submitted. */
static struct task *call_of(struct fixture *f, enum op op)
{
    struct task *task = &f->tasks[f->call_count++];
    task->call.request.op = op;
    task->arrived_ns = f->now_ns;
    if (op_needs_table(op) && op != OP_LEN) task->call.request.key = slice_text("a-key");
    return task;
}

static enum service_verdict submit(struct fixture *f, enum op op)
{
    return submit_call(f, call_of(f, op));
}

static struct task *latest(struct fixture *f)
{
    return &f->tasks[f->call_count - 1];
}

static struct service_batch flush(struct fixture *f)
{
    return f->service.flush(f->service.ctx, 0, f->now_ns);
}

static bool owns_its_bytes(const struct task *task)
{
    const char *key = task->call.request.key.ptr;
    return key >= task->call.data && key < task->call.data + task->call.capacity;
}

/* The backend begins on its oldest call, and gives it back. */
static struct task *take(struct fixture *f)
{
    void *task;
    assert_int_equal(ring_pop(f->fake.station.ring, &task, 1), 1);
    return f->fake.taken[f->fake.taken_count++] = task;
}

static void give_back(struct fixture *f)
{
    struct task *task = f->fake.taken[f->fake.returned_count++];
    task->call.reply.kind = REPLY_OK;
    task->taken_ns = task->done_ns = f->now_ns;
    f->service.returned(f->service.ctx, task, f->now_ns);
}

static void drain(struct fixture *f)
{
    struct ring *ring = f->fake.station.ring;
    do {
        while (ring && ring_depth(ring) > 0)
            take(f);
        while (f->fake.returned_count < f->fake.taken_count)
            give_back(f);
    } while (flush(f).more || (ring && ring_depth(ring) > 0));
}

/* ---- the table's operations ---- */

static void in_place_is_answered(void **state)
{
    struct fixture *f = *state;
    open_dispatch(f, false);
    assert_int_equal(submit(f, OP_GET), SERVICE_ANSWERED);
    assert_int_equal(latest(f)->call.reply.kind, REPLY_OK);
    assert_false(owns_its_bytes(latest(f))); /* nothing is copied where nothing is kept */
}

/* Once operations are known to be fast they run together, when the network room has collected them. */
static void fast_ones_run_together(void **state)
{
    struct fixture *f = *state;
    open_dispatch(f, false);
    f->fake.cost_ns = 100;
    int alone = 0;
    while (submit(f, OP_GET) == SERVICE_ANSWERED)
        alone++;
    assert_in_range(alone, 1, CALLS - 4);
    f->fake.cost_ns = 1000000;
    assert_int_equal(submit(f, OP_PUT), SERVICE_HERE);
    assert_int_equal(given_count(&f->fake), alone);
    assert_false(owns_its_bytes(latest(f)));
    struct task *tasks[] = {&f->tasks[alone], &f->tasks[alone + 1]};
    f->service.run(f->service.ctx, tasks, 2, f->now_ns);
    assert_int_equal(given_count(&f->fake), alone + 2);
    assert_int_equal(tasks[0]->call.reply.kind, REPLY_OK);
    assert_int_equal(tasks[1]->call.reply.kind, REPLY_OK);
}

static void queued_with_its_own_bytes(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(submit(f, OP_PUT), SERVICE_QUEUED);
    assert_int_equal(latest(f)->call.reply.kind, REPLY_NONE);
    assert_true(owns_its_bytes(latest(f)));
    assert_int_equal(given_count(&f->fake), 1);
    assert_int_equal(f->fake.wakes, 0);
    flush(f);
    assert_int_equal(f->fake.wakes, 1);
    flush(f);
    assert_int_equal(f->fake.wakes, 1); /* there was nothing new */
}

static void refused_before_it_is_copied(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(submit(f, OP_PUT), SERVICE_QUEUED);
    assert_int_equal(submit(f, OP_PUT), SERVICE_ANSWERED);
    assert_int_equal(latest(f)->call.reply.kind, REPLY_OVERLOADED);
    assert_true(latest(f)->call.reply.number >= 1);
    assert_false(owns_its_bytes(latest(f)));
    struct task *header = call_of(f, OP_PUT);
    assert_int_equal(f->service.admit(f->service.ctx, header, f->now_ns), SERVICE_ANSWERED);
    assert_int_equal(header->call.reply.kind, REPLY_OVERLOADED);
    /* One is begun: there is a place. */
    take(f);
    task_clear(header);
    header->call.request.op = OP_PUT;
    assert_int_equal(f->service.admit(f->service.ctx, header, f->now_ns), SERVICE_ADMITTED);
    assert_int_equal(submit(f, OP_PUT), SERVICE_QUEUED);
}

/* What was executed in part goes on, whatever waits and however late it is. */
static void what_was_begun_is_not_refused(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(submit(f, OP_PUT), SERVICE_QUEUED);
    assert_int_equal(submit(f, OP_SCAN), SERVICE_ANSWERED);
    assert_int_equal(latest(f)->call.reply.kind, REPLY_OVERLOADED);
    struct task *begun = call_of(f, OP_SCAN);
    begun->taken_ns = f->now_ns;
    begun->call.request.deadline_ms = 1;
    f->now_ns += 10000000;
    assert_int_equal(submit_call(f, begun), SERVICE_QUEUED);
    assert_int_equal(begun->call.reply.kind, REPLY_NONE);
    assert_int_equal(begun->call.request.deadline_ms, 0);
}

/* A value is judged by its header and again when it is whole, and is one request all the same: if all that is
 * offered is served, a hint is the time that the backlog takes. */
static void a_value_judged_twice_counts_once(void **state)
{
    struct fixture *f = *state;
    counter_set(&f->fake.station.costs.mean_ns, 10 * 1000000);
    struct task *task = call_of(f, OP_PUT);
    for (int i = 0; i < 500; i++) {
        task_clear(task);
        task->call.request.op = OP_PUT;
        f->now_ns += 1000000;
        assert_int_equal(f->service.admit(f->service.ctx, task, f->now_ns), SERVICE_ADMITTED);
        assert_int_equal(submit_call(f, task), SERVICE_QUEUED);
        f->fake.taken_count = f->fake.returned_count = 0;
        assert_ptr_equal(take(f), task);
        give_back(f);
    }
    f->fake.taken_count = f->fake.returned_count = 0;
    for (int i = 0; i < 4; i++)
        assert_int_equal(submit(f, OP_PUT), SERVICE_QUEUED);
    assert_int_equal(submit(f, OP_PUT), SERVICE_ANSWERED);
    assert_in_range(latest(f)->call.reply.number, 4 * 10, 4 * 10 + 2); /* ms */
}

/* The backend is given two to begin with, and the rest as it gives them back. */
static void the_line_moves_up(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 4; i++)
        submit(f, OP_PUT);
    flush(f);
    assert_int_equal(given_count(&f->fake), 2);
    take(f);
    give_back(f);
    struct service_batch batch = flush(f);
    assert_true(batch.room);
    assert_null(batch.answered);
    assert_int_equal(given_count(&f->fake), 3);
    for (size_t i = 1; i < 3; i++)
        assert_ptr_equal(take(f), &f->tasks[i]);
}

static void wait_holds_when_full(void **state)
{
    struct fixture *f = *state;
    atomic_store(&f->tuning.policy, POLICY_WAIT);
    atomic_fetch_add(&f->tuning.generation, 1);
    flush(f); /* takes the change over */
    for (int i = 0; i < 4; i++)
        assert_int_equal(submit(f, OP_GET), SERVICE_QUEUED);
    assert_int_equal(submit(f, OP_GET), SERVICE_HOLD);
    struct task *held = latest(f);
    assert_int_equal(held->call.reply.kind, REPLY_NONE);
    assert_true(owns_its_bytes(held)); /* it outlives the input buffer */
    take(f);
    give_back(f);
    assert_true(flush(f).room);
    assert_int_equal(submit_call(f, held), SERVICE_QUEUED);
    assert_true(slice_equal(held->call.request.key, slice_text("a-key")));
}

static void a_raised_bound_lets_in_at_once(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 4; i++)
        submit(f, OP_GET);
    assert_int_equal(submit(f, OP_GET), SERVICE_ANSWERED);
    atomic_store(&f->tuning.bound, 6);
    atomic_fetch_add(&f->tuning.generation, 1);
    assert_true(flush(f).room);
    assert_int_equal(submit(f, OP_GET), SERVICE_QUEUED);
    assert_int_equal(submit(f, OP_GET), SERVICE_QUEUED);
    assert_int_equal(submit(f, OP_GET), SERVICE_ANSWERED);
}

/* A logout takes the place of the newest call of a lower class. */
static void the_important_supplant(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 4; i++)
        submit(f, OP_GET);
    assert_int_equal(submit(f, OP_DELETE), SERVICE_QUEUED);
    struct service_batch batch = flush(f);
    assert_ptr_equal(batch.answered, &f->tasks[3]);
    assert_null(batch.answered->next);
    assert_int_equal(batch.answered->call.reply.kind, REPLY_OVERLOADED);
    struct task *sheddable = call_of(f, OP_DELETE);
    sheddable->call.request.priority = PRIORITY_SHEDDABLE; /* its own word counts */
    assert_int_equal(submit_call(f, sheddable), SERVICE_ANSWERED);
}

static void slow_work_in_place_waits_its_turn(void **state)
{
    struct fixture *f = *state;
    open_dispatch(f, false);
    f->fake.cost_ns = 150000;
    int answered = 0, queued = 0, worked_off = 0;
    for (int i = 0; i < 5; i++)
        *(submit(f, OP_GET) == SERVICE_ANSWERED ? &answered : &queued) += 1;
    assert_true(answered > 0 && queued > 0);
    while (queued > worked_off) {
        struct service_batch batch = flush(f);
        assert_true(batch.room);
        for (struct task *task = batch.answered; task; task = task->next, worked_off++)
            assert_int_equal(task->call.reply.kind, REPLY_OK);
        assert_int_equal(batch.more, queued > worked_off);
    }
    for (size_t i = 0; i < 5; i++)
        assert_ptr_equal(f->fake.ran[i], &f->tasks[i]);
}

/* ---- parked in place ---- */

static void find_executed(void *ctx, const struct metric *metric)
{
    if (strcmp(metric->name, "queue.sojourn_ns") == 0) *(uint64_t *)ctx = histogram_count(metric->histogram);
}

/* Calls that the gate has been told were executed. */
static uint64_t executed(struct fixture *f)
{
    uint64_t count = 0;
    flush(f);
    metrics_visit(f->metrics, find_executed, &count);
    return count;
}

/* It comes back as if another thread had had it: then it is counted, and what it waited for took nothing of this
 * turn. */
static void parked_it_is_counted_when_it_comes_back(void **state)
{
    struct fixture *f = *state;
    open_dispatch(f, false);
    assert_true(dispatch_register_metrics(f->dispatch, f->metrics));
    f->fake.parks = true;
    assert_int_equal(submit(f, OP_GET), SERVICE_QUEUED);
    struct task *parked = latest(f);
    assert_int_equal(executed(f), 0);
    assert_int_equal(submit(f, OP_PUT), SERVICE_ANSWERED); /* others are not kept by it */
    assert_int_equal(executed(f), 1);
    fake_clock_advance_ms(&f->clock, 1000);
    f->now_ns = parked->done_ns = clock_ns(&f->clock.clock);
    parked->call.reply.kind = REPLY_OK;
    f->service.returned(f->service.ctx, parked, f->now_ns);
    assert_int_equal(submit(f, OP_PUT), SERVICE_ANSWERED);
    assert_int_equal(executed(f), 3);
}

/* Of those that run together, the others are at the front. */
static void parked_among_others(void **state)
{
    struct fixture *f = *state;
    open_dispatch(f, false);
    f->fake.cost_ns = 100;
    while (submit(f, OP_PUT) == SERVICE_ANSWERED)
        ;
    struct task *first = latest(f);
    assert_int_equal(submit(f, OP_GET), SERVICE_HERE);
    assert_int_equal(submit(f, OP_PUT), SERVICE_HERE);
    struct task *tasks[] = {first, first + 1, first + 2};
    f->fake.parks = true;
    assert_int_equal(f->service.run(f->service.ctx, tasks, 3, f->now_ns), 2);
    assert_ptr_equal(tasks[0], first);
    assert_ptr_equal(tasks[1], first + 2);
    assert_int_equal(first[1].call.reply.kind, REPLY_NONE);
}

static void parked_out_of_the_line(void **state)
{
    struct fixture *f = *state;
    open_dispatch(f, false);
    f->fake.cost_ns = 1000000;
    assert_int_equal(submit(f, OP_PUT), SERVICE_ANSWERED); /* that was this turn's time */
    assert_int_equal(submit(f, OP_GET), SERVICE_QUEUED);
    struct task *parked = latest(f);
    assert_int_equal(submit(f, OP_PUT), SERVICE_QUEUED);
    f->fake.parks = true;
    struct task *answered = NULL;
    for (int i = 0; i < 2 && !answered; i++)
        answered = flush(f).answered;
    assert_ptr_equal(answered, latest(f));
    assert_null(answered->next);
    assert_int_equal(parked->call.reply.kind, REPLY_NONE);
    assert_int_equal(given_count(&f->fake), 3);
}

static void no_memory_for_the_request(void **state)
{
    struct fixture *f = *state;
    struct task *task = call_of(f, OP_PUT);
    task->call.request.value.len = SIZE_MAX; /* no such room */
    assert_int_equal(submit_call(f, task), SERVICE_ANSWERED);
    assert_int_equal(task->call.reply.kind, REPLY_ERROR);
    assert_int_equal(task->call.reply.error, ERR_OUT_OF_MEMORY);
    assert_int_equal(given_count(&f->fake), 0);
}

/* ---- operations that need no table ---- */

static void local_operations_are_answered_at_once(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 5; i++)
        submit(f, OP_GET); /* even when the queue is full */
    assert_int_equal(submit(f, OP_PING), SERVICE_ANSWERED);
    assert_int_equal(latest(f)->call.reply.kind, REPLY_PONG);
    assert_int_equal(submit(f, OP_VERSION), SERVICE_ANSWERED);
    assert_int_equal(latest(f)->call.reply.kind, REPLY_VERSION);
    assert_true(slice_equal(latest(f)->call.reply.body, slice_text("sluice " SLUICE_VERSION " protocol 1")));
    assert_int_equal(submit(f, OP_HELP), SERVICE_ANSWERED);
    assert_int_equal(latest(f)->call.reply.kind, REPLY_TEXT);
    assert_true(slice_equal(latest(f)->call.reply.body, text_help()));
}

/* The metrics of dispatch, by name. */
static void its_metrics_say_what_is_in_force(void **state)
{
    struct fixture *f = *state;
    assert_true(dispatch_register_metrics(f->dispatch, f->metrics));
    assert_int_equal(metrics_value(metrics_find(f->metrics, "queue.bound")), 4);
    atomic_store(&f->tuning.bound, 5);
    assert_int_equal(metrics_value(metrics_find(f->metrics, "queue.bound")), 5);
    submit(f, OP_GET);
    assert_int_equal(metrics_value(metrics_find(f->metrics, "queue.depth")), 1);
}

/* ---- operations of the control thread ---- */

static void what_is_for_the_control_thread_is_not_touched(void **state)
{
    struct fixture *f = *state;
    static const enum op ops[] = {OP_STATS, OP_CONFIG, OP_CONFIG_SET, OP_FACTS};
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        assert_int_equal(submit(f, ops[i]), SERVICE_CONTROL);
        assert_int_equal(latest(f)->call.reply.kind, REPLY_NONE);
    }
    assert_int_equal(given_count(&f->fake), 0);
}

static struct call *add_part(struct call *batch, enum op op)
{
    struct call *part = call_add_part(batch, CALL_INLINE);
    part->request.op = op;
    part->request.key = slice_text("k");
    return part;
}

/* Parts are answered here, then by the control thread, then by the backend. */
static void a_batch_goes_to_the_control_thread_first(void **state)
{
    struct fixture *f = *state;
    struct task *task = call_of(f, OP_BATCH);
    struct call *get = add_part(&task->call, OP_GET), *nested = add_part(&task->call, OP_BATCH);
    struct call *stats = add_part(nested, OP_STATS), *ping = add_part(&task->call, OP_PING);
    assert_int_equal(submit_call(f, task), SERVICE_CONTROL);
    assert_int_equal(ping->reply.kind, REPLY_PONG);
    assert_int_equal(stats->reply.kind, REPLY_NONE);
    assert_int_equal(given_count(&f->fake), 0);
    stats->reply.kind = REPLY_JSON;
    assert_int_equal(submit_call(f, task), SERVICE_QUEUED);
    assert_int_equal(nested->reply.kind, REPLY_PARTS);
    assert_int_equal(get->reply.kind, REPLY_NONE);
    assert_int_equal(given_count(&f->fake), 1);
}

static void a_batch_of_the_control_thread_alone_is_answered_then(void **state)
{
    struct fixture *f = *state;
    struct task *task = call_of(f, OP_BATCH);
    struct call *stats = add_part(&task->call, OP_STATS);
    assert_int_equal(submit_call(f, task), SERVICE_CONTROL);
    stats->reply.kind = REPLY_JSON;
    assert_int_equal(submit_call(f, task), SERVICE_ANSWERED);
    assert_int_equal(task->call.reply.kind, REPLY_PARTS);
    assert_int_equal(given_count(&f->fake), 0);
}

/* QUIT is the connection's own affair; here it must not crash or be taken for something else. */
static void quit_is_no_operation_here(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(submit(f, OP_QUIT), SERVICE_ANSWERED);
    assert_int_equal(latest(f)->call.reply.kind, REPLY_ERROR);
    assert_int_equal(latest(f)->call.reply.error, ERR_INTERNAL);
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(in_place_is_answered),
        TEST(fast_ones_run_together),
        TEST(queued_with_its_own_bytes),
        TEST(refused_before_it_is_copied),
        TEST(what_was_begun_is_not_refused),
        TEST(a_value_judged_twice_counts_once),
        TEST(the_line_moves_up),
        TEST(wait_holds_when_full),
        TEST(a_raised_bound_lets_in_at_once),
        TEST(the_important_supplant),
        TEST(slow_work_in_place_waits_its_turn),
        TEST(parked_it_is_counted_when_it_comes_back),
        TEST(parked_among_others),
        TEST(parked_out_of_the_line),
        TEST(no_memory_for_the_request),
        TEST(local_operations_are_answered_at_once),
        TEST(its_metrics_say_what_is_in_force),
        TEST(what_is_for_the_control_thread_is_not_touched),
        TEST(a_batch_goes_to_the_control_thread_first),
        TEST(a_batch_of_the_control_thread_alone_is_answered_then),
        TEST(quit_is_no_operation_here),
    };
    return cmocka_run_group_tests_name("dispatch", tests, NULL, NULL);
}
