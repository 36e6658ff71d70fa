/* Commands on keys, lifetimes and databases: arguments -> request. */
#include <limits.h>

#include "proto/resp/lifetime.h"

static enum decode_status ask(struct call *call, enum op op, enum resp_form form)
{
    call->request.op = op;
    call->form = form;
    return DECODE_REQUEST;
}

static enum decode_status ask_key(const struct codec_limits *limits, const struct resp_args *args, enum op op,
                                  enum resp_form form, struct call *call)
{
    call->request.key = args->argv[1];
    if (!resp_key_fits(limits, args->argv[1], call)) return DECODE_ANSWERED;
    return ask(call, op, form);
}

/* The same on every key: the reply is how many there were. */
static enum decode_status ask_keys(struct decoder *d, const struct codec_limits *limits,
                                   const struct resp_args *args, enum op op, struct call *call)
{
    if (args->argc == 2) return ask_key(limits, args, op, RESP_TRUTH, call);
    for (size_t i = 1; i < args->argc; i++) {
        struct call *part = call_add_part(call);
        if (!part) return resp_fail(call, "ERR out of memory");
        if (!resp_key_fits(limits, args->argv[i], call)) return DECODE_ANSWERED;
        part->request.key = args->argv[i];
        part->request.database = d->database;
        ask(part, op, RESP_TRUTH);
    }
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

/* As strtoul takes it: digits to the end, a sign and blanks in front not wanted. */
static bool take_cursor(struct slice text, uint64_t *cursor)
{
    uint64_t n = 0;
    if (text.len == 0 || text.len > 20) return false;
    for (size_t i = 0; i < text.len; i++) {
        unsigned digit = (unsigned char)text.ptr[i] - '0';
        if (digit > 9 || __builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, digit, &n)) return false;
    }
    *cursor = n;
    return true;
}

RESP_TAKE(scan)
{
    (void)d, (void)limits;
    struct request *r = &call->request;
    bool other_type = false;
    r->number = 10;
    if (!take_cursor(args->argv[1], &r->cursor)) return resp_fail(call, "ERR invalid cursor");
    for (size_t i = 2; i < args->argc; i += 2) {
        if (i + 1 == args->argc) return resp_fail(call, "ERR syntax error");
        struct slice value = args->argv[i + 1];
        if (resp_is(args->argv[i], "count")) {
            if (!resp_integer(value, &r->number) || r->number < LONG_MIN)
                return resp_fail(call, "ERR value is not an integer or out of range");
            if (r->number < 1) return resp_fail(call, "ERR syntax error");
            if (r->number == INT64_MAX) r->number--; /* that would be all, in one step */
        } else if (resp_is(args->argv[i], "match")) {
            r->value = slice_equal(value, slice_text("*")) ? slice_of(NULL, 0) : value;
            if (value.len == 0) other_type = true; /* matches the empty key only; and a session has one */
        } else if (resp_is(args->argv[i], "type")) {
            if (!resp_is(value, "string")) other_type = true;
        } else {
            return resp_fail(call, "ERR syntax error");
        }
    }
    /* Nothing here is of another type: done without looking. */
    if (other_type) {
        const char *none = "*2\r\n$1\r\n0\r\n*0\r\n";
        return resp_literal(call, none);
    }
    return ask(call, OP_SCAN, RESP_SCAN);
}

RESP_TAKE(keys)
{
    (void)d, (void)limits;
    call->request.value = args->argv[1];
    call->request.number = INT64_MAX;
    if (args->argv[1].len == 0) return resp_literal(call, "*0\r\n");
    return ask(call, OP_SCAN, RESP_KEYS);
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

RESP_TAKE(object)
{
    (void)d;
    struct slice sub = args->argv[1];
    bool known =
        resp_is(sub, "encoding") || resp_is(sub, "refcount") || resp_is(sub, "idletime") || resp_is(sub, "freq");
    if (!known && !resp_is(sub, "help")) {
        int size = sub.len < 128 ? (int)sub.len : 128;
        return resp_fail(call, "ERR unknown subcommand '%.*s'. Try OBJECT HELP.", size, sub.ptr);
    }
    if (known && args->argc != 3) {
        const char *name = resp_is(sub, "encoding")   ? "encoding"
                           : resp_is(sub, "refcount") ? "refcount"
                           : resp_is(sub, "idletime") ? "idletime"
                                                      : "freq";
        return resp_fail(call, "ERR wrong number of arguments for 'object|%s' command", name);
    }
    if (!known) return resp_literal(call, "*1\r\n+OBJECT ENCODING <key>\r\n");
    struct resp_args key = {args->argv + 1, 2};
    if (resp_is(sub, "encoding")) return ask_key(limits, &key, OP_GET, RESP_ENCODING, call);
    if (resp_is(sub, "refcount")) return ask_key(limits, &key, OP_META, RESP_REFCOUNT, call);
    return ask_key(limits, &key, OP_META, resp_is(sub, "freq") ? RESP_FREQUENCY : RESP_IDLE, call);
}

/* ---- the one script ---- */

/* What PHP's session handler unlocks with: deletes the key if its value is the lock's. */
#define UNLOCK_SHA "b70c2384248f88e6b75b9f89241a180f856ad852"
static const char unlock_script[] =
    "if redis.call(\"get\",KEYS[1]) == ARGV[1] then return redis.call(\"del\",KEYS[1]) else return 0 end";

RESP_TAKE(eval)
{
    (void)d;
    bool by_hash = resp_is(args->argv[0], "evalsha");
    bool known =
        by_hash ? resp_is(args->argv[1], UNLOCK_SHA) : slice_equal(args->argv[1], slice_text(unlock_script));
    int64_t keys = 0;
    if (!resp_integer(args->argv[2], &keys)) return resp_fail(call, "ERR value is not an integer or out of range");
    if (keys < 0) return resp_fail(call, "ERR Number of keys can't be negative");
    if ((uint64_t)keys > args->argc - 3)
        return resp_fail(call, "ERR Number of keys can't be greater than number of args");
    if (!known && by_hash) return resp_fail(call, "NOSCRIPT No matching script. Please use EVAL.");
    if (!known || keys != 1 || args->argc < 5)
        return resp_fail(
            call, "ERR scripts are not supported, but for the one that compares a value and deletes its key");
    struct resp_args key = {args->argv + 2, 2};
    call->request.condition = COND_VALUE;
    call->request.value = args->argv[4];
    return ask_key(limits, &key, OP_DELETE, RESP_TRUTH, call);
}

RESP_TAKE(script)
{
    (void)d, (void)limits;
    struct slice sub = args->argv[1];
    if (resp_is(sub, "flush")) return resp_literal(call, "+OK\r\n");
    if (resp_is(sub, "load") && args->argc == 3 && slice_equal(args->argv[2], slice_text(unlock_script)))
        return resp_literal(call, "$40\r\n" UNLOCK_SHA "\r\n");
    if (resp_is(sub, "exists") && args->argc == 3)
        return resp_literal(call, resp_is(args->argv[2], UNLOCK_SHA) ? "*1\r\n:1\r\n" : "*1\r\n:0\r\n");
    return resp_fail(call,
                     "ERR scripts are not supported, but for the one that compares a value and deletes its key");
}
