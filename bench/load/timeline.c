#include <stdio.h>

#include "bench/load/timeline.h"

#include <stdlib.h>
#include <string.h>

#include "bench/common/report.h"

/* A reading of one histogram, all generators together. */
struct reading {
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

struct timeline {
    struct timeline_row *rows;
    size_t count, capacity;
    bool started;
    double at_s;
    uint64_t sent, outcomes[OUTCOME_COUNT];
    struct reading accepted, refused, lag;
    struct reading scratch;
};

struct timeline *timeline_create(void)
{
    return calloc(1, sizeof(struct timeline));
}

void timeline_destroy(struct timeline *t)
{
    if (!t) return;
    free(t->rows);
    free(t);
}

/* ---- readings ---- */

enum which { ACCEPTED, REFUSED, LAG };

static const struct histogram *pick(const struct tally *tally, enum which which)
{
    switch (which) {
    case ACCEPTED: return &tally->live_accepted;
    case REFUSED: return &tally->live_refused;
    default: return &tally->live_lag;
    }
}

/* The smallest bucket edge that at least `quantile` of the `count` values do not exceed. */
static uint64_t quantile_of(const struct reading *r, uint64_t count, double quantile)
{
    uint64_t seen = 0;

    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += r->buckets[i];
        if (seen > 0 && (double)seen >= quantile * (double)count) return histogram_bucket_edge(i);
    }
    return 0;
}

/* What was recorded since `before`, which becomes the present reading. */
static struct timeline_latency advance(struct timeline *t, struct reading *before,
                                       const struct tally *const *tallies, size_t count, enum which which)
{
    struct timeline_latency l = {0};

    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        uint64_t now = 0;
        for (size_t w = 0; w < count; w++) {
            now += atomic_load_explicit(&pick(tallies[w], which)->buckets[i], memory_order_acquire);
        }
        t->scratch.buckets[i] = now - before->buckets[i];
        before->buckets[i] = now;
        l.count += t->scratch.buckets[i];
        if (t->scratch.buckets[i]) l.max = histogram_bucket_edge(i);
    }
    l.p50 = quantile_of(&t->scratch, l.count, 0.5);
    l.p99 = quantile_of(&t->scratch, l.count, 0.99);
    l.p99_9 = quantile_of(&t->scratch, l.count, 0.999);
    return l;
}

static uint64_t since(uint64_t *before, uint64_t now)
{
    uint64_t difference = now - *before;

    *before = now;
    return difference;
}

static bool grow(struct timeline *t)
{
    if (t->count < t->capacity) return true;
    size_t capacity = t->capacity ? 2 * t->capacity : 64;
    if (t->count >= TIMELINE_ROWS_MAX) return false;
    struct timeline_row *rows = realloc(t->rows, capacity * sizeof(*rows));
    if (!rows) return false;
    t->rows = rows;
    t->capacity = capacity;
    return true;
}

const struct timeline_row *timeline_sample(struct timeline *t, const struct tally *const *tallies, size_t count,
                                           double at_s)
{
    struct timeline_row row = {.at_s = at_s, .seconds = at_s - t->at_s};
    uint64_t sent = 0, outcomes[OUTCOME_COUNT] = {0};
    bool first = !t->started;

    /* Answers before requests, so that what is in flight is never negative. */
    for (size_t w = 0; w < count; w++) {
        for (unsigned o = 0; o < OUTCOME_COUNT; o++) {
            outcomes[o] += counter_get(&tallies[w]->live[o]);
        }
        sent += counter_get(&tallies[w]->live_sent);
    }
    row.in_flight = sent;
    for (unsigned o = 0; o < OUTCOME_COUNT; o++) {
        row.in_flight -= outcomes[o] < row.in_flight ? outcomes[o] : row.in_flight;
        row.outcomes[o] = since(&t->outcomes[o], outcomes[o]);
    }
    row.sent = since(&t->sent, sent);
    row.accepted = advance(t, &t->accepted, tallies, count, ACCEPTED);
    row.refused = advance(t, &t->refused, tallies, count, REFUSED);
    row.lag = advance(t, &t->lag, tallies, count, LAG);
    t->at_s = at_s;
    t->started = true;
    if (first || !grow(t)) return NULL;
    t->rows[t->count] = row;
    return &t->rows[t->count++];
}

/* ---- output ---- */

void timeline_print_live(FILE *out, const struct timeline_row *row)
{
    char sent[32], done[32], p50[16], p99[16], flight[32];
    uint64_t executed = row->outcomes[OUTCOME_SERVED] + row->outcomes[OUTCOME_NOT_FOUND];
    uint64_t refused = row->outcomes[OUTCOME_OVERLOADED] + row->outcomes[OUTCOME_LATE];
    double answered = (double)(executed + refused + row->outcomes[OUTCOME_ERROR]);
    double seconds = row->seconds > 0 ? row->seconds : 1;

    report_format_count(sent, sizeof(sent), (uint64_t)((double)row->sent / seconds));
    report_format_count(done, sizeof(done), (uint64_t)((double)executed / seconds));
    report_format_count(flight, sizeof(flight), row->in_flight);
    fprintf(out, "\r%6.1f s  sent %s/s  executed %s/s  refused %.1f %%  p50 %s  p99 %s  in flight %s   ", row->at_s,
            sent, done, answered > 0 ? 100 * (double)refused / answered : 0,
            report_format_ns(p50, sizeof(p50), row->accepted.p50),
            report_format_ns(p99, sizeof(p99), row->accepted.p99), flight);
    fflush(out);
}

static json_t *latency_json(const struct timeline_latency *l)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I}", "count", (json_int_t)l->count, "p50", (json_int_t)l->p50, "p99",
                     (json_int_t)l->p99, "p99_9", (json_int_t)l->p99_9, "max", (json_int_t)l->max);
}

json_t *timeline_json(const struct timeline *t)
{
    json_t *array = json_array();

    for (size_t i = 0; i < t->count; i++) {
        const struct timeline_row *r = &t->rows[i];
        json_t *row = json_pack("{s:f, s:f, s:I, s:I, s:o, s:o, s:o}", "at_s", r->at_s, "seconds", r->seconds,
                                "sent", (json_int_t)r->sent, "in_flight", (json_int_t)r->in_flight, "accepted_ns",
                                latency_json(&r->accepted), "refused_ns", latency_json(&r->refused), "send_lag_ns",
                                latency_json(&r->lag));
        for (unsigned o = 0; o < OUTCOME_COUNT; o++) {
            json_object_set_new(row, outcome_name((enum outcome)o), json_integer((json_int_t)r->outcomes[o]));
        }
        json_array_append_new(array, row);
    }
    return array;
}

static void write_rows(const struct timeline *t, FILE *f)
{
    fputs("at_s,seconds,sent", f);
    for (unsigned o = 0; o < OUTCOME_COUNT; o++) {
        fprintf(f, ",%s", outcome_name((enum outcome)o));
    }
    fputs(",in_flight,executed_p50_ns,executed_p99_ns,executed_p99_9_ns,executed_max_ns,refused_p50_ns,"
          "refused_p99_ns,refused_max_ns,send_lag_p99_ns\n",
          f);
    for (size_t i = 0; i < t->count; i++) {
        const struct timeline_row *r = &t->rows[i];
        const uint64_t latencies[] = {r->accepted.p50, r->accepted.p99, r->accepted.p99_9, r->accepted.max,
                                      r->refused.p50,  r->refused.p99,  r->refused.max,    r->lag.p99};
        fprintf(f, "%.4f,%.4f,%llu", r->at_s, r->seconds, (unsigned long long)r->sent);
        for (unsigned o = 0; o < OUTCOME_COUNT; o++) {
            fprintf(f, ",%llu", (unsigned long long)r->outcomes[o]);
        }
        fprintf(f, ",%llu", (unsigned long long)r->in_flight);
        for (size_t k = 0; k < sizeof(latencies) / sizeof(latencies[0]); k++) {
            fprintf(f, ",%llu", (unsigned long long)latencies[k]);
        }
        fputc('\n', f);
    }
}

bool timeline_write_csv(const struct timeline *t, FILE *f, const char *path)
{
    report_begin(f);
    write_rows(t, f);
    return report_end(f, path);
}
