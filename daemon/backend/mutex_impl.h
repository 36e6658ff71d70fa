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
    struct work_around work; /* outside the locks */
    uint32_t lane_count;
    uint32_t worker_count;
    struct worker **workers; /* NULL: there are none, the lanes are the pool */
    struct station *lanes;   /* theirs, by number, where they are the pool */
    pthread_t sweeper;
    bool sweeper_started;
    struct bell sweeper_bell;
    _Atomic bool stopping;
};

/* Any thread (station_options.run): takes the locks that each task needs, executes it. */
void pool_run(void *pool, struct task **tasks, size_t count, uint64_t now_ms);

#endif
