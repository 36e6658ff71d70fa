#include "daemon/local.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/admin/stats.h"
#include "proto/text/text.h"

#define STRINGIFY_(x) #x
#define STRINGIFY(x)  STRINGIFY_(x)

static void answer_json(struct call *call, bool ok, struct buffer *json)
{
    if (!ok || json->failed) {
        buffer_free(json);
        reply_error(&call->reply, ERR_INTERNAL, "no memory to write the answer");
        return;
    }
    call->reply.kind = REPLY_JSON;
    call->reply.body = slice_of(json->data, json->len);
    call->reply.held = json->data;
    call->reply.release = free;
}

static void answer_facts(const struct local *l, struct call *call)
{
    struct facts *f = calloc(1, sizeof *f);
    if (!f) {
        reply_error(&call->reply, ERR_INTERNAL, "no memory to write the answer");
        return;
    }
    l->gather_facts(l->ctx, f);
    call->reply.kind = REPLY_FACTS;
    call->reply.held = f;
    call->reply.release = free;
}

static void set_config(const struct local *l, struct call *call)
{
    char error[LOCAL_ERROR_MAX];
    const char *wrong = l->set_config(l->ctx, call->request.key, call->request.value, error);
    if (!wrong) {
        call->reply.kind = REPLY_OK;
        return;
    }
    char *text = strdup(wrong);
    reply_error(&call->reply, ERR_BAD_REQUEST, text ? text : "no memory to say what is wrong");
    call->reply.held = text;
    if (text) call->reply.release = free;
}

void local_answer(const struct local *l, struct call *call)
{
    struct buffer json = {0};
    switch (call->request.op) {
    case OP_PING: call->reply.kind = REPLY_PONG; break;
    case OP_STATS: answer_json(call, stats_json(l->metrics, &json), &json); break;
    case OP_CONFIG: answer_json(call, l->write_config(l->ctx, &json), &json); break;
    case OP_CONFIG_SET: set_config(l, call); break;
    case OP_FACTS: answer_facts(l, call); break;
    case OP_TIME:
        call->reply.kind = REPLY_TIME;
        call->reply.number = (int64_t)clock_wall_us(l->clock);
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
}

bool local_answer_parts(const struct local *l, struct call *call)
{
    bool all = true;
    for (struct call *part = call->parts; part; part = part->part_next) {
        if (part->reply.kind != REPLY_NONE) continue;
        if (part->request.op == OP_BATCH)
            all = local_answer_parts(l, part) && all;
        else if (op_needs_table(part->request.op))
            all = false;
        else
            local_answer(l, part);
    }
    if (all) call->reply.kind = REPLY_PARTS;
    return all;
}
