/* Every key: its default, its field, its bounds (the bound itself accepted, one beyond refused). */
#include "tests/unit/config_helper.h"

#define CPUS    "any, or numbers and ranges below 256, as in 0-3,6"
#define CLASSES "critical, normal or sheddable"
#define V4      "host:port, [v6]:port, unix:/path, a list of these, or off"

struct row {
    const char *key, *fallback;
    const char *low, *high;     /* accepted */
    const char *below, *beyond; /* refused; NULL: there is no such thing */
    const char *expected;       /* what the message says */
};

static const struct row rows[] = {
    {"threads", "auto", "1", "64", "0", "65", "auto or 1 to 64"},
    {"mutex.workers", "auto", "0", "256", "-1", "257", "auto or 0 to 256"},
    {"mutex.stripes", "1", "1", "1024", "0", "1025", "1 to 1024"},
    {"shards", "1", "1", "64", "0", "65", "1 to 64"},
    {"queue.bound", "1024", "1", "1048576", "0", "1048577", "1 to 1048576"},
    {"queue.target", "off", "1us", "60s", "-1", "61s", "off or 0ms to 60s"},
    {"ttl.default", "30m", "1ms", "3650d", "0", "315360000001ms", "never or 1ms to 3650d"},
    {"ttl.sweep_interval", "1s", "1ms", "1h", "0ms", "3600001ms", "1ms to 1h"},
    {"ttl.max_lifetime", "off", "1ms", "3650d", "0", "3651d", "off or 1ms to 3650d"},
    {"work.iterations", "0", "0", "1000000000", "-1", "1000000001", "0 to 1000000000"},
    {"limits.connections", "10000", "1", "1000000", "0", "1000001", "1 to 1000000"},
    {"limits.key", "512", "1", "1KiB", "0", "1025", "1 to 1KiB"},
    {"limits.line", "64KiB", "512", "1MiB", "511", "1048577", "512 to 1MiB"},
    {"limits.value", "1MiB", "1", "1GiB", "0", "1073741825", "1 to 1GiB"},
    {"limits.parts", "10000", "1", "1000000", "0", "1000001", "1 to 1000000"},
    {"limits.requests", "256MiB", "1MiB", "1024GiB", "1048575", "1099511627777", "1MiB to 1024GiB"},
    {"limits.output_soft", "1MiB", "1KiB", "4GiB", "1023", "4294967297", "1KiB to 4GiB"},
    {"limits.output_hard", "16MiB", "16KiB", "4GiB", "16383", "4294967297", "16KiB to 4GiB"},
    {"limits.memory", "auto", "1MiB", "16384GiB", "1048575", "17592186044417", "auto, off or 1MiB to 16384GiB"},
    {"limits.idle_timeout", "off", "1ms", "30d", "-1", "2592001", "off or 1ms to 30d"},
    {"limits.request_timeout", "30s", "1ms", "30d", "-1", "2592001", "off or 1ms to 30d"},
    {"shutdown.grace", "10s", "0s", "1h", "-1", "3601", "0s to 1h"},
};

static const struct row word_rows[] = {
    {"listen.text", "127.0.0.1:7811", "off", "[::1]:65535", "", NULL, V4},
    {"listen.resp", "127.0.0.1:7812", "off", "[::1]:65535", "", NULL, V4},
    {"listen.memcached", "127.0.0.1:7813", "off", "[::1]:65535", "", NULL, V4},
    {"backend", "backpressure", "mutex", "backpressure", NULL, "shards", "mutex, owner or backpressure"},
    {"mutex.lock", "mutex", "mutex", "rwlock", NULL, "spin", "mutex or rwlock"},
    {"queue.policy", "auto", "auto", "reject", NULL, "default",
     "auto, wait, reject, drop-oldest, codel, codel-rfc or adaptive"},
    {"threads_cpus", "any", "0", "0-2,5,7-255", "", NULL, CPUS},
    {"owner.placement", "auto", "loop", "thread", NULL, "core", "auto, loop or thread"},
    {"owner.cpus", "any", "any", "63-65", NULL, NULL, CPUS},
    {"class.get", "normal", "critical", "sheddable", NULL, "high", CLASSES},
    {"class.put", "normal", "critical", "sheddable", NULL, "high", CLASSES},
    {"class.delete", "critical", "critical", "sheddable", NULL, "high", CLASSES},
    {"class.touch", "normal", "critical", "sheddable", NULL, "high", CLASSES},
    {"class.other", "normal", "critical", "sheddable", NULL, "high", CLASSES},
    {"work.where", "inside", "inside", "outside", NULL, "nowhere", "inside or outside"},
    {"log.level", "info", "debug", "error", NULL, "loud", "debug, info, warn or error"},
    {"log.format", "logfmt", "logfmt", "json", NULL, "xml", "logfmt or json"},
};

#define ROWS      (sizeof rows / sizeof rows[0])
#define WORD_ROWS (sizeof word_rows / sizeof word_rows[0])

struct wanted {
    const char *key;
    char value[4096];
};

static void pick(void *ctx, const char *key, const char *value, bool is_literal)
{
    struct wanted *w = ctx;
    (void)is_literal;
    if (strcmp(key, w->key) == 0) snprintf(w->value, sizeof w->value, "%s", value);
}

static void expect_key(const struct settings *settings, const char *key, const char *value)
{
    struct wanted w = {.key = key};
    char array[300];
    config_visit(settings, pick, &w);
    if (w.value[0] == '[') { /* addresses are visited as an array */
        snprintf(array, sizeof array, strcmp(value, "off") == 0 ? "[]" : "[\"%s\"]", value);
        value = array;
    }
    if (strcmp(w.value, value) != 0) fail_msg("%s is %s, expected %s", key, w.value, value);
}

static void count_key(void *ctx, const char *key, const char *value, bool is_literal)
{
    (void)key, (void)value, (void)is_literal;
    ++*(size_t *)ctx;
}

static void every_key_has_a_row_here(void **state)
{
    (void)state;
    struct settings s;
    size_t count = 0;
    config_defaults(&s);
    config_visit(&s, count_key, &count);
    assert_int_equal(count, ROWS + WORD_ROWS);
}

static void accept_value(const struct row *row, const char *value)
{
    char assignment[128];
    struct settings s;
    config_defaults(&s);
    snprintf(assignment, sizeof assignment, "%s=%s", row->key, value);
    set_ok(&s, assignment);
    expect_key(&s, row->key, value);
}

/* Digits alone, for a duration. */
static bool is_bare(const struct row *row, const char *value)
{
    const char *last = row->expected + strlen(row->expected) - 1;
    return strchr("dhs", *last) && strspn(value, "0123456789") == strlen(value);
}

static void refuse_value(const struct row *row, const char *value, const char *what)
{
    char assignment[128], error[256], line[256], text[128];
    if (!value) return;
    snprintf(assignment, sizeof assignment, "%s=%s", row->key, value);
    snprintf(error, sizeof error, "--set %s: %s, expected %s", assignment, what, row->expected);
    EXPECT_SET(assignment, error);

    /* The same in a file. */
    const char *dot = strchr(row->key, '.');
    if (!dot || *value == '\0') return;
    snprintf(text, sizeof text, "%.*s:\n  %s: %s\n", (int)(dot - row->key), row->key, dot + 1, value);
    snprintf(line, sizeof line, "f.yaml:2:%zu: %s is \"%s\": %s, expected %s", strlen(dot + 1) + 5, row->key, value,
             what, row->expected);
    EXPECT_FILE(text, line);
}

static void bounds(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        accept_value(&rows[i], rows[i].low);
        accept_value(&rows[i], rows[i].high);
        refuse_value(&rows[i], rows[i].below,
                     rows[i].below[0] == '-'            ? "negative"
                     : is_bare(&rows[i], rows[i].below) ? "too small (a number without unit is seconds)"
                                                        : "too small");
        refuse_value(&rows[i], rows[i].beyond,
                     is_bare(&rows[i], rows[i].beyond) ? "too large (a number without unit is seconds)"
                                                       : "too large");
    }
}

static void words(void **state)
{
    (void)state;
    for (size_t i = 0; i < WORD_ROWS; i++) {
        accept_value(&word_rows[i], word_rows[i].low);
        accept_value(&word_rows[i], word_rows[i].high);
        refuse_value(&word_rows[i], word_rows[i].below, "no value");
        refuse_value(&word_rows[i], word_rows[i].beyond, "unknown word");
    }
}

static void defaults_as_text(void **state)
{
    (void)state;
    struct settings s;
    config_defaults(&s);
    for (size_t i = 0; i < ROWS; i++)
        expect_key(&s, rows[i].key, rows[i].fallback);
    for (size_t i = 0; i < WORD_ROWS; i++)
        expect_key(&s, word_rows[i].key, word_rows[i].fallback);
}

static void defaults_as_fields(void **state)
{
    (void)state;
    struct settings s;
    memset(&s, 0xaa, sizeof s);
    config_defaults(&s);
    assert_int_equal(s.listen.text.count, 1);
    assert_false(s.listen.text.at[0].is_unix);
    assert_string_equal(s.listen.text.at[0].host, "127.0.0.1");
    assert_int_equal(s.listen.text.at[0].port, 7811);
    assert_int_equal(s.threads, 0);
    assert_int_equal(s.backend, BACKEND_BACKPRESSURE);
    assert_int_equal(s.mutex.workers, SETTINGS_AUTO);
    assert_int_equal(s.mutex.stripes, 1);
    assert_int_equal(s.mutex.lock, LOCK_MUTEX);
    assert_int_equal(s.queue.bound, 1024);
    assert_int_equal(s.queue.policy, POLICY_BY_BACKEND);
    assert_int_equal(s.ttl.default_ms, 1800000);
    assert_int_equal(s.ttl.sweep_interval_ms, 1000);
    assert_true(s.ttl.max_lifetime_ms == UINT64_MAX);
    assert_int_equal(s.work.iterations, 0);
    assert_int_equal(s.work.where, WORK_INSIDE);
    assert_int_equal(s.limits.connections, 10000);
    assert_int_equal(s.limits.key, 512);
    assert_int_equal(s.limits.line, 65536);
    assert_int_equal(s.limits.value, 1 << 20);
    assert_int_equal(s.limits.output_soft, 1 << 20);
    assert_int_equal(s.limits.output_hard, 16 << 20);
    assert_true(s.limits.memory == SETTINGS_MEMORY_AUTO);
    assert_int_equal(s.limits.idle_timeout_ms, 0);
    assert_int_equal(s.limits.request_timeout_ms, 30000);
    assert_int_equal(s.log.level, 1);
    assert_int_equal(s.log.format, 0);
    assert_int_equal(s.shutdown.grace_ms, 10000);
}

/* Every key set to something else, in one file: each value arrives in its own field. */
static void every_field(void **state)
{
    (void)state;
    static const char text[] = "listen:\n  text: [\"[::1]:1\", unix:/tmp/x]\nthreads: 3\nbackend: mutex\n"
                               "mutex: {workers: 4, stripes: 5, lock: rwlock}\nqueue: {bound: 6, policy: wait}\n"
                               "ttl: {default: never, sweep_interval: 7ms, max_lifetime: 8h}\n"
                               "work: {iterations: 9, where: outside}\n"
                               "limits: {connections: 10, key: 11, line: 1KiB, value: 12, output_soft: 13KiB,\n"
                               "  output_hard: 14MiB, memory: 15GiB, idle_timeout: off, request_timeout: 16d}\n"
                               "log: {level: error, format: json}\nshutdown: {grace: 17}\n";
    struct settings s;
    struct config_errors *errors = config_errors_create();
    config_defaults(&s);
    assert_true(config_load_text(&s, "f", text, sizeof text - 1, errors));
    config_errors_destroy(errors);
    assert_int_equal(s.listen.text.count, 2);
    assert_string_equal(s.listen.text.at[0].host, "::1");
    assert_string_equal(s.listen.text.at[1].path, "/tmp/x");
    assert_int_equal(s.threads, 3);
    assert_int_equal(s.backend, BACKEND_MUTEX);
    assert_int_equal(s.mutex.workers, 4);
    assert_int_equal(s.mutex.stripes, 5);
    assert_int_equal(s.mutex.lock, LOCK_RWLOCK);
    assert_int_equal(s.queue.bound, 6);
    assert_int_equal(s.queue.policy, POLICY_WAIT);
    assert_true(s.ttl.default_ms == UINT64_MAX);
    assert_int_equal(s.ttl.sweep_interval_ms, 7);
    assert_int_equal(s.ttl.max_lifetime_ms, 8 * 3600000);
    assert_int_equal(s.work.iterations, 9);
    assert_int_equal(s.work.where, WORK_OUTSIDE);
    assert_int_equal(s.limits.connections, 10);
    assert_int_equal(s.limits.key, 11);
    assert_int_equal(s.limits.line, 1024);
    assert_int_equal(s.limits.value, 12);
    assert_int_equal(s.limits.output_soft, 13 << 10);
    assert_int_equal(s.limits.output_hard, 14 << 20);
    assert_true(s.limits.memory == 15ULL << 30);
    assert_int_equal(s.limits.idle_timeout_ms, 0);
    assert_int_equal(s.limits.request_timeout_ms, 16 * 86400000LL);
    assert_int_equal(s.log.level, 3);
    assert_int_equal(s.log.format, 1);
    assert_int_equal(s.shutdown.grace_ms, 17000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_has_a_row_here),
        cmocka_unit_test(bounds),
        cmocka_unit_test(words),
        cmocka_unit_test(defaults_as_text),
        cmocka_unit_test(defaults_as_fields),
        cmocka_unit_test(every_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
