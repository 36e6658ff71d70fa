#include "proto/memcached/client.h"

#include "proto/number.h"

#define RELATIVE_MAX_S 2592000 /* above it a number is a time of day */

/* ---- requests ---- */

/* A lifetime in seconds; 0: for ever, as is anything too long to be said. */
static uint64_t seconds_of(const struct request *request)
{
    uint64_t s = request->ttl_kind == TTL_RELATIVE ? (request->ttl_ms + 999) / 1000 : 0;
    return s > RELATIVE_MAX_S ? 0 : s;
}

static void append_verb(struct buffer *out, const char *verb, struct slice key)
{
    buffer_append_text(out, verb);
    buffer_append(out, key.ptr, key.len);
}

void memcached_encode_request(struct buffer *out, const struct request *request)
{
    switch (request->op) {
    case OP_GET: append_verb(out, "get ", request->key); break;
    case OP_DELETE: append_verb(out, "delete ", request->key); break;
    case OP_TOUCH:
        append_verb(out, "touch ", request->key);
        buffer_append_text(out, " ");
        buffer_append_u64(out, seconds_of(request));
        break;
    case OP_PUT:
        append_verb(out, "set ", request->key);
        buffer_append_text(out, " 0 ");
        buffer_append_u64(out, seconds_of(request));
        buffer_append_text(out, " ");
        buffer_append_u64(out, request->value.len);
        buffer_append_text(out, "\r\n");
        buffer_append(out, request->value.ptr, request->value.len);
        break;
    default: buffer_append_text(out, "mn"); break;
    }
    buffer_append_text(out, "\r\n");
}

/* ---- replies ---- */

static bool begins(struct slice line, const char *front)
{
    size_t len = strlen(front);
    return line.len >= len && memcmp(line.ptr, front, len) == 0;
}

/* "VALUE key flags bytes": the body's length; false when it is none. */
static bool take_value(const struct codec_limits *limits, struct slice line, struct reply *reply)
{
    const char *space = memrchr(line.ptr, ' ', line.len);
    uint64_t n = 0;
    struct slice count = slice_of(space + 1, (size_t)(line.ptr + line.len - space - 1));
    if (!number_parse(count, SIZE_MAX / 2, &n) || (limits->value > 0 && n > limits->value)) return false;
    reply->kind = REPLY_VALUE;
    reply->number = -1;
    reply->body = slice_of(NULL, (size_t)n);
    return true;
}

static void take_server_error(struct slice line, struct reply *reply)
{
    static const char overloaded[] = "SERVER_ERROR overloaded, retry after ";
    uint64_t ms = 0;
    if (begins(line, "SERVER_ERROR late")) {
        reply->kind = REPLY_LATE;
        return;
    }
    if (begins(line, "SERVER_ERROR overloaded")) {
        reply->kind = REPLY_OVERLOADED;
        reply->number = -1;
        if (!begins(line, overloaded)) return;
        struct slice rest = slice_of(line.ptr + sizeof overloaded - 1, line.len - (sizeof overloaded - 1));
        const char *end = memchr(rest.ptr, ' ', rest.len);
        if (end && number_parse(slice_of(rest.ptr, (size_t)(end - rest.ptr)), INT64_MAX, &ms))
            reply->number = (int64_t)ms;
        return;
    }
    reply->kind = REPLY_ERROR;
    reply->error = ERR_INTERNAL;
    reply->body = line;
}

static bool take_line(const struct codec_limits *limits, struct slice line, struct reply *reply)
{
    static const struct {
        const char *word;
        enum reply_kind kind;
    } words[] = {{"STORED", REPLY_STORED},       {"END", REPLY_NOT_FOUND},       {"DELETED", REPLY_OK},
                 {"TOUCHED", REPLY_OK},          {"NOT_FOUND", REPLY_NOT_FOUND}, {"MN", REPLY_PONG},
                 {"NOT_STORED", REPLY_CONFLICT}, {"EXISTS", REPLY_CONFLICT}};
    if (begins(line, "VALUE ")) return take_value(limits, line, reply);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (!slice_equal(line, slice_text(words[i].word))) continue;
        reply->kind = words[i].kind;
        return true;
    }
    if (!begins(line, "SERVER_ERROR") && !begins(line, "CLIENT_ERROR") && !begins(line, "ERROR")) return false;
    take_server_error(line, reply);
    return true;
}

enum decode_status memcached_decode_reply(struct reply_decoder *d, const struct codec_limits *limits,
                                          const char *in, size_t len, size_t *used, struct reply *reply,
                                          struct slice *tag)
{
    static const char end[] = "\r\nEND\r\n";
    *used = 0;
    *reply = (struct reply){0};
    *tag = slice_of(NULL, 0);
    size_t window = len < limits->line ? len : limits->line;
    const char *lf = window > d->scanned ? memchr(in + d->scanned, '\n', window - d->scanned) : NULL;
    if (!lf) {
        d->scanned = window;
        return window < limits->line ? DECODE_MORE : DECODE_CLOSE;
    }
    size_t at = (size_t)(lf - in) + 1;
    if (at < 3 || lf[-1] != '\r' || !take_line(limits, slice_of(in, at - 2), reply)) return DECODE_CLOSE;
    if (reply->kind == REPLY_VALUE) { /* one key was asked for, so END follows its value */
        size_t body = reply->body.len;
        if (len - at < body + sizeof end - 1) return DECODE_MORE;
        if (memcmp(in + at + body, end, sizeof end - 1) != 0) return DECODE_CLOSE;
        reply->body.ptr = in + at;
        at += body + sizeof end - 1;
    }
    d->scanned = 0;
    *used = at;
    return DECODE_REQUEST;
}
