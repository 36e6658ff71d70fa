#include "daemon/admin/admin.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/admin/facts.h"
#include "daemon/admin/stats.h"

#define ERROR_MAX 512

struct admin {
    struct admin_options options;
    struct facts_view *facts;
};

struct admin *admin_create(const struct admin_options *options)
{
    struct admin *a = calloc(1, sizeof *a);
    if (!a) return NULL;
    a->options = *options;
    a->facts = facts_view_create(options->metrics, &options->known);
    if (a->facts) return a;
    free(a);
    return NULL;
}

void admin_destroy(struct admin *a)
{
    facts_view_destroy(a->facts);
    free(a);
}

/* ---- answers ---- */

static void fail_for_memory(struct call *call)
{
    reply_error(&call->reply, ERR_INTERNAL, "no memory to write the answer");
}

/* The reply's to give back. */
static void hold(struct call *call, void *memory)
{
    call->reply.held = memory;
    call->reply.release = free;
}

static void answer_json(struct call *call, bool ok, struct buffer *json)
{
    if (!ok) {
        buffer_free(json);
        fail_for_memory(call);
        return;
    }
    call->reply.kind = REPLY_JSON;
    call->reply.body = slice_of(json->data, json->len);
    hold(call, json->data);
}

static void answer_facts(const struct admin *a, struct call *call)
{
    struct facts *f = malloc(sizeof *f);
    if (!f) {
        fail_for_memory(call);
        return;
    }
    facts_view_fill(a->facts, a->options.clock, f);
    call->reply.kind = REPLY_FACTS;
    hold(call, f);
}

static void set_config(struct admin *a, struct call *call)
{
    char error[ERROR_MAX];
    if (live_set(a->options.live, call->request.key, call->request.value, error, sizeof error)) {
        call->reply.kind = REPLY_OK;
        a->options.changed(a->options.changed_ctx);
        return;
    }
    char *text = strdup(error);
    reply_error(&call->reply, ERR_BAD_REQUEST, text ? text : "no memory to say what is wrong");
    if (text) hold(call, text);
}

void admin_answer(struct admin *a, struct call *call)
{
    struct buffer json = {0};
    for (struct call *part = call->parts; part; part = part->part_next)
        admin_answer(a, part);
    if (call->reply.kind != REPLY_NONE) return;
    switch (call->request.op) {
    case OP_STATS: answer_json(call, stats_json(a->options.metrics, &json), &json); break;
    case OP_CONFIG: answer_json(call, live_write(a->options.live, &json), &json); break;
    case OP_CONFIG_SET: set_config(a, call); break;
    case OP_FACTS: answer_facts(a, call); break;
    default: break; /* somebody else's */
    }
}
