/*
 * What happened in each interval: rows for CSV and JSON, and a live line on a terminal. The rows come from the
 * differences between readings of the generators' running tallies; answers count in the interval in which they
 * came. Main thread only.
 */
#ifndef BENCH_LOAD_TIMELINE_H
#define BENCH_LOAD_TIMELINE_H

#include <stdio.h>

#include <jansson.h>

#include "bench/load/tally.h"

#define TIMELINE_ROWS_MAX 200000

struct timeline_latency {
    uint64_t count, p50, p99, p99_9, max; /* ns */
};

struct timeline_row {
    double at_s;    /* end of the interval, from the start of the measuring */
    double seconds; /* its length */
    uint64_t sent;  /* requests */
    uint64_t outcomes[OUTCOME_COUNT];
    uint64_t in_flight; /* at the end */
    struct timeline_latency accepted, refused, lag;
};

struct timeline;

struct timeline *timeline_create(void); /* NULL when memory is out */
void timeline_destroy(struct timeline *t);

/* Reads the tallies, which are `count` pointers, at `at_s`. The first call only sets the baseline and returns NULL;
 * after it, every call adds a row and returns it, valid until the next one. NULL also when there are too many. */
const struct timeline_row *timeline_sample(struct timeline *t, const struct tally *const *tallies, size_t count,
                                           double at_s);

/* Prints a row as the live line, over the one before. */
void timeline_print_live(FILE *out, const struct timeline_row *row);

json_t *timeline_json(const struct timeline *t);

/* Writes into what report_open(path) has opened. False, with a complaint on standard error, when that fails. */
bool timeline_write_csv(const struct timeline *t, FILE *f, const char *path);

#endif
