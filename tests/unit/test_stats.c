/* Metrics and settings as JSON, and that running out of memory anywhere fails cleanly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/admin/stats.h"

/* jansson's allocations: how many may still succeed, and how many are not yet freed. */
static size_t allocations_left = SIZE_MAX; /* mutable on purpose: jansson's allocator takes no context */
static long allocations_live;              /* mutable on purpose: the same */

static void *failing_malloc(size_t size)
{
    void *p = allocations_left ? malloc(size) : NULL;

    if (allocations_left && allocations_left != SIZE_MAX) allocations_left--;
    if (p) allocations_live++;
    return p;
}

static void counting_free(void *p)
{
    if (p) allocations_live--;
    free(p);
}

static int nothing_is_live(void **state)
{
    (void)state;
    allocations_left = SIZE_MAX;
    return allocations_live != 0;
}

static void assert_text(struct buffer *out, const char *expected)
{
    assert_false(out->failed);
    buffer_append(out, "", 1);
    assert_string_equal(out->data, expected);
    buffer_free(out);
}

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

    buffer_append_text(&out, "before ");
    assert_true(stats_json(m, &out));
    assert_text(&out,
                "before {\"version\":\"1.0\",\"operations\":{\"get\":{\"ok\":4,\"absent\":3},\"put\":{\"ok\":2}},"
                "\"connections\":{\"open\":2},\"a\":9223372036854775807}");
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
    assert_true(metrics_histogram(m, "small", &small));
    assert_true(metrics_histogram(m, "empty", &empty));
    assert_true(stats_json(m, &out));
    assert_text(&out,
                "{\"small\":{\"count\":1000,\"mean\":2.606,\"p50\":1,\"p90\":2,\"p99\":3,\"p999\":4,\"max\":1000},"
                "\"empty\":{\"count\":0,\"mean\":0.0,\"p50\":0,\"p90\":0,\"p99\":0,\"p999\":0,\"max\":0}}");
    metrics_destroy(m);
}

static void texts_of_any_bytes_are_json(void **state)
{
    struct metrics *m = metrics_create();
    struct buffer out = {0};

    (void)state;
    assert_true(metrics_text(m, "empty", ""));
    assert_true(metrics_text(m, "quote", "a\"b\\c\n"));
    assert_true(metrics_text(m, "utf8", "\xC3\xA9"));
    assert_true(metrics_text(m, "bad", "a\xFF\xC3z"));
    assert_true(stats_json(m, &out));
    assert_text(&out, "{\"empty\":\"\",\"quote\":\"a\\\"b\\\\c\\n\",\"utf8\":\"\xC3\xA9\","
                      "\"bad\":\"a\xEF\xBF\xBD\xEF\xBF\xBDz\"}");
    metrics_destroy(m);
}

static void settings_are_literals_or_strings(void **state)
{
    struct stats_object *o = stats_object_create();
    struct buffer out = {0};

    (void)state;
    assert_non_null(o);
    assert_true(stats_object_set(o, "listen.text", "[\"127.0.0.1:7811\",\"unix:/s\"]", true));
    assert_true(stats_object_set(o, "threads", "auto", false));
    assert_true(stats_object_set(o, "queue.bound", "64", true));
    assert_true(stats_object_set(o, "queue.policy", "reject", false));
    assert_true(stats_object_set(o, "limits.memory", "off", true)); /* no JSON */
    assert_true(stats_object_set(o, "quoted", "64", false));
    assert_true(stats_object_set(o, "yes", "true", true));
    assert_true(stats_object_set(o, "broken", "{\"a\":", true));
    assert_true(stats_object_set(o, "queue.bound", "128", true)); /* in place of the other */
    assert_true(stats_object_render(o, &out));
    assert_text(&out, "{\"listen\":{\"text\":[\"127.0.0.1:7811\",\"unix:/s\"]},\"threads\":\"auto\","
                      "\"queue\":{\"bound\":128,\"policy\":\"reject\"},\"limits\":{\"memory\":\"off\"},"
                      "\"quoted\":\"64\",\"yes\":true,\"broken\":\"{\\\"a\\\":\"}");
    stats_object_destroy(o);
    stats_object_destroy(NULL);
}

/* Lets every single allocation of jansson be the first to fail, until none is left to fail. */
static void memory_may_run_out_while_rendering_metrics(void **state)
{
    static struct histogram h;
    counter one = 1;
    struct metrics *m = metrics_create();
    bool ok = false;
    size_t failures = 0;

    (void)state;
    assert_true(metrics_counter(m, "operations.get.ok", &one));
    assert_true(metrics_histogram(m, "operations.get.latency", &h));
    assert_true(metrics_text(m, "version", "1.0"));
    for (; !ok; failures += !ok) {
        struct buffer out = {0};
        buffer_append_text(&out, "before");
        allocations_left = failures;
        ok = stats_json(m, &out);
        allocations_left = SIZE_MAX;
        assert_int_equal(allocations_live, 0);
        if (!ok) {
            assert_int_equal(out.len, 6);
            assert_memory_equal(out.data, "before", 6);
        }
        buffer_free(&out);
    }
    assert_true(failures > 20); /* each object, key and number */
    metrics_destroy(m);
}

static bool make_settings(void)
{
    struct stats_object *o = stats_object_create();
    struct buffer out = {0};
    bool ok = o && stats_object_set(o, "queue.bound", "64", true) &&
              stats_object_set(o, "queue.policy", "reject", false) && stats_object_render(o, &out);

    if (ok) {
        assert_text(&out, "{\"queue\":{\"bound\":64,\"policy\":\"reject\"}}");
    } else {
        assert_int_equal(out.len, 0);
    }
    buffer_free(&out);
    stats_object_destroy(o);
    return ok;
}

static void memory_may_run_out_while_making_settings(void **state)
{
    bool ok = false;
    size_t failures = 0;

    (void)state;
    for (; !ok; failures += !ok) {
        allocations_left = failures;
        ok = make_settings(); /* true only with the whole text */
        allocations_left = SIZE_MAX;
        assert_int_equal(allocations_live, 0);
    }
    assert_true(failures > 5);
}

/* A buffer that failed before stays failed. */
static void output_that_failed_before_fails(void **state)
{
    struct stats_object *o = stats_object_create();
    struct buffer out = {.failed = true};

    (void)state;
    assert_true(stats_object_set(o, "a", "1", true));
    assert_false(stats_object_render(o, &out));
    assert_int_equal(out.len, 0);
    stats_object_destroy(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(empty_registry_is_an_empty_object, nothing_is_live),
        cmocka_unit_test_teardown(names_nest_in_order_of_registration, nothing_is_live),
        cmocka_unit_test_teardown(histograms_are_objects_of_numbers, nothing_is_live),
        cmocka_unit_test_teardown(texts_of_any_bytes_are_json, nothing_is_live),
        cmocka_unit_test_teardown(settings_are_literals_or_strings, nothing_is_live),
        cmocka_unit_test_teardown(memory_may_run_out_while_rendering_metrics, nothing_is_live),
        cmocka_unit_test_teardown(memory_may_run_out_while_making_settings, nothing_is_live),
        cmocka_unit_test_teardown(output_that_failed_before_fails, nothing_is_live),
    };
    json_set_alloc_funcs(failing_malloc, counting_free);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
