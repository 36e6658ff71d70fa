/*
 * Results for people and programs: the head of every JSON result (command line, machine, date, version), latencies
 * as JSON and as table rows, whole distributions in the HdrHistogram percentile format. Main thread only.
 */
#ifndef BENCH_COMMON_REPORT_H
#define BENCH_COMMON_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include "daemon/base/histogram.h"

/* {"tool", "version", "kind", "command": [...], "date", "machine": {"cpus", "cpu_model", "kernel", ...}, "seed"}:
 * the caller adds "options" and "results". Ends the process when memory is out, as all of these do. */
json_t *report_head(const char *kind, int argc, char **argv, uint64_t seed);

/*
 * A file for results, opened before the work whose results it is to hold. What it held is kept until the first
 * result is written. "-" is standard output. NULL, with a message on standard error, when it cannot be opened.
 */
FILE *report_open(const char *path);

/* Writes and closes `f`, which report_open(path) has opened. False, with a message, when that fails. */
bool report_write_json(const json_t *json, FILE *f, const char *path);

/* For other writers: empties the file; ends it, false, with a message, when anything could not be written. */
void report_begin(FILE *f);
bool report_end(FILE *f, const char *path);

/* Reads an earlier result of `kind` for the option `option`. NULL, with a message, when it is none. */
json_t *report_read_json(const char *option, const char *path, const char *kind);

/* Follows a path of names, "results.latency_ns.accepted.p99"; NULL: there is no number there. */
const json_t *report_number(const json_t *root, const char *path);

/* {"count", "mean", "p50", "p90", "p99", "p99_9", "p99_99", "max"} in the histogram's unit. Percentiles of an empty
 * one are null. */
json_t *report_latency(const struct histogram *h);

/* A table: one head, then a row per histogram of ns. */
void report_latency_head(FILE *out);
void report_latency_row(FILE *out, const char *name, const struct histogram *h);

/* "853 ns", "12.3 us", "4.56 ms", "1.23 s" into out; returns out. */
const char *report_format_ns(char *out, size_t size, uint64_t ns);
/* "1,234,567" into out; returns out. */
const char *report_format_count(char *out, size_t size, uint64_t n);

/* HdrHistogram's percentile format, values in microseconds, into what report_open(path) has opened. False, with a
 * message on standard error, when writing fails. */
bool report_write_hgrm(const struct histogram *h, FILE *f, const char *path);

#endif
