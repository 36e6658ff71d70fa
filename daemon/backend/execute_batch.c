/* Many operations at once: the table's memory is slow, and it answers many questions in the time of one. */
#include <assert.h>

#include "daemon/backend/execute.h"

/* Asks for the buckets, by hashes that are known. */
static void fetch_known_buckets(const struct databases *d, struct task **tasks, size_t count,
                                const uint64_t *hashes)
{
    for (size_t i = 0; i < count; i++) {
        const struct table *t = databases_table(d, tasks[i]->call.request.database);
        if (t) table_prefetch(t, hashes[i]);
    }
}

/* Hashes the keys and asks for the buckets. Operations without a key are not worth telling apart. */
static void fetch_buckets(const struct databases *d, struct task **tasks, size_t count, uint64_t *hashes)
{
    for (size_t i = 0; i < count; i++) {
        const struct request *r = &tasks[i]->call.request;
        const struct table *t = databases_table(d, r->database);
        hashes[i] = databases_hash(d, r->key.ptr, r->key.len);
        if (t) table_prefetch(t, hashes[i]);
    }
}

/* Asks for the sessions, by the buckets that have come. */
static inline void fetch_sessions(const struct databases *d, struct task **tasks, size_t count,
                                  const uint64_t *hashes)
{
    for (size_t i = 0; i < count; i++) {
        const struct table *t = databases_table(d, tasks[i]->call.request.database);
        if (t) table_prefetch_entry(t, hashes[i]);
    }
}

void execute_batch(struct execute_rules *rules, struct databases *d, struct task **tasks, size_t count,
                   uint64_t now_ms)
{
    uint64_t hashes[EXECUTE_BATCH_MAX];
    assert(count <= EXECUTE_BATCH_MAX);
    fetch_buckets(d, tasks, count, hashes);
    fetch_sessions(d, tasks, count, hashes);
    for (size_t i = 0; i < count; i++) {
        struct task *task = tasks[i];
        if (task->call.reply.kind != REPLY_NONE) continue;
        if (!op_has_one_key(task->call.request.op)) {
            execute_wide(rules, &d, 1, &task->call, now_ms);
            continue;
        }
        execute(rules, d, hashes[i], &task->call, now_ms);
    }
}

void execute_hashed(struct execute_rules *rules, struct databases *d, struct task **tasks, const uint64_t *hashes,
                    size_t count, uint64_t now_ms)
{
    if (count > 1) { /* one asks for itself as it is executed */
        fetch_known_buckets(d, tasks, count, hashes);
        fetch_sessions(d, tasks, count, hashes);
    }
    for (size_t i = 0; i < count; i++)
        if (tasks[i]->call.reply.kind == REPLY_NONE) execute(rules, d, hashes[i], &tasks[i]->call, now_ms);
}
