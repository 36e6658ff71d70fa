/*
 * What the daemon tells about itself, as JSON: the registry of metrics for STATS, the settings in force for CONFIG.
 * Dotted names become nested objects: "operations.get.ok" is {"operations":{"get":{"ok":n}}}; no name may be the
 * beginning of another ("queue" beside "queue.depth"). Members keep the order in which they were first named. Text
 * that is not UTF-8 has U+FFFD in place of each bad byte.
 */
#ifndef ADMIN_STATS_H
#define ADMIN_STATS_H

#include <stdbool.h>

#include "daemon/base/metrics.h"
#include "proto/buffer.h"

/* Appends the registry as one JSON object without line ends. A histogram is an object of numbers: count, mean, p50,
 * p90, p99, p999, max, in the unit recorded. Any thread. False when memory is out; `out` then holds what it held.
 */
bool stats_json(struct metrics *m, struct buffer *out);

/* A JSON object made member by member. One thread at a time. */
struct stats_object;

struct stats_object *stats_object_create(void); /* NULL when memory is out */
void stats_object_destroy(struct stats_object *o);

/* Sets a member, in place of one set before. A literal (42, true, ["a"]) stands in the output as it is, and if it
 * is no JSON it becomes a string. False when memory is out; the member may then be missing. */
bool stats_object_set(struct stats_object *o, const char *name, const char *value, bool is_literal);

/* Appends the object as stats_json does. */
bool stats_object_render(const struct stats_object *o, struct buffer *out);

#endif
