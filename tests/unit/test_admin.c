/* What the control thread answers, alone and as parts of batches; and that running out of memory anywhere fails
 * cleanly. The linker leads malloc and its kin through here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "daemon/admin/admin.h"
#include "tests/unit/failing_alloc.h"
#include "tests/unit/fake_clock.h"

/* ---- fixture ---- */

struct fixture {
    struct fake_clock clock;
    struct metrics *metrics;
    struct live *live;
    struct admin *admin;
    counter answers;
    unsigned changes;
    struct call call;
};

static void changed(void *ctx)
{
    ((struct fixture *)ctx)->changes++;
}

static int setup(void **state)
{
    static struct fixture f;
    static struct settings settings;
    memset(&f, 0, sizeof f);
    fake_clock_init(&f.clock);
    config_defaults(&settings);
    f.metrics = metrics_create();
    counter_set(&f.answers, 42);
    assert_true(metrics_counter(f.metrics, "test.answers", &f.answers));
    assert_true(metrics_counter(f.metrics, "operations.get.ok", &f.answers));
    f.live = live_create(&settings);
    struct admin_options options = {.clock = &f.clock.clock,
                                    .metrics = f.metrics,
                                    .live = f.live,
                                    .known = {.version = "1.2.3"},
                                    .changed = changed,
                                    .changed_ctx = &f};
    f.admin = admin_create(&options);
    assert_non_null(f.admin);
    call_init(&f.call);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    call_clear(&f->call);
    admin_destroy(f->admin);
    live_destroy(f->live);
    metrics_destroy(f->metrics);
    fake_clock_destroy(&f->clock);
    return 0;
}

/* The answer, until the next one. */
static const struct reply *ask(struct fixture *f, enum op op, const char *key, const char *value)
{
    call_clear(&f->call);
    f->call.request.op = op;
    f->call.request.key = slice_text(key);
    f->call.request.value = slice_text(value);
    admin_answer(f->admin, &f->call);
    return &f->call.reply;
}

static int64_t number_in(const struct reply *reply, const char *section, const char *name)
{
    assert_int_equal(reply->kind, REPLY_JSON);
    json_t *json = json_loadb(reply->body.ptr, reply->body.len, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(json);
    int64_t number = json_integer_value(json_object_get(json_object_get(json, section), name));
    json_decref(json);
    return number;
}

/* ---- answers ---- */

static void each_operation_has_its_answer(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(number_in(ask(f, OP_STATS, "", ""), "test", "answers"), 42);
    assert_int_equal(ask(f, OP_CONFIG_SET, "queue.bound", "77")->kind, REPLY_OK);
    assert_int_equal(f->changes, 1);
    assert_int_equal(number_in(ask(f, OP_CONFIG, "", ""), "queue", "bound"), 77);
    const struct reply *reply = ask(f, OP_FACTS, "", "");
    assert_int_equal(reply->kind, REPLY_FACTS);
    const struct facts *facts = reply->held;
    assert_string_equal(facts->version, "1.2.3");
    assert_int_equal(facts->hits, 42);
}

static void what_is_wrong_is_said(void **state)
{
    struct fixture *f = *state;
    const struct reply *reply = ask(f, OP_CONFIG_SET, "queue.bound", "many");
    assert_int_equal(reply->kind, REPLY_ERROR);
    assert_int_equal(reply->error, ERR_BAD_REQUEST);
    assert_true(slice_equal(reply->body, slice_text("not a whole number, expected 1 to 1048576")));
    assert_int_equal(f->changes, 0);
}

static struct call *add_part(struct call *batch, enum op op)
{
    struct call *part = call_add_part(batch, CALL_INLINE);
    assert_non_null(part);
    part->request.op = op;
    return part;
}

/* What is not its own stays as it is, what has its answer too. */
static void a_batch_has_its_parts_answered(void **state)
{
    struct fixture *f = *state;
    f->call.request.op = OP_BATCH;
    struct call *get = add_part(&f->call, OP_GET), *nested = add_part(&f->call, OP_BATCH);
    struct call *facts = add_part(nested, OP_FACTS), *ping = add_part(nested, OP_PING);
    struct call *stats = add_part(&f->call, OP_STATS), *done = add_part(&f->call, OP_STATS);
    reply_error(&done->reply, ERR_BAD_REQUEST, "before");
    admin_answer(f->admin, &f->call);
    assert_int_equal(get->reply.kind, REPLY_NONE);
    assert_int_equal(ping->reply.kind, REPLY_NONE);
    assert_int_equal(nested->reply.kind, REPLY_NONE);
    assert_int_equal(f->call.reply.kind, REPLY_NONE);
    assert_int_equal(facts->reply.kind, REPLY_FACTS);
    assert_int_equal(number_in(&stats->reply, "test", "answers"), 42);
    assert_int_equal(done->reply.kind, REPLY_ERROR);
}

/* Every single allocation is the first to fail, until none is left to fail. */
static void memory_may_run_out_anywhere(void **state)
{
    struct fixture *f = *state;
    static const struct {
        enum op op;
        const char *value;
        enum reply_kind expected;
        enum error_code error; /* when memory is out */
    } all[] = {{OP_STATS, "", REPLY_JSON, ERR_INTERNAL},
               {OP_CONFIG, "", REPLY_JSON, ERR_INTERNAL},
               {OP_FACTS, "", REPLY_FACTS, ERR_INTERNAL},
               {OP_CONFIG_SET, "7", REPLY_OK, ERR_BAD_REQUEST},
               {OP_CONFIG_SET, "x", REPLY_ERROR, ERR_BAD_REQUEST}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        long failures = 0;
        for (bool failed = true; failed; failures++) {
            allocations_left = failures;
            const struct reply *reply = ask(f, all[i].op, "queue.bound", all[i].value);
            failed = allocations_left < 0; /* the countdown came to its end */
            allocations_left = -1;
            assert_int_equal(reply->kind, failed ? REPLY_ERROR : all[i].expected);
            if (reply->kind == REPLY_ERROR) assert_int_equal(reply->error, all[i].error);
        }
        assert_true(failures > 1 || all[i].op == OP_CONFIG_SET); /* which needs none but for its text */
    }
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_operation_has_its_answer),
        TEST(what_is_wrong_is_said),
        TEST(a_batch_has_its_parts_answered),
        TEST(memory_may_run_out_anywhere),
    };
    return cmocka_run_group_tests_name("admin", tests, NULL, NULL);
}
