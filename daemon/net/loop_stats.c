#include "daemon/net/loop_stats.h"

#include <stdio.h>
#include <stdlib.h>

struct loop_stats *loop_stats_create(const struct clock *clock)
{
    struct loop_stats *s = calloc(1, sizeof *s);
    if (s) longest_init(&s->turn, clock);
    return s;
}

static bool is_malformed(const struct reply *reply)
{
    return reply->error <= ERR_TOO_LARGE || reply->error == ERR_TIMEOUT;
}

static enum outcome outcome_of(const struct reply *reply)
{
    switch (reply->kind) {
    case REPLY_NOT_FOUND: return OUTCOME_NOT_FOUND;
    case REPLY_CONFLICT: return OUTCOME_CONFLICT;
    case REPLY_OVERLOADED: return OUTCOME_OVERLOADED;
    case REPLY_LATE: return OUTCOME_LATE;
    case REPLY_ERROR: return OUTCOME_ERROR;
    default: return OUTCOME_OK;
    }
}

/* What a batch is made of counts as if each part had come by itself. */
static void count_parts(struct loop_stats *s, const struct call *call)
{
    for (const struct call *part = call->parts; part; part = part->part_next) {
        counter_add(&s->operations[part->request.op][outcome_of(&part->reply)], 1);
        count_parts(s, part);
    }
}

void loop_stats_reply(struct loop_stats *s, const struct task *task, uint64_t now_ns)
{
    enum op op = task->call.request.op;
    if (task->call.reply.kind == REPLY_ERROR && is_malformed(&task->call.reply)) {
        counter_add(&s->malformed, 1);
        return;
    }
    counter_add(&s->operations[op][outcome_of(&task->call.reply)], 1);
    if (task->call.reply.kind == REPLY_PARTS) count_parts(s, &task->call);
    if (!op_needs_table(op)) return;
    bool refused = task->call.reply.kind == REPLY_OVERLOADED || task->call.reply.kind == REPLY_LATE;
    int which = refused ? LATENCY_REFUSED : (int)op;
    s->answered |= 1U << which;
    if (now_ns) {
        histogram_run_add(&s->alike[which], &s->latency[which], now_ns - task->arrived_ns);
    } else {
        s->batch[which]++;
        s->batch_arrived_ns = task->arrived_ns;
    }
}

void loop_stats_batch(struct loop_stats *s, uint64_t now_ns)
{
    for (; s->answered; s->answered &= s->answered - 1) {
        int i = __builtin_ctz(s->answered);
        histogram_run_end(&s->alike[i], &s->latency[i]);
        if (s->batch[i]) histogram_record_n(&s->latency[i], now_ns - s->batch_arrived_ns, s->batch[i]);
        s->batch[i] = 0;
    }
    s->batch_arrived_ns = 0;
}

static bool register_operation(struct loop_stats *s, struct metrics *m, enum op op)
{
    static const char *const outcomes[OUTCOME_COUNT] = {"ok",         "not_found", "conflict",
                                                        "overloaded", "late",      "error"};
    char name[64];
    bool ok = true;
    for (int outcome = 0; outcome < OUTCOME_COUNT; outcome++) {
        bool table_only = outcome != OUTCOME_OK && outcome != OUTCOME_ERROR;
        if (table_only && !op_needs_table(op)) continue;
        snprintf(name, sizeof name, "operations.%s.%s", op_name(op), outcomes[outcome]);
        ok = ok && metrics_counter(m, name, &s->operations[op][outcome]);
    }
    ok = ok && metrics_counter(m, "queue.refused", &s->operations[op][OUTCOME_OVERLOADED]);
    if (!op_needs_table(op)) return ok;
    snprintf(name, sizeof name, "latency_ns.%s", op_name(op));
    return ok && metrics_histogram(m, name, &s->latency[op]);
}

bool loop_stats_register(struct loop_stats *s, struct metrics *m)
{
    static const char *const reasons[CLOSE_REASONS] = {
        "peer", "error", "protocol", "idle", "request_timeout", "output_limit", "shutdown"};
    char name[64];
    bool ok = metrics_gauge(m, "connections.open", &s->connections_open) &&
              metrics_counter(m, "connections.accepted", &s->connections_accepted);
    for (int reason = 0; reason < CLOSE_REASONS; reason++) {
        snprintf(name, sizeof name, "connections.closed.%s", reasons[reason]);
        ok = ok && metrics_counter(m, name, &s->closed[reason]);
    }
    for (int op = 0; op < OP_COUNT; op++)
        ok = ok && register_operation(s, m, (enum op)op);
    ok = ok && metrics_histogram(m, "latency_ns.refused", &s->latency[LATENCY_REFUSED]);
    return ok && metrics_counter(m, "operations.malformed", &s->malformed) &&
           metrics_gauge(m, "memory.calls", &s->call_bytes) && metrics_counter(m, "net.bytes_in", &s->bytes_in) &&
           metrics_counter(m, "net.bytes_out", &s->bytes_out) && metrics_counter(m, "net.turns", &s->turns) &&
           longest_register(&s->turn, m, "net.longest_turn");
}
