/*
 * The registry: an array of metrics, those of a group side by side, each with an array of the instances registered
 * under its name. Both only grow while starting; afterwards nothing here changes, which is what makes reading safe
 * from any thread without a lock.
 */
#include "daemon/base/metrics.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Where one instance's number is: one of these is set, or one or both of the counters for a ratio. */
struct source {
    const counter *number;
    const counter *whole; /* ratio: what `number` is part of */
    uint64_t (*read)(void *ctx);
    const struct histogram *histogram;
    void *ctx; /* read */
};

struct metrics_entry {
    char *name;
    enum metric_kind kind;
    bool sparse;   /* gauge: not visited while it is 0 */
    double factor; /* ratio only */
    char *text;    /* text only: what it is, or how to ask for it */
    const char *(*read_text)(void *ctx);
    void *text_ctx;
    struct source *sources;
    size_t source_count;
};

struct metrics {
    struct metrics_entry *entries;
    size_t count;
};

struct metrics *metrics_create(void)
{
    return calloc(1, sizeof(struct metrics));
}

void metrics_destroy(struct metrics *m)
{
    if (!m) return;
    for (size_t i = 0; i < m->count; i++) {
        free(m->entries[i].name);
        free(m->entries[i].text);
        free(m->entries[i].sources);
    }
    free(m->entries);
    free(m);
}

static size_t index_of(const struct metrics *m, const char *name)
{
    size_t i = 0;
    while (i < m->count && strcmp(m->entries[i].name, name) != 0)
        i++;
    return i;
}

/* Bytes of the groups that both names are in, their dots included: 4 of "a.b.c" and "a.b.d". */
static size_t common_groups(const char *a, const char *b)
{
    size_t groups = 0;
    for (size_t i = 0; a[i] == b[i] && a[i]; i++)
        if (a[i] == '.') groups = i + 1;
    return groups;
}

/* The place of a new name: behind all that are in its innermost group that there is already. */
static size_t place_for(const struct metrics *m, const char *name)
{
    size_t place = m->count, most = 0;
    for (size_t i = 0; i < m->count; i++) {
        size_t groups = common_groups(m->entries[i].name, name);
        if (groups == 0 || groups < most) continue;
        most = groups;
        place = i + 1;
    }
    return place;
}

/* The entry of that name, made if need be; NULL when memory is out. */
static struct metrics_entry *entry_for(struct metrics *m, const char *name, enum metric_kind kind)
{
    size_t at = index_of(m, name);
    if (at < m->count) {
        assert(m->entries[at].kind == kind); /* one name, one kind */
        return &m->entries[at];
    }

    struct metrics_entry *grown = realloc(m->entries, (m->count + 1) * sizeof *grown);
    if (!grown) return NULL;
    m->entries = grown;

    char *copy = strdup(name);
    if (!copy) return NULL;
    at = place_for(m, name);
    memmove(&grown[at + 1], &grown[at], (m->count - at) * sizeof *grown);
    grown[at] = (struct metrics_entry){.name = copy, .kind = kind};
    m->count++;
    return &grown[at];
}

static bool add_source(struct metrics *m, const char *name, enum metric_kind kind, struct source source)
{
    struct metrics_entry *e = entry_for(m, name, kind);
    if (!e) return false;

    struct source *grown = realloc(e->sources, (e->source_count + 1) * sizeof *grown);
    if (!grown) return false;
    e->sources = grown;
    e->sources[e->source_count++] = source;
    return true;
}

bool metrics_counter(struct metrics *m, const char *name, const counter *source)
{
    return add_source(m, name, METRIC_COUNTER, (struct source){.number = source});
}

bool metrics_gauge(struct metrics *m, const char *name, const counter *source)
{
    return add_source(m, name, METRIC_GAUGE, (struct source){.number = source});
}

bool metrics_maximum(struct metrics *m, const char *name, const counter *source)
{
    return add_source(m, name, METRIC_MAXIMUM, (struct source){.number = source});
}

bool metrics_maximum_read(struct metrics *m, const char *name, uint64_t (*read)(void *ctx), void *ctx)
{
    return add_source(m, name, METRIC_MAXIMUM, (struct source){.read = read, .ctx = ctx});
}

bool metrics_gauge_read(struct metrics *m, const char *name, uint64_t (*read)(void *ctx), void *ctx)
{
    return add_source(m, name, METRIC_GAUGE, (struct source){.read = read, .ctx = ctx});
}

bool metrics_gauge_sparse(struct metrics *m, const char *name, const counter *source)
{
    if (!metrics_gauge(m, name, source)) return false;
    m->entries[index_of(m, name)].sparse = true;
    return true;
}

bool metrics_ratio(struct metrics *m, const char *name, const counter *part, const counter *whole, double factor)
{
    struct metrics_entry *e = entry_for(m, name, METRIC_RATIO);
    if (!e) return false;
    if (e->source_count == 0) e->factor = factor;
    return add_source(m, name, METRIC_RATIO, (struct source){.number = part, .whole = whole});
}

bool metrics_histogram(struct metrics *m, const char *name, const struct histogram *source)
{
    return add_source(m, name, METRIC_HISTOGRAM, (struct source){.histogram = source});
}

bool metrics_text(struct metrics *m, const char *name, const char *text)
{
    char *copy = strdup(text);
    struct metrics_entry *e = copy ? entry_for(m, name, METRIC_TEXT) : NULL;

    if (!e) {
        free(copy);
        return false;
    }
    free(e->text);
    e->text = copy;
    return true;
}

bool metrics_text_read(struct metrics *m, const char *name, const char *(*read)(void *ctx), void *ctx)
{
    struct metrics_entry *e = entry_for(m, name, METRIC_TEXT);
    if (!e) return false;
    e->read_text = read;
    e->text_ctx = ctx;
    return true;
}

static const char *text_of(const struct metrics_entry *e)
{
    return e->read_text ? e->read_text(e->text_ctx) : e->text;
}

static uint64_t merged_number(const struct metrics_entry *e)
{
    uint64_t result = 0;

    for (size_t i = 0; i < e->source_count; i++) {
        const struct source *s = &e->sources[i];
        uint64_t n = s->read ? s->read(s->ctx) : counter_get(s->number);
        if (e->kind != METRIC_MAXIMUM)
            result += n;
        else if (n > result)
            result = n;
    }
    return result;
}

static uint64_t merged_ratio(const struct metrics_entry *e)
{
    uint64_t part = 0, whole = 0;

    for (size_t i = 0; i < e->source_count; i++) {
        if (e->sources[i].number) part += counter_get(e->sources[i].number);
        if (e->sources[i].whole) whole += counter_get(e->sources[i].whole);
    }
    return whole ? (uint64_t)((double)part * e->factor / (double)whole) : 0;
}

const struct metrics_entry *metrics_find(const struct metrics *m, const char *name)
{
    size_t at = index_of(m, name);
    return at < m->count ? &m->entries[at] : NULL;
}

uint64_t metrics_value(const struct metrics_entry *e)
{
    assert(e->kind <= METRIC_RATIO);
    return e->kind == METRIC_RATIO ? merged_ratio(e) : merged_number(e);
}

/* Apart, so that only histograms take this much stack. Merging even a single instance gives the visitor one
 * state to look at, instead of a histogram that changes between two of its questions. */
static void visit_histogram(const struct metrics_entry *e, void (*visit)(void *ctx, const struct metric *),
                            void *ctx)
{
    struct histogram merged = {0};

    for (size_t i = 0; i < e->source_count; i++)
        histogram_merge(&merged, e->sources[i].histogram);
    visit(ctx, &(struct metric){.name = e->name, .kind = e->kind, .histogram = &merged});
}

void metrics_visit(struct metrics *m, void (*visit)(void *ctx, const struct metric *metric), void *ctx)
{
    for (size_t i = 0; i < m->count; i++) {
        const struct metrics_entry *e = &m->entries[i];
        struct metric metric = {.name = e->name, .kind = e->kind};
        switch (e->kind) {
        case METRIC_COUNTER:
        case METRIC_GAUGE:
        case METRIC_MAXIMUM:
        case METRIC_RATIO:
            metric.value = metrics_value(e);
            if (metric.value > 0 || !e->sparse) visit(ctx, &metric);
            break;
        case METRIC_HISTOGRAM: visit_histogram(e, visit, ctx); break;
        case METRIC_TEXT:
            metric.text = text_of(e);
            visit(ctx, &metric);
            break;
        }
    }
}
