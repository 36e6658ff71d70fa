/* Inside the mutex pool: mutex.c (threads and life cycle) and mutex_execute.c (what happens under the locks). */
#ifndef BACKEND_MUTEX_IMPL_H
#define BACKEND_MUTEX_IMPL_H

#include "daemon/backend/backend.h"
#include "daemon/backend/shards.h"
#include "daemon/backend/worker.h"
#include "daemon/queue/bell.h"

struct pool {
    struct backend base;
    struct shards stripes;
    bool work_outside;
    uint32_t lane_count;
    uint32_t worker_count;
    struct worker **workers;
    pthread_t sweeper;
    bool sweeper_started;
    struct bell sweeper_bell;
    _Atomic bool stopping;
};

/* Any thread: takes the locks that the call needs, executes it. */
void pool_execute(struct pool *p, struct task *task, uint64_t now_ms);
/* The same of calls that a lane executes itself (backend_design.run). */
void pool_run_here(struct backend *b, struct task **tasks, size_t count);

#endif
