/* The registry as JSON, and that running out of memory anywhere fails cleanly. The linker leads malloc and its kin
 * through here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "daemon/admin/document.h"
#include "daemon/admin/live.h"
#include "daemon/admin/stats.h"
#include "tests/unit/failing_alloc.h"

static void assert_text(struct buffer *out, const char *expected)
{
    assert_false(out->failed);
    buffer_append(out, "", 1);
    assert_string_equal(out->data, expected);
    buffer_free(out);
}

/* ---- metrics ---- */

static void empty_registry_is_an_empty_object(void **state)
{
    struct metrics *m = metrics_create();
    struct buffer out = {0};

    (void)state;
    assert_true(stats_json(m, &out));
    assert_text(&out, "{}");
    metrics_destroy(m);
}

static uint64_t largest(void *ctx)
{
    (void)ctx;
    return UINT64_MAX;
}

static void names_nest_in_order_of_registration(void **state)
{
    counter one = 1, two = 2, three = 3;
    struct metrics *m = metrics_create();
    struct buffer out = {0};

    (void)state;
    assert_true(metrics_text(m, "version", "1.0"));
    assert_true(metrics_counter(m, "operations.get.ok", &one));
    assert_true(metrics_gauge(m, "connections.open", &two));
    assert_true(metrics_counter(m, "operations.put.ok", &two));
    assert_true(metrics_maximum(m, "operations.get.absent", &three));
    assert_true(metrics_counter(m, "operations.get.ok", &three));
    assert_true(metrics_gauge_read(m, "a", largest, NULL));
    assert_true(metrics_counter(m, "operations.malformed", &one));

    buffer_append_text(&out, "before ");
    assert_true(stats_json(m, &out));
    assert_text(&out,
                "before {\"version\":\"1.0\",\"operations\":{\"get\":{\"ok\":4,\"absent\":3},\"put\":{\"ok\":2},"
                "\"malformed\":1},\"connections\":{\"open\":2},\"a\":9223372036854775807}");
    metrics_destroy(m);
}

static void histograms_are_objects_of_numbers(void **state)
{
    static struct histogram small, empty;
    struct metrics *m = metrics_create();
    struct buffer out = {0};

    (void)state;
    histogram_record_n(&small, 1, 500);
    histogram_record_n(&small, 2, 400);
    histogram_record_n(&small, 3, 90);
    histogram_record_n(&small, 4, 9);
    histogram_record_n(&small, 1000, 1);
    assert_true(metrics_histogram(m, "a.small", &small));
    assert_true(metrics_histogram(m, "a.empty", &empty));
    assert_true(stats_json(m, &out));
    assert_text(
        &out,
        "{\"a\":{\"small\":{\"count\":1000,\"mean\":2.606,\"p50\":1,\"p90\":2,\"p99\":3,\"p999\":4,\"max\":1000},"
        "\"empty\":{\"count\":0,\"mean\":0.0,\"p50\":0,\"p90\":0,\"p99\":0,\"p999\":0,\"max\":0}}}");
    metrics_destroy(m);
}

static void texts_of_any_bytes_are_json(void **state)
{
    struct metrics *m = metrics_create();
    struct buffer out = {0};

    (void)state;
    assert_true(metrics_text(m, "empty", ""));
    assert_true(metrics_text(m, "quote", "a\"b\\c\n\t\x01\x1f"));
    assert_true(metrics_text(m, "utf8", "\xC3\xA9"));
    assert_true(metrics_text(m, "bad", "a\xFF\xC3z"));
    assert_true(stats_json(m, &out));
    assert_text(&out, "{\"empty\":\"\",\"quote\":\"a\\\"b\\\\c\\n\\t\\u0001\\u001F\",\"utf8\":\"\xC3\xA9\","
                      "\"bad\":\"a\xEF\xBF\xBD\xEF\xBF\xBDz\"}");
    metrics_destroy(m);
}

static void literals_stand_as_they_are(void **state)
{
    struct buffer out = {0};
    struct document j = document_begin(&out);

    (void)state;
    document_literal(&j, "listen.text", "[\"127.0.0.1:7811\", \"unix:/s\"]");
    document_text(&j, "threads", "auto");
    document_real(&j, "a.b.c.half", 0.5);
    document_real(&j, "a.b.large", 123456789.0);
    document_real(&j, "a.rounded", 0.9996);
    document_end(&j);
    assert_text(&out, "{\"listen\":{\"text\":[\"127.0.0.1:7811\", \"unix:/s\"]},\"threads\":\"auto\","
                      "\"a\":{\"b\":{\"c\":{\"half\":0.5},\"large\":123456789.0},\"rounded\":1.0}}");
}

/* ---- memory ---- */

/* Lets every single allocation be the first to fail, until none is left to fail; returns how many failed. What was
 * in the buffer stays, and nothing else. */
static long fail_one_by_one(bool (*write)(void *ctx, struct buffer *out), void *ctx)
{
    bool ok = false;
    long failures = 0;
    for (; !ok; failures += !ok) {
        struct buffer out = {0};
        buffer_append_text(&out, "before");
        allocations_left = failures;
        ok = write(ctx, &out);
        allocations_left = -1;
        assert_int_equal(ok, !out.failed);
        if (!ok) assert_int_equal(out.len, 6);
        assert_memory_equal(out.data, "before", 6);
        buffer_free(&out);
    }
    return failures;
}

static bool write_stats(void *ctx, struct buffer *out)
{
    return stats_json(ctx, out);
}

static void memory_may_run_out_while_rendering_metrics(void **state)
{
    static struct histogram h;
    counter one = 1;
    struct metrics *m = metrics_create();

    (void)state;
    for (char name[] = "operations.a"; name[11] <= 'z'; name[11]++) {
        assert_true(metrics_counter(m, name, &one));
        char latency[] = "latency.a";
        latency[8] = name[11];
        assert_true(metrics_histogram(m, latency, &h));
    }
    assert_true(fail_one_by_one(write_stats, m) > 2); /* the buffer grows some times */
    metrics_destroy(m);
}

static bool write_settings(void *ctx, struct buffer *out)
{
    return live_write(ctx, out);
}

static void memory_may_run_out_while_writing_settings(void **state)
{
    static struct settings settings;
    (void)state;
    config_defaults(&settings);
    struct live *live = live_create(&settings);
    assert_true(fail_one_by_one(write_settings, live) > 1);
    live_destroy(live);
}

/* A buffer that failed before stays failed. */
static void output_that_failed_before_fails(void **state)
{
    struct metrics *m = metrics_create();
    struct buffer out = {.failed = true};

    (void)state;
    assert_false(stats_json(m, &out));
    assert_int_equal(out.len, 0);
    metrics_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_registry_is_an_empty_object),
        cmocka_unit_test(names_nest_in_order_of_registration),
        cmocka_unit_test(histograms_are_objects_of_numbers),
        cmocka_unit_test(texts_of_any_bytes_are_json),
        cmocka_unit_test(literals_stand_as_they_are),
        cmocka_unit_test(memory_may_run_out_while_rendering_metrics),
        cmocka_unit_test(memory_may_run_out_while_writing_settings),
        cmocka_unit_test(output_that_failed_before_fails),
    };
    return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}
