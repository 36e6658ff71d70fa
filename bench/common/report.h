/* Results for people and programs. Main thread only. Functions that make JSON end the process when memory is out.
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

/* A result; all zero: none. */
struct report {
    json_t *document; /* {"tool", "version", "kind", "command": [...], "date", "machine": {"cpus", "cpu_model",
                       * "kernel", ...}, "seed", "options"}; the caller may add more */
    FILE *file;       /* NULL: none */
    const char *path; /* borrowed; NULL: none, "-": standard output */
};

/* `options` has the seed. What the file held is kept until report_end. False, with a message, when it cannot be
 * opened. */
bool report_begin(struct report *r, const char *kind, int argc, char **argv, json_t *options, const char *path);

/* Prints the results for people, on standard error where the file is standard output, writes the document with them
 * as "results", and frees all, `results` too. NULL: the work failed, the file stays as it was. False, with a
 * message, when that fails; and upon NULL. */
bool report_end(struct report *r, json_t *results);

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
