/* CLIENT: a connection about itself. Others are not told of. */
#include <stdio.h>

#include "proto/resp/state.h"

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

const char *resp_set_name(struct decoder *d, struct slice name)
{
    struct resp_state *s = NULL;
    if (!name_is_plain(name)) return "ERR Client names cannot contain spaces, newlines or special characters.";
    if (name.len > RESP_NAME_MAX) return "ERR the client name is longer than 64 bytes";
    if (name.len == 0 && !decoder_of(d)->memory) return NULL;
    s = resp_state_of(d);
    if (!s) return "ERR out of memory";
    keep(s->names.client, name);
    return NULL;
}

RESP_TAKE(client_setname)
{
    (void)limits;
    const char *error = resp_set_name(d, args->argv[2]);
    return error ? resp_fail(call, "%s", error) : resp_literal(call, "+OK\r\n");
}

/* ---- what it is ---- */

/* What the connection knows of itself. */
static enum decode_status ask_client(struct decoder *d, struct call *call)
{
    const struct resp_state *s = decoder_of(d)->memory;
    char text[320];
    int n = snprintf(text, sizeof text, "%llu %u %u %s %s %s", (unsigned long long)d->connection,
                     decoder_of(d)->database, resp_is_3(d) ? 3 : 2, s && s->names.client[0] ? s->names.client : "-",
                     s && s->names.library[0] ? s->names.library : "-",
                     s && s->names.library_version[0] ? s->names.library_version : "-");
    struct buffer tag = {.data = text, .len = (size_t)n};
    return resp_ask_facts(call, RESP_CLIENT, &tag);
}

RESP_TAKE(client_setinfo)
{
    (void)limits;
    bool is_name = resp_is(args->argv[2], "lib-name");
    if (!is_name && !resp_is(args->argv[2], "lib-ver"))
        return resp_fail(call, "ERR Unrecognized option '%.*s'",
                         args->argv[2].len < 128 ? (int)args->argv[2].len : 128, args->argv[2].ptr);
    if (!name_is_plain(args->argv[3]))
        return resp_fail(call, "ERR %s cannot contain spaces, newlines or special characters.",
                         is_name ? "lib-name" : "lib-ver");
    struct resp_state *s = resp_state_of(d);
    if (!s) return resp_fail(call, "ERR out of memory");
    keep(is_name ? s->names.library : s->names.library_version, args->argv[3]);
    return resp_literal(call, "+OK\r\n");
}

RESP_TAKE(client_getname)
{
    (void)limits, (void)args;
    const struct resp_state *s = decoder_of(d)->memory;
    struct buffer out = {0};
    if (s && s->names.client[0])
        resp_put_bulk(&out, slice_text(s->names.client));
    else
        resp_put_nil(&out, resp_is_3(d));
    return resp_answer(call, &out);
}

/* NO-EVICT, NO-TOUCH: nothing is evicted here, and no access times are kept. */
RESP_TAKE(client_switch)
{
    (void)d, (void)limits;
    bool ok = resp_is(args->argv[2], "on") || resp_is(args->argv[2], "off");
    return ok ? resp_literal(call, "+OK\r\n") : resp_fail(call, "ERR syntax error");
}

RESP_TAKE(client_id)
{
    (void)limits, (void)args;
    return resp_answer_number(call, (int64_t)d->connection);
}

RESP_TAKE(client_info)
{
    (void)limits, (void)args;
    return ask_client(d, call);
}

/* A list without anybody. */
static enum decode_status answer_nobody(struct decoder *d, struct call *call)
{
    struct buffer out = {0};
    resp_put_verbatim(&out, slice_of(NULL, 0), resp_is_3(d));
    return resp_answer(call, &out);
}

static enum decode_status list_of_type(struct decoder *d, struct slice type, struct call *call)
{
    if (resp_is(type, "normal")) return ask_client(d, call);
    if (resp_is(type, "master") || resp_is(type, "slave") || resp_is(type, "replica") || resp_is(type, "pubsub"))
        return answer_nobody(d, call);
    return resp_fail(call, "ERR Unknown client type '%.*s'", type.len < 128 ? (int)type.len : 128, type.ptr);
}

RESP_TAKE(client_list)
{
    (void)limits;
    bool found = false;
    if (args->argc == 2) return ask_client(d, call);
    if (args->argc == 4 && resp_is(args->argv[2], "type")) return list_of_type(d, args->argv[3], call);
    if (args->argc == 3 || !resp_is(args->argv[2], "id")) return resp_fail(call, "ERR syntax error");
    for (size_t i = 3; i < args->argc; i++) {
        int64_t id = 0;
        if (!resp_integer(args->argv[i], &id)) return resp_fail(call, "ERR Invalid client ID");
        if (id == (int64_t)d->connection) found = true;
    }
    return found ? ask_client(d, call) : answer_nobody(d, call);
}
