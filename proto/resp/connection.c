/* Commands about the connection: HELLO, AUTH, SELECT, PING, ... */
#include "proto/resp/state.h"

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

static enum decode_status greet(struct decoder *d, struct call *call)
{
    struct buffer out = {0};
    bool is_3 = resp_is_3(d);
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
    return resp_answer(call, &out);
}

RESP_TAKE(hello)
{
    (void)limits;
    int64_t version = resp_is_3(d) ? 3 : 2;
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
            const char *error = resp_set_name(d, args->argv[++i]);
            if (error) return resp_fail(call, "%s", error);
        } else {
            struct slice option = args->argv[i];
            return resp_fail(call, "ERR Syntax error in HELLO option '%.*s'",
                             option.len < 128 ? (int)option.len : 128, option.ptr);
        }
    }
    decoder_of(d)->version = (uint8_t)version;
    return greet(d, call);
}

/* ---- the connection ---- */

RESP_TAKE(select)
{
    (void)limits;
    int64_t n = 0;
    if (!resp_integer(args->argv[1], &n)) return resp_fail(call, NOT_AN_INTEGER);
    if (n > INT32_MAX || n < INT32_MIN)
        return resp_fail(call, "ERR value is out of range, value must between %d and %d", INT32_MIN, INT32_MAX);
    if (n < 0 || n >= DATABASES) return resp_fail(call, "ERR DB index is out of range");
    decoder_of(d)->database = (uint8_t)n;
    return resp_literal(call, "+OK\r\n");
}

RESP_TAKE(ping)
{
    (void)d, (void)limits;
    if (args->argc > 2) return resp_fail(call, "ERR wrong number of arguments for 'ping' command");
    if (args->argc == 1) return resp_literal(call, "+PONG\r\n");
    return resp_answer_bulk(call, args->argv[1]);
}

RESP_TAKE(echo)
{
    (void)d, (void)limits;
    return resp_answer_bulk(call, args->argv[1]);
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
    decoder_of(d)->database = 0;
    decoder_of(d)->version = 2;
    return resp_literal(call, "+RESET\r\n");
}

RESP_TAKE(time)
{
    (void)d, (void)limits, (void)args;
    call->request.op = OP_TIME;
    call->form = RESP_TIME;
    return DECODE_REQUEST;
}
