/* The histogram: where values are counted, and quantiles against a sorted array of the same values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/histogram.h"

#define LARGEST ((UINT64_C(1) << 42) - 1)

/* splitmix64 (S. Vigna): the same numbers in every run. */
static uint64_t next_random(uint64_t *seed)
{
    uint64_t z = *seed += 0x9E3779B97F4A7C15U;

    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31);
}

static void empty_histogram_is_all_zero(void **state)
{
    static struct histogram h;

    (void)state;
    assert_int_equal(histogram_count(&h), 0);
    assert_int_equal(histogram_max(&h), 0);
    assert_true(histogram_mean(&h) == 0);
    assert_int_equal(histogram_quantile(&h, 0.5), 0);
    histogram_record_n(&h, 100, 0);
    assert_int_equal(histogram_count(&h), 0);
    assert_int_equal(histogram_max(&h), 0);
}

static void buckets_tile_all_values(void **state)
{
    static struct histogram h;
    uint64_t first = 0;

    (void)state;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        uint64_t edge = histogram_bucket_edge(i);
        assert_true(edge >= first);
        assert_true((edge - first) * 64 <= first); /* at most 1/64 above the smallest value counted here */
        histogram_record(&h, first);
        if (edge > first) histogram_record(&h, edge);
        assert_int_equal(atomic_load(&h.buckets[i]), edge > first ? 2 : 1);
        first = edge + 1;
    }
    assert_int_equal(first - 1, LARGEST);
}

static void small_values_are_exact(void **state)
{
    (void)state;
    for (uint64_t v = 0; v < 128; v++) {
        struct histogram h = {0};
        histogram_record(&h, v);
        histogram_record(&h, 200);
        assert_int_equal(histogram_quantile(&h, 0.5), v);
        assert_int_equal(histogram_bucket_edge(v), v);
    }
}

static void too_large_values_count_as_the_largest(void **state)
{
    static struct histogram h;

    (void)state;
    histogram_record(&h, LARGEST + 1);
    histogram_record(&h, UINT64_MAX);
    assert_int_equal(histogram_count(&h), 2);
    assert_int_equal(histogram_max(&h), LARGEST);
    assert_int_equal(histogram_quantile(&h, 0), LARGEST);
    assert_int_equal(histogram_quantile(&h, 1), LARGEST);
    assert_true(histogram_mean(&h) == (double)LARGEST);
}

static void quantiles_never_pass_the_maximum(void **state)
{
    static struct histogram h;

    (void)state;
    histogram_record(&h, 1000000); /* its bucket goes further */
    assert_int_equal(histogram_quantile(&h, 0.5), 1000000);
    assert_int_equal(histogram_max(&h), 1000000);
}

static void out_of_range_quantiles_are_the_ends(void **state)
{
    static struct histogram h;

    (void)state;
    histogram_record(&h, 1);
    histogram_record(&h, 2);
    histogram_record(&h, 3);
    assert_int_equal(histogram_quantile(&h, -1), 1);
    assert_int_equal(histogram_quantile(&h, 0), 1);
    assert_int_equal(histogram_quantile(&h, 1), 3);
    assert_int_equal(histogram_quantile(&h, 7), 3);
    assert_int_equal(histogram_quantile(&h, __builtin_nan("")), 1);
    /* Exactly a third of the values are at most 1; a little more than a third needs 2. */
    assert_int_equal(histogram_quantile(&h, 0.333), 1);
    assert_int_equal(histogram_quantile(&h, 0.334), 2);
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

enum { VALUES = 1500 };

/* shape 0: any size; 1: small; 2: one narrow peak and a long tail; 3: few different values */
static uint64_t shaped(int shape, uint64_t *seed)
{
    uint64_t r = next_random(seed);

    switch (shape) {
    case 0: return (r & LARGEST) >> (next_random(seed) % 42);
    case 1: return r % 300;
    case 2: return r % 100 ? 50000 + r % 1000 : r % 4000000000U;
    default: return (r % 4) * 12345;
    }
}

static void quantiles_match_a_sorted_array(void **state)
{
    static const double quantiles[] = {0.0001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 0.9999, 1};
    static uint64_t values[VALUES];

    (void)state;
    for (uint64_t round = 0; round < 40; round++) {
        struct histogram h = {0};
        uint64_t seed = round, sum = 0;
        size_t count = 1 + next_random(&seed) % VALUES;

        for (size_t i = 0; i < count; i++) {
            values[i] = shaped((int)(round % 4), &seed);
            sum += values[i];
            histogram_record(&h, values[i]);
        }
        qsort(values, count, sizeof values[0], by_value);
        assert_int_equal(histogram_count(&h), count);
        assert_int_equal(histogram_max(&h), values[count - 1]);
        assert_true(histogram_mean(&h) == (double)sum / (double)count);

        for (size_t i = 0; i < sizeof quantiles / sizeof quantiles[0]; i++) {
            size_t rank = 1;
            while ((double)rank < quantiles[i] * (double)count)
                rank++;
            uint64_t exact = values[rank - 1], got = histogram_quantile(&h, quantiles[i]);
            assert_true(got >= exact);
            assert_true((double)got <= (double)exact * 1.016);
        }
    }
}

static void repeated_record_is_many_records(void **state)
{
    static struct histogram once, many;

    (void)state;
    for (int i = 0; i < 17; i++)
        histogram_record(&once, 123456);
    histogram_record_n(&many, 123456, 17);
    assert_memory_equal(&once, &many, sizeof once);
}

static void merge_is_recording_together(void **state)
{
    static struct histogram parts[3], together, merged;
    uint64_t seed = 42;

    (void)state;
    for (int i = 0; i < 3000; i++) {
        uint64_t v = shaped(0, &seed);
        histogram_record(&parts[i % 2], v);
        histogram_record(&together, v);
    }
    for (int i = 0; i < 3; i++) /* the third is empty */
        histogram_merge(&merged, &parts[i]);
    assert_memory_equal(&merged, &together, sizeof merged);
}

enum { RECORDS = 40000 };

struct recorder {
    struct histogram h;
    _Atomic bool finished;
};

static void *record_many(void *arg)
{
    struct recorder *r = arg;

    for (uint64_t i = 1; i <= RECORDS; i++)
        histogram_record(&r->h, i);
    atomic_store(&r->finished, true);
    return NULL;
}

static void reading_while_recording_is_consistent(void **state)
{
    static struct recorder r;
    pthread_t thread;
    uint64_t before = 0;
    bool finished;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, record_many, &r), 0);
    do {
        struct histogram copy = {0};
        finished = atomic_load(&r.finished);
        histogram_merge(&copy, &r.h);
        uint64_t count = histogram_count(&copy);
        assert_true(count >= before && count <= RECORDS);
        assert_true(histogram_max(&copy) >= count); /* the values are 1, 2, 3, ... */
        assert_true(histogram_quantile(&r.h, 0.99) <= RECORDS);
        before = count;
    } while (!finished);
    pthread_join(thread, NULL);
    assert_int_equal(before, RECORDS);
    assert_true(histogram_mean(&r.h) == (RECORDS + 1) / 2.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_histogram_is_all_zero),      cmocka_unit_test(buckets_tile_all_values),
        cmocka_unit_test(small_values_are_exact),           cmocka_unit_test(too_large_values_count_as_the_largest),
        cmocka_unit_test(quantiles_never_pass_the_maximum), cmocka_unit_test(out_of_range_quantiles_are_the_ends),
        cmocka_unit_test(quantiles_match_a_sorted_array),   cmocka_unit_test(repeated_record_is_many_records),
        cmocka_unit_test(merge_is_recording_together),      cmocka_unit_test(reading_while_recording_is_consistent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
