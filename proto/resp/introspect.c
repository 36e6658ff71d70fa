/* What a client may ask about the daemon and its commands: INFO, CONFIG, COMMAND. */
#include "proto/keys.h"
#include "proto/resp/state.h"

/* ---- facts ---- */

enum decode_status resp_ask_facts(struct call *call, enum resp_form form, const struct buffer *tag)
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
    enum decode_status status = resp_ask_facts(call, form, &tag);
    buffer_free(&tag);
    return status;
}

RESP_TAKE(info)
{
    (void)d, (void)limits;
    return ask_with_words(call, RESP_INFO, args, 1);
}

RESP_TAKE(config_get)
{
    (void)d, (void)limits;
    return ask_with_words(call, RESP_CONFIG, args, 2);
}

RESP_TAKE(config_set)
{
    (void)d, (void)limits;
    if (args->argc != 4) return resp_fail(call, "ERR wrong number of arguments for 'config|set' command");
    call->request.op = OP_CONFIG_SET;
    call->request.key = args->argv[2];
    call->request.value = args->argv[3];
    call->form = RESP_STATUS;
    return DECODE_REQUEST;
}

/* CONFIG REWRITE, RESETSTAT */
RESP_TAKE(config_change)
{
    (void)d, (void)limits, (void)args;
    return resp_fail(call, "ERR the configuration is in the YAML file: change it there and start sluiced anew");
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

static void put_all(struct buffer *out, void (*put)(struct buffer *out, const struct resp_command *c))
{
    size_t count;
    const struct resp_command *all = resp_commands(&count);
    resp_put_number(out, '*', (int64_t)count);
    for (size_t i = 0; i < count; i++)
        put(out, &all[i]);
}

RESP_TAKE(command)
{
    (void)d, (void)limits, (void)args;
    struct buffer out = {0};
    put_all(&out, put_command);
    return resp_answer(call, &out);
}

RESP_TAKE(command_info)
{
    (void)limits;
    if (args->argc == 2) return resp_take_command(d, limits, args, call);
    struct buffer out = {0};
    resp_put_number(&out, '*', (int64_t)args->argc - 2);
    for (size_t i = 2; i < args->argc; i++) {
        const struct resp_command *c = resp_command_find(args->argv[i]);
        if (c)
            put_command(&out, c);
        else
            resp_put_nil(&out, resp_is_3(d));
    }
    return resp_answer(call, &out);
}

static void put_name(struct buffer *out, const struct resp_command *c)
{
    resp_put_bulk(out, slice_text(c->name));
}

RESP_TAKE(command_list)
{
    (void)d, (void)limits;
    if (args->argc > 2) return resp_fail(call, "ERR syntax error");
    struct buffer out = {0};
    put_all(&out, put_name);
    return resp_answer(call, &out);
}

RESP_TAKE(command_count)
{
    (void)d, (void)limits, (void)args;
    size_t count;
    (void)resp_commands(&count);
    return resp_answer_number(call, (int64_t)count);
}

/* None are kept. */
RESP_TAKE(command_docs)
{
    (void)limits, (void)args;
    return resp_literal(call, resp_is_3(d) ? "%0\r\n" : "*0\r\n");
}
