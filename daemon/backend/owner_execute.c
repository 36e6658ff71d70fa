/*
 * What an owner does with its time. With one shard nothing is locked. With several, each call is executed with the
 * lock of its shard, which is nearly always the owner's own, so that nobody disputes it: once for all calls of a
 * batch that follow each other on one shard. Others' shards come in by operations on several, which take the locks
 * of all they touch in order of number, and by connections whose calls stay together for order's sake
 * (daemon/admit/order.h).
 *
 * So owners wait for each other's locks at times, for about as long as a lookup takes, but never with a lock that
 * another may want first, and never for room in each other's rings.
 */
#include "daemon/backend/owner_impl.h"

/* One operation on several sessions. */
static void execute_several(struct owner *own, struct task *task, uint64_t now_ms)
{
    struct owners *o = own->all;
    struct shards_set calm;
    if (!shards_execute(&o->shards, &task->call, now_ms, &calm)) return;
    for (uint32_t i = 0; i < o->shards.count; i++)
        if (i != own->number && shards_has(&calm, i)) station_disturb(o->owners[i].station);
}

/* Calls that follow each other, each on one session, and what is known of them. */
struct singles {
    struct task **tasks;
    uint64_t hashes[EXECUTE_BATCH_MAX];
    size_t count;
};

static void execute_on(struct owner *own, uint32_t number, const struct singles *s, size_t at, size_t count,
                       uint64_t now_ms)
{
    struct shards *shards = &own->all->shards;
    struct shard *shard = &shards->all[number];
    shards_lock(shards, number, false, now_ms);
    now_ms = shard_time(shard, false, now_ms);
    execute_hashed(&shards->rules, &shard->databases, s->tasks + at, s->hashes + at, count, now_ms);
    bool was_calm = shard_note_change(shard);
    shards_unlock(shards, number);
    /* Its own shard this thread will look at without being told. */
    if (was_calm && number != own->number) station_disturb(own->all->owners[number].station);
}

static void execute_singles(struct owner *own, struct singles *s, uint64_t now_ms)
{
    const struct shards *shards = &own->all->shards;
    for (size_t i = 0; i < s->count; i++)
        s->hashes[i] = shards_hash(shards, s->tasks[i]->call.request.key);
    for (size_t at = 0, n; at < s->count; at += n) {
        uint32_t number = execute_shard(s->hashes[at], shards->count);
        for (n = 1; at + n < s->count && execute_shard(s->hashes[at + n], shards->count) == number;)
            n++;
        execute_on(own, number, s, at, n, now_ms);
    }
}

/* Calls from the front that are on one session each. */
static size_t count_single(struct task **tasks, size_t count)
{
    size_t n = 0;
    while (n < count && op_has_one_key(tasks[n]->call.request.op))
        n++;
    return n;
}

void owner_run(void *owner, struct task **tasks, size_t count, uint64_t now_ms)
{
    struct owner *own = owner;
    struct shards *s = &own->all->shards;
    if (s->count == 1) {
        if (count > 1)
            execute_batch(&s->rules, s->databases[0], tasks, count, now_ms);
        else
            execute_alone(&s->rules, s->databases[0], &tasks[0]->call, now_ms);
        return;
    }
    counter_add(&own->executed, count);
    for (size_t at = 0, n; at < count; at += n) {
        n = count_single(tasks + at, count - at);
        if (n > 0) {
            struct singles singles = {.tasks = tasks + at, .count = n};
            execute_singles(own, &singles, now_ms);
        } else {
            n = 1;
            if (tasks[at]->call.reply.kind == REPLY_NONE) execute_several(own, tasks[at], now_ms);
        }
    }
}

uint64_t owner_keep_house(void *owner, uint64_t now_ms)
{
    struct owner *own = owner;
    return shards_sweep(&own->all->shards, own->number, now_ms);
}
