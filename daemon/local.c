#include "daemon/local.h"

#include "proto/text/text.h"

#define STRINGIFY_(x) #x
#define STRINGIFY(x)  STRINGIFY_(x)

static enum local_rest answer_parts(const struct clock *clock, struct call *call)
{
    enum local_rest rest = LOCAL_NONE;
    for (struct call *part = call->parts; part; part = part->part_next) {
        if (part->reply.kind != REPLY_NONE) continue;
        enum local_rest of_part = local_answer(clock, part);
        if (of_part > rest) rest = of_part;
    }
    if (rest == LOCAL_NONE) call->reply.kind = REPLY_PARTS;
    return rest;
}

enum local_rest local_answer(const struct clock *clock, struct call *call)
{
    enum op op = call->request.op;
    if (op == OP_BATCH) return answer_parts(clock, call);
    if (op_needs_table(op)) return LOCAL_TABLE;
    if (op_needs_control(op)) return LOCAL_CONTROL;
    switch (op) {
    case OP_PING: call->reply.kind = REPLY_PONG; break;
    case OP_TIME:
        call->reply.kind = REPLY_TIME;
        call->reply.number = (int64_t)clock_wall_us(clock);
        break;
    case OP_HELP:
        call->reply.kind = REPLY_TEXT;
        call->reply.body = text_help();
        break;
    case OP_VERSION:
        call->reply.kind = REPLY_VERSION;
        call->reply.body = slice_text("sluice " SLUICE_VERSION " protocol " STRINGIFY(TEXT_PROTOCOL_VERSION));
        break;
    default: reply_error(&call->reply, ERR_INTERNAL, "no such operation"); break;
    }
    return LOCAL_NONE;
}
