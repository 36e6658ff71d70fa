/* Expiry as housekeeping: one bounded slice of a table's sweep at a time. */
#ifndef BACKEND_SWEEP_H
#define BACKEND_SWEEP_H

#include <stdint.h>

#include "daemon/store/table.h"

#define SWEEP_SLICE 64 /* entries moved or freed per slice: some microseconds */

/* Sweeps a slice; returns when the next one is worth it: now_ms (there is more now), a later time, at least
 * `interval_ms` from now, or UINT64_MAX (no session has a deadline). The caller guards the table. */
uint64_t sweep_slice(struct table *t, uint64_t now_ms, uint64_t interval_ms);

/* Registers what the tables' counters say under "sessions." and "memory.". */
bool sweep_register_metrics(const struct table_counters *c, struct metrics *m);

#endif
