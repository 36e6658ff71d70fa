/* Inside the mutex pool: mutex.c (threads and life cycle) and mutex_execute.c (what happens under the locks). */
#ifndef BACKEND_MUTEX_IMPL_H
#define BACKEND_MUTEX_IMPL_H

#include <pthread.h>

#include "daemon/backend/backend.h"
#include "daemon/backend/execute.h"
#include "daemon/backend/worker.h"
#include "daemon/queue/bell.h"

#define STRIPES_MAX 1024 /* as the configuration allows */

struct stripe {
    _Alignas(64) pthread_mutex_t mutex;
    pthread_rwlock_t rwlock;
    struct databases databases;
    uint64_t time_ms; /* of the latest change; guarded by the lock */
    bool calm;        /* the sweeper will not look for longer than an interval; guarded by the lock */
};

struct pool {
    struct backend base;
    struct execute_rules rules;
    const struct clock *clock;
    struct execute_load work;
    uint64_t sweep_interval_ms;
    bool work_outside;
    bool leaves_sessions;
    bool rwlock;
    uint32_t lane_count;
    uint32_t stripe_count;
    uint32_t worker_count;
    struct stripe *stripes;
    struct databases **shards; /* the stripes' */
    struct worker **workers;
    struct budget budget;
    pthread_t sweeper;
    bool sweeper_started;
    struct bell sweeper_bell;
    _Atomic bool stopping;
};

void stripe_lock(struct pool *p, struct stripe *s, bool reads_only);
void stripe_unlock(struct pool *p, struct stripe *s);

/* Any thread: takes the locks that the call needs, executes it. */
void pool_execute(struct pool *p, struct call *call, uint64_t now_ms);
/* The same of calls that a lane executes itself (backend_design.run). */
void pool_run_here(struct backend *b, struct call **calls, size_t count);

#endif
