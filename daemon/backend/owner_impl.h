/* Inside the owner backend: owner.c (threads, life cycle, the way to an owner) and owner_execute.c (what one does).
 */
#ifndef BACKEND_OWNER_IMPL_H
#define BACKEND_OWNER_IMPL_H

#include "daemon/backend/shards.h"
#include "daemon/backend/station.h"
#include "daemon/backend/worker.h"

/* One shard's. */
struct owner {
    _Alignas(64) struct owners *all;
    uint32_t number;
    struct station *station; /* what lanes have for it; NULL: a lane that is alone has all there is */
    struct worker *worker;   /* the thread; NULL: a lane is it */
    struct station lanes;    /* the station, where a lane is the owner among others */
    uint64_t time_ms;        /* in place: of the latest call; the lane's clock readings may be older */
    _Atomic bool disturbed;  /* in place: others have changed what its housekeeping is about */
    counter executed;        /* calls; counted where there are several shards */
};

/* What a lane has submitted since its last flush. */
struct owner_lane {
    _Alignas(64) uint64_t owners; /* bit per owner */
};

struct owners {
    struct backend base;
    struct worker *only; /* there is one shard, and this is its thread; NULL: it is not so simple */
    struct ring *only_ring;
    struct shards shards;
    bool in_place;
    uint32_t count; /* of owners, started ones */
    struct owner *owners;
    struct ring **rings;        /* theirs, by number; NULL where there is no station */
    struct owner_lane *touched; /* by lane, that lane's thread only */
    struct backend_lanes lanes;
};

/* The owner's thread: executes its calls, in order. */
void owner_execute(struct owner *own, struct task **tasks, size_t count, uint64_t now_ms);

/* Its thread: a slice of housekeeping; returns when the next one is worth it (as sweep_slice). */
uint64_t owner_keep_house(struct owner *own, uint64_t now_ms);

#endif
