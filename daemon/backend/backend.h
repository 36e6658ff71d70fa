/*
 * A backend guards the sessions with one concurrency design. All designs share the table, execute.c (what the
 * operations mean), the station (how tasks are run) and this interface; the composition root picks one by name.
 *
 *     make -> (restore: nothing runs yet, sessions may be put) -> start -> tasks -> abandon -> stop
 *
 * A backend is a number of stations, which tasks are routed to. A station that has a ring is given tasks from any
 * lane (station_submit, station_wake). A lane may be a station's executor itself (`here`): then it runs its own
 * tasks for that station on the spot (station_run).
 *
 * A lane is one I/O thread, numbered from 0; it submits tasks and gets them back. Tasks of one connection execute
 * and complete in the order submitted, on every backend; where they may be given to several stations (`spreads`),
 * those given to one do.
 */
#ifndef BACKEND_BACKEND_H
#define BACKEND_BACKEND_H

#include "daemon/backend/station.h"
#include "daemon/base/lock.h"
#include "daemon/base/siphash.h"
#include "daemon/base/thread.h"
#include "daemon/store/observer.h"

struct backend_options {
    const struct clock *clock;
    uint64_t ttl_default_ms;      /* UINT64_MAX: never */
    uint64_t ttl_max_lifetime_ms; /* UINT64_MAX: no cap */
    uint64_t value_max;           /* longest value that APPEND and PREPEND may make; 0: any */
    uint64_t sweep_interval_ms;
    uint64_t memory_limit;    /* bytes of sessions and buckets; 0: none */
    uint64_t work_iterations; /* rounds of xorshift per operation */
    /* Some sessions may be slow ones, for measurements: those whose key's hash is below `work_slow_below` in its
     * lower 32 bits (0: none) take `work_slow_factor` times the work. */
    uint32_t work_slow_below;
    uint32_t work_slow_factor;
    const struct siphash_key *hash_key; /* copied; NULL: a random one, as every server should have */
    bool work_outside;                  /* mutex only: work before taking the lock */
    uint32_t queue_bound;               /* of a pool of workers together; of each owner */
    uint32_t shards;                    /* owner only: how many owners; 0 is 1 */
    bool in_place;                      /* owner only: each lane owns a shard */
    struct thread_cpus cpus;            /* owner only: where its threads may run */
    bool shares_processor;              /* everything runs on one processor: nobody waits awake */
    bool leaves_sessions;               /* stop does not free the sessions: the process ends, which is faster */
    uint32_t workers;                   /* mutex only; 0: lanes execute on their own thread */
    uint32_t stripes;                   /* mutex only */
    enum lock_kind lock;
    struct station_lanes lanes;
    const struct observer *observer; /* is told of every change; NULL: nobody */
    void *observer_ctx;
    /* Called after each batch of tasks has run (station_options.commit); NULL: none. */
    void (*commit)(void *ctx, struct task **tasks, size_t count);
    void *commit_ctx;
};

struct backend_design;

/* What a lane executes itself. */
struct backend_here {
    struct station *station; /* NULL: nothing */
    uint32_t number;         /* of the station that it stands for */
};

/* Each design's own struct begins with this. The topology is final from make on. */
struct backend {
    const struct backend_design *design;
    uint32_t station_count;    /* at least 1 */
    struct station **stations; /* by number; one without a ring takes tasks from those who are it, only */
    struct backend_here *here; /* by lane */
    bool spreads;              /* station_of says only which station suits best: any may be given the task */
};

struct backend_design {
    const char *name;
    /* Makes the tables and the stations; no thread runs. NULL on failure, with a text for people in *error
     * (static).
     */
    struct backend *(*make)(const struct backend_options *options, const char **error);
    /* Starts the threads. False: *error says why; stop is due all the same. */
    bool (*start)(struct backend *b, const char **error);
    /* Which station a task is for, where there are several. */
    uint32_t (*station_of)(const struct backend *b, const struct task *task);
    bool (*register_metrics)(struct backend *b, struct metrics *m);
    /* Executes and completes everything queued, ends the threads, frees all. No submit may be under way. */
    void (*stop)(struct backend *b);
};

extern const struct backend_design backend_mutex;
extern const struct backend_design backend_owner; /* serves `owner` and `backpressure` */

/* Nobody waits for an answer any more: from now on what is queued is completed without being run, so that stop does
 * not have to work off the backlog of clients that are gone. No submit may follow. */
void backend_abandon(struct backend *b);

/* For designs: makes room for the topology; false when memory is out. And gives it back. */
bool backend_make_topology(struct backend *b, uint32_t stations, uint32_t lanes);
void backend_free_topology(struct backend *b);

#endif
