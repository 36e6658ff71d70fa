/* Replies of the meta commands: a code, and the flags that were asked for, in the order asked. Quiet requests do
 * not hear HD, and mg's not EN. */
#include "proto/memcached/impl.h"
#include "proto/number.h"

static void put_flag(struct buffer *out, char letter, int64_t n)
{
    char front[2] = {' ', letter};
    buffer_append(out, front, sizeof front);
    buffer_append_i64(out, n);
}

/* Seconds to live, rounded up so that nothing lives for 0; -1: for ever. */
static int64_t seconds_left(int64_t ms)
{
    return ms < 0 ? -1 : (ms + 999) / 1000;
}

/* A flag about the session, which is only told where there is one. */
static void put_session_flag(struct buffer *out, char letter, const struct call *call)
{
    const struct reply *reply = &call->reply;
    size_t size = reply->kind == REPLY_META ? (size_t)reply->size : reply->body.len;
    switch (letter) {
    case 's': put_flag(out, 's', (int64_t)size); break;
    case 't': put_flag(out, 't', seconds_left(reply->kind == REPLY_NUMBER ? reply->left_ms : reply->number)); break;
    case 'c':
        mc_put(out, " c");
        buffer_append_u64(out, reply->version);
        break;
    default:
        mc_put(out, " f");
        buffer_append_u64(out, reply->flags);
        break;
    }
}

static bool has_flag(struct slice line, char letter)
{
    struct slice token;
    while (mc_token(&line, &token))
        if (token.ptr[0] == letter) return true;
    return false;
}

/* `session`: the letters that are told of the session there is. */
static void put_flags(struct buffer *out, const struct call *call, const char *session)
{
    struct slice line = call->request.tag, key = {NULL, 0}, token;
    bool is_set = (call->form & MC_FORM_MASK) == MC_META_SET;
    (void)mc_token(&line, &key);
    if (is_set) (void)mc_token(&line, &token); /* the length */
    bool is_binary = has_flag(line, 'b');
    while (mc_token(&line, &token)) {
        char letter = token.ptr[0];
        if (letter == 'O') {
            mc_put(out, " ");
            buffer_append(out, token.ptr, token.len);
        } else if (letter == 'k') {
            mc_put(out, " k");
            buffer_append(out, key.ptr, key.len);
            if (is_binary) mc_put(out, " b");
        } else if (strchr(session, letter) != NULL) {
            put_session_flag(out, letter, call);
        } else if (letter == 'c' && is_set) {
            mc_put(out, " c0"); /* nothing was stored */
        }
    }
}

static void put_get(struct buffer *out, const struct call *call)
{
    const struct reply *reply = &call->reply;
    if (reply->kind == REPLY_NOT_FOUND) {
        if (call->form & MC_QUIET) return;
        mc_put(out, "EN");
        put_flags(out, call, "");
        mc_put(out, "\r\n");
        return;
    }
    bool has_value = call->form & MC_CAS;
    mc_put(out, has_value ? "VA " : "HD");
    if (has_value) buffer_append_u64(out, reply->body.len);
    put_flags(out, call, "stcf");
    if (reply->marks & MARK_LEASED) mc_put(out, " Z");
    if (reply->marks & MARK_STALE) mc_put(out, " X");
    if (reply->marks & MARK_WON) mc_put(out, " W");
    mc_put(out, "\r\n");
    if (!has_value) return;
    buffer_append(out, reply->body.ptr, reply->body.len);
    mc_put(out, "\r\n");
}

/* A code that quiet requests do not hear when it is `usual`. */
static void put_code(struct buffer *out, const struct call *call, const char *code, const char *session, bool usual)
{
    if (usual && (call->form & MC_QUIET)) return;
    mc_put(out, code);
    put_flags(out, call, session);
    mc_put(out, "\r\n");
}

/* Why it did not happen: EX another cas value, NF nothing there, NS not stored. */
static const char *refused(const struct call *call)
{
    bool is_set = (call->form & MC_FORM_MASK) == MC_META_SET, is_there = call->reply.version != 0;
    if ((call->form & MC_IS_CAS) && is_there) return "EX";
    if ((call->form & MC_IS_CAS) && call->request.op == OP_PUT) return "NF";
    return is_set ? "NS" : "NF";
}

static void put_set(struct buffer *out, const struct call *call)
{
    bool stored = call->reply.kind == REPLY_STORED;
    put_code(out, call, stored ? "HD" : refused(call), stored ? "c" : "", stored);
}

static void put_delete(struct buffer *out, const struct call *call)
{
    if (call->reply.kind == REPLY_OK)
        put_code(out, call, "HD", "", true);
    else if (call->reply.kind == REPLY_CONFLICT && call->reply.version != 0)
        put_code(out, call, "EX", "", false);
    else
        put_code(out, call, "NF", "", false);
}

static void put_add(struct buffer *out, const struct call *call)
{
    const struct reply *reply = &call->reply;
    if (reply->kind != REPLY_NUMBER) {
        put_code(out, call, refused(call), "", false);
        return;
    }
    if (!(call->form & MC_CAS)) {
        put_code(out, call, "HD", "tc", true);
        return;
    }
    if (call->form & MC_QUIET) return;
    char digits[NUMBER_DIGITS];
    size_t len = number_format(digits, (uint64_t)reply->number);
    mc_put(out, "VA ");
    buffer_append_u64(out, len);
    put_flags(out, call, "tc");
    mc_put(out, "\r\n");
    buffer_append(out, digits, len);
    mc_put(out, "\r\n");
}

void mc_encode_meta(struct buffer *out, const struct call *call)
{
    if (mc_put_refusal(out, &call->reply)) return;
    switch (call->form & MC_FORM_MASK) {
    case MC_META_GET: put_get(out, call); break;
    case MC_META_SET: put_set(out, call); break;
    case MC_META_DELETE: put_delete(out, call); break;
    default: put_add(out, call); break;
    }
}
