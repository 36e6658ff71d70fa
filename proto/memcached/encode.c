/* Replies of the classic commands. */
#include "proto/memcached/impl.h"
#include "proto/number.h"

bool mc_put_refusal(struct buffer *out, const struct reply *reply)
{
    switch (reply->kind) {
    case REPLY_LATE: mc_put(out, "SERVER_ERROR late, the deadline had passed\r\n"); return true;
    case REPLY_OVERLOADED:
        if (reply->number < 0) {
            mc_put(out, "SERVER_ERROR overloaded, do not retry\r\n");
            return true;
        }
        mc_put(out, "SERVER_ERROR overloaded, retry after ");
        buffer_append_i64(out, reply->number);
        mc_put(out, " ms\r\n");
        return true;
    case REPLY_ERROR: break;
    default: return false;
    }
    switch (reply->error) {
    case ERR_OUT_OF_MEMORY: mc_put(out, "SERVER_ERROR out of memory storing object\r\n"); return true;
    case ERR_TOO_LARGE: mc_put(out, "SERVER_ERROR object too large for cache\r\n"); return true;
    case ERR_NOT_A_NUMBER:
        mc_put(out, "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n");
        return true;
    case ERR_TOO_MANY_CONNECTIONS: mc_put(out, "ERROR Too many open connections\r\n"); return true;
    default: break;
    }
    mc_put(out, "SERVER_ERROR ");
    buffer_append(out, reply->body.ptr, reply->body.len);
    mc_put(out, "\r\n");
    return true;
}

static char *put_bytes(char *at, const char *bytes, size_t len)
{
    if (len > 0) memcpy(at, bytes, len);
    return at + len;
}

/* VALUE key flags bytes [cas], and the value; nothing for a session that is not there. */
static void put_value(struct buffer *out, const struct call *call)
{
    const struct reply *reply = &call->reply;
    struct slice key = call->request.tag;
    if (reply->kind != REPLY_VALUE) return;
    char *start = buffer_reserve(out, 6 + key.len + 3 * (NUMBER_DIGITS + 1) + 4 + reply->body.len);
    if (!start) return;
    char *at = put_bytes(start, "VALUE ", 6);
    at = put_bytes(at, key.ptr, key.len);
    *at++ = ' ';
    at += number_format(at, reply->flags);
    *at++ = ' ';
    at += number_format(at, reply->body.len);
    if (call->form & MC_CAS) {
        *at++ = ' ';
        at += number_format(at, reply->version);
    }
    at = put_bytes(at, "\r\n", 2);
    at = put_bytes(at, reply->body.ptr, reply->body.len);
    at = put_bytes(at, "\r\n", 2);
    out->len += (size_t)(at - start);
}

/* A slice of them; the last one with END. */
static bool put_values(struct buffer *out, struct call *call)
{
    for (size_t start = out->len; call->parts; call_drop_part(call)) {
        if (out->len - start >= CODEC_SLICE) return true;
        put_value(out, call->parts);
    }
    mc_put(out, "END\r\n");
    return false;
}

static const char *stored(const struct call *call)
{
    const struct reply *reply = &call->reply;
    if (reply->kind == REPLY_STORED) return "STORED\r\n";
    if (!(call->form & MC_IS_CAS)) return "NOT_STORED\r\n";
    return reply->version == 0 ? "NOT_FOUND\r\n" : "EXISTS\r\n";
}

static bool is_missing(const struct reply *reply)
{
    return reply->kind == REPLY_NOT_FOUND || reply->kind == REPLY_CONFLICT;
}

static void put_number(struct buffer *out, const struct reply *reply)
{
    if (is_missing(reply)) {
        mc_put(out, "NOT_FOUND\r\n");
        return;
    }
    buffer_append_u64(out, (uint64_t)reply->number);
    mc_put(out, "\r\n");
}

static void put_debug(struct buffer *out, const struct call *call)
{
    const struct reply *reply = &call->reply;
    if (reply->kind != REPLY_META) {
        mc_put(out, "EN\r\n");
        return;
    }
    mc_put(out, "ME ");
    buffer_append(out, call->request.tag.ptr, call->request.tag.len);
    mc_put(out, " exp=");
    buffer_append_i64(out, reply->number < 0 ? -1 : reply->number / 1000);
    mc_put(out, " cas=");
    buffer_append_u64(out, reply->version);
    mc_put(out, " size=");
    buffer_append_u64(out, reply->size);
    mc_put(out, "\r\n");
}

static void put_line(struct buffer *out, const struct reply *reply)
{
    buffer_append(out, reply->body.ptr, reply->body.len);
    mc_put(out, "\r\n");
}

bool mc_encode(struct buffer *out, struct call *call)
{
    const struct reply *reply = &call->reply;
    uint32_t form = call->form & MC_FORM_MASK;
    if (form >= MC_META_GET) {
        mc_encode_meta(out, call);
        return false;
    }
    if ((call->form & MC_QUIET) || form == MC_NOTHING || mc_put_refusal(out, reply)) return false;
    switch (form) {
    case MC_VALUE:
        put_value(out, call);
        mc_put(out, "END\r\n");
        break;
    case MC_VALUES: return put_values(out, call);
    case MC_STORED: mc_put(out, stored(call)); break;
    case MC_DELETED: mc_put(out, is_missing(reply) ? "NOT_FOUND\r\n" : "DELETED\r\n"); break;
    case MC_TOUCHED: mc_put(out, is_missing(reply) ? "NOT_FOUND\r\n" : "TOUCHED\r\n"); break;
    case MC_NUMBER: put_number(out, reply); break;
    case MC_OK: mc_put(out, "OK\r\n"); break;
    case MC_STATS:
    case MC_STATS_ITEMS: mc_render_stats(out, call); break;
    case MC_LINE: put_line(out, reply); break;
    case MC_DEBUG: put_debug(out, call); break;
    case MC_RAW: buffer_append(out, reply->body.ptr, reply->body.len); break;
    case MC_TOO_LARGE: mc_put(out, "SERVER_ERROR object too large for cache\r\n"); break;
    default: mc_put(out, "SERVER_ERROR the request was not answered\r\n"); break; /* a bug of ours */
    }
    return false;
}
