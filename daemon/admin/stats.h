/* STATS: the registry of metrics as JSON. */
#ifndef ADMIN_STATS_H
#define ADMIN_STATS_H

#include <stdbool.h>

#include "daemon/base/metrics.h"
#include "proto/buffer.h"

/* Appends the registry as one JSON object (document.h). A histogram is an object of numbers: count, mean, p50, p90,
 * p99, p999, max, in the unit recorded. Any thread. False when memory is out; `out` then holds what it held. */
bool stats_json(struct metrics *m, struct buffer *out);

#endif
