#include "daemon/dispatch.h"

#include <stdio.h>
#include <stdlib.h>

#include "daemon/admin/stats.h"
#include "proto/text/text.h"

#define STRINGIFY_(x) #x
#define STRINGIFY(x)  STRINGIFY_(x)

static struct admit_view view_of(const struct dispatch *d, const struct call *call)
{
    struct backend_load load = d->backend->design->load(d->backend, call);
    return (struct admit_view){load.depth, load.bound, load.cost_ns};
}

static enum service_verdict admit(void *ctx, struct call *call)
{
    const struct dispatch *d = ctx;
    struct admit_view view = view_of(d, call);
    if (d->policy->arrival(&view) != ADMIT_REFUSE) return SERVICE_ADMITTED;
    admit_refuse(&view, &call->reply);
    return SERVICE_ANSWERED;
}

/* ---- operations that need no table ---- */

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

static void answer_facts(const struct dispatch *d, struct call *call)
{
    struct facts *f = calloc(1, sizeof *f);
    if (!f) {
        reply_error(&call->reply, ERR_INTERNAL, "no memory to write the answer");
        return;
    }
    d->gather_facts(d->facts_ctx, f);
    call->reply.kind = REPLY_FACTS;
    call->reply.held = f;
    call->reply.release = free;
}

static void answer_local(const struct dispatch *d, struct call *call)
{
    struct buffer json = {0};
    switch (call->request.op) {
    case OP_PING: call->reply.kind = REPLY_PONG; break;
    case OP_STATS: answer_json(call, stats_json(d->metrics, &json), &json); break;
    case OP_CONFIG: answer_json(call, d->write_config(d->config_ctx, &json), &json); break;
    case OP_FACTS: answer_facts(d, call); break;
    case OP_TIME:
        call->reply.kind = REPLY_TIME;
        call->reply.number = (int64_t)clock_wall_us(d->clock);
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

/* Answers what of a batch needs no table. True if that was all of it. */
static bool answer_local_parts(const struct dispatch *d, struct call *call)
{
    bool all = true;
    for (struct call *part = call->parts; part; part = part->part_next) {
        if (part->reply.kind != REPLY_NONE) continue;
        if (part->request.op == OP_BATCH)
            all = answer_local_parts(d, part) && all;
        else if (op_needs_table(part->request.op))
            all = false;
        else
            answer_local(d, part);
    }
    if (all) call->reply.kind = REPLY_PARTS;
    return all;
}

/* ---- operations on the table ---- */

/* The queue was full: refuses, or says whether the call must wait. */
static enum service_verdict when_full(const struct dispatch *d, struct call *call)
{
    struct backend *b = d->backend;
    if (d->policy->full == ADMIT_REFUSE) {
        struct admit_view view = view_of(d, call);
        admit_refuse(&view, &call->reply);
        return SERVICE_ANSWERED;
    }
    b->design->want_room(b, call);
    return b->design->submit(b, call) == BACKEND_QUEUED ? SERVICE_QUEUED : SERVICE_HOLD;
}

static enum service_verdict submit(void *ctx, struct call *call)
{
    const struct dispatch *d = ctx;
    struct backend *b = d->backend;
    if (!op_needs_table(call->request.op)) {
        answer_local(d, call);
        return SERVICE_ANSWERED;
    }
    if (call->request.op == OP_BATCH && answer_local_parts(d, call)) return SERVICE_ANSWERED;
    if (b->design->queues(b)) {
        if (admit(ctx, call) == SERVICE_ANSWERED) return SERVICE_ANSWERED;
        if (!call_own(call)) {
            reply_error(&call->reply, ERR_OUT_OF_MEMORY, "no memory for this request just now; not executed");
            return SERVICE_ANSWERED;
        }
    }
    switch (b->design->submit(b, call)) {
    case BACKEND_DONE: return SERVICE_ANSWERED;
    case BACKEND_QUEUED: return SERVICE_QUEUED;
    case BACKEND_FULL: break;
    }
    return when_full(d, call);
}

static void flush(void *ctx, uint32_t lane)
{
    const struct dispatch *d = ctx;
    d->backend->design->flush(d->backend, lane);
}

struct service dispatch_service(struct dispatch *d)
{
    return (struct service){.ctx = d, .admit = admit, .submit = submit, .flush = flush};
}
