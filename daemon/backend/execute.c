/* Operations on one session. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/backend/execute_impl.h"
#include "daemon/base/log.h"

/* Values up to this size are copied under the lock or by the owner; a reference count is dearer than that copy when
 * another core touches it too. */
#define COPY_MAX 256

/* A deadline beyond this is clamped by the table to the last time it knows; here it keeps sums from overflowing. */
#define FAR_MS (UINT64_C(1) << 41)

bool execute_reads_only(const struct call *call)
{
    for (const struct call *part = call->parts; part; part = part->part_next)
        if (!execute_reads_only(part)) return false;
    return request_reads_only(&call->request);
}

/* ---- time ---- */

uint64_t execute_ms_left(struct execute_rules *rules, struct lifetime lifetime, uint64_t now_ms)
{
    uint64_t left = lifetime.ms;
    if (lifetime.kind == TTL_ABSOLUTE) {
        uint64_t until = clock_from_wall_ms(&rules->wall, lifetime.ms);
        left = until > now_ms ? until - now_ms : 0;
    }
    return left < FAR_MS ? left : FAR_MS;
}

uint64_t step_deadline(const struct step *s, struct lifetime lifetime, const struct entry *old)
{
    uint64_t ttl = UINT64_MAX;
    switch (lifetime.kind) {
    case TTL_DEFAULT: ttl = s->rules->ttl_default_ms; break;
    case TTL_NEVER: break;
    case TTL_RELATIVE:
    case TTL_ABSOLUTE: ttl = execute_ms_left(s->rules, lifetime, s->now_ms); break;
    case TTL_KEEP:
        if (old) return entry_deadline(old);
        break;
    }
    if (ttl > s->rules->ttl_max_lifetime_ms) ttl = s->rules->ttl_max_lifetime_ms;
    return ttl == UINT64_MAX ? TABLE_NEVER : s->now_ms + ttl;
}

/* ---- conditions ---- */

struct entry *step_find(const struct step *s)
{
    struct slice key = s->call->request.key;
    return s->table ? table_find(s->table, s->hash, key.ptr, key.len, s->now_ms) : NULL;
}

static bool version_fits(const struct request *r, const struct entry *e)
{
    if (entry_version(e) == r->if_version) return true;
    return r->op == OP_PUT && (r->effects & EFFECT_INVALIDATE) && r->if_version < entry_version(e);
}

bool condition_of(const struct step *s, const struct entry *e)
{
    const struct request *r = &s->call->request;
    switch (r->condition) {
    case COND_NONE: return true;
    case COND_ABSENT: return !e;
    case COND_PRESENT: return e;
    case COND_VERSION: return e && version_fits(r, e);
    default: break;
    }
    if (!e) return true; /* the operation itself says NOT_FOUND */
    if (r->condition == COND_VALUE) return slice_equal(r->value, slice_of(entry_value(e), entry_value_len(e)));
    uint64_t now = entry_deadline(e), wanted = step_deadline(s, request_lifetime(r), e);
    switch (r->condition) {
    case COND_ENDLESS: return now == TABLE_NEVER;
    case COND_MORTAL: return now != TABLE_NEVER;
    case COND_LONGER: return wanted > now;
    case COND_SHORTER: return wanted < now;
    case COND_MORTAL_SHORTER: return now != TABLE_NEVER && wanted < now;
    default: return true;
    }
}

bool step_condition_holds(const struct step *s, const struct entry *e)
{
    if (s->call->request.condition == COND_NONE || condition_of(s, e)) return true;
    s->call->reply.kind = REPLY_CONFLICT;
    s->call->reply.version = e ? entry_version(e) : 0;
    return false;
}

/* ---- replies ---- */

static inline void reply_session(const struct step *s, const struct entry *e)
{
    struct reply *reply = &s->call->reply;
    uint64_t deadline = entry_deadline(e);
    reply->version = entry_version(e);
    reply->number = deadline == TABLE_NEVER ? -1 : (int64_t)(deadline - s->now_ms);
    reply->flags = entry_flags(e);
    if (entry_stale(e)) reply->marks |= MARK_STALE;
}

/* The value as a copy: the session has as many readers as it can count. */
static void reply_copy(const struct step *s, const struct entry *e)
{
    struct reply *reply = &s->call->reply;
    size_t size = entry_value_len(e);
    void *copy = malloc(size + 1);
    if (!copy) {
        reply_error(reply, ERR_OUT_OF_MEMORY, "no memory for a copy of the value just now");
        return;
    }
    if (size > 0) memcpy(copy, entry_value(e), size);
    reply->body = slice_of(copy, size);
    reply->held = copy;
    reply->release = free;
}

/* The value by reference. */
static void reply_reference(const struct step *s, struct entry *e)
{
    struct reply *reply = &s->call->reply;
    reply->kind = REPLY_VALUE;
    reply_session(s, e);
    if (!entry_retain(e)) {
        reply_copy(s, e);
        return;
    }
    reply->body = slice_of(entry_value(e), entry_value_len(e));
    reply->held = e;
    reply->release = entry_release;
}

static void reply_value(const struct step *s, struct entry *e)
{
    struct call *call = s->call;
    size_t size = entry_value_len(e);
    if (size > COPY_MAX || size + call->request.tag.len > call->capacity) {
        reply_reference(s, e);
        return;
    }
    call->reply.kind = REPLY_VALUE;
    reply_session(s, e);
    call->reply.body = slice_of(entry_value(e), size);
    call_keep_body(call); /* fits: no allocation, so it cannot fail */
}

/* Answers VALUE or META with what there is to know of the session. */
static void answer(const struct step *s, struct entry *e)
{
    if (s->call->request.op == OP_GET) {
        reply_value(s, e);
        return;
    }
    struct reply *reply = &s->call->reply;
    reply->kind = REPLY_META;
    reply_session(s, e);
    reply->size = entry_value_len(e);
    reply->expires_unix_ms = clock_to_wall_ms(&s->rules->wall, entry_deadline(e));
}

/* ---- storing ---- */

static void out_of_memory(const struct step *s, const struct table_item *item)
{
    reply_error(&s->call->reply, ERR_OUT_OF_MEMORY, "the store is full (limits.memory); not stored");
    log_debug("no memory for a session", LOG_KEY("session", item->key, item->key_len),
              LOG_U64("bytes", item->key_len + item->value_len + item->more_len));
}

/* Stored with a lifetime that is over: nobody will ever see it. */
static void store_nothing(struct step *s)
{
    struct entry *e = step_find(s);
    if (e) table_remove(s->table, e, REMOVED_DELETED);
    s->call->reply.kind = REPLY_STORED;
    s->call->reply.version = s->table ? table_version(s->table) : 0;
}

_Static_assert(VERSION_SET_MAX == TABLE_SET_MAX, "what a client may set can be stored");

bool step_store(struct step *s, struct table_item *item, struct entry **stored)
{
    const struct request *r = &s->call->request;
    item->key = r->key.ptr;
    item->key_len = r->key.len;
    if (r->effects & EFFECT_SET_VERSION) item->version = r->set_version;
    *stored = NULL;
    if (item->deadline_ms <= s->now_ms) {
        store_nothing(s);
        return true;
    }
    if (!s->table) s->table = databases_make(s->databases, r->database, s->now_ms);
    databases_make_room(s->databases, s->table, item);
    if (!s->table || table_store(s->table, s->hash, item, s->now_ms, stored) != TABLE_OK) {
        out_of_memory(s, item);
        return false;
    }
    s->call->reply.kind = REPLY_STORED;
    s->call->reply.version = entry_version(*stored);
    return true;
}

static void put(struct step *s)
{
    struct call *call = s->call;
    const struct request *r = &call->request;
    struct entry *old = NULL, *stored;
    bool returns_old = r->effects & EFFECT_RETURN_OLD;
    if (r->condition != COND_NONE || returns_old || r->ttl_kind == TTL_KEEP) {
        old = step_find(s);
        if (!step_condition_holds(s, old)) {
            if (!returns_old) return;
            call->reply = (struct reply){.kind = REPLY_NOT_FOUND};
            if (old) reply_reference(s, old);
            return;
        }
    }
    struct table_item item = {.value = r->value.ptr,
                              .value_len = r->value.len,
                              .flags = r->flags,
                              .deadline_ms = step_deadline(s, request_lifetime(r), old)};
    if (old && (r->effects & EFFECT_INVALIDATE) && entry_version(old) > r->if_version) {
        item.stale = true;
        item.deadline_ms = entry_deadline(old);
        item.leased = entry_leased(old);
    }
    if (!returns_old) {
        step_store(s, &item, &stored);
        return;
    }
    if (old) entry_hold(old); /* it leaves the table, and is the reply */
    if (step_store(s, &item, &stored)) {
        call->reply = (struct reply){.kind = REPLY_NOT_FOUND};
        if (old) reply_reference(s, old);
        call->reply.stored = true;
    }
    if (old) entry_release(old);
}

/* Sets the deadline; a session whose time is over goes. True if it is still there. */
static bool set_deadline(const struct step *s, struct entry *e, uint64_t deadline_ms)
{
    if (deadline_ms > s->now_ms) {
        table_set_deadline(s->table, e, deadline_ms);
        return true;
    }
    table_remove(s->table, e, REMOVED_DELETED);
    return false;
}

/* ---- the operations ---- */

/* GET and META, with what else they do. */
static void look(struct step *s, struct entry *e)
{
    const struct request *r = &s->call->request;
    uint16_t effects = r->effects;
    if (!effects) {
        answer(s, e);
        return;
    }
    uint64_t deadline = effects & EFFECT_TOUCH ? step_deadline(s, request_lifetime(r), e) : entry_deadline(e);
    entry_hold(e); /* the reply may be the last that has it */
    bool stays = !(effects & EFFECT_TOUCH) || set_deadline(s, e, deadline);
    answer(s, e);
    if (stays && (effects & EFFECT_DELETE)) table_remove(s->table, e, REMOVED_DELETED);
    entry_release(e);
}

static void touch(struct step *s, struct entry *e)
{
    uint64_t version = entry_version(e);
    set_deadline(s, e, step_deadline(s, request_lifetime(&s->call->request), e));
    s->call->reply.kind = REPLY_STORED;
    s->call->reply.version = version;
}

/* Operations that need the session to be there. */
static void on_session(struct step *s)
{
    const struct request *r = &s->call->request;
    struct entry *e = step_find(s);
    if (!step_condition_holds(s, e)) return;
    if (r->effects & EFFECT_LEASE) e = step_lease(s, e);
    if (!e) {
        if (s->call->reply.kind == REPLY_NONE) s->call->reply.kind = REPLY_NOT_FOUND;
        return;
    }
    switch (r->op) {
    case OP_GET:
    case OP_META: look(s, e); break;
    case OP_TOUCH: touch(s, e); break;
    case OP_DELETE:
        if (r->effects & EFFECT_INVALIDATE) {
            step_invalidate(s, e);
            break;
        }
        table_remove(s->table, e, REMOVED_DELETED);
        s->call->reply.kind = REPLY_OK;
        break;
    default: assert(false && "an operation on one session"); break;
    }
}

void execute(struct execute_rules *rules, struct databases *d, uint64_t hash, struct call *call, uint64_t now_ms)
{
    databases_catch_up(d, now_ms);
    struct step s = {rules, d, databases_table(d, call->request.database), hash, call, now_ms};
    switch (call->request.op) {
    case OP_PUT: put(&s); break;
    case OP_APPEND:
    case OP_PREPEND: step_append(&s); break;
    case OP_ADD: step_add(&s); break;
    default: on_session(&s); break;
    }
}

void execute_alone(struct execute_rules *rules, struct databases *d, struct call *call, uint64_t now_ms)
{
    struct slice key = call->request.key;
    if (op_has_one_key(call->request.op))
        execute(rules, d, databases_hash(d, key.ptr, key.len), call, now_ms);
    else
        execute_wide(rules, &d, 1, call, now_ms);
}
