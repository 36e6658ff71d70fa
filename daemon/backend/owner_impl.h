/* Inside the owner backend: owner.c (stations, threads, life cycle) and owner_execute.c (what an owner does). */
#ifndef BACKEND_OWNER_IMPL_H
#define BACKEND_OWNER_IMPL_H

#include "daemon/backend/backend.h"
#include "daemon/backend/shards.h"
#include "daemon/backend/worker.h"

/* One shard's. */
struct owner {
    _Alignas(64) struct owners *all;
    uint32_t number;
    struct worker *worker;   /* the thread; NULL: a lane is it */
    struct station *station; /* the worker's, or `lane` */
    struct station lane;     /* where a lane is the owner */
    struct work_around work; /* the owner's, not the shard's: it keeps nobody else from that */
    counter executed;        /* tasks; counted where there are several shards */
};

struct owners {
    struct backend base;
    struct shards shards;
    uint32_t count; /* of owners, made ones */
    struct owner *owners;
};

/* The owner's thread (station_options.run; `owner` is a struct owner): executes its tasks, in order. */
void owner_run(void *owner, struct task **tasks, size_t count, uint64_t now_ms);

/* Its thread: a slice of housekeeping; returns when the next one is worth it (as sweep_slice). */
uint64_t owner_keep_house(void *owner, uint64_t now_ms);

#endif
