#include "tests/unit/codec_events.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "proto/facts.h"
#include "proto/keys.h"

struct recorder {
    struct buffer *log;
    const struct codec *codec;
    bool answers;
};

/* ---- what is written down ---- */

static void log_bytes(struct buffer *log, const char *name, struct slice bytes)
{
    buffer_append_text(log, name);
    for (size_t i = 0; i < bytes.len; i++) {
        char c = bytes.ptr[i], text[8];
        if (c > ' ' && c < 0x7f && c != '\\') {
            buffer_append(log, &c, 1);
        } else {
            snprintf(text, sizeof text, "\\x%02x", (unsigned char)c);
            buffer_append_text(log, text);
        }
    }
}

static void log_some(struct buffer *log, const char *name, struct slice bytes)
{
    if (bytes.len > 0) log_bytes(log, name, bytes);
}

static void log_number(struct buffer *log, const char *name, uint64_t n)
{
    if (n == 0) return;
    buffer_append_text(log, name);
    buffer_append_u64(log, n);
}

static void log_lifetime(struct buffer *log, const char *name, struct lifetime l)
{
    static const char *const kinds[] = {"default", "never", "", "at:", "keep"};
    bool has_number = l.kind == TTL_RELATIVE || l.kind == TTL_ABSOLUTE;
    if (l.kind == TTL_DEFAULT) return;
    buffer_append_text(log, name);
    buffer_append_text(log, kinds[l.kind]);
    if (has_number) buffer_append_u64(log, l.ms);
}

static void log_condition(struct buffer *log, const struct request *r)
{
    static const char *const names[] = {"",        "absent", "present", "version", "value",
                                        "endless", "mortal", "longer",  "shorter", "mortal-shorter"};
    if (r->condition == COND_NONE) return;
    buffer_append_text(log, " if=");
    buffer_append_text(log, names[r->condition]);
    if (r->condition == COND_VERSION) log_number(log, ":", r->if_version);
}

static void log_call(struct buffer *log, const struct call *call)
{
    const struct request *r = &call->request;
    assert(request_is_allowed(r));
    buffer_append_text(log, op_name(r->op));
    log_some(log, " key=", r->key);
    log_some(log, " value=", r->value);
    log_lifetime(log, " ttl=", (struct lifetime){r->ttl_kind, r->ttl_ms});
    log_lifetime(log, " create=", r->create);
    log_condition(log, r);
    log_number(log, " effects=", r->effects);
    log_number(log, " flags=", r->flags);
    log_number(log, " db=", r->database);
    if (r->number != 0) {
        buffer_append_text(log, r->subtract ? " number=-" : " number=");
        buffer_append_i64(log, r->number);
    }
    log_number(log, " cursor=", r->cursor);
    log_number(log, " version=", r->set_version);
    log_number(log, " recache=", r->recache_ms);
    log_some(log, " tag=", r->tag);
    for (const struct call *part = call->parts; part; part = part->part_next) {
        buffer_append_text(log, " { ");
        assert(part->reply.kind == REPLY_NONE || (part->part_count == 0 && part->request.key.len == 0));
        if (part->reply.kind != REPLY_NONE)
            log_bytes(log, "answered ", part->reply.body);
        else
            log_call(log, part);
        buffer_append_text(log, " }");
    }
}

/* ---- replies ---- */

static void no_release(void *held)
{
    (void)held;
}

static void reply_keys(struct reply *reply)
{
    static const char packed[] = "\1\0a\0\0\2\0bc"; /* little-endian machines only; others see other keys */
    reply->kind = REPLY_KEYS;
    reply->body = slice_of(packed, sizeof packed - 1);
    reply->count = 0;
    struct slice keys = reply->body, key;
    while (keys_next(&keys, &key))
        reply->count++;
}

static void reply_facts(struct reply *reply)
{
    static const struct facts facts = {
        .version = "1.2.3", .backend = "mutex", .sessions = {3}, .peer = "127.0.0.1:1", .local = "127.0.0.1:2"};
    reply->kind = REPLY_FACTS;
    reply->held = (void *)&facts; /* only read */
    reply->release = no_release;
}

/* What the operation gives when it finds its session. */
static void succeed(struct call *call)
{
    struct reply *reply = &call->reply;
    *reply = (struct reply){.version = 5, .number = 1500, .size = 3, .flags = 9, .expires_unix_ms = 1900000000123};
    switch (call->request.op) {
    case OP_GET:
        reply->kind = REPLY_VALUE;
        reply->body = slice_text("a\r\nb");
        break;
    case OP_PUT:
    case OP_TOUCH:
    case OP_APPEND:
    case OP_PREPEND:
        reply->kind = REPLY_STORED;
        if (!(call->request.effects & EFFECT_RETURN_OLD)) break;
        reply->kind = REPLY_VALUE;
        reply->body = slice_text("old");
        break;
    case OP_META: reply->kind = REPLY_META; break;
    case OP_ADD: reply->kind = REPLY_NUMBER; break;
    case OP_LEN: reply->kind = REPLY_LEN; break;
    case OP_SCAN: reply_keys(reply); break;
    case OP_RANDOM:
        reply->kind = REPLY_KEY;
        reply->body = slice_text("key");
        break;
    case OP_BATCH:
        for (struct call *part = call->parts; part; part = part->part_next)
            if (part->reply.kind == REPLY_NONE) codec_reply_somehow(part);
        reply->kind = REPLY_PARTS;
        break;
    case OP_FACTS: reply_facts(reply); break;
    case OP_TIME: reply->kind = REPLY_TIME; break;
    case OP_QUIT: reply->kind = REPLY_BYE; break;
    default: reply->kind = REPLY_OK; break;
    }
}

void codec_reply_somehow(struct call *call)
{
    struct reply *reply = &call->reply;
    const struct request *r = &call->request;
    size_t dice = r->key.len > 0 ? (unsigned char)r->key.ptr[r->key.len - 1] : 0;
    if (!op_needs_table(r->op)) dice = 0;
    switch (dice % 8) {
    case 1: *reply = (struct reply){.kind = REPLY_NOT_FOUND}; break;
    case 2: *reply = (struct reply){.kind = REPLY_CONFLICT, .version = dice / 8 % 2}; break;
    case 3: *reply = (struct reply){.kind = REPLY_OVERLOADED, .number = (int64_t)dice / 8 - 12}; break;
    case 4: reply_error(reply, (enum error_code)(dice / 8 % ERR_COUNT), "text for people"); break;
    case 5: *reply = (struct reply){.kind = REPLY_LATE}; break;
    default:
        succeed(call);
        if (dice % 8 == 6) reply->number = reply->left_ms = -1, reply->marks = MARK_STALE | MARK_WON | MARK_LEASED;
        break;
    }
}

/* ---- events ---- */

static void log_encoded(struct recorder *r, const char *name, struct call *call)
{
    struct buffer out = {0};
    while (r->codec->encode(&out, call))
        ;
    assert(!out.failed);
    log_bytes(r->log, name, slice_of(out.data, out.len));
    buffer_append_text(r->log, "\n");
    buffer_free(&out);
}

static bool record(void *ctx, enum decode_status status, struct call *call)
{
    struct recorder *r = ctx;
    if (status == DECODE_ANSWERED || status == DECODE_CLOSE) {
        assert(call->part_count == 0);
        assert(call->reply.kind != REPLY_NONE && call->request.key.len == 0 && call->request.value.len == 0);
        log_encoded(r, status == DECODE_CLOSE ? "close " : "answered ", call);
        return true;
    }
    bool owned = call_own(call); /* and what follows uses the copies */
    assert(owned);
    log_call(r->log, call);
    buffer_append_text(r->log, "\n");
    bool quits = call->request.op == OP_QUIT;
    if (r->answers) {
        codec_reply_somehow(call);
        log_encoded(r, "  -> ", call);
    }
    return !quits;
}

static void events(struct recorder *r, const struct codec_limits *limits, const char *in, size_t len,
                   struct pieces pieces)
{
    codec_drive(r->codec, limits, in, len, pieces, record, r);
    assert(!r->log->failed);
}

void codec_events(struct buffer *log, const struct codec *codec, const struct codec_limits *limits, const char *in,
                  size_t len, struct pieces pieces)
{
    events(&(struct recorder){log, codec, false}, limits, in, len, pieces);
}

void codec_events_answered(struct buffer *log, const struct codec *codec, const struct codec_limits *limits,
                           const char *in, size_t len, struct pieces pieces)
{
    events(&(struct recorder){log, codec, true}, limits, in, len, pieces);
}
