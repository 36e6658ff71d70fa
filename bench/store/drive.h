/*
 * One worker of the in-process benchmark: makes operations by the mix, calls the store with them one at a time, or
 * with so many under way, checks every answer, and records how long it took.
 *
 *     pick key and operation -> submit -+-> done ------------------------------------------+-> check, count, record
 *                                       +-> queued -> wait when all are queued (lane.h) ---+
 *                                       +-> full -> wait for room, or count a refusal
 */
#ifndef BENCH_STORE_DRIVE_H
#define BENCH_STORE_DRIVE_H

#include "bench/common/keys.h"
#include "bench/common/mix.h"
#include "bench/common/rng.h"
#include "bench/store/lane.h"
#include "bench/store/own_keys.h"
#include "daemon/base/histogram.h"

/* What all workers of a run share, read-only. */
struct drive_plan {
    struct backend *backend;
    const struct clock *clock;
    const struct keys *picker;
    const struct mix *mix;
    const struct slice *names;  /* of the keys, by number */
    const bool *slow;           /* by number: the session does more work; NULL: none does */
    size_t value_size;          /* at least DRIVE_VALUE_MIN */
    bool refuse;                /* a full queue refuses the operation; otherwise the worker waits for room */
    bool here;                  /* whoever calls executes, where that is possible */
    const struct own_keys *own; /* each worker asks for its own keys; NULL: for any */
    uint32_t depth;             /* calls that a worker may have under way */
};

#define DRIVE_VALUE_MIN 8 /* a value begins with the number of its key */

/* Every operation is in `sent`, and in exactly one of served and refused; every served one is in exactly one of
 * those that follow. */
struct tally {
    uint64_t sent, served, refused;
    uint64_t hits, misses;      /* Get */
    uint64_t stored;            /* Put */
    uint64_t deleted, absent;   /* Delete */
    uint64_t touched, vanished; /* Touch */
    uint64_t counted;           /* Len */
    uint64_t wrong;             /* an answer that does not fit its question */
    uint64_t waits;             /* times that a worker let others run as the queue was full; in no sum */
};

/* A call and what it asked for. */
struct flight {
    struct task task;
    uint64_t key;
    char *value; /* plan->value_size bytes */
    uint64_t began_ns;
    struct flight *next_idle;
};

struct driver {
    _Alignas(64) const struct drive_plan *plan;
    struct lane *lane;
    struct rng rng;
    struct station *unrung; /* has been given calls that it has not been woken for; NULL: none has */
    struct tally tally;
    uint64_t now_ns;           /* when the last call ended */
    bool measures;             /* what is done is to be in the histograms */
    uint32_t under_way;        /* calls */
    int64_t counted;           /* what the last Len said */
    struct flight *flights;    /* plan->depth */
    struct flight *idle;       /* those that are not under way */
    struct histogram latency;  /* ns, of what was served */
    struct histogram ordinary; /* the same without the slow sessions; only with plan->slow */
};

/* One per lane; NULL when memory is out. */
struct driver *drivers_create(const struct drive_plan *plan, struct lane *lanes, uint32_t count, uint64_t seed);
void drivers_destroy(struct driver *drivers, uint32_t count);

/* Stores every key once. False: an answer was wrong. */
bool driver_fill(struct driver *d);

/* Calls until `count` operations are done or `end_ns` has come, whichever is first (UINT64_MAX: no limit). */
void driver_run(struct driver *d, uint64_t count, uint64_t end_ns);

/* Gets every key once and asks for Len. True when both know of the same number of sessions, and every value is
 * that of its key. To be called when nothing else runs. */
bool driver_audit(struct driver *d);

void tally_add(struct tally *into, const struct tally *from);

/* True when the sums hold and no answer was wrong. */
bool tally_holds(const struct tally *t);

#endif
