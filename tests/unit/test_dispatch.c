/* Dispatch between a fake backend and each policy: every verdict, and the operations that need no table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/dispatch.h"
#include "proto/text/text.h"

#define SCRIPT_MAX 4

/* A backend that answers what the test says and remembers what it was asked. */
struct fake {
    struct backend backend;
    bool queues;
    struct backend_load load;
    enum backend_submit script[SCRIPT_MAX]; /* outcome of each submit in turn */
    char log[64];                           /* s: submit, w: want_room, f: flush */
    size_t submits;
    struct call *last;
    uint32_t flushed_lane;
    bool owned; /* what was submitted had bytes of its own */
};

static struct fake *fake_of(struct backend *b)
{
    return (struct fake *)b;
}

static void note(struct fake *f, const char *what)
{
    strcat(f->log, what);
}

static enum backend_submit fake_submit(struct backend *b, struct call *call)
{
    struct fake *f = fake_of(b);
    assert_true(f->submits < SCRIPT_MAX);
    note(f, "s");
    f->last = call;
    f->owned = call->request.key.len > 0 && call->request.key.ptr >= call->data &&
               call->request.key.ptr < call->data + call->capacity;
    enum backend_submit outcome = f->script[f->submits++];
    if (outcome == BACKEND_DONE) call->reply.kind = REPLY_OK;
    return outcome;
}

static bool fake_queues(const struct backend *b)
{
    return ((const struct fake *)b)->queues;
}

static struct backend_load fake_load(const struct backend *b, const struct call *call)
{
    (void)call;
    return ((const struct fake *)b)->load;
}

static void fake_want_room(struct backend *b, const struct call *call)
{
    assert_ptr_equal(call, fake_of(b)->last);
    note(fake_of(b), "w");
}

static void fake_flush(struct backend *b, uint32_t lane)
{
    note(fake_of(b), "f");
    fake_of(b)->flushed_lane = lane;
}

static const struct backend_design design = {
    .name = "fake",
    .submit = fake_submit,
    .queues = fake_queues,
    .load = fake_load,
    .want_room = fake_want_room,
    .flush = fake_flush,
};

struct fixture {
    struct fake fake;
    struct dispatch dispatch;
    struct service service;
    struct call call;
    bool config_fails;
};

static bool write_config(const void *ctx, struct buffer *out)
{
    const struct fixture *f = ctx;
    if (f->config_fails) return false;
    buffer_append_text(out, "{\"threads\":2}");
    return true;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->fake.backend.design = &design;
    f->fake.queues = true;
    f->fake.load = (struct backend_load){.depth = 3, .bound = 64, .cost_ns = 2000000};
    f->dispatch = (struct dispatch){
        .backend = &f->fake.backend,
        .policy = &admit_reject,
        .metrics = metrics_create(),
        .write_config = write_config,
        .config_ctx = f,
    };
    f->service = dispatch_service(&f->dispatch);
    call_init(&f->call);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    call_clear(&f->call);
    metrics_destroy(f->dispatch.metrics);
    free(f);
    return 0;
}

static enum service_verdict submit(struct fixture *f, enum op op)
{
    static const char input[] = "a-key";
    call_clear(&f->call);
    f->call.request.op = op;
    if (op_needs_table(op) && op != OP_LEN) f->call.request.key = slice_text(input);
    return f->service.submit(f->service.ctx, &f->call);
}

static void expect_overloaded(struct fixture *f, int64_t retry_ms)
{
    assert_int_equal(f->call.reply.kind, REPLY_OVERLOADED);
    assert_int_equal(f->call.reply.number, retry_ms);
}

/* ---- the table's operations ---- */

static void done_is_answered(void **state)
{
    struct fixture *f = *state;
    f->fake.queues = false;
    f->fake.load = (struct backend_load){0, 0, 0};
    f->fake.script[0] = BACKEND_DONE;
    assert_int_equal(submit(f, OP_GET), SERVICE_ANSWERED);
    assert_int_equal(f->call.reply.kind, REPLY_OK);
    assert_false(f->fake.owned); /* nothing is copied where nothing is kept */
    assert_string_equal(f->fake.log, "s");
}

static void queued_is_queued_with_its_own_bytes(void **state)
{
    struct fixture *f = *state;
    static const struct admit_policy *const policies[] = {&admit_wait, &admit_reject};
    for (int i = 0; i < 2; i++) {
        f->dispatch.policy = policies[i];
        f->fake.script[i] = BACKEND_QUEUED;
        assert_int_equal(submit(f, OP_PUT), SERVICE_QUEUED);
        assert_int_equal(f->call.reply.kind, REPLY_NONE);
        assert_true(f->fake.owned);
    }
    assert_string_equal(f->fake.log, "ss");
}

static void reject_refuses_before_it_copies(void **state)
{
    struct fixture *f = *state;
    f->fake.load.depth = 64;
    assert_int_equal(submit(f, OP_PUT), SERVICE_ANSWERED);
    expect_overloaded(f, 129);
    assert_string_equal(f->fake.log, ""); /* the backend was not bothered */
    assert_true(f->call.request.key.ptr < f->call.data ||
                f->call.request.key.ptr >= f->call.data + f->call.capacity);
}

static void reject_refuses_when_full_after_all(void **state)
{
    struct fixture *f = *state;
    f->fake.script[0] = BACKEND_FULL;
    assert_int_equal(submit(f, OP_GET), SERVICE_ANSWERED);
    expect_overloaded(f, 7);
    assert_string_equal(f->fake.log, "s");
}

static void wait_holds_when_full(void **state)
{
    struct fixture *f = *state;
    f->dispatch.policy = &admit_wait;
    f->fake.load.depth = 64;
    f->fake.script[0] = f->fake.script[1] = BACKEND_FULL;
    assert_int_equal(submit(f, OP_GET), SERVICE_HOLD);
    assert_int_equal(f->call.reply.kind, REPLY_NONE);
    assert_true(f->fake.owned); /* it outlives the input buffer */
    assert_string_equal(f->fake.log, "sws");
    /* The same call again, when there is room. */
    f->fake.script[2] = BACKEND_QUEUED;
    assert_int_equal(f->service.submit(f->service.ctx, &f->call), SERVICE_QUEUED);
    assert_true(slice_equal(f->call.request.key, slice_text("a-key")));
}

static void room_that_came_meanwhile_is_used(void **state)
{
    struct fixture *f = *state;
    f->dispatch.policy = &admit_wait;
    f->fake.script[0] = BACKEND_FULL;
    f->fake.script[1] = BACKEND_QUEUED;
    assert_int_equal(submit(f, OP_DELETE), SERVICE_QUEUED);
    assert_string_equal(f->fake.log, "sws");
}

static void no_memory_for_the_request(void **state)
{
    struct fixture *f = *state;
    call_clear(&f->call);
    f->call.request.op = OP_PUT;
    f->call.request.key = slice_text("a-key");
    f->call.request.value.len = SIZE_MAX; /* no such room */
    assert_int_equal(f->service.submit(f->service.ctx, &f->call), SERVICE_ANSWERED);
    assert_int_equal(f->call.reply.kind, REPLY_ERROR);
    assert_int_equal(f->call.reply.error, ERR_OUT_OF_MEMORY);
    assert_string_equal(f->fake.log, "");
}

static void admit_asks_the_policy_only(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(f->service.admit(f->service.ctx, &f->call), SERVICE_ADMITTED);
    assert_int_equal(f->call.reply.kind, REPLY_NONE);
    f->fake.load.depth = 64;
    assert_int_equal(f->service.admit(f->service.ctx, &f->call), SERVICE_ANSWERED);
    expect_overloaded(f, 129);
    f->dispatch.policy = &admit_wait;
    call_clear(&f->call);
    assert_int_equal(f->service.admit(f->service.ctx, &f->call), SERVICE_ADMITTED);
    f->dispatch.policy = &admit_reject;
    f->fake.load = (struct backend_load){0, 0, 0}; /* no queue */
    call_clear(&f->call);
    assert_int_equal(f->service.admit(f->service.ctx, &f->call), SERVICE_ADMITTED);
    assert_string_equal(f->fake.log, "");
}

static void flush_reaches_the_backend(void **state)
{
    struct fixture *f = *state;
    f->service.flush(f->service.ctx, 5);
    assert_string_equal(f->fake.log, "f");
    assert_int_equal(f->fake.flushed_lane, 5);
}

/* ---- operations that need no table ---- */

static void local_operations_are_answered_at_once(void **state)
{
    struct fixture *f = *state;
    f->fake.load.depth = 64; /* even when the queue is full */
    assert_int_equal(submit(f, OP_PING), SERVICE_ANSWERED);
    assert_int_equal(f->call.reply.kind, REPLY_PONG);
    assert_int_equal(submit(f, OP_VERSION), SERVICE_ANSWERED);
    assert_int_equal(f->call.reply.kind, REPLY_VERSION);
    assert_true(slice_equal(f->call.reply.body, slice_text("sluice " SLUICE_VERSION " protocol 1")));
    assert_int_equal(submit(f, OP_HELP), SERVICE_ANSWERED);
    assert_int_equal(f->call.reply.kind, REPLY_TEXT);
    assert_true(slice_equal(f->call.reply.body, text_help()));
    assert_string_equal(f->fake.log, "");
}

static void stats_is_json(void **state)
{
    struct fixture *f = *state;
    static counter answers;
    counter_set(&answers, 42);
    assert_true(metrics_counter(f->dispatch.metrics, "test.answers", &answers));
    assert_int_equal(submit(f, OP_STATS), SERVICE_ANSWERED);
    assert_int_equal(f->call.reply.kind, REPLY_JSON);
    json_t *stats = json_loadb(f->call.reply.body.ptr, f->call.reply.body.len, 0, NULL);
    assert_non_null(stats);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(stats, "test"), "answers")), 42);
    json_decref(stats);
}

static void config_is_what_is_written(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(submit(f, OP_CONFIG), SERVICE_ANSWERED);
    assert_int_equal(f->call.reply.kind, REPLY_JSON);
    assert_true(slice_equal(f->call.reply.body, slice_text("{\"threads\":2}")));
    f->config_fails = true;
    assert_int_equal(submit(f, OP_CONFIG), SERVICE_ANSWERED);
    assert_int_equal(f->call.reply.kind, REPLY_ERROR);
    assert_int_equal(f->call.reply.error, ERR_INTERNAL);
}

/* QUIT is the connection's own affair; here it must not crash or be taken for something else. */
static void quit_is_no_operation_here(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(submit(f, OP_QUIT), SERVICE_ANSWERED);
    assert_int_equal(f->call.reply.kind, REPLY_ERROR);
    assert_int_equal(f->call.reply.error, ERR_INTERNAL);
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(done_is_answered),
        TEST(queued_is_queued_with_its_own_bytes),
        TEST(reject_refuses_before_it_copies),
        TEST(reject_refuses_when_full_after_all),
        TEST(wait_holds_when_full),
        TEST(room_that_came_meanwhile_is_used),
        TEST(no_memory_for_the_request),
        TEST(admit_asks_the_policy_only),
        TEST(flush_reaches_the_backend),
        TEST(local_operations_are_answered_at_once),
        TEST(stats_is_json),
        TEST(config_is_what_is_written),
        TEST(quit_is_no_operation_here),
    };
    return cmocka_run_group_tests_name("dispatch", tests, NULL, NULL);
}
