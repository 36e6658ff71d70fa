/*
 * A backend guards the sessions with one concurrency design. All designs share the table, execute.c (what the
 * operations mean) and this interface; the composition root picks one by name.
 *
 *     submit -> BACKEND_DONE     executed on the calling thread; the reply is in the call
 *           +-> BACKEND_QUEUED   the backend owns the call until it hands it to `complete` of its lane
 *           +-> BACKEND_FULL     nothing happened; the bounded queue has no room
 *
 * A lane is one submitting thread (an I/O loop, or a worker of the in-process benchmark), numbered from 0. Calls
 * of one connection execute and complete in the order submitted, on every backend; where they may be given to
 * several stations (`spreads`), those given to one do.
 */
#ifndef BACKEND_BACKEND_H
#define BACKEND_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/base/clock.h"
#include "daemon/base/metrics.h"
#include "daemon/base/siphash.h"
#include "daemon/base/thread.h"
#include "daemon/queue/costs.h"
#include "daemon/queue/mailbox.h"
#include "daemon/queue/ring.h"
#include "daemon/queue/task.h"
#include "proto/facts.h"

enum backend_submit { BACKEND_DONE, BACKEND_QUEUED, BACKEND_FULL };

enum backend_lock { BACKEND_LOCK_MUTEX, BACKEND_LOCK_RWLOCK };

/* What the submitting side provides. Called on backend threads. */
struct backend_lanes {
    uint32_t count;
    /* Takes (empties) a batch of completed calls of this lane and wakes the lane. */
    void (*complete)(void *ctx, uint32_t lane, struct mail_batch *batch);
    /* There is room again, after the lane was refused (BACKEND_FULL) and asked with want_room. NULL where nobody
     * asks. */
    void (*room)(void *ctx, uint32_t lane);
    /* There is something for `serve` to do on this lane. NULL where lanes own no sessions. */
    void (*wake)(void *ctx, uint32_t lane);
    void *ctx;
};

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
    bool in_place;                      /* owner only: each lane owns a shard; what is for it is not queued */
    struct thread_cpus cpus;            /* owner only: where its threads may run */
    bool shares_processor;              /* everything runs on one processor: nobody waits awake */
    bool leaves_sessions;               /* stop does not free the sessions: the process ends, which is faster */
    uint32_t workers;                   /* mutex only; 0: lanes execute on their own thread */
    uint32_t stripes;                   /* mutex only */
    enum backend_lock lock;
    struct backend_lanes lanes;
};

/* What the queue looks like from outside, for admission. A moment old. */
struct backend_load {
    uint32_t depth;   /* calls waiting */
    uint32_t bound;   /* calls that may wait; 0: there is no queue */
    uint64_t cost_ns; /* moving average of one call's service time */
};

struct backend_design;

/* Each design's own struct begins with this. */
struct backend {
    const struct backend_design *design;
};

struct backend_design {
    const char *name;
    /* NULL on failure, with a text for people in *error (static). */
    struct backend *(*start)(const struct backend_options *options, const char **error);
    /* With more than one station, call->wait.station says which one gets it. */
    enum backend_submit (*submit)(struct backend *b, struct task *task);
    /* True when submit may keep the call: then its bytes must be its own (call_own) first. */
    bool (*queues)(const struct backend *b);
    /* Where nothing is queued (no stations, or `here`): executes calls of one lane, in this order, on the calling
     * thread. As submit of each, but cheaper. NULL: this design always queues. */
    void (*run)(struct backend *b, struct task **tasks, size_t count);
    /* What `call` would meet. */
    struct backend_load (*load)(const struct backend *b, const struct task *task);
    /* The threads that execute what is queued, by number: how many (0: submit executes on the calling thread), and
     * which one a call is for. Calls of one connection are for one of them, unless the design `spreads` them. */
    uint32_t (*stations)(const struct backend *b);
    uint32_t (*station_of)(const struct backend *b, const struct task *task);
    /* Does station_of say only who suits best? Then any station may be given the call, and who wants the calls of a
     * connection to take effect in order gives them to one as long as some are under way. NULL: no. */
    bool (*spreads)(const struct backend *b);
    /* Does submit execute what this lane has for this station on the calling thread? NULL: no. */
    bool (*here)(const struct backend *b, uint32_t lane, uint32_t station);
    /* Where lanes are stations (`here`): executes and completes a batch of what others have submitted for this
     * lane, on its thread. False: nothing was there. */
    bool (*serve)(struct backend *b, uint32_t lane);
    /* What calls cost a station, and the ring that they wait in. Any thread may look at any time. */
    const struct costs *(*costs)(const struct backend *b, uint32_t station);
    const struct ring *(*ring)(const struct backend *b, uint32_t station);
    /* After BACKEND_FULL: asks for lanes.room(lane). Then submit once more, as room may have come meanwhile. */
    void (*want_room)(struct backend *b, const struct task *task);
    /* End of the lane's batch of submits: wakes sleeping backend threads. */
    void (*flush)(struct backend *b, uint32_t lane);
    /* Any thread: fills in what the backend knows of its sessions. */
    void (*add_facts)(const struct backend *b, struct facts *f);
    /* Where lanes own the sessions (owner, in place): a bounded slice of housekeeping, on the lane's thread.
     * Returns the time in ms from which on the next one is worth it: now_ms means at once, UINT64_MAX means not
     * before a call has run. NULL, or always UINT64_MAX, where the backend's own threads do it. */
    uint64_t (*housekeep)(struct backend *b, uint32_t lane, uint64_t now_ms);
    bool (*register_metrics)(struct backend *b, struct metrics *m);
    /* Nobody waits for an answer any more: from now on what is queued is completed without being executed, so that
     * stop does not have to work off the backlog of clients that are gone. No submit may follow. */
    void (*abandon)(struct backend *b);
    /* Executes and completes everything queued, ends the threads, frees all. No submit may be under way. */
    void (*stop)(struct backend *b);
};

extern const struct backend_design backend_mutex;
extern const struct backend_design
    backend_owner; /* serves `owner` and `backpressure`: FULL is the caller's to answer */

#endif
