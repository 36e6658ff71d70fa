/*
 * Each step hands the codec a copy of its input in a block of exactly that size, so that a sanitizer sees a read
 * behind it.
 */
#include "tests/unit/text_events.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t next_whole(struct text_pieces *pieces, size_t left)
{
    (void)pieces;
    return left;
}

static size_t next_fixed(struct text_pieces *pieces, size_t left)
{
    (void)left;
    return pieces->fixed;
}

static size_t next_cut(struct text_pieces *pieces, size_t left)
{
    return pieces->at++ == 0 && pieces->fixed > 0 ? pieces->fixed : left;
}

static size_t next_listed(struct text_pieces *pieces, size_t left)
{
    if (pieces->count == 0) return left;
    size_t size = pieces->sizes[pieces->at];
    if (pieces->at + 1 < pieces->count) pieces->at++;
    return size;
}

struct text_pieces pieces_whole(void)
{
    return (struct text_pieces){.next = next_whole};
}

struct text_pieces pieces_fixed(size_t size)
{
    return (struct text_pieces){.next = next_fixed, .fixed = size};
}

struct text_pieces pieces_cut(size_t at)
{
    return (struct text_pieces){.next = next_cut, .fixed = at};
}

struct text_pieces pieces_listed(const unsigned char *sizes, size_t count)
{
    return (struct text_pieces){.next = next_listed, .sizes = sizes, .count = count};
}

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
            snprintf(text, sizeof(text), "\\x%02x", (unsigned char)c);
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

struct feed {
    const char *in;
    size_t from; /* what the codec has not used yet starts here */
    size_t upto; /* what has arrived ends here */
    size_t len;
};

static char *copy_exact(const struct feed *feed)
{
    size_t n = feed->upto - feed->from;
    char *block = malloc(n > 0 ? n : 1);
    assert(block != NULL);
    if (n > 0) memcpy(block, feed->in + feed->from, n);
    return block;
}

/* False when there is no more. */
static bool arrive(struct feed *feed, struct text_pieces *pieces)
{
    size_t left = feed->len - feed->upto;
    if (left == 0) return false;
    size_t size = pieces->next(pieces, left);
    if (size == 0) size = 1;
    feed->upto += size < left ? size : left;
    return true;
}

/* Takes the announced value as a connection does and then its end; DECODE_MORE: the input ended before. */
static enum decode_status take_body(struct decoder *d, struct feed *feed, struct text_pieces *pieces,
                                    struct call *call)
{
    size_t got = 0;
    size_t used = 0;
    enum decode_status status = DECODE_MORE;
    if (call->request.value.len > feed->len) return DECODE_MORE; /* it cannot come: save the room */
    bool owned = call_own(call);
    assert(owned);
    while (got < call->request.value.len) {
        size_t want = call->request.value.len - got;
        size_t have = feed->upto - feed->from;
        size_t take = want < have ? want : have;
        if (take > 0) memcpy(call_value_room(call) + got, feed->in + feed->from, take);
        got += take;
        feed->from += take;
        if (take == 0 && !arrive(feed, pieces)) return DECODE_MORE;
    }
    for (;;) {
        char *block = copy_exact(feed);
        status = codec_text.decode_end(d, block, feed->upto - feed->from, &used, call);
        free(block);
        assert(used <= feed->upto - feed->from && (status != DECODE_MORE || used == 0));
        feed->from += used;
        if (status != DECODE_MORE || !arrive(feed, pieces)) return status;
    }
}

void text_events(struct buffer *log, const struct codec_limits *limits, const char *in, size_t len,
                 struct text_pieces pieces)
{
    struct feed feed = {in, 0, 0, len};
    struct decoder d = {0};
    bool going = true;
    while (going) {
        struct call call;
        size_t used = 0;
        call_init(&call);
        char *block = copy_exact(&feed);
        enum decode_status status = codec_text.decode(&d, limits, block, feed.upto - feed.from, &used, &call);
        assert(used <= feed.upto - feed.from);
        feed.from += used;
        bool body = status == DECODE_BODY;
        if (body) {
            assert(call.request.value.ptr == NULL && call.request.value.len <= limits->value);
            status = take_body(&d, &feed, &pieces, &call);
            /* When the framing is lost only the tag of the request matters. */
            if (status == DECODE_CLOSE) assert(call.request.key.len == 0);
        }
        switch (status) {
        case DECODE_MORE: going = !body && arrive(&feed, &pieces); break;
        case DECODE_BODY: assert(false); break;
        case DECODE_ANSWERED: log_error(log, "refused", &call); break;
        case DECODE_CLOSE:
            log_error(log, "close", &call);
            going = false;
            break;
        case DECODE_REQUEST:
            text_log_request(log, &call.request);
            going = call.request.op != OP_QUIT;
            break;
        }
        free(block);
        call_clear(&call);
    }
    assert(!log->failed);
}

/* ---- the client's side ---- */

void text_reply_events(struct buffer *log, const struct codec_limits *limits, const char *in, size_t len,
                       struct text_pieces pieces)
{
    struct feed feed = {in, 0, 0, len};
    struct reply_decoder d = {0};
    bool going = true;
    while (going) {
        struct reply reply;
        struct slice tag;
        size_t used = 0;
        char *block = copy_exact(&feed);
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
            going = arrive(&feed, &pieces);
        }
        free(block);
    }
    assert(!log->failed);
}
