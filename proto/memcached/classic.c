/* The classic commands: a line -> a request. */
#include "proto/memcached/impl.h"
#include "proto/number.h"

#define TOO_LARGE "SERVER_ERROR object too large for cache"

struct mc_line mc_ask(struct call *call, enum op op, uint32_t form)
{
    call->request.op = op;
    call->form |= form;
    return (struct mc_line){DECODE_REQUEST, 0};
}

/* ---- tokens ---- */

bool mc_token(struct slice *line, struct slice *token)
{
    while (line->len > 0 && *line->ptr == ' ')
        line->ptr++, line->len--;
    if (line->len == 0) return false;
    const char *space = memchr(line->ptr, ' ', line->len);
    size_t len = space ? (size_t)(space - line->ptr) : line->len;
    *token = slice_of(line->ptr, len);
    line->ptr += len;
    line->len -= len;
    return true;
}

bool mc_key_ok(const struct codec_limits *limits, struct slice key)
{
    return key.len > 0 && key.len <= MC_KEY_MAX && key.len <= limits->key;
}

bool mc_unsigned(struct slice text, uint64_t max, uint64_t *n)
{
    if (text.len > 0 && text.ptr[0] == '+') text = slice_of(text.ptr + 1, text.len - 1);
    return number_parse(text, max, n);
}

bool mc_signed(struct slice text, int64_t min, int64_t max, int64_t *n)
{
    bool negative = text.len > 0 && text.ptr[0] == '-';
    uint64_t magnitude = 0;
    if (negative) text = slice_of(text.ptr + 1, text.len - 1);
    if (!mc_unsigned(text, negative ? (uint64_t)-min : (uint64_t)max, &magnitude)) return false;
    *n = negative ? -(int64_t)magnitude : (int64_t)magnitude;
    return true;
}

struct lifetime mc_lifetime(int64_t exptime)
{
    int32_t seconds = (int32_t)(uint32_t)exptime;
    if (seconds == 0) return (struct lifetime){TTL_NEVER, 0};
    if (seconds < 0) return (struct lifetime){TTL_RELATIVE, 0};
    return (struct lifetime){seconds > MC_RELATIVE_S ? TTL_ABSOLUTE : TTL_RELATIVE, (uint64_t)seconds * 1000};
}

static bool take_lifetime(struct slice text, struct request *r)
{
    int64_t seconds = 0;
    if (!mc_signed(text, INT64_MIN, INT64_MAX, &seconds)) return false;
    struct lifetime lifetime = mc_lifetime(seconds);
    r->ttl_kind = lifetime.kind;
    r->ttl_ms = lifetime.ms;
    return true;
}

/* ---- get, gets, gat, gats ---- */

static void take_get(struct request *r, struct slice key, struct lifetime lifetime, bool touches)
{
    r->op = OP_GET;
    r->key = r->tag = key;
    if (!touches) return;
    r->effects = EFFECT_TOUCH;
    r->ttl_kind = lifetime.kind;
    r->ttl_ms = lifetime.ms;
}

static struct mc_line get(const struct codec_limits *limits, struct slice rest, uint32_t cas, bool touches,
                          struct call *call)
{
    struct slice key, next;
    int64_t seconds = 0;
    if (touches) {
        struct slice text;
        if (!mc_token(&rest, &text)) return mc_answer(call, "ERROR");
        if (!mc_signed(text, INT64_MIN, INT64_MAX, &seconds))
            return mc_answer(call, "CLIENT_ERROR invalid exptime argument");
    }
    struct lifetime lifetime = mc_lifetime(seconds);
    if (!mc_token(&rest, &key)) return mc_answer(call, touches ? "END" : "ERROR");
    if (!mc_key_ok(limits, key)) return mc_answer(call, MC_BAD_FORMAT);
    struct slice others = rest;
    if (!mc_token(&others, &next)) {
        take_get(&call->request, key, lifetime, touches);
        return mc_ask(call, OP_GET, MC_VALUE | cas);
    }
    do {
        if (!mc_key_ok(limits, key)) return mc_answer(call, MC_BAD_FORMAT);
        struct call *part = codec_add_part(call, CALL_INLINE, limits);
        if (!part) return mc_answer(call, "SERVER_ERROR " CODEC_TOO_MUCH_HELD);
        take_get(&part->request, key, lifetime, touches);
        part->form = MC_VALUE | cas;
    } while (mc_token(&rest, &key));
    codec_allow_pieces(call);
    return mc_ask(call, OP_BATCH, MC_VALUES);
}

/* ---- set, add, replace, append, prepend, cas ---- */

static struct mc_line refuse_value(struct call *call, const char *line, uint64_t bytes)
{
    struct mc_line answer = mc_answer(call, line);
    answer.skip = bytes + 2;
    return answer;
}

struct mc_line mc_too_large(struct slice key, uint64_t bytes, struct call *call)
{
    call->request = (struct request){.key = key};
    struct mc_line line = mc_ask(call, OP_DELETE, MC_TOO_LARGE);
    line.skip = bytes + 2;
    return line;
}

bool mc_take_noreply(const struct mc_tokens *t, size_t least, struct call *call)
{
    bool quiet = t->count > least && mc_is(t->at[t->count - 1], "noreply");
    if (quiet) call->form |= MC_QUIET;
    return quiet;
}

static bool take_numbers(const struct mc_tokens *t, bool is_cas, struct request *r, int64_t *bytes)
{
    uint64_t flags = 0;
    if (!mc_unsigned(t->at[2], UINT32_MAX, &flags) || !take_lifetime(t->at[3], r)) return false;
    if (!mc_signed(t->at[4], 0, MC_BYTES_MAX, bytes)) return false;
    r->flags = (uint32_t)flags;
    if (!is_cas) return true;
    r->condition = COND_VERSION;
    return mc_unsigned(t->at[5], UINT64_MAX, &r->if_version);
}

static struct mc_line store(const struct codec_limits *limits, const struct mc_tokens *t, struct call *call)
{
    struct request *r = &call->request;
    struct slice name = t->at[0];
    bool is_cas = mc_is(name, "cas");
    size_t wanted = is_cas ? 6 : 5;
    int64_t bytes = 0;
    if (t->count != wanted && t->count != wanted + 1) return mc_answer(call, "ERROR");
    mc_take_noreply(t, 1, call);
    if (!mc_key_ok(limits, t->at[1]) || !take_numbers(t, is_cas, r, &bytes)) return mc_answer(call, MC_BAD_FORMAT);
    if ((uint64_t)bytes > limits->value)
        return mc_is(name, "set") ? mc_too_large(t->at[1], (uint64_t)bytes, call)
                                  : refuse_value(call, TOO_LARGE, (uint64_t)bytes);
    r->op = OP_PUT;
    if (mc_is(name, "add")) r->condition = COND_ABSENT;
    if (mc_is(name, "replace")) r->condition = COND_PRESENT;
    if (mc_is(name, "append") || mc_is(name, "prepend")) {
        r->op = mc_is(name, "append") ? OP_APPEND : OP_PREPEND;
        r->condition = COND_PRESENT;
        r->ttl_kind = TTL_KEEP;
    }
    r->key = t->at[1];
    r->value = slice_of(NULL, (size_t)bytes);
    call->form |= MC_STORED | (is_cas ? MC_IS_CAS : 0);
    return (struct mc_line){DECODE_BODY, 0};
}

/* ---- the others ---- */

static struct mc_line delete (const struct codec_limits *limits, const struct mc_tokens *t, struct call *call)
{
    if (t->count < 2 || t->count > 4) return mc_answer(call, "ERROR");
    bool quiet = mc_take_noreply(t, 2, call), zero = t->count > 2 && mc_is(t->at[2], "0");
    if ((t->count == 3 && !zero && !quiet) || (t->count == 4 && !(zero && quiet)))
        return mc_answer(call, MC_BAD_FORMAT ".  Usage: delete <key> [noreply]");
    if (!mc_key_ok(limits, t->at[1])) return mc_answer(call, MC_BAD_FORMAT);
    call->request.key = t->at[1];
    return mc_ask(call, OP_DELETE, MC_DELETED);
}

static struct mc_line touch(const struct codec_limits *limits, const struct mc_tokens *t, struct call *call)
{
    if (t->count != 3 && t->count != 4) return mc_answer(call, "ERROR");
    mc_take_noreply(t, 1, call);
    if (!mc_key_ok(limits, t->at[1])) return mc_answer(call, MC_BAD_FORMAT);
    if (!take_lifetime(t->at[2], &call->request)) return mc_answer(call, "CLIENT_ERROR invalid exptime argument");
    call->request.key = t->at[1];
    return mc_ask(call, OP_TOUCH, MC_TOUCHED);
}

static struct mc_line count(const struct codec_limits *limits, const struct mc_tokens *t, bool subtract,
                            struct call *call)
{
    uint64_t delta = 0;
    if (t->count != 3 && t->count != 4) return mc_answer(call, "ERROR");
    mc_take_noreply(t, 1, call);
    if (!mc_key_ok(limits, t->at[1])) return mc_answer(call, MC_BAD_FORMAT);
    if (!mc_unsigned(t->at[2], UINT64_MAX, &delta))
        return mc_answer(call, "CLIENT_ERROR invalid numeric delta argument");
    struct request *r = &call->request;
    r->key = t->at[1];
    r->number = (int64_t)delta;
    r->subtract = subtract;
    r->condition = COND_PRESENT;
    r->effects = EFFECT_WRAP;
    return mc_ask(call, OP_ADD, MC_NUMBER);
}

static struct mc_line flush(const struct mc_tokens *t, struct call *call)
{
    struct request *r = &call->request;
    int64_t delay = 0;
    if (t->count > 3) return mc_answer(call, "ERROR");
    bool quiet = mc_take_noreply(t, 1, call);
    if (t->count > 1U + quiet && !mc_signed(t->at[1], INT64_MIN, INT64_MAX, &delay))
        return mc_answer(call, "CLIENT_ERROR invalid exptime argument");
    struct lifetime lifetime = mc_lifetime(delay);
    r->ttl_kind = lifetime.kind;
    r->ttl_ms = lifetime.ms;
    return mc_ask(call, OP_FLUSH, MC_OK);
}

/* A web page can make a browser send HTTP to a port of its user's machine, with commands in the body: so HTTP
 * closes the connection, as it does in memcached. */
static struct mc_line unknown(const struct mc_tokens *t, struct call *call)
{
    struct slice last = t->at[t->count - 1];
    if (last.len < 5 || memcmp(last.ptr, "HTTP/", 5) != 0) return mc_answer(call, "ERROR");
    mc_answer(call, "");
    call->form = MC_NOTHING;
    return (struct mc_line){DECODE_CLOSE, 0};
}

/* Commands that are told by their tokens. */
static struct mc_line other(const struct codec_limits *limits, const struct mc_tokens *t, struct call *call)
{
    struct slice name = t->at[0];
    if (mc_is(name, "set") || mc_is(name, "add") || mc_is(name, "replace") || mc_is(name, "append") ||
        mc_is(name, "prepend") || mc_is(name, "cas"))
        return store(limits, t, call);
    if (mc_is(name, "delete")) return delete (limits, t, call);
    if (mc_is(name, "touch")) return touch(limits, t, call);
    if (mc_is(name, "incr") || mc_is(name, "decr")) return count(limits, t, name.ptr[0] == 'd', call);
    if (mc_is(name, "flush_all")) return flush(t, call);
    if (mc_is(name, "quit")) return mc_ask(call, OP_QUIT, MC_NOTHING);
    struct mc_line line;
    return mc_admin(limits, t, call, &line) ? line : unknown(t, call);
}

struct mc_line mc_classic(const struct codec_limits *limits, struct slice line, struct call *call)
{
    struct mc_tokens tokens = {.count = 0};
    struct slice rest = line, name;
    if (!mc_token(&rest, &name)) return mc_answer(call, "ERROR");
    if (mc_is(name, "get")) return get(limits, rest, 0, false, call);
    if (mc_is(name, "gets")) return get(limits, rest, MC_CAS, false, call);
    if (mc_is(name, "gat")) return get(limits, rest, 0, true, call);
    if (mc_is(name, "gats")) return get(limits, rest, MC_CAS, true, call);
    if (name.len == 2 && name.ptr[0] == 'm' && strchr("gsdan", name.ptr[1]) != NULL)
        return mc_meta(limits, name.ptr[1], rest, call);
    tokens.at[tokens.count++] = name;
    while (tokens.count < MC_TOKENS_MAX && mc_token(&rest, &tokens.at[tokens.count]))
        tokens.count++;
    return other(limits, &tokens, call);
}
