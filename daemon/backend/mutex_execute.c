/* What happens under the locks of the mutex pool. */
#include "daemon/backend/mutex_impl.h"

#define LOCKED_BATCH 32 /* calls executed in one go: some microseconds under the lock */

/* More than one session. */
static void execute_several(struct pool *p, struct call *call, uint64_t now_ms)
{
    static const struct execute_load no_work = {0};
    struct shards_set calm;
    if (p->work_outside) execute_work(p->stripes.work.iterations);
    if (shards_execute(&p->stripes, call, p->work_outside ? &no_work : &p->stripes.work, now_ms, &calm))
        bell_ring(&p->sweeper_bell);
}

/* Locks for the call; who only reads lets others in, unless there is a flush to be done first. */
static void lock_for(struct shards *s, uint32_t stripe, bool reads_only, uint64_t now_ms)
{
    shards_lock(s, stripe, reads_only);
    if (s->guard != LOCK_RWLOCK || !reads_only || s->databases[stripe]->flush_next_ms > now_ms) return;
    shards_unlock(s, stripe);
    shards_lock(s, stripe, false);
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
    uint64_t work = execute_load_of(&s->work, hash);
    uint32_t number = execute_shard(hash, s->count);
    struct shard *stripe = &s->all[number];
    if (p->work_outside) execute_work(work);
    lock_for(s, number, reads_only, now_ms);
    if (!p->work_outside) execute_work(work);
    uint64_t time_ms = shard_time(stripe, reads_only, shards_time_inside(s, now_ms));
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
    shards_lock(s, 0, false);
    execute_batch(&s->rules, &stripe->databases, &s->work, tasks, count, shard_time(stripe, reads_only, now_ms));
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
    bool together = s->count == 1 && s->guard == LOCK_MUTEX && s->work.iterations == 0;
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
