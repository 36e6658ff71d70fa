/*
 * The registry of everything the daemon counts. A room keeps its numbers in its own structs, one instance per
 * thread that writes them, and registers where they are; readers (STATS, INFO) ask the registry and
 * never know the rooms.
 *
 * Names are dotted paths: "connections.open", "operations.get.ok"; no name is the beginning of another, dot and
 * all ("queue" beside "queue.depth"). Several registrations under one name are one
 * metric: counters and gauges add up, maxima take the larger, histograms merge, of texts the last one stays, ratios
 * are of the sums. One name has one kind.
 *
 * Register while starting, before other threads read. Reading is safe from any thread at any time after that;
 * the registered memory must outlive the registry.
 */
#ifndef BASE_METRICS_H
#define BASE_METRICS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/base/histogram.h"

/* A number with one writing thread: plain speed, whole when read elsewhere. */
typedef _Atomic uint64_t counter;

static inline void counter_add(counter *c, uint64_t n)
{
    uint64_t old = atomic_load_explicit(c, memory_order_relaxed);
    atomic_store_explicit(c, old + n, memory_order_relaxed);
}

static inline void counter_set(counter *c, uint64_t n)
{
    atomic_store_explicit(c, n, memory_order_relaxed);
}

static inline void counter_max(counter *c, uint64_t n)
{
    if (n > atomic_load_explicit(c, memory_order_relaxed)) counter_set(c, n);
}

static inline uint64_t counter_get(const counter *c)
{
    return atomic_load_explicit(c, memory_order_relaxed);
}

enum metric_kind {
    METRIC_COUNTER, /* only grows */
    METRIC_GAUGE,   /* goes up and down; instances add up */
    METRIC_MAXIMUM, /* the largest instance */
    METRIC_RATIO,   /* of two sums over all instances */
    METRIC_HISTOGRAM,
    METRIC_TEXT,
};

struct metrics; /* the registry */

struct metrics *metrics_create(void); /* NULL when memory is out */
void metrics_destroy(struct metrics *m);

/* `name` and `text` are copied, the sources are borrowed. False when memory is out. */
bool metrics_counter(struct metrics *m, const char *name, const counter *source);
bool metrics_gauge(struct metrics *m, const char *name, const counter *source);
bool metrics_maximum(struct metrics *m, const char *name, const counter *source);
bool metrics_maximum_read(struct metrics *m, const char *name, uint64_t (*read)(void *ctx), void *ctx);
bool metrics_gauge_read(struct metrics *m, const char *name, uint64_t (*read)(void *ctx), void *ctx);
/* A gauge that is left out of visits while it is 0. */
bool metrics_gauge_sparse(struct metrics *m, const char *name, const counter *source);
/* All parts over all wholes, times `factor` (of the first registration), rounded down; 0 when there is no whole.
 * NULL: this instance has none. */
bool metrics_ratio(struct metrics *m, const char *name, const counter *part, const counter *whole, double factor);
bool metrics_histogram(struct metrics *m, const char *name, const struct histogram *source);
bool metrics_text(struct metrics *m, const char *name, const char *text);
/* A text that may change; what `read` returns lives as long as the program. */
bool metrics_text_read(struct metrics *m, const char *name, const char *(*read)(void *ctx), void *ctx);

/* One metric, its instances already merged. */
struct metric {
    const char *name;
    enum metric_kind kind;
    uint64_t value;                    /* counter, gauge, maximum, ratio */
    const char *text;                  /* text */
    const struct histogram *histogram; /* histogram; valid during the visit */
};

/* Calls `visit` for every metric: in the order of first registration, but those of a group ("queue.") stand
 * together, where its first one is. */
void metrics_visit(struct metrics *m, void (*visit)(void *ctx, const struct metric *metric), void *ctx);

/* One metric for those who read it often; NULL: there is none of that name. Until the next registration. */
struct metrics_entry;
const struct metrics_entry *metrics_find(const struct metrics *m, const char *name);
/* Its value now, instances merged; of a counter, gauge, maximum or ratio. */
uint64_t metrics_value(const struct metrics_entry *e);

#endif
