/* Expiry as housekeeping: one slice of the databases' sweep at a time, bounded in what it does and in time. */
#ifndef BACKEND_SWEEP_H
#define BACKEND_SWEEP_H

#include <stdint.h>

#include "daemon/store/databases.h"

#define SWEEP_PIECE    16    /* entries moved or freed per database between two looks at the clock */
#define SWEEP_PIECES   4     /* a slice: 64 entries, some tens of microseconds */
#define SWEEP_SLICE_NS 50000 /* and no further piece after that, should memory be slow or the databases many */

/* Sweeps a slice; returns when the next one is worth it: now_ms (there is more now), a later time, at least
 * `interval_ms` from now, or UINT64_MAX (no session has a deadline). The caller guards the databases. */
uint64_t sweep_slice(struct databases *d, uint64_t now_ms, uint64_t interval_ms);

/* Registers what the databases' counters say under "sessions.", "databases.", "memory.", "table." and "sweep.". */
bool sweep_register_metrics(struct databases *d, struct metrics *m);

#endif
