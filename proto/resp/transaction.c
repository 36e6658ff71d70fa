/*
 * MULTI ... EXEC: commands are parsed when they come and kept as the parts of one call, which EXEC sends as a
 * batch. What is wrong with a command's name or arity is said at once and spoils the transaction; anything else
 * that is wrong is the reply of its part.
 */
#include <stdlib.h>

#include "proto/resp/state.h"

#define TRANSACTION_BYTES (16U << 20) /* beyond one command's size */

struct resp_state *resp_state_of(struct decoder *d)
{
    if (decoder_of(d)->memory) return decoder_of(d)->memory;
    struct resp_state *s = calloc(1, sizeof *s);
    if (s) call_init(&s->transaction);
    decoder_of(d)->memory = s;
    return s;
}

void resp_release(struct decoder *d)
{
    struct resp_state *s = decoder_of(d)->memory;
    if (s) call_clear(&s->transaction);
    free(s);
    decoder_of(d)->memory = NULL;
}

static void drop(struct resp_state *s)
{
    call_clear(&s->transaction);
    s->bytes = s->parts = 0;
}

size_t resp_held(struct decoder *d)
{
    return decoder_of(d)->memory ? decoder_of(d)->memory->bytes : 0;
}

/* The transaction will come to nothing, so its commands need not be kept. */
void resp_abort_transaction(struct decoder *d)
{
    struct resp_state *s = decoder_of(d)->memory;
    if (!resp_in_multi(d)) return;
    s->aborted = true;
    drop(s);
}

static void end(struct resp_state *s)
{
    drop(s);
    s->in_multi = s->aborted = false;
}

static void restore(struct decoder *d, struct resp_state *s)
{
    decoder_of(d)->database = s->before.database;
    decoder_of(d)->version = s->before.version;
    s->names = s->before.names;
}

/* Has a command that was queued changed the connection? */
static bool has_changed(struct decoder *d, const struct resp_state *s)
{
    return decoder_of(d)->database != s->before.database || decoder_of(d)->version != s->before.version ||
           memcmp(&s->names, &s->before.names, sizeof s->names) != 0;
}

/* Ends it without having executed anything of it. */
static void discard(struct decoder *d, struct resp_state *s)
{
    restore(d, s);
    end(s);
}

void resp_settle(struct decoder *d, const struct call *call)
{
    bool refused = call->request.op == OP_BATCH && call->reply.kind != REPLY_PARTS;
    if (refused && decoder_of(d)->memory) restore(d, decoder_of(d)->memory);
}

/* NULL, or why this command cannot be one more. */
static const char *add(struct decoder *d, const struct codec_limits *limits, resp_take *take,
                       const struct resp_args *args)
{
    struct resp_state *s = decoder_of(d)->memory;
    struct call *part = call_add_part(&s->transaction, CALL_INLINE);
    if (!part) return "out of memory";
    part->request.database = decoder_of(d)->database;
    enum decode_status status = take(d, limits, args, part);
    if (resp_is_3(d)) part->form |= RESP_FORM_3;
    if (status == DECODE_REQUEST && !call_own(part)) return "out of memory";
    size_t bytes = call_bytes(part);
    s->bytes += bytes;
    s->parts += 1 + part->part_count;
    if (s->parts > limits->parts) return CODEC_TOO_MANY_PARTS;
    if (s->bytes > limits->command + TRANSACTION_BYTES) return "the transaction is too large";
    return bytes > limits->held ? CODEC_TOO_MUCH_HELD : NULL;
}

enum decode_status resp_queue(struct decoder *d, const struct codec_limits *limits, resp_take *take,
                              const struct resp_args *args, struct call *call)
{
    const char *error = decoder_of(d)->memory->aborted ? NULL : add(d, limits, take, args);
    if (!error) return resp_literal(call, "+QUEUED\r\n");
    resp_abort_transaction(d);
    return resp_fail(call, "ERR %s", error);
}

RESP_TAKE(multi)
{
    (void)limits, (void)args;
    struct resp_state *s = resp_state_of(d);
    if (!s) return resp_fail(call, "ERR out of memory");
    if (s->in_multi) return resp_fail(call, "ERR MULTI calls can not be nested");
    s->in_multi = true;
    s->before.database = decoder_of(d)->database;
    s->before.version = decoder_of(d)->version;
    s->before.names = s->names;
    return resp_literal(call, "+OK\r\n");
}

enum decode_status resp_refuse_exec(struct decoder *d, struct call *call)
{
    if (resp_in_multi(d)) discard(d, decoder_of(d)->memory);
    return resp_fail(call,
                     "EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command");
}

RESP_TAKE(exec)
{
    (void)limits, (void)args;
    struct resp_state *s = decoder_of(d)->memory;
    if (!resp_in_multi(d)) return resp_fail(call, "ERR EXEC without MULTI");
    if (s->aborted) {
        discard(d, s);
        return resp_fail(call, "EXECABORT Transaction discarded because of previous errors.");
    }
    call_take_parts(call, &s->transaction);
    end(s);
    if (call->part_count == 0) return resp_literal(call, "*0\r\n");
    call->form = RESP_LIST;
    call->request.alone = has_changed(d, s);
    return DECODE_REQUEST;
}

RESP_TAKE(discard)
{
    (void)limits, (void)args;
    if (!resp_in_multi(d)) return resp_fail(call, "ERR DISCARD without MULTI");
    discard(d, decoder_of(d)->memory);
    return resp_literal(call, "+OK\r\n");
}
