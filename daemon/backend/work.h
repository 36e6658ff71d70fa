/*
 * Artificial work: a stand-in for business logic, for measurements (work.* of the configuration). It is put around
 * execution and known nowhere else.
 *
 *     work_around      each task's work, then the run itself: before any lock is taken
 *     shards.work      the work of an operation with its shards' locks held (mutex, work.where: inside)
 */
#ifndef BACKEND_WORK_H
#define BACKEND_WORK_H

#include "daemon/backend/station.h"
#include "daemon/base/siphash.h"

struct work {
    uint64_t iterations; /* rounds of xorshift64 per operation; 0: none */
    /* Some sessions may be slow ones: those whose key's hash is below `slow_below` in its lower 32 bits take
     * `slow_factor` times the work. */
    uint32_t slow_below;
    uint32_t slow_factor;
    struct siphash_key hash_key; /* of that hash */
};

/* How many rounds the call takes, or its parts that have no reply yet. */
uint64_t work_rounds(const struct work *work, const struct call *call);

/* Does them. */
void work_do(const struct work *work, const struct call *call);

/* A station's run with the work of each task before it. */
struct work_around {
    const struct work *work;
    const struct clock *clock;
    void (*run)(void *ctx, struct task **tasks, size_t count, uint64_t now_ms);
    void *ctx;
};

/* Puts `around` around the station's run. It must live as long as the station. */
void work_wrap(struct work_around *around, const struct work *work, struct station_options *station);

#endif
