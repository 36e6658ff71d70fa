/*
 * Results for people and programs: the head of every JSON result (command line, machine, date, version), latencies
 * as JSON, and tables made from JSON. Everything else that is to be drawn or compared is made from the JSON
 * elsewhere. Main thread only. Functions that make JSON end the process when memory is out.
 */
#ifndef BENCH_COMMON_REPORT_H
#define BENCH_COMMON_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include "daemon/base/histogram.h"

/* Says on standard error what went wrong, and what to do about it. Always false. */
bool report_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* {"tool", "version", "kind", "command": [...], "date", "machine": {"cpus", "cpu_model", "kernel", ...}, "seed",
 * "options"}; the caller adds "results". Takes over `options`, which has the seed. */
json_t *report_head(const char *kind, int argc, char **argv, json_t *options);

/*
 * A file for the results, opened before the work whose results it is to hold. What it held is kept until they are
 * written. "-" is standard output. NULL, with a message on standard error, when it cannot be opened.
 */
FILE *report_open(const char *path);

/* Writes and closes `f`, which report_open(path) has opened. False, with a message, when that fails. */
bool report_write(const json_t *json, FILE *f, const char *path);

/* {"count", "mean", "p50", "p90", "p99", "p99_9", "p99_99", "max"} in the histogram's unit. Percentiles of an empty
 * one are null. */
json_t *report_latency(const struct histogram *h);

/* The whole distribution: [[value, how many had it], ...], values rising. */
json_t *report_distribution(const struct histogram *h);

/* Prints results for people: a line per object. */
void report_print(FILE *out, const json_t *results);

/* "853 ns", "12.3 us", "4.56 ms", "1.23 s" into out; returns out. */
const char *report_format_ns(char *out, size_t size, uint64_t ns);
/* "1,234,567" into out; returns out. */
const char *report_format_count(char *out, size_t size, uint64_t n);

#endif
