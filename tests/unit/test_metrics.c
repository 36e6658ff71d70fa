/* The registry: order, merging by kind, visiting from several threads. The clock, too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "daemon/base/clock.h"
#include "daemon/base/metrics.h"

struct seen {
    size_t count;
    struct metric metrics[16];
    uint64_t histogram_counts[16];
    uint64_t histogram_maxima[16];
};

static void note(void *ctx, const struct metric *metric)
{
    struct seen *s = ctx;

    assert_true(s->count < 16);
    s->metrics[s->count] = *metric;
    if (metric->kind == METRIC_HISTOGRAM) {
        s->histogram_counts[s->count] = histogram_count(metric->histogram);
        s->histogram_maxima[s->count] = histogram_max(metric->histogram);
    }
    s->count++;
}

static uint64_t read_number(void *ctx)
{
    return *(const uint64_t *)ctx;
}

static void empty_registry_visits_nothing(void **state)
{
    struct metrics *m = metrics_create();
    struct seen s = {0};

    (void)state;
    assert_non_null(m);
    metrics_visit(m, note, &s);
    assert_int_equal(s.count, 0);
    metrics_destroy(m);
    metrics_destroy(NULL);
}

static void instances_merge_in_order_of_first_registration(void **state)
{
    static struct histogram h1, h2;
    counter ok[2] = {3, 4}, open[2] = {10, 20}, max[3] = {5, 9, 7};
    uint64_t outside = 100;
    struct metrics *m = metrics_create();
    struct seen s = {0};
    char name[] = "operations.get.ok";

    (void)state;
    histogram_record(&h1, 50);
    histogram_record_n(&h2, 60, 2);
    assert_true(metrics_text(m, "version", "old"));
    assert_true(metrics_counter(m, name, &ok[0]));
    assert_true(metrics_gauge(m, "open", &open[0]));
    assert_true(metrics_maximum(m, "queue.max", &max[0]));
    assert_true(metrics_histogram(m, "latency", &h1));
    assert_true(metrics_counter(m, name, &ok[1]));
    assert_true(metrics_gauge_read(m, "open", read_number, &outside));
    assert_true(metrics_gauge(m, "open", &open[1]));
    assert_true(metrics_maximum(m, "queue.max", &max[1]));
    assert_true(metrics_maximum(m, "queue.max", &max[2]));
    assert_true(metrics_histogram(m, "latency", &h2));
    assert_true(metrics_text(m, "version", "new"));
    memset(name, 'x', sizeof name - 1); /* names are copied */

    metrics_visit(m, note, &s);
    assert_int_equal(s.count, 5);
    assert_string_equal(s.metrics[0].name, "version");
    assert_int_equal(s.metrics[0].kind, METRIC_TEXT);
    assert_string_equal(s.metrics[0].text, "new");
    assert_string_equal(s.metrics[1].name, "operations.get.ok");
    assert_int_equal(s.metrics[1].kind, METRIC_COUNTER);
    assert_int_equal(s.metrics[1].value, 7);
    assert_string_equal(s.metrics[2].name, "open");
    assert_int_equal(s.metrics[2].value, 130);
    assert_string_equal(s.metrics[3].name, "queue.max");
    assert_int_equal(s.metrics[3].value, 9);
    assert_string_equal(s.metrics[4].name, "latency");
    assert_int_equal(s.histogram_counts[4], 3);
    assert_int_equal(s.histogram_maxima[4], 60);
    metrics_destroy(m);
}

static void a_ratio_is_of_the_sums(void **state)
{
    counter part[2] = {10, 5}, whole[2] = {0, 0};
    struct metrics *m = metrics_create();

    (void)state;
    assert_true(metrics_ratio(m, "load", &part[0], &whole[0], 100));
    assert_true(metrics_ratio(m, "load", &part[1], NULL, 0));
    assert_true(metrics_ratio(m, "load", NULL, &whole[1], 0));
    for (unsigned i = 0; i < 2; i++) {
        struct seen s = {0};
        metrics_visit(m, note, &s);
        assert_int_equal(s.count, 1);
        assert_int_equal(s.metrics[0].kind, METRIC_RATIO);
        assert_int_equal(s.metrics[0].value, i == 0 ? 0 : 15 * 100 / 40);
        counter_set(&whole[0], 30);
        counter_set(&whole[1], 10);
    }
    metrics_destroy(m);
}

/* Those of a group stand together where its first one is, however deep. */
static void groups_stand_together(void **state)
{
    static const char *const registered[] = {"a.b.x", "c", "d.e", "a.z", "a.b.y", "c2", "d.f.g", "d.e2", "a.b.y"};
    static const char *const visited[] = {"a.b.x", "a.b.y", "a.z", "c", "d.e", "d.f.g", "d.e2", "c2"};
    counter one = 1;
    struct metrics *m = metrics_create();
    struct seen s = {0};

    (void)state;
    for (size_t i = 0; i < sizeof registered / sizeof registered[0]; i++)
        assert_true(metrics_counter(m, registered[i], &one));
    metrics_visit(m, note, &s);
    assert_int_equal(s.count, sizeof visited / sizeof visited[0]);
    for (size_t i = 0; i < s.count; i++)
        assert_string_equal(s.metrics[i].name, visited[i]);
    assert_int_equal(s.metrics[1].value, 2);
    metrics_destroy(m);
}

static void one_metric_is_found_by_name(void **state)
{
    counter small = 2, large = 8;
    struct metrics *m = metrics_create();

    (void)state;
    assert_true(metrics_counter(m, "a.count", &small));
    assert_true(metrics_counter(m, "a.count", &large));
    assert_true(metrics_maximum(m, "a.most", &small));
    assert_true(metrics_maximum(m, "a.most", &large));
    assert_true(metrics_ratio(m, "a.share", &small, &large, 100));
    const struct metrics_entry *count = metrics_find(m, "a.count");
    assert_int_equal(metrics_value(count), 10);
    counter_add(&small, 1);
    assert_int_equal(metrics_value(count), 11);
    assert_int_equal(metrics_value(metrics_find(m, "a.most")), 8);
    assert_int_equal(metrics_value(metrics_find(m, "a.share")), 37);
    assert_null(metrics_find(m, "a"));
    assert_null(metrics_find(m, "a.counts"));
    metrics_destroy(m);
}

static void a_sparse_gauge_is_left_out_while_it_is_zero(void **state)
{
    counter first = 0, second = 0;
    struct metrics *m = metrics_create();
    struct seen before = {0}, after = {0};

    (void)state;
    assert_true(metrics_gauge_sparse(m, "a", &first));
    assert_true(metrics_gauge_sparse(m, "a", &second));
    metrics_visit(m, note, &before);
    assert_int_equal(before.count, 0);
    counter_set(&second, 3);
    metrics_visit(m, note, &after);
    assert_int_equal(after.count, 1);
    assert_int_equal(after.metrics[0].value, 3);
    metrics_destroy(m);
}

static void visits_read_the_sources_anew(void **state)
{
    counter c = 1;
    struct metrics *m = metrics_create();

    (void)state;
    assert_true(metrics_counter(m, "c", &c));
    for (uint64_t expected = 1; expected < 4; expected++) {
        struct seen s = {0};
        metrics_visit(m, note, &s);
        assert_int_equal(s.metrics[0].value, expected);
        counter_add(&c, 1);
    }
    metrics_destroy(m);
}

static void counters_count(void **state)
{
    counter c = 0;

    (void)state;
    counter_add(&c, 5);
    counter_add(&c, UINT64_C(1) << 40);
    assert_int_equal(counter_get(&c), (UINT64_C(1) << 40) + 5);
    counter_set(&c, 8);
    counter_max(&c, 7);
    assert_int_equal(counter_get(&c), 8);
    counter_max(&c, 9);
    assert_int_equal(counter_get(&c), 9);
}

static void count_one(void *ctx, const struct metric *metric)
{
    assert_int_equal(metric->value, 10);
    ++*(size_t *)ctx;
}

static void many_metrics_fit(void **state)
{
    counter c = 2;
    struct metrics *m = metrics_create();
    char name[] = "m000";

    (void)state;
    for (int i = 0; i < 1000; i++) {
        name[1] = (char)('0' + i / 100 % 10);
        name[2] = (char)('0' + i / 10 % 10);
        name[3] = (char)('0' + i % 2); /* each name five times */
        assert_true(metrics_counter(m, name, &c));
    }
    size_t count = 0;
    metrics_visit(m, count_one, &count);
    assert_int_equal(count, 200);
    metrics_destroy(m);
}

enum { STEPS = 20000 };

struct shared {
    struct metrics *m;
    counter number;
    struct histogram histogram;
    _Atomic int finished;
};

static void *count_up(void *arg)
{
    struct shared *s = arg;

    for (uint64_t i = 0; i < STEPS; i++) {
        counter_add(&s->number, 1);
        histogram_record(&s->histogram, i);
    }
    atomic_store(&s->finished, 1);
    return NULL;
}

static void *visit_until_finished(void *arg)
{
    struct shared *s = arg;
    uint64_t last = 0;
    int finished;

    do {
        struct seen seen = {0};
        finished = atomic_load(&s->finished);
        metrics_visit(s->m, note, &seen);
        assert(seen.count == 2); /* not cmocka's: those belong to the main thread */
        assert(seen.metrics[0].value >= last);
        last = seen.metrics[0].value;
    } while (!finished);
    assert(last == STEPS);
    return NULL;
}

static void threads_visit_while_one_counts(void **state)
{
    static struct shared s;
    pthread_t writer, reader;

    (void)state;
    s.m = metrics_create();
    assert_true(metrics_counter(s.m, "number", &s.number));
    assert_true(metrics_histogram(s.m, "histogram", &s.histogram));
    assert_int_equal(pthread_create(&writer, NULL, count_up, &s), 0);
    assert_int_equal(pthread_create(&reader, NULL, visit_until_finished, &s), 0);
    visit_until_finished(&s);
    pthread_join(writer, NULL);
    pthread_join(reader, NULL);
    metrics_destroy(s.m);
}

static void system_clock_never_goes_back(void **state)
{
    uint64_t last = 0;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        uint64_t now = clock_ns(&clock_system);
        assert_true(now > 0 && now >= last);
        last = now;
    }
    assert_true(clock_ms(&clock_system) >= last / 1000000U);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_registry_visits_nothing),
        cmocka_unit_test(instances_merge_in_order_of_first_registration),
        cmocka_unit_test(a_ratio_is_of_the_sums),
        cmocka_unit_test(groups_stand_together),
        cmocka_unit_test(one_metric_is_found_by_name),
        cmocka_unit_test(a_sparse_gauge_is_left_out_while_it_is_zero),
        cmocka_unit_test(visits_read_the_sources_anew),
        cmocka_unit_test(counters_count),
        cmocka_unit_test(many_metrics_fit),
        cmocka_unit_test(threads_visit_while_one_counts),
        cmocka_unit_test(system_clock_never_goes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
