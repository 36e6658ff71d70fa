/* A whole distribution in the percentile format that HdrHistogram's tools and plotters read. */
#include <math.h>

#include "bench/common/report.h"

#define NS_PER_US 1000.0

static uint64_t bucket(const struct histogram *h, size_t i)
{
    return atomic_load_explicit(&h->buckets[i], memory_order_acquire);
}

static double deviation(const struct histogram *h, uint64_t count)
{
    double mean = histogram_mean(h), squares = 0;

    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        double d = (double)histogram_bucket_edge(i) - mean;
        squares += (double)bucket(h, i) * d * d;
    }
    return count ? sqrt(squares / (double)count) : 0;
}

static void write_lines(const struct histogram *h, uint64_t count, FILE *f)
{
    uint64_t seen = 0, max = histogram_max(h);

    fprintf(f, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)");
    for (size_t i = 0; i < HISTOGRAM_BUCKETS && seen < count; i++) {
        uint64_t n = bucket(h, i), edge = histogram_bucket_edge(i);
        if (!n) continue;
        seen += n;
        double value = (double)(edge < max ? edge : max) / NS_PER_US, part = (double)seen / (double)count;
        if (seen < count) {
            fprintf(f, "%12.3f %2.12f %10llu %14.2f\n", value, part, (unsigned long long)seen, 1 / (1 - part));
        } else {
            fprintf(f, "%12.3f %2.12f %10llu\n", value, 1.0, (unsigned long long)seen);
        }
    }
}

bool report_write_hgrm(const struct histogram *h, FILE *f, const char *path)
{
    uint64_t count = histogram_count(h);

    report_begin(f);
    write_lines(h, count, f);
    fprintf(f, "#[Mean    = %12.3f, StdDeviation   = %12.3f]\n", histogram_mean(h) / NS_PER_US,
            deviation(h, count) / NS_PER_US);
    fprintf(f, "#[Max     = %12.3f, Total count    = %12llu]\n", (double)histogram_max(h) / NS_PER_US,
            (unsigned long long)count);
    fprintf(f, "#[Buckets = %12d, SubBuckets     = %12d]\n", HISTOGRAM_MAX_SHIFT + 1, HISTOGRAM_SUB);
    return report_end(f, path);
}
