/* The table of commands, and what all of them need. */
#include <ctype.h>
#include <endian.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "proto/number.h"
#include "proto/resp/resp.h"
#include "proto/resp/state.h"

const struct codec codec_resp = {
    .name = "resp",
    .decode = resp_decode,
    .decode_end = resp_decode_end,
    .release = resp_release,
    .held = resp_held,
    .settle = resp_settle,
    .encode = resp_encode,
};

/* Of commands that are several in one; arities with both names, as Redis counts them. */
static const struct resp_subcommand client_subs[] = {
    {"setname", 3, resp_take_client_setname},
    {"getname", 2, resp_take_client_getname},
    {"id", 2, resp_take_client_id},
    {"info", 2, resp_take_client_info},
    {"list", -2, resp_take_client_list},
    {"setinfo", 4, resp_take_client_setinfo},
    {"no-evict", 3, resp_take_client_switch},
    {"no-touch", 3, resp_take_client_switch},
    {NULL, 0, NULL},
};
static const struct resp_subcommand config_subs[] = {
    {"get", -3, resp_take_config_get},
    {"set", -4, resp_take_config_set},
    {"rewrite", 2, resp_take_config_change},
    {"resetstat", 2, resp_take_config_change},
    {NULL, 0, NULL},
};
static const struct resp_subcommand command_subs[] = {
    {"count", 2, resp_take_command_count},
    {"info", -2, resp_take_command_info},
    {"list", -2, resp_take_command_list},
    {"docs", -2, resp_take_command_docs},
    {NULL, 0, NULL},
};
static const struct resp_subcommand object_subs[] = {
    {"encoding", 3, resp_take_object_encoding}, {"refcount", 3, resp_take_object_refcount},
    {"freq", 3, resp_take_object_freq},         {"idletime", 3, resp_take_object_idletime},
    {"help", 2, resp_take_object_help},         {NULL, 0, NULL},
};
static const struct resp_subcommand function_subs[] = {{"flush", -2, resp_take_function_flush}, {NULL, 0, NULL}};
static const struct resp_subcommand script_subs[] = {
    {"exists", -3, resp_take_script_exists},
    {"flush", -2, resp_take_script_flush},
    {"load", 3, resp_take_script_load},
    {NULL, 0, NULL},
};

/* clang-format off */
/* Sorted by length, then by name. */
static const struct resp_command commands[] = {
    {"del",         "write",               -2, 1, -1, 1, resp_take_del, NULL},
    {"get",         "readonly fast",        2, 1,  1, 1, resp_take_get, NULL},
    {"len",         "readonly fast",        1, 0,  0, 0, resp_take_dbsize, NULL},
    {"put",         "write denyoom",        4, 1,  1, 1, resp_take_put, NULL},
    {"set",         "write denyoom",       -3, 1,  1, 1, resp_take_set, NULL},
    {"ttl",         "readonly fast",        2, 1,  1, 1, resp_take_ttl, NULL},
    {"auth",        "noscript loading stale fast no_auth allow_busy", -2, 0, 0, 0, resp_take_auth, NULL},
    {"decr",        "write denyoom fast",   2, 1,  1, 1, resp_take_decr, NULL},
    {"echo",        "loading stale fast",   2, 0,  0, 0, resp_take_echo, NULL},
    {"eval",        "noscript stale skip_monitor no_mandatory_keys movablekeys", -3, 0, 0, 0, resp_take_eval, NULL},
    {"exec",        "noscript loading stale skip_slowlog", 1, 0, 0, 0, resp_take_exec, NULL},
    {"incr",        "write denyoom fast",   2, 1,  1, 1, resp_take_incr, NULL},
    {"info",        "loading stale",       -1, 0,  0, 0, resp_take_info, NULL},
    {"keys",        "readonly",             2, 0,  0, 0, resp_take_keys, NULL},
    {"mget",        "readonly fast",       -2, 1, -1, 1, resp_take_mget, NULL},
    {"mset",        "write denyoom",       -3, 1, -1, 2, resp_take_mset, NULL},
    {"ping",        "fast",                -1, 0,  0, 0, resp_take_ping, NULL},
    {"pttl",        "readonly fast",        2, 1,  1, 1, resp_take_ttl, NULL},
    {"quit",        "noscript loading stale fast no_auth allow_busy", -1, 0, 0, 0, resp_take_quit, NULL},
    {"scan",        "readonly",            -2, 0,  0, 0, resp_take_scan, NULL},
    {"time",        "loading stale fast",   1, 0,  0, 0, resp_take_time, NULL},
    {"type",        "readonly fast",        2, 1,  1, 1, resp_take_type, NULL},
    {"getex",       "write fast",          -2, 1,  1, 1, resp_take_getex, NULL},
    {"hello",       "noscript loading stale fast no_auth allow_busy", -1, 0, 0, 0, resp_take_hello, NULL},
    {"multi",       "noscript loading stale fast allow_busy", 1, 0, 0, 0, resp_take_multi, NULL},
    {"reset",       "noscript loading stale fast no_auth allow_busy", 1, 0, 0, 0, resp_take_reset, NULL},
    {"setex",       "write denyoom",        4, 1,  1, 1, resp_take_setex, NULL},
    {"setnx",       "write denyoom fast",   3, 1,  1, 1, resp_take_setnx, NULL},
    {"touch",       "readonly fast",       -2, 1, -1, 1, resp_take_touch, NULL},
    {"append",      "write denyoom fast",   3, 1,  1, 1, resp_take_append, NULL},
    {"client",      "noscript loading stale", -2, 0, 0, 0, NULL, client_subs},
    {"config",      "noscript loading stale", -2, 0, 0, 0, NULL, config_subs},
    {"dbsize",      "readonly fast",        1, 0,  0, 0, resp_take_dbsize, NULL},
    {"decrby",      "write denyoom fast",   3, 1,  1, 1, resp_take_decrby, NULL},
    {"delete",      "write",               -2, 1, -1, 1, resp_take_del, NULL},
    {"exists",      "readonly fast",       -2, 1, -1, 1, resp_take_exists, NULL},
    {"expire",      "write fast",          -3, 1,  1, 1, resp_take_expire, NULL},
    {"getdel",      "write fast",           2, 1,  1, 1, resp_take_getdel, NULL},
    {"getset",      "write denyoom fast",   3, 1,  1, 1, resp_take_getset, NULL},
    {"incrby",      "write denyoom fast",   3, 1,  1, 1, resp_take_incrby, NULL},
    {"msetnx",      "write denyoom",       -3, 1, -1, 2, resp_take_msetnx, NULL},
    {"object",      "readonly",            -2, 2,  2, 1, NULL, object_subs},
    {"psetex",      "write denyoom",        4, 1,  1, 1, resp_take_psetex, NULL},
    {"rename",      "write",                3, 1,  2, 1, resp_take_rename, NULL},
    {"script",      "noscript",            -2, 0,  0, 0, NULL, script_subs},
    {"select",      "loading stale fast",   2, 0,  0, 0, resp_take_select, NULL},
    {"strlen",      "readonly fast",        2, 1,  1, 1, resp_take_strlen, NULL},
    {"unlink",      "write fast",          -2, 1, -1, 1, resp_take_del, NULL},
    {"command",     "loading stale",       -1, 0,  0, 0, resp_take_command, command_subs},
    {"discard",     "noscript loading stale fast allow_busy", 1, 0, 0, 0, resp_take_discard, NULL},
    {"evalsha",     "noscript stale skip_monitor no_mandatory_keys movablekeys", -3, 0, 0, 0, resp_take_eval, NULL},
    {"flushdb",     "write",               -1, 0,  0, 0, resp_take_flush, NULL},
    {"persist",     "write fast",           2, 1,  1, 1, resp_take_persist, NULL},
    {"pexpire",     "write fast",          -3, 1,  1, 1, resp_take_expire, NULL},
    {"expireat",    "write fast",          -3, 1,  1, 1, resp_take_expire, NULL},
    {"flushall",    "write",               -1, 0,  0, 0, resp_take_flush, NULL},
    {"function",    "noscript",            -2, 0,  0, 0, NULL, function_subs},
    {"renamenx",    "write fast",           3, 1,  2, 1, resp_take_rename, NULL},
    {"pexpireat",   "write fast",          -3, 1,  1, 1, resp_take_expire, NULL},
    {"randomkey",   "readonly",             1, 0,  0, 0, resp_take_randomkey, NULL},
    {"expiretime",  "readonly fast",        2, 1,  1, 1, resp_take_ttl, NULL},
    {"pexpiretime", "readonly fast",        2, 1,  1, 1, resp_take_ttl, NULL},
};
/* clang-format on */

enum { COMMANDS = sizeof commands / sizeof commands[0] };

const struct resp_command *resp_commands(size_t *count)
{
    *count = COMMANDS;
    return commands;
}

/* A name's bytes as two words, zeros behind them. */
struct name_words {
    uint64_t low, high;
};
_Static_assert(sizeof(struct name_words) == RESP_COMMAND_MAX, "a name is two words");

static inline struct name_words words_of(const char name[RESP_COMMAND_MAX])
{
    struct name_words words;
    memcpy(&words, name, sizeof words);
    return (struct name_words){le64toh(words.low), le64toh(words.high)};
}

static inline uint64_t lower_case(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

/* From the front, where the short names are, which are asked most: two words tell whether it is the one. */
const struct resp_command *resp_command_find(struct slice name)
{
    struct name_words wanted = {0, 0};
    if (name.len >= RESP_COMMAND_MAX || name.len == 0 || name.ptr[name.len - 1] == '\0') return NULL;
    for (size_t i = 0; i < name.len && i < 8; i++)
        wanted.low |= lower_case(name.ptr[i]) << 8 * i;
    for (size_t i = 8; i < name.len; i++)
        wanted.high |= lower_case(name.ptr[i]) << 8 * (i - 8);
    for (size_t i = 0; i < COMMANDS; i++) {
        struct name_words known = words_of(commands[i].name);
        if (known.low == wanted.low && known.high == wanted.high) return &commands[i];
    }
    return NULL;
}

/* ---- answers ---- */

/* Nothing of the request is left: it would borrow from the input beyond the answer. */
static enum decode_status answered(struct call *call, struct slice bytes)
{
    call_drop_parts(call);
    call->request = (struct request){.op = OP_PING, .database = call->request.database};
    call->reply.kind = REPLY_OWN;
    call->reply.body = bytes;
    call->form = RESP_RAW;
    return DECODE_ANSWERED;
}

enum decode_status resp_own(struct call *call, const char *bytes, size_t len)
{
    if (!call_reserve(call, len)) return resp_literal(call, "-ERR out of memory\r\n");
    memcpy(call->data, bytes, len);
    return answered(call, slice_of(call->data, len));
}

enum decode_status resp_literal(struct call *call, const char *bytes)
{
    return answered(call, slice_text(bytes));
}

enum decode_status resp_fail(struct call *call, const char *format, ...)
{
    char line[512 + 4];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line + 1, sizeof line - 3, format, args);
    va_end(args);
    size_t len = n < 0 ? 0 : n > (int)sizeof line - 4 ? sizeof line - 4 : (size_t)n;
    line[0] = '-';
    for (size_t i = 1; i <= len; i++) /* what a client sent must not end the line */
        if (line[i] == '\r' || line[i] == '\n') line[i] = ' ';
    memcpy(line + 1 + len, "\r\n", 2);
    return resp_own(call, line, len + 3);
}

enum decode_status resp_answer(struct call *call, struct buffer *out)
{
    enum decode_status status =
        out->failed ? resp_fail(call, "ERR out of memory") : resp_own(call, out->data, out->len);
    buffer_free(out);
    return status;
}

enum decode_status resp_answer_bulk(struct call *call, struct slice body)
{
    struct buffer out = {0};
    resp_put_bulk(&out, body);
    return resp_answer(call, &out);
}

enum decode_status resp_answer_number(struct call *call, int64_t n)
{
    struct buffer out = {0};
    resp_put_number(&out, ':', n);
    return resp_answer(call, &out);
}

bool resp_tag(struct call *call, const void *bytes, size_t len)
{
    if (!call_reserve(call, len)) return false;
    if (len > 0) memcpy(call->data, bytes, len);
    call->request.tag = slice_of(call->data, len);
    return true;
}

/* ---- arguments ---- */

bool resp_is(struct slice argument, const char *word)
{
    return argument.len == strlen(word) && strncasecmp(argument.ptr, word, argument.len) == 0;
}

bool resp_integer(struct slice text, int64_t *n)
{
    bool negative = text.len > 0 && text.ptr[0] == '-';
    struct slice digits = slice_of(text.ptr + negative, text.len - negative);
    uint64_t magnitude = 0;
    if (digits.len == 0 || (digits.ptr[0] == '0' && text.len > 1)) return false;
    if (!number_parse(digits, negative ? UINT64_C(1) << 63 : INT64_MAX, &magnitude)) return false;
    *n = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}

enum decode_status resp_ask_key(const struct codec_limits *limits, struct slice key, enum op op,
                                enum resp_form form, struct call *call)
{
    call->request.op = op;
    call->form = form;
    if (key.len <= limits->key) {
        call->request.key = key;
        return DECODE_REQUEST;
    }
    call->request.key = call->request.value = slice_of(NULL, 0);
    call->reply.kind = REPLY_NOT_FOUND;
    return DECODE_ANSWERED;
}

bool resp_key_fits(const struct codec_limits *limits, struct slice key, struct call *call)
{
    if (key.len <= limits->key) return true;
    resp_fail(call, "ERR the key is too long (limits.key is %zu bytes)", limits->key);
    return false;
}

bool resp_value_fits(const struct codec_limits *limits, size_t len, struct call *call)
{
    if (len <= limits->value) return true;
    resp_fail(call, "ERR the value is too large (limits.value is %zu bytes)", limits->value);
    return false;
}

/* ---- taking a command ---- */

static int shown(struct slice text)
{
    return text.len < 128 ? (int)text.len : 128;
}

static enum decode_status unknown(const struct resp_args *args, struct call *call)
{
    char text[160] = "";
    size_t at = 0;
    for (size_t i = 1; i < args->argc && at < 128; i++) {
        int room = 128 - (int)at, size = shown(args->argv[i]);
        at +=
            (size_t)snprintf(text + at, sizeof text - at, "'%.*s' ", size < room ? size : room, args->argv[i].ptr);
    }
    return resp_fail(call, "ERR unknown command '%.*s', with args beginning with: %s", shown(args->argv[0]),
                     args->argv[0].ptr, text);
}

static enum decode_status unknown_subcommand(const struct resp_command *c, const struct resp_args *args,
                                             struct call *call)
{
    char name[RESP_COMMAND_MAX] = "";
    for (size_t i = 0; c->name[i]; i++)
        name[i] = (char)toupper((unsigned char)c->name[i]);
    return resp_fail(call, "ERR unknown subcommand '%.*s'. Try %s HELP.", shown(args->argv[1]), args->argv[1].ptr,
                     name);
}

/* A command, resolved. */
struct found {
    resp_take *take;
    int arity;
    const char *name, *sub; /* sub: NULL where there is none */
};

/* Finds who takes the command; false, answered: nobody. */
static bool resolve(const struct resp_args *args, struct found *found, struct call *call)
{
    const struct resp_command *c = resp_command_find(args->argv[0]);
    if (!c) {
        unknown(args, call);
        return false;
    }
    *found = (struct found){c->take, c->arity, c->name, NULL};
    if (!c->subs || args->argc < 2) return true;
    for (const struct resp_subcommand *s = c->subs; s->name; s++) {
        if (!resp_is(args->argv[1], s->name)) continue;
        *found = (struct found){s->take, s->arity, c->name, s->name};
        return true;
    }
    unknown_subcommand(c, args, call);
    return false;
}

static bool arity_fits(const struct found *found, size_t argc)
{
    size_t wanted = (size_t)abs(found->arity);
    return found->arity < 0 ? argc >= wanted : argc == wanted;
}

/* A web page can make a browser send HTTP to a port of its user's machine, with commands in the body. Redis's
 * check. */
static bool is_http(struct slice name)
{
    return resp_is(name, "post") || resp_is(name, "host:");
}

/* These are carried out at once, MULTI or not. */
static bool passes_multi(resp_take *take)
{
    return take == resp_take_exec || take == resp_take_discard || take == resp_take_multi ||
           take == resp_take_quit || take == resp_take_reset;
}

enum decode_status resp_command(struct decoder *d, const struct codec_limits *limits, const struct resp_args *args,
                                struct call *call)
{
    struct found found;
    if (!resolve(args, &found, call)) {
        if (is_http(args->argv[0])) return resp_literal(call, ""), DECODE_CLOSE;
        resp_abort_transaction(d);
        return DECODE_ANSWERED;
    }
    if (!arity_fits(&found, args->argc)) {
        if (found.take == resp_take_exec) return resp_refuse_exec(d, call);
        resp_abort_transaction(d);
        return resp_fail(call, "ERR wrong number of arguments for '%s%s%s' command", found.name,
                         found.sub ? "|" : "", found.sub ? found.sub : "");
    }
    if (resp_in_multi(d) && found.take == resp_take_config_set) {
        /* The control thread would have done it before the backend could refuse the rest. */
        resp_abort_transaction(d);
        return resp_fail(call, "ERR Command not allowed inside a transaction");
    }
    if (resp_in_multi(d) && !passes_multi(found.take)) return resp_queue(d, limits, found.take, args, call);
    call->request.database = decoder_of(d)->database;
    enum decode_status status = found.take(d, limits, args, call);
    if (resp_is_3(d)) call->form |= RESP_FORM_3;
    return status;
}
