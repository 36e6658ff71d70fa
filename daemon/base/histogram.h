/*
 * A log-linear histogram of unsigned values (nanoseconds, batch sizes): 64 linear steps per power of two, so a
 * reported value is at most 1.6 % above the recorded one. (Idea: G. Tene's HdrHistogram.)
 * One thread records; any thread may read or merge at the same time and sees each count whole.
 */
#ifndef BASE_HISTOGRAM_H
#define BASE_HISTOGRAM_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_SUB       64 /* steps per power of two */
#define HISTOGRAM_MAX_SHIFT 36 /* values up to 2^42-1 (73 minutes in ns); larger ones count as the largest */
#define HISTOGRAM_BUCKETS   ((HISTOGRAM_MAX_SHIFT + 1) * HISTOGRAM_SUB)

struct histogram {
    _Atomic uint64_t max;
    _Atomic uint64_t sum;
    _Atomic uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_record(struct histogram *h, uint64_t value);
/* The same value `times` times; nothing for 0. */
void histogram_record_n(struct histogram *h, uint64_t value, uint64_t times);

/* Values that come many times in a row are counted first, and recorded when another one comes or the run is ended.
 * The recording thread's. All zero: none. */
struct histogram_run {
    uint64_t value;
    uint64_t times;
};

static inline void histogram_run_end(struct histogram_run *run, struct histogram *h)
{
    if (run->times) histogram_record_n(h, run->value, run->times);
    run->times = 0;
}

static inline void histogram_run_add(struct histogram_run *run, struct histogram *h, uint64_t value)
{
    if (value != run->value) histogram_run_end(run, h);
    run->value = value;
    run->times++;
}

/* Adds what `from` holds to `into`, which only the caller may be writing. */
void histogram_merge(struct histogram *into, const struct histogram *from);

uint64_t histogram_count(const struct histogram *h);
uint64_t histogram_max(const struct histogram *h); /* exact */
double histogram_mean(const struct histogram *h);  /* exact; 0 when empty */

/* The smallest step's upper edge that at least `quantile` (0 to 1) of the values do not exceed, never above
 * histogram_max. 0 when empty. */
uint64_t histogram_quantile(const struct histogram *h, double quantile);

/* The largest value that bucket `index` counts: for printing whole distributions. */
uint64_t histogram_bucket_edge(size_t index);

#endif
