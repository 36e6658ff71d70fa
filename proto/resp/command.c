/* The table of commands, and what all of them need. */
#include <ctype.h>
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
    .encode = resp_encode,
};

#define NAME_MAX_LEN 16

/* clang-format off */
/* Sorted by length, then by name. */
static const struct resp_command commands[] = {
    {"del",         "write",               -2, 1, -1, 1, resp_take_del},
    {"get",         "readonly fast",        2, 1,  1, 1, resp_take_get},
    {"len",         "readonly fast",        1, 0,  0, 0, resp_take_dbsize},
    {"put",         "write denyoom",        4, 1,  1, 1, resp_take_put},
    {"set",         "write denyoom",       -3, 1,  1, 1, resp_take_set},
    {"ttl",         "readonly fast",        2, 1,  1, 1, resp_take_ttl},
    {"auth",        "noscript loading stale fast no_auth allow_busy", -2, 0, 0, 0, resp_take_auth},
    {"decr",        "write denyoom fast",   2, 1,  1, 1, resp_take_decr},
    {"echo",        "loading stale fast",   2, 0,  0, 0, resp_take_echo},
    {"eval",        "noscript stale skip_monitor no_mandatory_keys movablekeys", -3, 0, 0, 0, resp_take_eval},
    {"exec",        "noscript loading stale skip_slowlog", 1, 0, 0, 0, resp_take_exec},
    {"incr",        "write denyoom fast",   2, 1,  1, 1, resp_take_incr},
    {"info",        "loading stale",       -1, 0,  0, 0, resp_take_info},
    {"keys",        "readonly",             2, 0,  0, 0, resp_take_keys},
    {"mget",        "readonly fast",       -2, 1, -1, 1, resp_take_mget},
    {"mset",        "write denyoom",       -3, 1, -1, 2, resp_take_mset},
    {"ping",        "fast",                -1, 0,  0, 0, resp_take_ping},
    {"pttl",        "readonly fast",        2, 1,  1, 1, resp_take_ttl},
    {"quit",        "noscript loading stale fast no_auth allow_busy", -1, 0, 0, 0, resp_take_quit},
    {"scan",        "readonly",            -2, 0,  0, 0, resp_take_scan},
    {"time",        "loading stale fast",   1, 0,  0, 0, resp_take_time},
    {"type",        "readonly fast",        2, 1,  1, 1, resp_take_type},
    {"getex",       "write fast",          -2, 1,  1, 1, resp_take_getex},
    {"hello",       "noscript loading stale fast no_auth allow_busy", -1, 0, 0, 0, resp_take_hello},
    {"multi",       "noscript loading stale fast allow_busy", 1, 0, 0, 0, resp_take_multi},
    {"reset",       "noscript loading stale fast no_auth allow_busy", 1, 0, 0, 0, resp_take_reset},
    {"setex",       "write denyoom",        4, 1,  1, 1, resp_take_setex},
    {"setnx",       "write denyoom fast",   3, 1,  1, 1, resp_take_setnx},
    {"touch",       "readonly fast",       -2, 1, -1, 1, resp_take_touch},
    {"append",      "write denyoom fast",   3, 1,  1, 1, resp_take_append},
    {"client",      "noscript loading stale", -2, 0, 0, 0, resp_take_client},
    {"config",      "noscript loading stale", -2, 0, 0, 0, resp_take_config},
    {"dbsize",      "readonly fast",        1, 0,  0, 0, resp_take_dbsize},
    {"decrby",      "write denyoom fast",   3, 1,  1, 1, resp_take_decrby},
    {"delete",      "write",               -2, 1, -1, 1, resp_take_del},
    {"exists",      "readonly fast",       -2, 1, -1, 1, resp_take_exists},
    {"expire",      "write fast",          -3, 1,  1, 1, resp_take_expire},
    {"getdel",      "write fast",           2, 1,  1, 1, resp_take_getdel},
    {"getset",      "write denyoom fast",   3, 1,  1, 1, resp_take_getset},
    {"incrby",      "write denyoom fast",   3, 1,  1, 1, resp_take_incrby},
    {"msetnx",      "write denyoom",       -3, 1, -1, 2, resp_take_msetnx},
    {"object",      "readonly",            -2, 2,  2, 1, resp_take_object},
    {"psetex",      "write denyoom",        4, 1,  1, 1, resp_take_psetex},
    {"rename",      "write",                3, 1,  2, 1, resp_take_rename},
    {"script",      "noscript",            -2, 0,  0, 0, resp_take_script},
    {"select",      "loading stale fast",   2, 0,  0, 0, resp_take_select},
    {"strlen",      "readonly fast",        2, 1,  1, 1, resp_take_strlen},
    {"unlink",      "write fast",          -2, 1, -1, 1, resp_take_del},
    {"command",     "loading stale",       -1, 0,  0, 0, resp_take_command},
    {"discard",     "noscript loading stale fast allow_busy", 1, 0, 0, 0, resp_take_discard},
    {"evalsha",     "noscript stale skip_monitor no_mandatory_keys movablekeys", -3, 0, 0, 0, resp_take_eval},
    {"flushdb",     "write",               -1, 0,  0, 0, resp_take_flush},
    {"persist",     "write fast",           2, 1,  1, 1, resp_take_persist},
    {"pexpire",     "write fast",          -3, 1,  1, 1, resp_take_expire},
    {"expireat",    "write fast",          -3, 1,  1, 1, resp_take_expire},
    {"flushall",    "write",               -1, 0,  0, 0, resp_take_flush},
    {"function",    "noscript",            -2, 0,  0, 0, resp_take_function},
    {"renamenx",    "write fast",           3, 1,  2, 1, resp_take_rename},
    {"pexpireat",   "write fast",          -3, 1,  1, 1, resp_take_expire},
    {"randomkey",   "readonly",             1, 0,  0, 0, resp_take_randomkey},
    {"expiretime",  "readonly fast",        2, 1,  1, 1, resp_take_ttl},
    {"pexpiretime", "readonly fast",        2, 1,  1, 1, resp_take_ttl},
};
/* clang-format on */

enum { COMMANDS = sizeof commands / sizeof commands[0] };

const struct resp_command *resp_commands(size_t *count)
{
    *count = COMMANDS;
    return commands;
}

/* Compares as the table is sorted; `name` in lower case. */
static int compare(const char *name, size_t len, const struct resp_command *c)
{
    size_t other = strlen(c->name);
    if (len != other) return len < other ? -1 : 1;
    return memcmp(name, c->name, len);
}

const struct resp_command *resp_command_find(struct slice name)
{
    char lower[NAME_MAX_LEN];
    if (name.len > sizeof lower) return NULL;
    for (size_t i = 0; i < name.len; i++)
        lower[i] = (char)tolower((unsigned char)name.ptr[i]);
    size_t low = 0, high = COMMANDS;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = compare(lower, name.len, &commands[middle]);
        if (order == 0) return &commands[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

/* ---- answers ---- */

enum decode_status resp_own(struct call *call, const char *bytes, size_t len)
{
    call->request = (struct request){.op = OP_PING, .database = call->request.database};
    if (!call_reserve(call, len)) return resp_literal(call, "-ERR out of memory\r\n");
    memcpy(call->data, bytes, len);
    call->reply.kind = REPLY_OWN;
    call->reply.body = slice_of(call->data, len);
    call->form = RESP_RAW;
    return DECODE_ANSWERED;
}

enum decode_status resp_literal(struct call *call, const char *bytes)
{
    call->request = (struct request){.op = OP_PING, .database = call->request.database};
    call->reply.kind = REPLY_OWN;
    call->reply.body = slice_text(bytes);
    call->form = RESP_RAW;
    return DECODE_ANSWERED;
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

static enum decode_status unknown(const struct resp_args *args, struct call *call)
{
    char text[160] = "";
    size_t at = 0;
    for (size_t i = 1; i < args->argc && at < 128; i++) {
        int room = 128 - (int)at, size = args->argv[i].len < 128 ? (int)args->argv[i].len : 128;
        at +=
            (size_t)snprintf(text + at, sizeof text - at, "'%.*s' ", size < room ? size : room, args->argv[i].ptr);
    }
    int size = args->argv[0].len < 128 ? (int)args->argv[0].len : 128;
    return resp_fail(call, "ERR unknown command '%.*s', with args beginning with: %s", size, args->argv[0].ptr,
                     text);
}

/* A web page can make a browser send HTTP to a port of its user's machine, with commands in the body. Redis's
 * check. */
static bool is_http(struct slice name)
{
    return resp_is(name, "post") || resp_is(name, "host:");
}

/* These are carried out at once, MULTI or not. */
static bool passes_multi(const struct resp_command *c)
{
    return c->take == resp_take_exec || c->take == resp_take_discard || c->take == resp_take_multi ||
           c->take == resp_take_quit || c->take == resp_take_reset;
}

enum decode_status resp_command(struct decoder *d, const struct codec_limits *limits, const struct resp_args *args,
                                struct call *call)
{
    const struct resp_command *c = resp_command_find(args->argv[0]);
    if (!c) {
        if (is_http(args->argv[0])) return resp_literal(call, ""), DECODE_CLOSE;
        resp_abort_transaction(d);
        return unknown(args, call);
    }
    size_t wanted = (size_t)abs(c->arity);
    if (c->arity < 0 ? args->argc < wanted : args->argc != wanted) {
        resp_abort_transaction(d);
        return resp_fail(call, "ERR wrong number of arguments for '%s' command", c->name);
    }
    if (resp_in_multi(d) && !passes_multi(c)) return resp_queue(d, limits, c, args, call);
    call->request.database = d->database;
    enum decode_status status = c->take(d, limits, args, call);
    if (d->version == 3) call->form |= RESP_FORM_3;
    return status;
}
