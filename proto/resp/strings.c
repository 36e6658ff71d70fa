/* Commands that read and write values: arguments -> request. */
#include "proto/number.h"
#include "proto/resp/lifetime.h"

static enum decode_status ask(struct call *call, enum op op, enum resp_form form)
{
    call->request.op = op;
    call->form = form;
    return DECODE_REQUEST;
}

/* A PUT that lets the session live for ever, as Redis does. */
static bool take_pair(const struct codec_limits *limits, struct slice key, struct slice value, struct call *call)
{
    struct request *r = &call->request;
    r->op = OP_PUT;
    r->key = key;
    r->value = value;
    r->ttl_kind = TTL_NEVER;
    call->form = RESP_STATUS;
    return resp_key_fits(limits, key, call) && resp_value_fits(limits, value.len, call);
}

RESP_TAKE(get)
{
    (void)d;
    return resp_ask_key(limits, args->argv[1], OP_GET, RESP_BULK, call);
}

RESP_TAKE(getdel)
{
    (void)d;
    call->request.effects = EFFECT_DELETE;
    return resp_ask_key(limits, args->argv[1], OP_GET, RESP_BULK, call);
}

RESP_TAKE(strlen)
{
    (void)d;
    return resp_ask_key(limits, args->argv[1], OP_META, RESP_LENGTH, call);
}

/* ---- SET and its kin ---- */

enum { SEEN_NX = 1, SEEN_XX = 2, SEEN_GET = 4, SEEN_TTL = 8 };

/* One option of SET that takes no argument; false when it is none or does not go with the others. */
static bool take_flag(struct slice word, unsigned *seen, struct request *r)
{
    if (resp_is(word, "nx") && !(*seen & SEEN_XX)) {
        *seen |= SEEN_NX;
        r->condition = COND_ABSENT;
    } else if (resp_is(word, "xx") && !(*seen & SEEN_NX)) {
        *seen |= SEEN_XX;
        r->condition = COND_PRESENT;
    } else if (resp_is(word, "get")) {
        *seen |= SEEN_GET;
        r->effects |= EFFECT_RETURN_OLD;
    } else if (resp_is(word, "keepttl") && (!(*seen & SEEN_TTL) || r->ttl_kind == TTL_KEEP)) {
        *seen |= SEEN_TTL;
        r->ttl_kind = TTL_KEEP;
        r->create.kind = TTL_NEVER;
    } else {
        return false;
    }
    return true;
}

RESP_TAKE(set)
{
    (void)d;
    struct request *r = &call->request;
    struct slice ttl = {NULL, 0};
    enum resp_unit unit = RESP_UNITS;
    unsigned seen = 0;
    if (!take_pair(limits, args->argv[1], args->argv[2], call)) return DECODE_ANSWERED;
    for (size_t i = 3; i < args->argc; i++) {
        if (take_flag(args->argv[i], &seen, r)) continue;
        enum resp_unit found = resp_unit_of(args->argv[i]);
        bool repeats = seen & SEEN_TTL && (r->ttl_kind == TTL_KEEP || found != unit);
        if (found == RESP_UNITS || repeats || i + 1 == args->argc) return resp_fail(call, "ERR syntax error");
        seen |= SEEN_TTL;
        unit = found;
        ttl = args->argv[++i];
    }
    if (unit != RESP_UNITS && !resp_take_lifetime(ttl, unit, "set", call)) return DECODE_ANSWERED;
    if (seen & SEEN_GET) call->form = RESP_BULK;
    return DECODE_REQUEST;
}

static enum decode_status set_for(const struct codec_limits *limits, const struct resp_args *args,
                                  enum resp_unit unit, const char *name, struct call *call)
{
    if (!take_pair(limits, args->argv[1], args->argv[3], call)) return DECODE_ANSWERED;
    return resp_take_lifetime(args->argv[2], unit, name, call) ? DECODE_REQUEST : DECODE_ANSWERED;
}

RESP_TAKE(setex)
{
    (void)d;
    return set_for(limits, args, RESP_EX, "setex", call);
}

RESP_TAKE(psetex)
{
    (void)d;
    return set_for(limits, args, RESP_PX, "psetex", call);
}

RESP_TAKE(setnx)
{
    (void)d;
    if (!take_pair(limits, args->argv[1], args->argv[2], call)) return DECODE_ANSWERED;
    call->request.condition = COND_ABSENT;
    call->form = RESP_TRUTH;
    return DECODE_REQUEST;
}

RESP_TAKE(getset)
{
    (void)d;
    if (!take_pair(limits, args->argv[1], args->argv[2], call)) return DECODE_ANSWERED;
    call->request.effects = EFFECT_RETURN_OLD;
    call->form = RESP_BULK;
    return DECODE_REQUEST;
}

RESP_TAKE(put)
{
    (void)d;
    struct request *r = &call->request;
    if (!take_pair(limits, args->argv[1], args->argv[3], call)) return DECODE_ANSWERED;
    if (number_parse_ttl(args->argv[2], &r->ttl_kind, &r->ttl_ms)) return DECODE_REQUEST;
    return resp_fail(call, "ERR a lifetime is -, never, or a number with ms, s, m, h or d: PUT key 30m value");
}

/* The lifetime was wrong, which Redis only finds where there is a session. */
static enum decode_status fail_if_there(const struct codec_limits *limits, struct slice key, struct call *call)
{
    call->request.tag = call->reply.body;
    call->reply = (struct reply){0};
    return resp_ask_key(limits, key, OP_META, RESP_FAILURE, call);
}

RESP_TAKE(getex)
{
    (void)d;
    struct request *r = &call->request;
    struct slice ttl = {NULL, 0};
    enum resp_unit unit = RESP_UNITS;
    bool persists = false;
    for (size_t i = 2; i < args->argc; i++) {
        enum resp_unit found = resp_unit_of(args->argv[i]);
        if (resp_is(args->argv[i], "persist") && unit == RESP_UNITS) {
            persists = true;
            continue;
        }
        if (found == RESP_UNITS || persists || (unit != RESP_UNITS && found != unit) || i + 1 == args->argc)
            return resp_fail(call, "ERR syntax error");
        unit = found;
        ttl = args->argv[++i];
    }
    if (unit != RESP_UNITS && !resp_take_lifetime(ttl, unit, "getex", call))
        return fail_if_there(limits, args->argv[1], call);
    if (persists) r->ttl_kind = TTL_NEVER;
    if (persists || unit != RESP_UNITS) r->effects = EFFECT_TOUCH;
    return resp_ask_key(limits, args->argv[1], OP_GET, RESP_BULK, call);
}

/* ---- several at once ---- */

RESP_TAKE(mget)
{
    for (size_t i = 1; i < args->argc; i++) {
        struct call *part = codec_add_part(call, CALL_INLINE, limits);
        if (!part) return resp_fail(call, "ERR %s", CODEC_TOO_MUCH_HELD);
        part->request.database = decoder_of(d)->database;
        resp_ask_key(limits, args->argv[i], OP_GET, RESP_BULK, part);
        if (resp_is_3(d)) part->form |= RESP_FORM_3;
    }
    codec_allow_pieces(call);
    return ask(call, OP_BATCH, RESP_LIST);
}

static enum decode_status set_all(struct decoder *d, const struct codec_limits *limits,
                                  const struct resp_args *args, const char *name, enum condition condition,
                                  struct call *call)
{
    if (args->argc % 2 == 0) return resp_fail(call, "ERR wrong number of arguments for '%s' command", name);
    if (args->argc / 2 > limits->parts) return resp_fail(call, "ERR %s", CODEC_TOO_MANY_PARTS);
    for (size_t i = 1; i < args->argc; i += 2) {
        struct call *part = codec_add_part(call, args->argv[i].len + args->argv[i + 1].len, limits);
        if (!part) return resp_fail(call, "ERR %s", CODEC_TOO_MUCH_HELD);
        if (!resp_key_fits(limits, args->argv[i], call) || !resp_value_fits(limits, args->argv[i + 1].len, call))
            return DECODE_ANSWERED;
        take_pair(limits, args->argv[i], args->argv[i + 1], part);
        part->request.condition = condition;
        part->request.database = decoder_of(d)->database;
    }
    return ask(call, OP_BATCH, RESP_ALL_OK);
}

RESP_TAKE(mset)
{
    return set_all(d, limits, args, "mset", COND_NONE, call);
}

/* The conditions are those of before: so a key that comes twice does not stand in its own way. */
RESP_TAKE(msetnx)
{
    enum decode_status status = set_all(d, limits, args, "msetnx", COND_ABSENT, call);
    if (status != DECODE_REQUEST) return status;
    call->request.effects = EFFECT_ALL;
    call->form = RESP_ALL_TRUTH;
    return status;
}

/* ---- changing a value ---- */

RESP_TAKE(append)
{
    (void)d;
    if (!take_pair(limits, args->argv[1], args->argv[2], call)) return DECODE_ANSWERED;
    call->request.ttl_kind = TTL_KEEP;
    call->request.create.kind = TTL_NEVER;
    return ask(call, OP_APPEND, RESP_LENGTH);
}

static enum decode_status add(const struct codec_limits *limits, const struct resp_args *args, int64_t n,
                              struct call *call)
{
    if (!resp_key_fits(limits, args->argv[1], call)) return DECODE_ANSWERED;
    call->request.key = args->argv[1];
    call->request.number = n;
    call->request.ttl_kind = TTL_KEEP;
    call->request.create.kind = TTL_NEVER;
    return ask(call, OP_ADD, RESP_INTEGER);
}

RESP_TAKE(incr)
{
    (void)d;
    return add(limits, args, 1, call);
}

RESP_TAKE(decr)
{
    (void)d;
    return add(limits, args, -1, call);
}

RESP_TAKE(incrby)
{
    (void)d;
    int64_t n = 0;
    if (!resp_integer(args->argv[2], &n)) return resp_fail(call, NOT_AN_INTEGER);
    return add(limits, args, n, call);
}

RESP_TAKE(decrby)
{
    (void)d;
    int64_t n = 0;
    if (!resp_integer(args->argv[2], &n)) return resp_fail(call, NOT_AN_INTEGER);
    if (n == INT64_MIN) return resp_fail(call, "ERR decrement would overflow");
    return add(limits, args, -n, call);
}
