#include "bench/load/result.h"

#include <stddef.h>
#include <string.h>

#include "bench/common/report.h"

static const struct {
    const char *name;
    size_t offset; /* of the histogram in a tally */
} kinds[TIMELINE_KINDS] = {
    {"accepted_ns", offsetof(struct tally, live_accepted)},
    {"refused_ns", offsetof(struct tally, live_refused)},
    {"send_lag_ns", offsetof(struct tally, live_lag)},
};

/* Makes `between` what was recorded since `before`, which becomes the present reading. */
static void advance(struct timeline *t, size_t kind, const struct tally *const *tallies, size_t count)
{
    memset(&t->now, 0, sizeof t->now);
    memset(&t->between, 0, sizeof t->between);
    for (size_t i = 0; i < count; i++)
        histogram_merge(&t->now, (const struct histogram *)((const char *)tallies[i] + kinds[kind].offset));
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        histogram_record_n(&t->between, histogram_bucket_edge(i), t->now.buckets[i] - t->before[kind].buckets[i]);
    t->before[kind] = t->now;
}

static json_t *latency_json(const struct histogram *h)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I}", "count", (json_int_t)histogram_count(h), "p50",
                     (json_int_t)histogram_quantile(h, 0.5), "p99", (json_int_t)histogram_quantile(h, 0.99),
                     "p99_9", (json_int_t)histogram_quantile(h, 0.999), "max", (json_int_t)histogram_max(h));
}

static json_t *since(uint64_t *before, uint64_t now)
{
    uint64_t difference = now - *before;
    *before = now;
    return json_integer((json_int_t)difference);
}

const json_t *timeline_sample(struct timeline *t, const struct tally *const *tallies, size_t count, double at_s)
{
    json_t *row = json_pack("{s:f, s:f}", "at_s", at_s, "seconds", at_s - t->at_s);
    uint64_t sent = 0, answered = 0, outcomes[OUTCOME_COUNT] = {0};
    /* Answers before requests, so that what is in flight is never negative. */
    for (size_t w = 0; w < count; w++) {
        for (unsigned o = 0; o < OUTCOME_COUNT; o++)
            outcomes[o] += counter_get(&tallies[w]->live[o]);
        sent += counter_get(&tallies[w]->live_sent);
    }
    for (unsigned o = 0; o < OUTCOME_COUNT; o++) {
        answered += outcomes[o];
        json_object_set_new(row, outcome_name((enum outcome)o), since(&t->outcomes[o], outcomes[o]));
    }
    json_object_set_new(row, "sent", since(&t->sent, sent));
    json_object_set_new(row, "in_flight", json_integer((json_int_t)(sent > answered ? sent - answered : 0)));
    for (size_t kind = 0; kind < TIMELINE_KINDS; kind++) {
        advance(t, kind, tallies, count);
        json_object_set_new(row, kinds[kind].name, latency_json(&t->between));
    }
    t->at_s = at_s;
    if (t->rows && json_array_size(t->rows) < TIMELINE_ROWS_MAX) json_array_append(t->rows, row);
    json_decref(row); /* the array keeps it */
    if (!t->rows) t->rows = json_array();
    return json_array_get(t->rows, json_array_size(t->rows) - 1);
}

void timeline_print_live(FILE *out, const json_t *row)
{
    double at_s = 0, seconds = 0;
    json_int_t served = 0, not_found = 0, overloaded = 0, in_flight = 0, p99 = 0;
    char text[16];
    json_unpack((json_t *)row, "{s:F, s:F, s:I, s:I, s:I, s:I, s:{s:I}}", "at_s", &at_s, "seconds", &seconds,
                "served", &served, "not_found", &not_found, "overloaded", &overloaded, "in_flight", &in_flight,
                "accepted_ns", "p99", &p99);
    fprintf(out, "\r%6.1f s  executed %.0f/s  overloaded %.0f/s  p99 %s  in flight %lld   ", at_s,
            (double)(served + not_found) / seconds, (double)overloaded / seconds,
            report_format_ns(text, sizeof text, (uint64_t)p99), (long long)in_flight);
    fflush(out);
}
