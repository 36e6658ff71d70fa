/* What happens under the locks of the mutex pool. */
#include "daemon/backend/mutex_impl.h"

#define LOCKED_BATCH 32 /* calls executed in one go: some microseconds under the lock */

/* ---- the locks ---- */

void stripe_lock(struct pool *p, struct stripe *s, bool reads_only)
{
    if (!p->rwlock)
        pthread_mutex_lock(&s->mutex);
    else if (reads_only)
        pthread_rwlock_rdlock(&s->rwlock);
    else
        pthread_rwlock_wrlock(&s->rwlock);
}

void stripe_unlock(struct pool *p, struct stripe *s)
{
    if (!p->rwlock)
        pthread_mutex_unlock(&s->mutex);
    else
        pthread_rwlock_unlock(&s->rwlock);
}

/* ---- executing ---- */

/* The time for an operation that has its lock. Slow work, one's own and that of those who had the lock before,
 * takes so long that what the caller read before it would bring expired sessions back. */
static uint64_t time_inside(const struct pool *p, uint64_t now_ms)
{
    return p->work.iterations > 0 ? clock_ms(p->clock) : now_ms;
}

/*
 * The time for an operation on this stripe, whose lock is held: never before that of the latest change. Threads
 * read the clock once for a whole batch, and a client that has seen one thread's answer must not be shown, by
 * another, how things were before it.
 */
static uint64_t stripe_time(struct stripe *s, bool reads_only, uint64_t now_ms)
{
    if (now_ms <= s->time_ms) return s->time_ms;
    if (!reads_only) s->time_ms = now_ms;
    return now_ms;
}

/* Something changed that the sweeper may not know of: it looks again if it would not have for long. */
static bool note_change(struct stripe *s)
{
    bool was_calm = s->calm;
    s->calm = false;
    return was_calm;
}

struct touched {
    uint64_t bits[STRIPES_MAX / 64];
};

static void mark(void *ctx, uint32_t stripe)
{
    struct touched *touched = ctx;
    touched->bits[stripe / 64] |= 1ULL << (stripe % 64);
}

static bool is_marked(const struct touched *touched, uint32_t stripe)
{
    return touched->bits[stripe / 64] >> (stripe % 64) & 1;
}

/* More than one session: the locks of all their stripes are held at once, taken in order of index, so that two such
 * operations never wait for each other. */
static void execute_locked(struct pool *p, struct call *call, uint64_t now_ms)
{
    static const struct execute_load no_work = {0};
    struct touched touched = {{0}};
    bool wake_sweeper = false, reads_only = execute_reads_only(call);
    execute_touches(p->shards[0], p->stripe_count, call, mark, &touched);
    if (p->work_outside) execute_work(p->work.iterations);
    for (uint32_t i = 0; i < p->stripe_count; i++)
        if (is_marked(&touched, i)) stripe_lock(p, &p->stripes[i], false);
    now_ms = time_inside(p, now_ms);
    for (uint32_t i = 0; i < p->stripe_count; i++)
        if (is_marked(&touched, i)) now_ms = stripe_time(&p->stripes[i], reads_only, now_ms);
    execute_wide(&p->rules, p->shards, p->stripe_count, call, p->work_outside ? &no_work : &p->work, now_ms);
    for (uint32_t i = p->stripe_count; i-- > 0;) {
        if (!is_marked(&touched, i)) continue;
        if (!reads_only && note_change(&p->stripes[i])) wake_sweeper = true;
        stripe_unlock(p, &p->stripes[i]);
    }
    if (wake_sweeper) bell_ring(&p->sweeper_bell);
}

/* Locks for the call; who only reads lets others in, unless there is a flush to be done first. */
static void lock_for(struct pool *p, struct stripe *s, bool reads_only, uint64_t now_ms)
{
    stripe_lock(p, s, reads_only);
    if (!p->rwlock || !reads_only || s->databases.flush_next_ms > now_ms) return;
    stripe_unlock(p, s);
    stripe_lock(p, s, false);
}

void pool_execute(struct pool *p, struct call *call, uint64_t now_ms)
{
    const struct request *r = &call->request;
    if (!op_has_one_key(r->op)) {
        execute_locked(p, call, now_ms);
        return;
    }
    bool reads_only = execute_reads_only(call);
    uint64_t hash = databases_hash(p->shards[0], r->key.ptr, r->key.len);
    uint64_t work = execute_load_of(&p->work, hash);
    struct stripe *s = &p->stripes[execute_shard(hash, p->stripe_count)];
    if (p->work_outside) execute_work(work);
    lock_for(p, s, reads_only, now_ms);
    if (!p->work_outside) execute_work(work);
    execute(&p->rules, &s->databases, hash, call, stripe_time(s, reads_only, time_inside(p, now_ms)));
    bool wake_sweeper = !reads_only && note_change(s);
    stripe_unlock(p, s);
    if (wake_sweeper) bell_ring(&p->sweeper_bell);
}

/* Calls that a lane executes itself, in the usual pool: one lock for all of them. */
static void execute_together(struct pool *p, struct call **calls, size_t count)
{
    struct stripe *s = &p->stripes[0];
    bool reads_only = true;
    uint64_t now_ms = 0;
    for (size_t i = 0; i < count; i++) {
        reads_only = reads_only && execute_reads_only(calls[i]);
        if (call_start_ns(calls[i]) / 1000000U > now_ms) now_ms = call_start_ns(calls[i]) / 1000000U;
    }
    stripe_lock(p, s, false);
    execute_batch(&p->rules, &s->databases, &p->work, calls, count, stripe_time(s, reads_only, now_ms));
    bool wake_sweeper = !reads_only && note_change(s);
    stripe_unlock(p, s);
    if (wake_sweeper) bell_ring(&p->sweeper_bell);
}

/* Where the work takes long it keeps others out for no longer than a call; where there are several locks, each call
 * takes its own. */
void pool_run_here(struct backend *b, struct call **calls, size_t count)
{
    struct pool *p = (struct pool *)b;
    bool together = p->stripe_count == 1 && !p->rwlock && p->work.iterations == 0;
    for (size_t at = 0, n; at < count; at += n) {
        n = count - at < LOCKED_BATCH ? count - at : LOCKED_BATCH;
        if (together)
            execute_together(p, calls + at, n);
        else
            for (size_t i = at; i < at + n; i++)
                pool_execute(p, calls[i], call_start_ns(calls[i]) / 1000000U);
    }
}
