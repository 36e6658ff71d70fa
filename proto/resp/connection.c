/* Commands that the codec answers itself, or that ask for facts about the daemon. */
#include <ctype.h>
#include <stdio.h>

#include "proto/keys.h"
#include "proto/resp/state.h"

/* A reply that was put together in a buffer. */
static enum decode_status answer(struct call *call, struct buffer *out)
{
    enum decode_status status =
        out->failed ? resp_fail(call, "ERR out of memory") : resp_own(call, out->data, out->len);
    buffer_free(out);
    return status;
}

static enum decode_status answer_bulk(struct call *call, struct slice body)
{
    struct buffer out = {0};
    resp_put_bulk(&out, body);
    return answer(call, &out);
}

static enum decode_status answer_number(struct call *call, int64_t n)
{
    struct buffer out = {0};
    resp_put_number(&out, ':', n);
    return answer(call, &out);
}

static enum decode_status wrong_arity(struct call *call, const char *name)
{
    return resp_fail(call, "ERR wrong number of arguments for '%s' command", name);
}

static enum decode_status unknown_subcommand(struct call *call, const struct resp_args *args, const char *command)
{
    struct slice sub = args->argv[1];
    return resp_fail(call, "ERR unknown subcommand '%.*s'. Try %s HELP.", sub.len < 128 ? (int)sub.len : 128,
                     sub.ptr, command);
}

/* ---- names ---- */

static bool name_is_plain(struct slice name)
{
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] < '!' || name.ptr[i] > '~') return false;
    return true;
}

/* Copies it, cut off where it is longer than a name may be. */
static void keep(char *to, struct slice name)
{
    size_t len = name.len < RESP_NAME_MAX ? name.len : RESP_NAME_MAX;
    if (len > 0) memcpy(to, name.ptr, len);
    to[len] = '\0';
}

static enum decode_status set_name(struct decoder *d, struct slice name, struct call *call)
{
    struct resp_state *s = NULL;
    if (!name_is_plain(name))
        return resp_fail(call, "ERR Client names cannot contain spaces, newlines or special characters.");
    if (name.len > RESP_NAME_MAX) return resp_fail(call, "ERR the client name is longer than 64 bytes");
    if (name.len == 0 && !d->memory) return resp_literal(call, "+OK\r\n");
    s = resp_state_of(d);
    if (!s) return resp_fail(call, "ERR out of memory");
    keep(s->name, name);
    return resp_literal(call, "+OK\r\n");
}

/* ---- HELLO, AUTH ---- */

#define NO_PASSWORD                                                                                       \
    "ERR AUTH <password> called without any password configured for the default user. Are you sure your " \
    "configuration is correct?"

static enum decode_status wrong_password(struct call *call)
{
    return resp_fail(call, "WRONGPASS invalid username-password pair or user is disabled.");
}

/* There are no passwords: the user of that name gets in with any. */
static bool user_is_known(struct slice user)
{
    return slice_equal(user, slice_text("default"));
}

RESP_TAKE(auth)
{
    (void)d, (void)limits;
    if (args->argc > 3) return resp_fail(call, "ERR syntax error");
    if (args->argc == 2) return resp_fail(call, NO_PASSWORD);
    return user_is_known(args->argv[1]) ? resp_literal(call, "+OK\r\n") : wrong_password(call);
}

static enum decode_status greet(const struct decoder *d, struct call *call)
{
    struct buffer out = {0};
    bool is_3 = d->version == 3;
    resp_put_map(&out, 7, is_3);
    resp_put_bulk(&out, slice_text("server"));
    resp_put_bulk(&out, slice_text("redis"));
    resp_put_bulk(&out, slice_text("version"));
    resp_put_bulk(&out, slice_text(RESP_COMPATIBLE));
    resp_put_bulk(&out, slice_text("proto"));
    resp_put_number(&out, ':', is_3 ? 3 : 2);
    resp_put_bulk(&out, slice_text("id"));
    resp_put_number(&out, ':', (int64_t)d->connection);
    resp_put_bulk(&out, slice_text("mode"));
    resp_put_bulk(&out, slice_text("standalone"));
    resp_put_bulk(&out, slice_text("role"));
    resp_put_bulk(&out, slice_text("master"));
    resp_put_bulk(&out, slice_text("modules"));
    resp_put_number(&out, '*', 0);
    return answer(call, &out);
}

RESP_TAKE(hello)
{
    (void)limits;
    int64_t version = d->version == 3 ? 3 : 2;
    struct slice name = {NULL, 0};
    bool is_named = false;
    if (args->argc > 1) {
        if (!resp_integer(args->argv[1], &version))
            return resp_fail(call, "ERR Protocol version is not an integer or out of range");
        if (version < 2 || version > 3) return resp_fail(call, "NOPROTO unsupported protocol version");
    }
    for (size_t i = 2; i < args->argc; i++) {
        size_t left = args->argc - 1 - i;
        if (resp_is(args->argv[i], "auth") && left >= 2) {
            if (!user_is_known(args->argv[i + 1])) return wrong_password(call);
            i += 2;
        } else if (resp_is(args->argv[i], "setname") && left >= 1) {
            name = args->argv[++i];
            is_named = true;
        } else {
            struct slice option = args->argv[i];
            return resp_fail(call, "ERR Syntax error in HELLO option '%.*s'",
                             option.len < 128 ? (int)option.len : 128, option.ptr);
        }
    }
    if (is_named) {
        set_name(d, name, call);
        if (call->reply.body.ptr[0] == '-') return DECODE_ANSWERED;
        call_clear(call);
    }
    d->version = (uint8_t)version;
    return greet(d, call);
}

/* ---- the connection ---- */

RESP_TAKE(select)
{
    (void)limits;
    int64_t n = 0;
    if (!resp_integer(args->argv[1], &n) || n > INT32_MAX || n < INT32_MIN)
        return resp_fail(call, "ERR value is not an integer or out of range");
    if (n < 0 || n >= DATABASES) return resp_fail(call, "ERR DB index is out of range");
    d->database = (uint8_t)n;
    return resp_literal(call, "+OK\r\n");
}

RESP_TAKE(ping)
{
    (void)d, (void)limits;
    if (args->argc > 2) return wrong_arity(call, "ping");
    if (args->argc == 1) return resp_literal(call, "+PONG\r\n");
    return answer_bulk(call, args->argv[1]);
}

RESP_TAKE(echo)
{
    (void)d, (void)limits;
    return answer_bulk(call, args->argv[1]);
}

RESP_TAKE(quit)
{
    (void)d, (void)limits, (void)args;
    call->request.op = OP_QUIT;
    call->form = RESP_STATUS;
    return DECODE_REQUEST;
}

RESP_TAKE(reset)
{
    (void)limits, (void)args;
    resp_release(d);
    d->database = 0;
    d->version = 2;
    return resp_literal(call, "+RESET\r\n");
}

RESP_TAKE(time)
{
    (void)d, (void)limits, (void)args;
    call->request.op = OP_TIME;
    call->form = RESP_TIME;
    return DECODE_REQUEST;
}

/* ---- facts ---- */

static enum decode_status ask_facts(struct call *call, enum resp_form form, const struct buffer *tag)
{
    call->request.op = OP_FACTS;
    call->form = form;
    if (tag->failed || !resp_tag(call, tag->data, tag->len)) return resp_fail(call, "ERR out of memory");
    return DECODE_REQUEST;
}

/* The arguments from number `first` on, packed (keys.h), go along as the tag. */
static enum decode_status ask_with_words(struct call *call, enum resp_form form, const struct resp_args *args,
                                         size_t first)
{
    struct buffer tag = {0};
    for (size_t i = first; i < args->argc; i++)
        keys_append(&tag, args->argv[i].len > UINT16_MAX ? slice_of(NULL, 0) : args->argv[i]);
    enum decode_status status = ask_facts(call, form, &tag);
    buffer_free(&tag);
    return status;
}

RESP_TAKE(info)
{
    (void)d, (void)limits;
    return ask_with_words(call, RESP_INFO, args, 1);
}

RESP_TAKE(config)
{
    (void)d, (void)limits;
    if (resp_is(args->argv[1], "get")) {
        if (args->argc < 3) return wrong_arity(call, "config|get");
        return ask_with_words(call, RESP_CONFIG, args, 2);
    }
    if (resp_is(args->argv[1], "set")) {
        if (args->argc != 4) return wrong_arity(call, "config|set");
        call->request.op = OP_CONFIG_SET;
        call->request.key = args->argv[2];
        call->request.value = args->argv[3];
        call->form = RESP_STATUS;
        return DECODE_REQUEST;
    }
    if (resp_is(args->argv[1], "rewrite") || resp_is(args->argv[1], "resetstat"))
        return resp_fail(call, "ERR the configuration is in the YAML file: change it there and start sluiced anew");
    return unknown_subcommand(call, args, "CONFIG");
}

/* What the connection knows of itself. */
static enum decode_status ask_client(struct decoder *d, struct call *call)
{
    const struct resp_state *s = d->memory;
    char text[320];
    int n = snprintf(text, sizeof text, "%llu %u %u %s %s %s", (unsigned long long)d->connection, d->database,
                     d->version == 3 ? 3 : 2, s && s->name[0] ? s->name : "-",
                     s && s->library[0] ? s->library : "-", s && s->library_version[0] ? s->library_version : "-");
    struct buffer tag = {.data = text, .len = (size_t)n};
    return ask_facts(call, RESP_CLIENT, &tag);
}

static enum decode_status set_info(struct decoder *d, const struct resp_args *args, struct call *call)
{
    bool is_name = resp_is(args->argv[2], "lib-name");
    if (!is_name && !resp_is(args->argv[2], "lib-ver"))
        return resp_fail(call, "ERR Unrecognized option '%.*s'",
                         args->argv[2].len < 128 ? (int)args->argv[2].len : 128, args->argv[2].ptr);
    if (!name_is_plain(args->argv[3]))
        return resp_fail(call, "ERR %s cannot contain spaces, newlines or special characters.",
                         is_name ? "lib-name" : "lib-ver");
    struct resp_state *s = resp_state_of(d);
    if (!s) return resp_fail(call, "ERR out of memory");
    keep(is_name ? s->library : s->library_version, args->argv[3]);
    return resp_literal(call, "+OK\r\n");
}

static enum decode_status get_name(const struct decoder *d, struct call *call)
{
    const struct resp_state *s = d->memory;
    struct buffer out = {0};
    if (s && s->name[0])
        resp_put_bulk(&out, slice_text(s->name));
    else
        resp_put_nil(&out, d->version == 3);
    return answer(call, &out);
}

/* NO-EVICT, NO-TOUCH: nothing is evicted here, and no access times are kept. */
static enum decode_status set_switch(const struct resp_args *args, struct call *call)
{
    bool ok = resp_is(args->argv[2], "on") || resp_is(args->argv[2], "off");
    return ok ? resp_literal(call, "+OK\r\n") : resp_fail(call, "ERR syntax error");
}

RESP_TAKE(client)
{
    (void)limits;
    enum { SETNAME, GETNAME, ID, INFO, LIST, SETINFO, NO_EVICT, NO_TOUCH, SUBCOMMANDS };
    static const struct {
        const char *name;
        size_t argc; /* 0: at least 2 */
    } subs[] = {{"setname", 3}, {"getname", 2}, {"id", 2},       {"info", 2},
                {"list", 0},    {"setinfo", 4}, {"no-evict", 3}, {"no-touch", 3}};
    unsigned sub = 0;
    while (sub < SUBCOMMANDS && !resp_is(args->argv[1], subs[sub].name))
        sub++;
    if (sub == SUBCOMMANDS) return unknown_subcommand(call, args, "CLIENT");
    if (subs[sub].argc != 0 && args->argc != subs[sub].argc) {
        char name[32];
        snprintf(name, sizeof name, "client|%s", subs[sub].name);
        return wrong_arity(call, name);
    }
    switch (sub) {
    case SETNAME: return set_name(d, args->argv[2], call);
    case GETNAME: return get_name(d, call);
    case ID: return answer_number(call, (int64_t)d->connection);
    case SETINFO: return set_info(d, args, call);
    case NO_EVICT:
    case NO_TOUCH: return set_switch(args, call);
    default: return ask_client(d, call);
    }
}

/* ---- COMMAND ---- */

static void put_flags(struct buffer *out, const char *flags)
{
    int64_t count = flags[0] != '\0';
    for (const char *p = flags; *p; p++)
        count += *p == ' ';
    resp_put_number(out, '*', count);
    while (*flags) {
        size_t len = strcspn(flags, " ");
        buffer_append_text(out, "+");
        buffer_append(out, flags, len);
        buffer_append_text(out, "\r\n");
        flags += len + (flags[len] == ' ');
    }
}

static void put_command(struct buffer *out, const struct resp_command *c)
{
    resp_put_number(out, '*', 10);
    resp_put_bulk(out, slice_text(c->name));
    resp_put_number(out, ':', c->arity);
    put_flags(out, c->flags);
    resp_put_number(out, ':', c->first_key);
    resp_put_number(out, ':', c->last_key);
    resp_put_number(out, ':', c->key_step);
    for (int i = 0; i < 4; i++) /* access categories, tips, key specifications, subcommands: not told */
        resp_put_number(out, '*', 0);
}

static enum decode_status describe(const struct decoder *d, const struct resp_args *args, struct call *call)
{
    struct buffer out = {0};
    size_t count;
    const struct resp_command *all = resp_commands(&count);
    if (args->argc <= 2) {
        resp_put_number(&out, '*', (int64_t)count);
        for (size_t i = 0; i < count; i++)
            put_command(&out, &all[i]);
        return answer(call, &out);
    }
    resp_put_number(&out, '*', (int64_t)args->argc - 2);
    for (size_t i = 2; i < args->argc; i++) {
        const struct resp_command *c = resp_command_find(args->argv[i]);
        if (c)
            put_command(&out, c);
        else if (d->version == 3)
            buffer_append_text(&out, "_\r\n");
        else
            buffer_append_text(&out, "*-1\r\n");
    }
    return answer(call, &out);
}

static enum decode_status list_commands(struct call *call)
{
    struct buffer out = {0};
    size_t count;
    const struct resp_command *all = resp_commands(&count);
    resp_put_number(&out, '*', (int64_t)count);
    for (size_t i = 0; i < count; i++)
        resp_put_bulk(&out, slice_text(all[i].name));
    return answer(call, &out);
}

RESP_TAKE(command)
{
    (void)limits;
    size_t count;
    (void)resp_commands(&count);
    if (args->argc == 1 || resp_is(args->argv[1], "info")) return describe(d, args, call);
    if (resp_is(args->argv[1], "count")) return answer_number(call, (int64_t)count);
    if (resp_is(args->argv[1], "list")) return list_commands(call);
    if (resp_is(args->argv[1], "docs")) return resp_literal(call, d->version == 3 ? "%0\r\n" : "*0\r\n");
    return unknown_subcommand(call, args, "COMMAND");
}

RESP_TAKE(function)
{
    (void)d, (void)limits;
    if (resp_is(args->argv[1], "flush")) return resp_literal(call, "+OK\r\n");
    return unknown_subcommand(call, args, "FUNCTION");
}
