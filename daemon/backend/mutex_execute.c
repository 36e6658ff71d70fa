/* What happens under the locks of the mutex pool. */
#include "daemon/backend/mutex_impl.h"

#define LOCKED_BATCH 32 /* calls executed in one go: some microseconds under the lock */

/* More than one session. */
static void execute_several(struct pool *p, struct call *call, uint64_t now_ms)
{
    struct shards_set calm;
    if (shards_execute(&p->stripes, call, now_ms, &calm)) bell_ring(&p->sweeper_bell);
}

static void execute_one(struct pool *p, struct call *call, uint64_t now_ms)
{
    const struct request *r = &call->request;
    struct shards *s = &p->stripes;
    if (!op_has_one_key(r->op)) {
        execute_several(p, call, now_ms);
        return;
    }
    bool reads_only = execute_reads_only(call);
    uint64_t hash = shards_hash(s, r->key);
    uint32_t number = execute_shard(hash, s->count);
    struct shard *stripe = &s->all[number];
    shards_lock(s, number, reads_only, now_ms);
    uint64_t time_ms = shard_time(stripe, reads_only, shards_work(s, call, now_ms));
    execute(&s->rules, &stripe->databases, hash, call, time_ms);
    bool wake_sweeper = !reads_only && shard_note_change(stripe);
    shards_unlock(s, number);
    if (wake_sweeper) bell_ring(&p->sweeper_bell);
}

/* In the usual pool: one lock for all of them. */
static void execute_together(struct pool *p, struct task **tasks, size_t count, uint64_t now_ms)
{
    struct shards *s = &p->stripes;
    struct shard *stripe = &s->all[0];
    bool reads_only = true;
    for (size_t i = 0; i < count; i++)
        reads_only = reads_only && execute_reads_only(&tasks[i]->call);
    shards_lock(s, 0, false, now_ms);
    execute_batch(&s->rules, &stripe->databases, tasks, count, shard_time(stripe, reads_only, now_ms));
    bool wake_sweeper = !reads_only && shard_note_change(stripe);
    shards_unlock(s, 0);
    if (wake_sweeper) bell_ring(&p->sweeper_bell);
}

/* Where the work takes long it keeps others out for no longer than a task; where there are several locks, each task
 * takes its own. */
void pool_run(void *pool, struct task **tasks, size_t count, uint64_t now_ms)
{
    struct pool *p = pool;
    const struct shards *s = &p->stripes;
    bool together = s->count == 1 && s->all[0].lock.kind == LOCK_MUTEX && !s->works_inside;
    for (size_t at = 0, n; at < count; at += n) {
        n = count - at < LOCKED_BATCH ? count - at : LOCKED_BATCH;
        if (together) {
            execute_together(p, tasks + at, n, now_ms);
            continue;
        }
        for (size_t i = at; i < at + n; i++)
            if (tasks[i]->call.reply.kind == REPLY_NONE) execute_one(p, &tasks[i]->call, now_ms);
    }
}
