/* The one script: PHP's session handler unlocks with it. There is no Lua here. */
#include "proto/resp/state.h"

#define NO_SCRIPT "NOSCRIPT No matching script. Please use EVAL."

/* Deletes the key if its value is the lock's. */
#define UNLOCK_SHA "b70c2384248f88e6b75b9f89241a180f856ad852"
static const char unlock_script[] =
    "if redis.call(\"get\",KEYS[1]) == ARGV[1] then return redis.call(\"del\",KEYS[1]) else return 0 end";

static enum decode_status no_scripts(struct call *call)
{
    return resp_fail(call,
                     "ERR scripts are not supported, but for the one that compares a value and deletes its key");
}

RESP_TAKE(eval)
{
    bool by_hash = resp_is(args->argv[0], "evalsha");
    bool known =
        by_hash ? resp_is(args->argv[1], UNLOCK_SHA) : slice_equal(args->argv[1], slice_text(unlock_script));
    int64_t keys = 0;
    if (by_hash && args->argv[1].len != strlen(UNLOCK_SHA)) return resp_fail(call, NO_SCRIPT);
    if (!resp_integer(args->argv[2], &keys)) return resp_fail(call, NOT_AN_INTEGER);
    if (keys > (int64_t)args->argc - 3)
        return resp_fail(call, "ERR Number of keys can't be greater than number of args");
    if (keys < 0) return resp_fail(call, "ERR Number of keys can't be negative");
    if (!known && by_hash) return resp_fail(call, NO_SCRIPT);
    if (!known || keys != 1 || args->argc < 5) return no_scripts(call);
    (void)d;
    call->request.condition = COND_VALUE;
    call->request.value = args->argv[4];
    return resp_ask_key(limits, args->argv[3], OP_DELETE, RESP_TRUTH, call);
}

RESP_TAKE(script_load)
{
    (void)d, (void)limits;
    if (!slice_equal(args->argv[2], slice_text(unlock_script))) return no_scripts(call);
    return resp_literal(call, "$40\r\n" UNLOCK_SHA "\r\n");
}

RESP_TAKE(script_exists)
{
    (void)d, (void)limits;
    struct buffer out = {0};
    resp_put_number(&out, '*', (int64_t)args->argc - 2);
    for (size_t i = 2; i < args->argc; i++)
        resp_put_number(&out, ':', resp_is(args->argv[i], UNLOCK_SHA));
    return resp_answer(call, &out);
}

/* The word behind FLUSH, if there is one. */
static bool flush_word_fits(const struct resp_args *args)
{
    return args->argc == 2 ||
           (args->argc == 3 && (resp_is(args->argv[2], "sync") || resp_is(args->argv[2], "async")));
}

RESP_TAKE(script_flush)
{
    (void)d, (void)limits;
    if (flush_word_fits(args)) return resp_literal(call, "+OK\r\n");
    return resp_fail(call, "ERR SCRIPT FLUSH only support SYNC|ASYNC option");
}

RESP_TAKE(function_flush)
{
    (void)d, (void)limits;
    if (flush_word_fits(args)) return resp_literal(call, "+OK\r\n");
    if (args->argc == 3) return resp_fail(call, "ERR FUNCTION FLUSH only supports SYNC|ASYNC option");
    return resp_fail(call, "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try FUNCTION HELP.",
                     (int)args->argv[1].len, args->argv[1].ptr);
}
