/*
 * What happened in each interval, as JSON, and a live line on a terminal. The rows come from the differences
 * between readings of the generators' running tallies; answers count in the interval in which they came. Main
 * thread only.
 */
#ifndef BENCH_LOAD_TIMELINE_H
#define BENCH_LOAD_TIMELINE_H

#include <stdio.h>

#include <jansson.h>

#include "bench/load/tally.h"

#define TIMELINE_ROWS_MAX 50000

struct timeline;

struct timeline *timeline_create(void); /* NULL when memory is out */
void timeline_destroy(struct timeline *t);

/* Reads the tallies, which are `count` pointers, at `at_s`. The first call only sets the baseline and returns NULL;
 * after it, every call adds a row and returns it, borrowed. NULL also when there are too many. A row: {"at_s" (end
 * of the interval, from the start of the measuring), "seconds" (its length), "sent", "in_flight" (at its end), a
 * member per outcome, "accepted_ns", "refused_ns", "send_lag_ns": {"count", "p50", "p99", "p99_9", "max"}}. */
const json_t *timeline_sample(struct timeline *t, const struct tally *const *tallies, size_t count, double at_s);

/* Prints a row as the live line, over the one before. */
void timeline_print_live(FILE *out, const json_t *row);

/* All rows; borrowed. */
json_t *timeline_rows(const struct timeline *t);

#endif
