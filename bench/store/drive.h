/*
 * One thread of the in-process benchmark, and the callers that share it: light tasks, each with one call under way
 * at most. Makes operations by the mix, checks every answer, and records how long it took.
 *
 *     an idle caller: pick key and operation -> submit -+-> done ---------------------------------+-> check, count
 *                                                       +-> queued -> (other callers) -> answer --+
 */
#ifndef BENCH_STORE_DRIVE_H
#define BENCH_STORE_DRIVE_H

#include "bench/common/workload.h"
#include "daemon/backend/backend.h"
#include "daemon/base/histogram.h"
#include "daemon/queue/bell.h"
#include "daemon/queue/mailbox.h"
#include "daemon/queue/spin.h"

/* One thread that hands calls to the backend and takes the answers: it looks for them a moment, then sleeps. */
#define LANES_MAX 64

struct lane {
    struct mailbox box;
    struct bell bell;
    struct spin spin;
    uint32_t number;
    struct backend *owns; /* the backend of which it owns a shard: it serves others while it waits; NULL: none */
};

/* `count` lanes, or NULL when memory is out. */
struct lane *lanes_create(uint32_t count);
void lanes_destroy(struct lane *lanes, uint32_t count);

/* What a backend is to call; the context is the array. */
struct station_lanes lanes_callbacks(struct lane *lanes, uint32_t count);

/* Waits for answers to calls that are under way, and returns the tasks of those calls, oldest first. */
struct mail *lane_answer(struct lane *lane);

/* Works off a batch of what others have for this lane. False: there was none, or the lane owns nothing. */
bool lane_serve(struct lane *lane);

#define DRIVE_VALUE_MIN 8 /* a value begins with the number of its key */

/* What all threads of a run share; read-only but for `queued`. */
struct drive_plan {
    struct backend *backend;
    const struct clock *clock;
    const struct keys *picker;
    const struct mix *mix;
    const struct slice *names; /* of the keys, by number */
    const bool *slow;          /* by number: the session does more work; NULL: none does */
    size_t value_size;         /* at least DRIVE_VALUE_MIN */
    uint32_t bound;            /* calls that may be under way; what comes then is refused. 0: any number */
    bool here;                 /* whoever calls executes, where that is possible */
    bool own_keys;             /* each thread asks for keys of its own shard only */
    _Atomic uint32_t queued;   /* calls under way, counted where there is a bound */
};

/* What an answer may be, by operation. */
#define DRIVE_ANSWERS 8
extern const struct drive_answer {
    enum op op;
    enum reply_kind kind;
    const char *name;
} drive_answers[DRIVE_ANSWERS];

/* Every operation is in `sent`, and in exactly one of served and refused; every served one is in exactly one of
 * `answers` and `wrong`. */
struct drive_tally {
    uint64_t sent, served, refused;
    uint64_t answers[DRIVE_ANSWERS];
    uint64_t wrong; /* an answer that does not fit its question */
};

/* What a caller has under way. */
struct caller {
    struct task task;
    uint64_t key;
    char *value; /* plan->value_size bytes */
    uint64_t began_ns;
    struct caller *next_idle;
};

struct driver {
    _Alignas(64) struct drive_plan *plan;
    struct lane *lane;
    struct rng rng;
    struct station *unrung; /* has been given calls that it has not been woken for; NULL: none has */
    struct drive_tally tally;
    uint64_t now_ns;    /* when the last call ended */
    bool measures;      /* what is done is to be in the histograms */
    uint32_t under_way; /* calls */
    int64_t counted;    /* what the last Len said */
    uint32_t count;     /* callers */
    struct caller *callers;
    struct caller *idle;
    uint32_t *own; /* with plan->own_keys: numbers of the keys of its shard ... */
    uint64_t own_count;
    struct histogram latency;  /* ns, of what was served */
    struct histogram ordinary; /* the same without the slow sessions; only with plan->slow */
};

/* `threads` drivers, one per lane, with `callers` callers together; NULL when memory is out. */
struct driver *drivers_create(struct drive_plan *plan, struct lane *lanes, uint32_t threads, uint32_t callers,
                              uint64_t seed);
void drivers_destroy(struct driver *drivers, uint32_t threads);

/* Stores every key once. False: an answer was wrong. */
bool driver_fill(struct driver *d);

/* Calls until `count` operations are done or `end_ns` has come, whichever is first (UINT64_MAX: no limit). */
void driver_run(struct driver *d, uint64_t count, uint64_t end_ns);

/* Gets every key once and asks for Len. True when both know of the same number of sessions, and every value is
 * that of its key. To be called when nothing else runs. */
bool driver_audit(struct driver *d);

void drive_tally_add(struct drive_tally *into, const struct drive_tally *from);

/* True when the sums hold and no answer was wrong. */
bool drive_tally_holds(const struct drive_tally *t);

#endif
