/* Settings that change while the daemon runs: CONFIG SET, reading the file again, what is told of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "daemon/admin/live.h"
#include "daemon/base/log.h"
#include "tests/unit/config_helper.h"

#define PATIENT 60000

struct fixture {
    struct settings settings;
    struct live *live;
    const struct tuning *tuning;
    uint32_t generation;
    char error[256];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    config_defaults(&f->settings);
    f->live = live_create(&f->settings);
    f->tuning = live_tuning(f->live);
    f->generation = atomic_load(&f->tuning->generation);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    live_destroy(f->live);
    free(f);
    return 0;
}

/* NULL, or what is wrong. */
static const char *set(struct fixture *f, const char *key, const char *value)
{
    return live_set(f->live, slice_text(key), slice_text(value), f->error, sizeof f->error) ? NULL : f->error;
}

static bool changed(struct fixture *f)
{
    uint32_t before = f->generation;
    f->generation = atomic_load(&f->tuning->generation);
    return f->generation != before;
}

/* What is logged during `change`; to be freed. */
static char *log_of(struct fixture *f, void (*change)(struct fixture *f))
{
    int ends[2];
    char *text = calloc(1, 65536);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_true(log_start_fd(LOG_INFO, LOG_LOGFMT, ends[1]));
    change(f);
    assert_true(log_stop_within(PATIENT));
    close(ends[1]);
    size_t len = 0;
    for (ssize_t n; (n = read(ends[0], text + len, 65535 - len)) > 0;)
        len += (size_t)n;
    close(ends[0]);
    return text;
}

/* ---- CONFIG SET ---- */

static void what_may_change_changes_at_once(void **state)
{
    struct fixture *f = *state;
    assert_null(set(f, "queue.bound", "77"));
    assert_true(changed(f));
    assert_int_equal(atomic_load(&f->tuning->bound), 77);
    assert_null(set(f, "queue.target", "3ms"));
    assert_int_equal(atomic_load(&f->tuning->target_ns), 3000000);
    static const struct {
        const char *name;
        enum policy_id id;
    } policies[] = {{"wait", POLICY_WAIT},   {"reject", POLICY_REJECT},       {"drop-oldest", POLICY_DROP_OLDEST},
                    {"codel", POLICY_CODEL}, {"codel-rfc", POLICY_CODEL_RFC}, {"adaptive", POLICY_ADAPTIVE}};
    for (size_t i = 0; i < 6; i++) {
        assert_null(set(f, "queue.policy", policies[i].name));
        assert_int_equal(atomic_load(&f->tuning->policy), policies[i].id);
    }
    assert_int_equal(atomic_load(&f->tuning->bound), 77); /* and the rest stays */
}

static void what_is_wrong_is_said_and_changes_nothing(void **state)
{
    struct fixture *f = *state;
    static const char *const wrong[][3] = {
        {"queue.bound", "0", "1"},
        {"queue.bound", "many", "not a whole number"},
        {"queue.bound", "99999999999", "1048576"},
        {"queue.policy", "guess", "adaptive"},
        {"queue.target", "-1ms", "negative"},
        {"queue.nothing", "1", "queue"},
        {"", "", ""},
        {"threads", "2", "threads cannot be changed while the daemon runs"},
        {"queue", "{bound: 5}", "queue"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        const char *error = set(f, wrong[i][0], wrong[i][1]);
        assert_non_null(error);
        if (!strstr(error, wrong[i][2])) fail_msg("%s=%s: %s", wrong[i][0], wrong[i][1], error);
        assert_false(changed(f));
    }
}

static void odd_bytes_are_refused(void **state)
{
    struct fixture *f = *state;
    static char long_value[300];
    static const struct slice zero = {"5\0 6", 4};
    struct slice key = slice_text("queue.bound");
    memset(long_value, '1', sizeof long_value);
    struct slice longest = slice_of(long_value, sizeof long_value);
    assert_false(live_set(f->live, key, longest, f->error, sizeof f->error));
    assert_false(live_set(f->live, longest, key, f->error, sizeof f->error));
    assert_false(live_set(f->live, key, zero, f->error, sizeof f->error));
    assert_false(live_set(f->live, zero, key, f->error, sizeof f->error));
    assert_false(changed(f));
    assert_true(live_set(f->live, key, slice_of("5x", 1), f->error, sizeof f->error)); /* no NUL is looked for */
    assert_int_equal(atomic_load(&f->tuning->bound), 5);
}

/* The value is the scalar: what YAML would see in it is none of it. */
static void a_value_is_no_yaml(void **state)
{
    struct fixture *f = *state;
    static const char *const values[] = {"5 # few", "\"5\"", "'5'",     " 5",   "5 ",
                                         "[5]",     "5\n6",  "!!int 5", "&a 5", ""};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        assert_non_null(set(f, "queue.bound", values[i]));
    assert_false(changed(f));
}

static void an_error_is_cut_to_the_room_there_is(void **state)
{
    struct fixture *f = *state;
    char small[8];
    assert_false(live_set(f->live, slice_text("threads"), slice_text("2"), small, sizeof small));
    assert_string_equal(small, "threads");
}

/* ---- reading the file again ---- */

static void replace_queue_and_threads(struct fixture *f)
{
    set_ok(&f->settings, "queue.bound=9");
    set_ok(&f->settings, "queue.policy=codel");
    set_ok(&f->settings, "threads=3");
    live_replace(f->live, &f->settings);
}

static void a_reload_takes_over_what_may_change(void **state)
{
    struct fixture *f = *state;
    char *log = log_of(f, replace_queue_and_threads);
    assert_true(changed(f));
    assert_int_equal(atomic_load(&f->tuning->bound), 9);
    assert_int_equal(atomic_load(&f->tuning->policy), POLICY_CODEL);
    assert_non_null(strstr(log, "level=info msg=\"setting changed\" key=queue.bound value=9\n"));
    assert_non_null(strstr(log, "level=info msg=\"setting changed\" key=queue.policy value=codel\n"));
    assert_non_null(strstr(
        log, "level=warn msg=\"setting takes effect when the daemon is started anew\" key=threads value=3\n"));
    int lines = 0;
    for (const char *at = log; (at = strchr(at, '\n')); at++)
        lines++;
    assert_int_equal(lines, 3); /* and nothing of what is as it was */
    free(log);
    struct buffer out = {0};
    assert_true(live_write(f->live, &out)); /* what is in force: not what a new start would bring */
    buffer_append(&out, "", 1);
    assert_non_null(strstr(out.data, "\"bound\":9"));
    assert_null(strstr(out.data, "\"threads\":3"));
    buffer_free(&out);
}

static void replace_by_the_same(struct fixture *f)
{
    live_replace(f->live, &f->settings);
}

static void a_reload_of_the_same_says_nothing(void **state)
{
    struct fixture *f = *state;
    char *log = log_of(f, replace_by_the_same);
    assert_string_equal(log, "");
    free(log);
}

/* What CONFIG SET changed goes back to what the file says. */
static void a_reload_undoes_config_set(void **state)
{
    struct fixture *f = *state;
    uint32_t bound = atomic_load(&f->tuning->bound);
    assert_null(set(f, "queue.bound", "3"));
    live_replace(f->live, &f->settings);
    assert_int_equal(atomic_load(&f->tuning->bound), bound);
}

static void the_default_policy_depends_on_the_backend(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *assignment;
        enum policy_id id;
    } backends[] = {
        {"backend=owner", POLICY_WAIT}, {"backend=mutex", POLICY_WAIT}, {"backend=backpressure", POLICY_REJECT}};
    for (size_t i = 0; i < 3; i++) {
        set_ok(&f->settings, backends[i].assignment);
        struct live *live = live_create(&f->settings);
        assert_int_equal(atomic_load(&live_tuning(live)->policy), backends[i].id);
        live_destroy(live);
    }
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_may_change_changes_at_once),
        TEST(what_is_wrong_is_said_and_changes_nothing),
        TEST(odd_bytes_are_refused),
        TEST(a_value_is_no_yaml),
        TEST(an_error_is_cut_to_the_room_there_is),
        TEST(a_reload_takes_over_what_may_change),
        TEST(a_reload_of_the_same_says_nothing),
        TEST(a_reload_undoes_config_set),
        TEST(the_default_policy_depends_on_the_backend),
    };
    return cmocka_run_group_tests_name("live", tests, NULL, NULL);
}
