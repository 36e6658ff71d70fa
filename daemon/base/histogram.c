/*
 * Where a value is counted. Let s be how many bits the value is longer than seven (0 when it is not):
 *
 *     value < 64     bucket = value                              one bucket per value
 *     otherwise      bucket = (s + 1) * 64 + (value >> s) - 64   2^s neighbours share a bucket
 *
 * A value in a shared bucket is at least 64 * 2^s, so the 2^s - 1 by which the bucket's upper edge may exceed it
 * are less than 1/64 of it.
 */
#include "daemon/base/histogram.h"

#include <assert.h>

#define SUB_BITS  6 /* 2^6 == HISTOGRAM_SUB */
#define VALUE_MAX ((UINT64_C(1) << (HISTOGRAM_MAX_SHIFT + SUB_BITS)) - 1)

_Static_assert(1 << SUB_BITS == HISTOGRAM_SUB, "the steps are a power of two");

static size_t bucket_of(uint64_t value)
{
    if (value < HISTOGRAM_SUB) return (size_t)value;

    unsigned shift = 63U - (unsigned)__builtin_clzll(value) - SUB_BITS;
    return (size_t)(shift + 1) * HISTOGRAM_SUB + (size_t)(value >> shift) - HISTOGRAM_SUB;
}

uint64_t histogram_bucket_edge(size_t index)
{
    assert(index < HISTOGRAM_BUCKETS);
    if (index < HISTOGRAM_SUB) return index;

    unsigned shift = (unsigned)(index / HISTOGRAM_SUB) - 1;
    uint64_t first = (uint64_t)(index % HISTOGRAM_SUB + HISTOGRAM_SUB) << shift;
    return first + (UINT64_C(1) << shift) - 1;
}

/* For the one writer: no read-modify-write needed. */
#define ADD(to, n, order) atomic_store_explicit(to, atomic_load_explicit(to, memory_order_relaxed) + (n), order)

void histogram_record(struct histogram *h, uint64_t value)
{
    histogram_record_n(h, value, 1);
}

void histogram_record_n(struct histogram *h, uint64_t value, uint64_t times)
{
    if (!times) return;
    if (value > VALUE_MAX) value = VALUE_MAX;
    if (value > atomic_load_explicit(&h->max, memory_order_relaxed))
        atomic_store_explicit(&h->max, value, memory_order_relaxed);
    ADD(&h->sum, value * times, memory_order_relaxed);
    /* Last, and released: whoever sees a value counted also sees it in sum and max. */
    _Atomic uint64_t *bucket = &h->buckets[bucket_of(value)];
    ADD(bucket, times, memory_order_release);
}

static uint64_t bucket_count(const struct histogram *h, size_t index)
{
    return atomic_load_explicit(&h->buckets[index], memory_order_acquire);
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        uint64_t n = bucket_count(from, i);
        if (n) ADD(&into->buckets[i], n, memory_order_relaxed);
    }
    ADD(&into->sum, atomic_load_explicit(&from->sum, memory_order_relaxed), memory_order_relaxed);

    uint64_t max = histogram_max(from);
    if (max > histogram_max(into)) atomic_store_explicit(&into->max, max, memory_order_relaxed);
}

uint64_t histogram_count(const struct histogram *h)
{
    uint64_t total = 0;

    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        total += bucket_count(h, i);
    return total;
}

uint64_t histogram_max(const struct histogram *h)
{
    return atomic_load_explicit(&h->max, memory_order_relaxed);
}

double histogram_mean(const struct histogram *h)
{
    uint64_t count = histogram_count(h);

    return count ? (double)atomic_load_explicit(&h->sum, memory_order_relaxed) / (double)count : 0;
}

/* How many values are `quantile` of `count`, rounded up; at least one. */
static uint64_t rank_of(double quantile, uint64_t count)
{
    if (!(quantile > 0)) return 1;
    if (quantile >= 1) return count;

    double exact = quantile * (double)count;
    uint64_t rank = (uint64_t)exact;
    if ((double)rank < exact) rank++;
    if (rank > count) rank = count; /* a count beyond 2^53 is rounded up as a double */
    return rank ? rank : 1;
}

uint64_t histogram_quantile(const struct histogram *h, double quantile)
{
    uint64_t count = histogram_count(h), seen = 0;

    if (!count) return 0;

    /* Counts only grow, so the walk reaches the rank even while values are being recorded. */
    uint64_t rank = rank_of(quantile, count);
    size_t i = 0;
    while (i < HISTOGRAM_BUCKETS - 1) {
        seen += bucket_count(h, i);
        if (seen >= rank) break;
        i++;
    }
    uint64_t edge = histogram_bucket_edge(i), max = histogram_max(h);
    return edge < max ? edge : max;
}
