#include "tests/unit/text_events.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what is written down ---- */

static void log_bytes(struct buffer *log, const char *name, struct slice bytes)
{
    buffer_append_text(log, name);
    for (size_t i = 0; i < bytes.len; i++) {
        char c = bytes.ptr[i];
        char text[8];
        if (c > ' ' && c < 0x7f && c != '\\') {
            buffer_append(log, &c, 1);
        } else {
            snprintf(text, sizeof text, "\\x%02x", (unsigned char)c);
            buffer_append_text(log, text);
        }
    }
}

static void log_number(struct buffer *log, const char *name, uint64_t n)
{
    buffer_append_text(log, name);
    buffer_append_u64(log, n);
}

static void log_i64(struct buffer *log, const char *name, int64_t n)
{
    buffer_append_text(log, name);
    buffer_append_i64(log, n);
}

void text_log_request(struct buffer *log, const struct request *request)
{
    static const char *const classes[] = {"", " class=critical", " class=normal", " class=sheddable"};
    assert(request_is_allowed(request));
    buffer_append_text(log, op_name(request->op));
    if (request->key.len > 0) log_bytes(log, " key=", request->key);
    if (request->op == OP_PUT) log_bytes(log, " value=", request->value);
    if (request->op == OP_PUT || request->op == OP_TOUCH) {
        if (request->ttl_kind == TTL_DEFAULT) buffer_append_text(log, " ttl=-");
        if (request->ttl_kind == TTL_NEVER) buffer_append_text(log, " ttl=never");
        if (request->ttl_kind == TTL_RELATIVE) log_number(log, " ttl=", request->ttl_ms);
    }
    if (request->condition == COND_ABSENT) buffer_append_text(log, " if=absent");
    if (request->condition == COND_PRESENT) buffer_append_text(log, " if=present");
    if (request->condition == COND_VERSION) log_number(log, " if=", request->if_version);
    if (request->tag.len > 0) log_bytes(log, " tag=", request->tag);
    if (request->deadline_ms > 0) log_number(log, " deadline=", request->deadline_ms);
    buffer_append_text(log, classes[request->priority]);
    if (request->overtakes) buffer_append_text(log, " refuse=early");
    buffer_append_text(log, "\n");
}

static void log_error(struct buffer *log, const char *what, const struct call *call)
{
    assert(call->reply.kind == REPLY_ERROR && call->reply.body.len > 0);
    assert(call->request.key.len == 0 && call->request.value.len == 0); /* nothing to own but the tag */
    buffer_append_text(log, what);
    if (call->request.tag.len > 0) log_bytes(log, " tag=", call->request.tag);
    buffer_append_text(log, " ");
    buffer_append_text(log, error_code_name(call->reply.error));
    buffer_append_text(log, " | ");
    buffer_append(log, call->reply.body.ptr, call->reply.body.len);
    buffer_append_text(log, "\n");
}

void text_log_reply(struct buffer *log, const struct reply *reply, struct slice tag)
{
    static const char *const kinds[] = {
        [REPLY_NONE] = "none",         [REPLY_OK] = "ok",     [REPLY_STORED] = "stored",
        [REPLY_VALUE] = "value",       [REPLY_LEN] = "len",   [REPLY_NOT_FOUND] = "not_found",
        [REPLY_CONFLICT] = "conflict", [REPLY_LATE] = "late", [REPLY_OVERLOADED] = "overloaded",
        [REPLY_ERROR] = "error",       [REPLY_PONG] = "pong", [REPLY_JSON] = "json",
        [REPLY_TEXT] = "text",         [REPLY_BYE] = "bye",   [REPLY_VERSION] = "version",
    };
    buffer_append_text(log, kinds[reply->kind]);
    if (tag.len > 0) log_bytes(log, " tag=", tag);
    if (reply->kind == REPLY_ERROR) log_bytes(log, " ", slice_text(error_code_name(reply->error)));
    log_i64(log, " number=", reply->number);
    log_number(log, " version=", reply->version);
    log_bytes(log, " body=", reply->body);
    buffer_append_text(log, "\n");
}

/* ---- the server's side ---- */

static bool log_event(void *ctx, enum decode_status status, struct call *call)
{
    struct buffer *log = ctx;
    switch (status) {
    case DECODE_ANSWERED: log_error(log, "refused", call); return true;
    case DECODE_CLOSE: log_error(log, "close", call); return false;
    default: text_log_request(log, &call->request); return call->request.op != OP_QUIT;
    }
}

void text_events(struct buffer *log, const struct codec_limits *limits, const char *in, size_t len,
                 struct pieces pieces)
{
    codec_drive(&codec_text, limits, in, len, pieces, log_event, log);
    assert(!log->failed);
}

/* ---- the client's side ---- */

void text_reply_events(struct buffer *log, const struct codec_limits *limits, const char *in, size_t len,
                       struct pieces pieces)
{
    struct feed feed = {in, 0, 0, len};
    struct reply_decoder d = {0};
    bool going = true;
    while (going) {
        struct reply reply;
        struct slice tag;
        size_t used = 0;
        char *block = feed_copy(&feed);
        size_t have = feed.upto - feed.from;
        enum decode_status status = codec_text.decode_reply(&d, limits, block, have, &used, &reply, &tag);
        assert(used <= have);
        feed.from += used;
        if (status == DECODE_REQUEST) {
            text_log_reply(log, &reply, tag);
        } else if (status == DECODE_CLOSE) {
            buffer_append_text(log, "close\n");
            going = false;
        } else {
            assert(status == DECODE_MORE);
            going = feed_arrive(&feed, &pieces);
        }
        free(block);
    }
    assert(!log->failed);
}
