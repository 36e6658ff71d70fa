/* Commands on keys, lifetimes and databases: arguments -> request. */
#include "proto/glob.h"
#include "proto/number.h"
#include "proto/resp/lifetime.h"

#define SCAN_MAX 16384 /* sessions that one step of SCAN looks at, at most */

static enum decode_status ask(struct call *call, enum op op, enum resp_form form)
{
    call->request.op = op;
    call->form = form;
    return DECODE_REQUEST;
}

static enum decode_status ask_key(const struct codec_limits *limits, const struct resp_args *args, enum op op,
                                  enum resp_form form, struct call *call)
{
    return resp_ask_key(limits, args->argv[1], op, form, call);
}

/* The same on every key: the reply is how many there were. */
static enum decode_status ask_keys(struct decoder *d, const struct codec_limits *limits,
                                   const struct resp_args *args, enum op op, struct call *call)
{
    if (args->argc == 2) return ask_key(limits, args, op, RESP_TRUTH, call);
    for (size_t i = 1; i < args->argc; i++) {
        struct call *part = codec_add_part(call, args->argv[i].len, limits);
        if (!part) return resp_fail(call, "ERR %s", CODEC_TOO_MUCH_HELD);
        part->request.database = decoder_of(d)->database;
        resp_ask_key(limits, args->argv[i], op, RESP_TRUTH, part);
    }
    codec_allow_pieces(call);
    return ask(call, OP_BATCH, RESP_INTEGER);
}

RESP_TAKE(del)
{
    return ask_keys(d, limits, args, OP_DELETE, call);
}

RESP_TAKE(exists)
{
    return ask_keys(d, limits, args, OP_META, call);
}

RESP_TAKE(touch)
{
    return ask_keys(d, limits, args, OP_META, call);
}

RESP_TAKE(type)
{
    (void)d;
    return ask_key(limits, args, OP_META, RESP_TYPE, call);
}

/* ---- lifetimes ---- */

enum { NX = 1, XX = 2, GT = 4, LT = 8 };

static enum condition condition_of(unsigned flags)
{
    if (flags & NX) return COND_ENDLESS;
    if (flags & GT) return COND_LONGER;
    if (flags & LT) return flags & XX ? COND_MORTAL_SHORTER : COND_SHORTER;
    return flags & XX ? COND_MORTAL : COND_NONE;
}

/* The options behind the time; false, answered, when they are wrong. */
static bool take_flags(const struct resp_args *args, unsigned *flags, struct call *call)
{
    static const char *const names[] = {"nx", "xx", "gt", "lt"};
    for (size_t i = 3; i < args->argc; i++) {
        unsigned flag = 0;
        for (unsigned n = 0; n < 4; n++)
            if (resp_is(args->argv[i], names[n])) flag = 1U << n;
        if (flag == 0) {
            int size = args->argv[i].len < 128 ? (int)args->argv[i].len : 128;
            resp_fail(call, "ERR Unsupported option %.*s", size, args->argv[i].ptr);
            return false;
        }
        *flags |= flag;
    }
    if ((*flags & NX) && (*flags & (XX | GT | LT))) {
        resp_fail(call, "ERR NX and XX, GT or LT options at the same time are not compatible");
        return false;
    }
    if ((*flags & GT) && (*flags & LT)) {
        resp_fail(call, "ERR GT and LT options at the same time are not compatible");
        return false;
    }
    return true;
}

RESP_TAKE(expire)
{
    (void)d;
    static const struct {
        const char *name;
        enum resp_unit unit;
    } kinds[] = {{"expire", RESP_EX}, {"pexpire", RESP_PX}, {"expireat", RESP_EXAT}, {"pexpireat", RESP_PXAT}};
    unsigned kind = 0, flags = 0;
    while (!resp_is(args->argv[0], kinds[kind].name))
        kind++;
    if (!take_flags(args, &flags, call)) return DECODE_ANSWERED;
    if (!resp_take_any_lifetime(args->argv[2], kinds[kind].unit, kinds[kind].name, call)) return DECODE_ANSWERED;
    call->request.condition = condition_of(flags);
    return ask_key(limits, args, OP_TOUCH, RESP_TRUTH, call);
}

RESP_TAKE(ttl)
{
    (void)d;
    enum resp_form form = RESP_EXPIRES_MS;
    if (resp_is(args->argv[0], "ttl")) form = RESP_TTL_S;
    if (resp_is(args->argv[0], "pttl")) form = RESP_TTL_MS;
    if (resp_is(args->argv[0], "expiretime")) form = RESP_EXPIRES_S;
    return ask_key(limits, args, OP_META, form, call);
}

RESP_TAKE(persist)
{
    (void)d;
    call->request.ttl_kind = TTL_NEVER;
    call->request.condition = COND_MORTAL;
    return ask_key(limits, args, OP_TOUCH, RESP_TRUTH, call);
}

RESP_TAKE(rename)
{
    (void)d;
    bool only_new = resp_is(args->argv[0], "renamenx");
    call->request.value = args->argv[2];
    call->request.condition = only_new ? COND_ABSENT : COND_NONE;
    if (!resp_key_fits(limits, args->argv[2], call)) return DECODE_ANSWERED;
    return ask_key(limits, args, OP_RENAME, only_new ? RESP_RENAMED_TRUTH : RESP_RENAMED, call);
}

/* ---- walking ---- */

/* As strtoul takes it, blanks in front not wanted: digits with or without a sign, and nothing at all is 0. */
static bool take_cursor(struct slice text, uint64_t *cursor)
{
    bool negative = text.len > 1 && text.ptr[0] == '-';
    if (negative || (text.len > 1 && text.ptr[0] == '+')) text = slice_of(text.ptr + 1, text.len - 1);
    if (text.len > 0 && !number_parse(text, UINT64_MAX, cursor)) return false;
    if (negative) *cursor = 0 - *cursor;
    return true;
}

/* The only key that an empty pattern matches is the empty one: there is no need to look at others. */
static enum decode_status ask_empty_key(struct call *call, enum resp_form form)
{
    call->request.key = call->request.value = slice_of(NULL, 0);
    call->request.number = 0;
    return ask(call, OP_META, form);
}

static bool pattern_fits(struct slice pattern, struct call *call)
{
    if (pattern.len <= GLOB_MAX) return true;
    resp_fail(call, "ERR the pattern is longer than %d bytes", GLOB_MAX);
    return false;
}

RESP_TAKE(scan)
{
    (void)d, (void)limits;
    struct request *r = &call->request;
    bool other_type = false, empty_key = false;
    r->number = 10;
    if (!take_cursor(args->argv[1], &r->cursor)) return resp_fail(call, "ERR invalid cursor");
    for (size_t i = 2; i < args->argc; i += 2) {
        if (i + 1 == args->argc) return resp_fail(call, "ERR syntax error");
        struct slice value = args->argv[i + 1];
        if (resp_is(args->argv[i], "count")) {
            if (!resp_integer(value, &r->number)) return resp_fail(call, NOT_AN_INTEGER);
            if (r->number < 1) return resp_fail(call, "ERR syntax error");
            if (r->number > SCAN_MAX) r->number = SCAN_MAX;
        } else if (resp_is(args->argv[i], "match")) {
            if (!pattern_fits(value, call)) return DECODE_ANSWERED;
            r->value = slice_equal(value, slice_text("*")) ? slice_of(NULL, 0) : value;
            empty_key = value.len == 0;
        } else if (resp_is(args->argv[i], "type")) {
            other_type = !resp_is(value, "string");
        } else {
            return resp_fail(call, "ERR syntax error");
        }
    }
    /* Nothing here is of another type: done without looking. */
    if (other_type) return resp_literal(call, "*2\r\n$1\r\n0\r\n*0\r\n");
    return empty_key ? ask_empty_key(call, RESP_SCAN) : ask(call, OP_SCAN, RESP_SCAN);
}

RESP_TAKE(keys)
{
    (void)d, (void)limits;
    if (!pattern_fits(args->argv[1], call)) return DECODE_ANSWERED;
    call->request.value = slice_equal(args->argv[1], slice_text("*")) ? slice_of(NULL, 0) : args->argv[1];
    call->request.number = INT64_MAX;
    call->request.alone = true;
    return args->argv[1].len == 0 ? ask_empty_key(call, RESP_KEYS) : ask(call, OP_SCAN, RESP_KEYS);
}

RESP_TAKE(randomkey)
{
    (void)d, (void)limits, (void)args;
    return ask(call, OP_RANDOM, RESP_BULK);
}

RESP_TAKE(dbsize)
{
    (void)d, (void)limits, (void)args;
    return ask(call, OP_LEN, RESP_INTEGER);
}

RESP_TAKE(flush)
{
    (void)d, (void)limits;
    bool known =
        args->argc == 1 || (args->argc == 2 && (resp_is(args->argv[1], "async") || resp_is(args->argv[1], "sync")));
    if (!known) return resp_fail(call, "ERR syntax error");
    if (resp_is(args->argv[0], "flushall")) call->request.effects = EFFECT_ALL_DATABASES;
    return ask(call, OP_FLUSH, RESP_STATUS);
}

/* ---- OBJECT ---- */

static enum decode_status ask_object(const struct codec_limits *limits, const struct resp_args *args, enum op op,
                                     enum resp_form form, struct call *call)
{
    struct resp_args key = {args->argv + 1, 2};
    return ask_key(limits, &key, op, form, call);
}

RESP_TAKE(object_encoding)
{
    (void)d;
    return ask_object(limits, args, OP_GET, RESP_ENCODING, call);
}

RESP_TAKE(object_refcount)
{
    (void)d;
    return ask_object(limits, args, OP_META, RESP_REFCOUNT, call);
}

#define NOT_TRACKED_ENDING                                                                                  \
    " Please note that when switching between policies at runtime LRU and LFU data will take some time to " \
    "adjust.\r\n"

RESP_TAKE(object_freq)
{
    (void)d;
    call->request.tag = slice_text(
        "-ERR An LFU maxmemory policy is not selected, access frequency not tracked." NOT_TRACKED_ENDING);
    return ask_object(limits, args, OP_META, RESP_FAILURE, call);
}

RESP_TAKE(object_idletime)
{
    (void)d;
    call->request.tag =
        slice_text("-ERR An LFU maxmemory policy is selected, idle time not tracked." NOT_TRACKED_ENDING);
    return ask_object(limits, args, OP_META, RESP_FAILURE, call);
}

RESP_TAKE(object_help)
{
    (void)d, (void)limits, (void)args;
    return resp_literal(call, "*1\r\n+OBJECT ENCODING|REFCOUNT <key>\r\n");
}
