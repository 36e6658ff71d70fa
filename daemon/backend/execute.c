#include "daemon/backend/execute.h"

#include <assert.h>

#include "daemon/base/log.h"

/* Values up to this size are copied under the lock or by the owner; a reference count is dearer than that copy
 * when another core touches it too. */
#define COPY_MAX 256
_Static_assert(COPY_MAX + TAG_MAX <= CALL_INLINE, "a copied value never moves the storage: its size is booked");

void execute_work(uint64_t iterations)
{
    uint64_t x = 88172645463325252U;
    for (uint64_t i = 0; i < iterations; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        /* The compiler must believe that every round matters. */
        __asm__ volatile("" : "+r"(x));
    }
}

static uint64_t deadline_of(const struct execute_rules *rules, const struct request *request, uint64_t now_ms)
{
    uint64_t ttl = UINT64_MAX;
    switch (request->ttl_kind) {
    case TTL_DEFAULT: ttl = rules->ttl_default_ms; break;
    default: break;
    case TTL_RELATIVE: ttl = request->ttl_ms; break;
    }
    if (ttl > rules->ttl_max_lifetime_ms) ttl = rules->ttl_max_lifetime_ms;
    return ttl == UINT64_MAX ? TABLE_NEVER : now_ms + ttl;
}

/* True when the operation may go on; otherwise the reply says CONFLICT. */
static bool condition_holds(struct call *call, const struct entry *e)
{
    const struct request *request = &call->request;
    bool holds = true;
    switch (request->condition) {
    case COND_NONE: break;
    case COND_ABSENT: holds = e == NULL; break;
    case COND_PRESENT: holds = e != NULL; break;
    case COND_VERSION: holds = e != NULL && entry_version(e) == request->if_version; break;
    default: break;
    }
    if (!holds) {
        call->reply.kind = REPLY_CONFLICT;
        call->reply.version = e ? entry_version(e) : 0;
    }
    return holds;
}

static void reply_value(struct call *call, struct entry *e, uint64_t now_ms)
{
    struct reply *reply = &call->reply;
    uint64_t deadline = entry_deadline(e);
    reply->kind = REPLY_VALUE;
    reply->version = entry_version(e);
    reply->number = deadline == TABLE_NEVER ? -1 : (int64_t)(deadline - now_ms);
    reply->body = slice_of(entry_value(e), entry_value_len(e));
    if (reply->body.len <= COPY_MAX && call_keep_body(call)) return;
    reply->body = slice_of(entry_value(e), entry_value_len(e));
    entry_retain(e);
    reply->held = e;
    reply->release = entry_release;
}

static void put(const struct execute_rules *rules, struct table *t, uint64_t hash, struct call *call,
                uint64_t now_ms)
{
    const struct request *request = &call->request;
    if (request->condition != COND_NONE &&
        !condition_holds(call, table_find(t, hash, request->key.ptr, request->key.len, now_ms)))
        return;
    struct entry *stored = NULL;
    enum table_status status = table_put(t, hash, request->key.ptr, request->key.len, request->value.ptr,
                                         request->value.len, deadline_of(rules, request, now_ms), now_ms, &stored);
    if (status != TABLE_OK) {
        reply_error(&call->reply, ERR_OUT_OF_MEMORY, "the store is full (limits.memory); not stored");
        log_debug("no memory for a session", LOG_KEY("session", request->key.ptr, request->key.len),
                  LOG_U64("bytes", request->key.len + request->value.len));
        return;
    }
    call->reply.kind = REPLY_STORED;
    call->reply.version = entry_version(stored);
}

void execute(const struct execute_rules *rules, struct table *t, uint64_t hash, struct call *call, uint64_t now_ms)
{
    const struct request *request = &call->request;
    if (request->op == OP_PUT) {
        put(rules, t, hash, call, now_ms);
        return;
    }
    struct entry *e = table_find(t, hash, request->key.ptr, request->key.len, now_ms);
    if (!condition_holds(call, e)) return;
    if (!e) {
        call->reply.kind = REPLY_NOT_FOUND;
        return;
    }
    switch (request->op) {
    case OP_GET: reply_value(call, e, now_ms); break;
    case OP_DELETE:
        table_remove(t, e);
        call->reply.kind = REPLY_OK;
        break;
    case OP_TOUCH:
        table_set_deadline(t, e, deadline_of(rules, request, now_ms));
        call->reply.kind = REPLY_STORED;
        call->reply.version = entry_version(e);
        break;
    default: assert(false && "an operation on one session"); break;
    }
}
