#include "proto/resp/client.h"

#include "proto/number.h"

/* ---- requests ---- */

static void append_argument(struct buffer *out, struct slice argument)
{
    buffer_append_text(out, "$");
    buffer_append_u64(out, argument.len);
    buffer_append_text(out, "\r\n");
    buffer_append(out, argument.ptr, argument.len);
    buffer_append_text(out, "\r\n");
}

static void append_number(struct buffer *out, uint64_t n)
{
    char digits[NUMBER_DIGITS];
    append_argument(out, slice_of(digits, number_format(digits, n)));
}

static void append_put(struct buffer *out, const struct request *request)
{
    bool expires = request->ttl_kind == TTL_RELATIVE;
    buffer_append_text(out, expires ? "*5\r\n$3\r\nSET\r\n" : "*3\r\n$3\r\nSET\r\n");
    append_argument(out, request->key);
    append_argument(out, request->value);
    if (!expires) return;
    buffer_append_text(out, "$2\r\nPX\r\n");
    append_number(out, request->ttl_ms);
}

static void append_touch(struct buffer *out, const struct request *request)
{
    if (request->ttl_kind != TTL_RELATIVE) {
        buffer_append_text(out, "*2\r\n$7\r\nPERSIST\r\n");
        append_argument(out, request->key);
        return;
    }
    buffer_append_text(out, "*3\r\n$7\r\nPEXPIRE\r\n");
    append_argument(out, request->key);
    append_number(out, request->ttl_ms);
}

void resp_encode_request(struct buffer *out, const struct request *request)
{
    switch (request->op) {
    case OP_GET:
        buffer_append_text(out, "*2\r\n$3\r\nGET\r\n");
        append_argument(out, request->key);
        break;
    case OP_PUT: append_put(out, request); break;
    case OP_DELETE:
        buffer_append_text(out, "*2\r\n$3\r\nDEL\r\n");
        append_argument(out, request->key);
        break;
    case OP_TOUCH: append_touch(out, request); break;
    case OP_LEN: buffer_append_text(out, "*1\r\n$6\r\nDBSIZE\r\n"); break;
    default: buffer_append_text(out, "*1\r\n$4\r\nPING\r\n"); break;
    }
}

/* ---- replies ---- */

/* Takes the number behind "OVERLOADED retry after ". */
static bool take_overloaded(struct slice text, struct reply *reply)
{
    static const char front[] = "OVERLOADED";
    static const char retry[] = "OVERLOADED retry after ";
    uint64_t ms = 0;
    if (text.len < sizeof front - 1 || memcmp(text.ptr, front, sizeof front - 1) != 0) return false;
    reply->kind = REPLY_OVERLOADED;
    reply->number = -1;
    if (text.len < sizeof retry || memcmp(text.ptr, retry, sizeof retry - 1) != 0) return true;
    const char *digits = text.ptr + sizeof retry - 1;
    const char *end = memchr(digits, ' ', text.len - (sizeof retry - 1));
    if (end && number_parse(slice_of(digits, (size_t)(end - digits)), INT64_MAX, &ms)) reply->number = (int64_t)ms;
    return true;
}

static void take_error(struct slice text, struct reply *reply)
{
    if (take_overloaded(text, reply)) return;
    if (text.len >= 4 && memcmp(text.ptr, "LATE", 4) == 0) {
        reply->kind = REPLY_LATE;
        return;
    }
    reply->kind = REPLY_ERROR;
    reply->error = ERR_INTERNAL;
    reply->body = text;
}

/* "$<n>": the body's length goes into *body; false when it is none. */
static bool take_bulk(const struct codec_limits *limits, struct slice text, struct reply *reply)
{
    uint64_t n = 0;
    if (slice_equal(text, slice_text("-1"))) {
        reply->kind = REPLY_NOT_FOUND;
        return true;
    }
    if (!number_parse(text, SIZE_MAX / 2, &n) || (limits->value > 0 && n > limits->value)) return false;
    reply->kind = REPLY_VALUE;
    reply->number = -1;
    reply->body = slice_of(NULL, (size_t)n);
    return true;
}

static bool take_line(const struct codec_limits *limits, struct slice line, struct reply *reply)
{
    struct slice rest = slice_of(line.ptr + 1, line.len - 1);
    uint64_t n = 0;
    switch (line.ptr[0]) {
    case '+': reply->kind = REPLY_OK; return true;
    case '-': take_error(rest, reply); return true;
    case '_': reply->kind = REPLY_NOT_FOUND; return true;
    case '$': return take_bulk(limits, rest, reply);
    case ':':
        if (!number_parse(rest, INT64_MAX, &n)) return false;
        reply->kind = n == 0 ? REPLY_NOT_FOUND : REPLY_LEN;
        reply->number = (int64_t)n;
        return true;
    default: return false;
    }
}

enum decode_status resp_decode_reply(struct reply_decoder *d, const struct codec_limits *limits, const char *in,
                                     size_t len, size_t *used, struct reply *reply, struct slice *tag)
{
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
    if (reply->kind == REPLY_VALUE) {
        if (len - at < reply->body.len + 2) return DECODE_MORE;
        reply->body.ptr = in + at;
        at += reply->body.len + 2;
        if (in[at - 2] != '\r' || in[at - 1] != '\n') return DECODE_CLOSE;
    }
    d->scanned = 0;
    *used = at;
    return DECODE_REQUEST;
}
