/*
 * Operations on more than one session. Their shards are guarded as a whole, so nothing here is ever half done to
 * others. A cursor of SCAN names its shard in the upper bits:  | shard, 16 bits | table_scan's cursor, 48 bits |
 */
#include <assert.h>
#include <stdlib.h>

#include "daemon/backend/execute_impl.h"
#include "proto/glob.h"
#include "proto/keys.h"

#define CURSOR_BITS   48
#define EMPTY_PER_KEY 10      /* steps that SCAN takes at most, for each session it is to look at */
#define WALK_NS       1000000 /* all walks of one execution together end after this time */
#define STEPS_A_LOOK  8       /* steps of a walk between two looks at the clock */

struct wide {
    struct execute_rules *rules;
    struct databases *const *shards;
    uint32_t count;
    uint64_t now_ms;
    uint64_t walks_until_ns; /* 0: nothing was walked yet */
    bool in_batch;
};

/* The shard of a hash, where what was due is done. */
static struct databases *shard_of(const struct wide *w, uint64_t hash)
{
    struct databases *d = w->shards[execute_shard(hash, w->count)];
    databases_catch_up(d, w->now_ms);
    return d;
}

static void catch_up_all(const struct wide *w)
{
    for (uint32_t i = 0; i < w->count; i++)
        databases_catch_up(w->shards[i], w->now_ms);
}

static uint64_t hash_of(const struct wide *w, struct slice key)
{
    return databases_hash(w->shards[0], key.ptr, key.len);
}

static void run(struct wide *w, struct call *call);

/* ---- counting, flushing ---- */

static void len(const struct wide *w, struct call *call)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < w->count; i++) {
        const struct table *t = databases_table(w->shards[i], call->request.database);
        if (t) n += table_len(t, w->now_ms);
    }
    call->reply.kind = REPLY_LEN;
    call->reply.number = (int64_t)n;
}

static void flush(const struct wide *w, struct call *call)
{
    const struct request *r = &call->request;
    bool later = r->ttl_kind == TTL_RELATIVE || r->ttl_kind == TTL_ABSOLUTE;
    uint64_t at =
        w->now_ms + (later ? execute_ms_left(w->rules, (struct lifetime){r->ttl_kind, r->ttl_ms}, w->now_ms) : 0);
    for (uint32_t i = 0; i < w->count; i++)
        for (unsigned n = 0; n < DATABASES; n++)
            if (n == r->database || (r->effects & EFFECT_ALL_DATABASES))
                databases_flush(w->shards[i], n, at, w->now_ms);
    call->reply.kind = REPLY_OK;
}

/* ---- walking ---- */

struct scan {
    const struct glob *pattern; /* NULL: every key */
    struct buffer keys;
    uint64_t seen;
    uint32_t count;
};

static void scan_one(void *ctx, const struct entry *e)
{
    struct scan *scan = ctx;
    struct slice key = slice_of(entry_key(e), entry_key_len(e));
    scan->seen++;
    if (scan->pattern && !glob_match(scan->pattern, key)) return;
    keys_append(&scan->keys, key);
    scan->count++;
}

/* Has it walked for long enough? A walk takes one step at least. */
static bool walk_is_over(struct wide *w, uint64_t steps)
{
    if (steps % STEPS_A_LOOK != 1) return false;
    uint64_t now_ns = clock_ns(w->rules->wall.clock);
    if (w->walks_until_ns == 0) w->walks_until_ns = now_ns + WALK_NS;
    return now_ns >= w->walks_until_ns;
}

/* Goes on from the cursor until enough was seen, or for long enough; returns the next cursor. */
static uint64_t walk(struct wide *w, const struct request *r, struct scan *scan)
{
    uint64_t shard = r->cursor >> CURSOR_BITS, cursor = r->cursor & ((UINT64_C(1) << CURSOR_BITS) - 1);
    uint64_t wanted = r->number < 1 ? 1 : (uint64_t)r->number;
    uint64_t most = wanted > UINT64_MAX / EMPTY_PER_KEY ? UINT64_MAX : wanted * EMPTY_PER_KEY, steps = 0;
    for (; shard < w->count; shard++) {
        const struct table *t = databases_table(w->shards[shard], r->database);
        if (!t) continue;
        do {
            bool enough = scan->seen >= wanted || steps == most || walk_is_over(w, steps);
            if (enough && steps > 0) return shard << CURSOR_BITS | cursor;
            steps++;
            cursor = table_scan(t, cursor, w->now_ms, scan_one, scan);
        } while (cursor != 0);
    }
    return 0;
}

/* Puts the list found so far into the reply. */
static void keep_list(struct call *call, const struct scan *scan)
{
    struct reply *reply = &call->reply;
    reply->count = scan->count;
    reply->body = slice_of(scan->keys.data, scan->keys.len);
    reply->size = scan->keys.capacity;
    reply->held = scan->keys.data;
    reply->release = free;
}

/* KEYS goes on with the list of earlier executions, which is in its reply. */
static void scan(struct wide *w, struct call *call)
{
    struct request *r = &call->request;
    struct reply *reply = &call->reply;
    struct glob glob;
    struct scan scan = {.count = 0};
    if (reply->held) {
        scan.keys = (struct buffer){.data = reply->held, .len = reply->body.len, .capacity = reply->size};
        scan.count = reply->count;
    }
    if (r->value.len > 0) {
        glob_compile(&glob, r->value);
        scan.pattern = &glob;
    }
    uint64_t cursor = walk(w, r, &scan);
    keep_list(call, &scan);
    bool goes_on = r->number == INT64_MAX && cursor != 0;
    if (scan.keys.failed) {
        reply_error(reply, ERR_OUT_OF_MEMORY, "no memory for a list of keys just now");
    } else if (goes_on && w->in_batch) {
        reply_error(reply, ERR_UNAVAILABLE, "too many keys to list in a transaction: use SCAN");
    } else if (goes_on) {
        r->cursor = cursor;
    } else {
        reply->kind = REPLY_KEYS;
        reply->cursor = cursor;
    }
}

static void random_key(const struct wide *w, struct call *call)
{
    uint64_t dice = clock_ns(w->rules->wall.clock) * UINT64_C(0x9e3779b97f4a7c15);
    dice ^= dice >> 29;
    call->reply.kind = REPLY_NOT_FOUND;
    for (uint32_t i = 0; i < w->count; i++) {
        const struct databases *d = w->shards[(dice % w->count + i) % w->count];
        const struct table *t = databases_table(d, call->request.database);
        struct entry *e = t ? table_random(t, dice, w->now_ms) : NULL;
        if (!e) continue;
        call->reply.kind = REPLY_KEY;
        call->reply.body = slice_of(entry_key(e), entry_key_len(e));
        if (!call_keep_body(call)) reply_error(&call->reply, ERR_OUT_OF_MEMORY, "no memory for a key just now");
        return;
    }
}

/* ---- renaming ---- */

static void rename_session(const struct wide *w, struct call *call)
{
    const struct request *r = &call->request;
    uint64_t from_hash = hash_of(w, r->key), to_hash = hash_of(w, r->value);
    struct databases *from = shard_of(w, from_hash), *to = shard_of(w, to_hash);
    struct table *source = databases_table(from, r->database);
    struct entry *e = source ? table_find(source, from_hash, r->key.ptr, r->key.len, w->now_ms) : NULL;
    if (!e) {
        call->reply.kind = REPLY_NOT_FOUND;
        return;
    }
    struct table *target = databases_make(to, r->database, w->now_ms);
    struct entry *there = target ? table_find(target, to_hash, r->value.ptr, r->value.len, w->now_ms) : NULL;
    if (there && r->condition == COND_ABSENT) {
        call->reply.kind = REPLY_CONFLICT;
        call->reply.version = entry_version(there);
        return;
    }
    call->reply.kind = REPLY_OK;
    if (there == e) return; /* to its own name */
    struct table_item item = {.key = r->value.ptr,
                              .key_len = r->value.len,
                              .value = entry_value(e),
                              .value_len = entry_value_len(e),
                              .deadline_ms = entry_deadline(e),
                              .flags = entry_flags(e),
                              .stale = entry_stale(e)};
    struct entry *stored;
    databases_make_room(to, target, &item);
    entry_hold(e); /* whatever is done to make room, its value stays */
    bool done = target && table_store(target, to_hash, &item, w->now_ms, &stored) == TABLE_OK;
    if (done && table_find(source, from_hash, r->key.ptr, r->key.len, w->now_ms) == e)
        table_remove(source, e, REMOVED_RENAMED);
    entry_release(e);
    if (!done) reply_error(&call->reply, ERR_OUT_OF_MEMORY, "the store is full (limits.memory); not renamed");
}

/* ---- several as one ---- */

static struct step step_of(const struct wide *w, struct call *call)
{
    uint64_t hash = hash_of(w, call->request.key);
    struct databases *d = shard_of(w, hash);
    return (struct step){w->rules, d, databases_table(d, call->request.database), hash, call, w->now_ms};
}

/* Would the conditions of all parts hold now? */
static bool all_hold(const struct wide *w, struct call *call)
{
    for (struct call *part = call->parts; part; part = part->part_next) {
        if (!op_has_one_key(part->request.op) || part->request.condition == COND_NONE) continue;
        struct step s = step_of(w, part);
        if (!condition_of(&s, step_find(&s))) return false;
    }
    return true;
}

/* Is there memory for everything that the parts store? What is no longer than what it replaces needs none. */
static bool memory_suffices(const struct wide *w, struct call *call)
{
    const struct budget *budget = w->shards[0]->budget;
    size_t more = 0, before = 0;
    if (budget->limit == 0) return true;
    for (struct call *part = call->parts; part; part = part->part_next) {
        if (part->request.op != OP_PUT || part->reply.kind != REPLY_NONE) continue;
        struct step s = step_of(w, part);
        const struct entry *old = step_find(&s);
        struct table_item item = {
            .key_len = part->request.key.len, .value_len = part->request.value.len, .flags = part->request.flags};
        if (!old || item.value_len > entry_value_len(old)) more += table_price(s.table, &item, before++);
    }
    for (struct call *part = call->parts; part && more > 0; part = part->part_next)
        if (op_has_one_key(part->request.op)) databases_work_off(step_of(w, part).databases, more);
    return more == 0 || budget_used(budget) + more <= budget->limit;
}

static void batch(struct wide *w, struct call *call)
{
    bool all = call->request.effects & EFFECT_ALL;
    bool pauses = (call->request.effects & EFFECT_PIECEWISE) && !w->in_batch;
    if (all && !all_hold(w, call)) {
        call->reply.kind = REPLY_CONFLICT;
        return;
    }
    if (!pauses && !memory_suffices(w, call)) {
        reply_error(&call->reply, ERR_OUT_OF_MEMORY, "the store is full (limits.memory); nothing of it was done");
        return;
    }
    w->in_batch = true;
    uint64_t steps = 0;
    for (struct call *part = call->parts; part; part = part->part_next) {
        if (part->reply.kind != REPLY_NONE) continue;
        if (pauses && steps > 0 && walk_is_over(w, steps)) return; /* to be gone on with */
        if (all) part->request.condition = COND_NONE;              /* it held: no part stands in another's way */
        run(w, part);
        steps++;
    }
    call->reply.kind = REPLY_PARTS;
}

/* ---- any of them ---- */

static void run(struct wide *w, struct call *call)
{
    enum op op = call->request.op;
    if (op == OP_BATCH) {
        batch(w, call);
        return;
    }
    if (op_has_one_key(op)) {
        struct step s = step_of(w, call);
        execute(w->rules, s.databases, s.hash, call, w->now_ms);
        return;
    }
    if (!op_has_key(op)) catch_up_all(w);
    switch (op) {
    case OP_LEN: len(w, call); break;
    case OP_SCAN: scan(w, call); break;
    case OP_RANDOM: random_key(w, call); break;
    case OP_FLUSH: flush(w, call); break;
    case OP_RENAME: rename_session(w, call); break;
    default: assert(false && "an operation on the table"); break;
    }
}

void execute_wide(struct execute_rules *rules, struct databases *const *shards, uint32_t count, struct call *call,
                  uint64_t now_ms)
{
    struct wide w = {.rules = rules, .shards = shards, .count = count, .now_ms = now_ms};
    run(&w, call);
}

void execute_touches(const struct databases *any, uint32_t count, const struct call *call,
                     void (*touch)(void *ctx, uint32_t shard), void *ctx)
{
    const struct request *r = &call->request;
    bool all =
        r->effects & EFFECT_PIECEWISE; /* to hash every key for every piece would take longer than the piece */
    switch (all ? OP_KEYS_ALL : (enum op_keys)op_rows[r->op].keys) {
    case OP_KEYS_TWO:
        touch(ctx, execute_shard(databases_hash(any, r->value.ptr, r->value.len), count));
        /* fall through */
    case OP_KEYS_ONE: touch(ctx, execute_shard(databases_hash(any, r->key.ptr, r->key.len), count)); break;
    case OP_KEYS_ALL:
        for (uint32_t i = 0; i < count; i++)
            touch(ctx, i);
        break;
    case OP_KEYS_PARTS:
        for (const struct call *part = call->parts; part; part = part->part_next)
            execute_touches(any, count, part, touch, ctx);
        break;
    case OP_KEYS_NONE: break;
    }
}
