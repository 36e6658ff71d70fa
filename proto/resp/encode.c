/* Replies: what came of a request, in the form that its command promised. */
#include "proto/keys.h"
#include "proto/number.h"
#include "proto/resp/state.h"

/* ---- pieces ---- */

void resp_put_number(struct buffer *out, char type, int64_t n)
{
    char *at = buffer_reserve(out, NUMBER_DIGITS + 4);
    if (!at) return;
    char *start = at;
    *at++ = type;
    at += number_format_i64(at, n);
    *at++ = '\r';
    *at++ = '\n';
    out->len += (size_t)(at - start);
}

void resp_put_bulk(struct buffer *out, struct slice body)
{
    char *at = buffer_reserve(out, NUMBER_DIGITS + 5 + body.len);
    if (!at) return;
    char *start = at;
    *at++ = '$';
    at += number_format(at, body.len);
    *at++ = '\r';
    *at++ = '\n';
    if (body.len > 0) memcpy(at, body.ptr, body.len);
    at += body.len;
    *at++ = '\r';
    *at++ = '\n';
    out->len += (size_t)(at - start);
}

void resp_put_nil(struct buffer *out, bool is_3)
{
    buffer_append_text(out, is_3 ? "_\r\n" : "$-1\r\n");
}

void resp_put_verbatim(struct buffer *out, struct slice text, bool is_3)
{
    if (!is_3) {
        resp_put_bulk(out, text);
        return;
    }
    resp_put_number(out, '=', (int64_t)text.len + 4);
    buffer_append_text(out, "txt:");
    buffer_append(out, text.ptr, text.len);
    buffer_append_text(out, "\r\n");
}

static void put_text(struct buffer *out, const char *line)
{
    buffer_append(out, line, strlen(line));
}

/* ---- refusals ---- */

static void put_error(struct buffer *out, const struct reply *reply)
{
    switch (reply->error) {
    case ERR_OUT_OF_MEMORY: put_text(out, "-OOM command not allowed when used memory > 'maxmemory'.\r\n"); return;
    case ERR_NOT_A_NUMBER: put_text(out, "-ERR value is not an integer or out of range\r\n"); return;
    case ERR_OVERFLOW: put_text(out, "-ERR increment or decrement would overflow\r\n"); return;
    case ERR_TOO_LARGE: put_text(out, "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n"); return;
    case ERR_TOO_MANY_CONNECTIONS: put_text(out, "-ERR max number of clients reached\r\n"); return;
    default: break;
    }
    put_text(out, "-ERR ");
    buffer_append(out, reply->body.ptr, reply->body.len);
    put_text(out, "\r\n");
}

/* What every form renders alike; false when it is for the form. */
static bool put_refusal(struct buffer *out, const struct reply *reply)
{
    switch (reply->kind) {
    case REPLY_ERROR: put_error(out, reply); return true;
    case REPLY_LATE: put_text(out, "-LATE the deadline had passed; not executed\r\n"); return true;
    case REPLY_OVERLOADED:
        if (reply->number < 0) {
            put_text(out, "-OVERLOADED do not retry\r\n");
            return true;
        }
        put_text(out, "-OVERLOADED retry after ");
        buffer_append_i64(out, reply->number);
        put_text(out, " ms\r\n");
        return true;
    default: return false;
    }
}

/* ---- forms ---- */

static bool took_place(const struct reply *reply)
{
    return reply->kind != REPLY_NOT_FOUND && reply->kind != REPLY_CONFLICT && reply->kind != REPLY_ERROR;
}

static int64_t count_parts(const struct call *call)
{
    int64_t n = 0;
    for (const struct call *part = call->parts; part; part = part->part_next)
        n += took_place(&part->reply);
    return n;
}

static void put_integer(struct buffer *out, const struct call *call)
{
    bool is_sum = call->reply.kind == REPLY_PARTS;
    resp_put_number(out, ':', is_sum ? count_parts(call) : call->reply.number);
}

/* A time left or a time of day of META, in ms or in seconds; -1: never, -2: no such key. */
static void put_time(struct buffer *out, const struct reply *reply, int64_t ms, bool in_seconds)
{
    if (reply->kind != REPLY_META)
        ms = -2;
    else if (reply->number < 0)
        ms = -1;
    else if (in_seconds)
        ms = (ms + 500) / 1000;
    resp_put_number(out, ':', ms);
}

/* OBJECT ENCODING tells how Redis would keep the value. */
static void put_encoding(struct buffer *out, const struct reply *reply)
{
    int64_t n;
    const char *word = reply->body.len <= 44 ? "embstr" : "raw";
    if (resp_integer(reply->body, &n)) word = "int";
    resp_put_bulk(out, slice_text(word));
}

/* The head of a reply that is encoded in slices; false: it is there. */
static bool begins(struct call *call)
{
    bool first = !(call->form & RESP_BEGUN);
    call->form |= RESP_BEGUN;
    return first;
}

static bool put_keys(struct buffer *out, struct call *call)
{
    struct reply *reply = &call->reply;
    struct slice key;
    size_t start = out->len;
    if (reply->kind != REPLY_KEYS) {
        buffer_append_text(out, reply->kind == REPLY_META ? "*1\r\n$0\r\n\r\n" : "*0\r\n");
        return false;
    }
    if (begins(call)) resp_put_number(out, '*', reply->count);
    while (out->len - start < CODEC_SLICE) {
        if (!keys_next(&reply->body, &key)) return false;
        resp_put_bulk(out, key);
    }
    return true;
}

static bool put_scan(struct buffer *out, struct call *call)
{
    char digits[NUMBER_DIGITS];
    if (!(call->form & RESP_BEGUN)) {
        resp_put_number(out, '*', 2);
        resp_put_bulk(out, slice_of(digits, number_format(digits, call->reply.cursor)));
    }
    return put_keys(out, call);
}

static void put_clock(struct buffer *out, const struct reply *reply)
{
    char digits[NUMBER_DIGITS];
    uint64_t us = (uint64_t)reply->number;
    resp_put_number(out, '*', 2);
    resp_put_bulk(out, slice_of(digits, number_format(digits, us / 1000000)));
    resp_put_bulk(out, slice_of(digits, number_format(digits, us % 1000000)));
}

static bool put_parts(struct buffer *out, struct call *call)
{
    size_t start = out->len;
    if (begins(call)) resp_put_number(out, '*', call->part_count);
    for (; call->parts; call_drop_part(call))
        if (out->len - start >= CODEC_SLICE || resp_encode(out, call->parts)) return true;
    return false;
}

/* +OK, or the first error among the parts. */
static void put_all_ok(struct buffer *out, const struct call *call)
{
    for (const struct call *part = call->parts; part; part = part->part_next)
        if (put_refusal(out, &part->reply)) return;
    put_text(out, "+OK\r\n");
}

/* Forms whose reply is nil when there is no such key. */
static void put_or_nil(struct buffer *out, const struct call *call)
{
    const struct reply *reply = &call->reply;
    if (!took_place(reply)) {
        resp_put_nil(out, call->form & RESP_FORM_3);
        return;
    }
    switch (call->form & RESP_FORM_MASK) {
    case RESP_BULK: resp_put_bulk(out, reply->body); break;
    case RESP_STATUS: put_text(out, "+OK\r\n"); break;
    case RESP_ENCODING: put_encoding(out, reply); break;
    case RESP_REFCOUNT: put_text(out, ":1\r\n"); break;
    default: buffer_append(out, call->request.tag.ptr, call->request.tag.len); break; /* RESP_FAILURE */
    }
}

static void put_renamed(struct buffer *out, const struct call *call)
{
    bool as_truth = (call->form & RESP_FORM_MASK) == RESP_RENAMED_TRUTH;
    if (call->reply.kind == REPLY_NOT_FOUND)
        put_text(out, "-ERR no such key\r\n");
    else if (as_truth)
        put_text(out, call->reply.kind == REPLY_CONFLICT ? ":0\r\n" : ":1\r\n");
    else
        put_text(out, "+OK\r\n");
}

/* The forms that ask several sessions or the daemon. */
static bool put_more(struct buffer *out, struct call *call)
{
    const struct reply *reply = &call->reply;
    switch (call->form & RESP_FORM_MASK) {
    case RESP_RENAMED:
    case RESP_RENAMED_TRUTH: put_renamed(out, call); break;
    case RESP_LIST: return put_parts(out, call);
    case RESP_SCAN: return put_scan(out, call);
    case RESP_KEYS: return put_keys(out, call);
    case RESP_ALL_OK: put_all_ok(out, call); break;
    case RESP_TIME: put_clock(out, reply); break;
    case RESP_INFO: resp_render_info(out, call); break;
    case RESP_CONFIG: resp_render_config(out, call); break;
    case RESP_CLIENT: resp_render_client(out, call); break;
    case RESP_RAW: buffer_append(out, reply->body.ptr, reply->body.len); break;
    default: put_text(out, "-ERR the request was not answered\r\n"); break; /* a bug of ours */
    }
    return false;
}

bool resp_encode(struct buffer *out, struct call *call)
{
    const struct reply *reply = &call->reply;
    if (put_refusal(out, reply)) return false;
    switch (call->form & RESP_FORM_MASK) {
    case RESP_BULK:
    case RESP_STATUS:
    case RESP_ENCODING:
    case RESP_REFCOUNT:
    case RESP_FAILURE: put_or_nil(out, call); break;
    case RESP_ALL_TRUTH:
    case RESP_TRUTH: put_text(out, took_place(reply) ? ":1\r\n" : ":0\r\n"); break;
    case RESP_INTEGER: put_integer(out, call); break;
    case RESP_LENGTH: resp_put_number(out, ':', (int64_t)reply->size); break;
    case RESP_TTL_S: put_time(out, reply, reply->number, true); break;
    case RESP_TTL_MS: put_time(out, reply, reply->number, false); break;
    case RESP_EXPIRES_S: put_time(out, reply, (int64_t)reply->expires_unix_ms, true); break;
    case RESP_EXPIRES_MS: put_time(out, reply, (int64_t)reply->expires_unix_ms, false); break;
    case RESP_TYPE: put_text(out, took_place(reply) ? "+string\r\n" : "+none\r\n"); break;
    default: return put_more(out, call);
    }
    return false;
}
