/* Clients: when they send, in which order they are answered, what they do then, what counts. */
#include <stdlib.h>

#include "bench/sim/sim_impl.h"

/* ---- counting ---- */

bool sim_in_window(const struct sim *s, size_t window, uint64_t at_ns)
{
    const struct sim_window *w = &s->o->windows[window];
    return at_ns >= SIM_START_NS + w->from_ns && at_ns < SIM_START_NS + w->to_ns;
}

static void count_answer(struct sim *s, const struct sim_call *c, struct sim_count *n, bool now, bool then)
{
    enum reply_kind kind = c->task.call.reply.kind;
    uint64_t took_ns = s->now_ns - c->sent_ns;
    if (now && kind == REPLY_OVERLOADED) n->overloaded++;
    if (now && kind == REPLY_LATE) n->late++;
    if (now && kind == REPLY_OK) n->served++;
    if (now && kind != REPLY_OK && (kind == REPLY_LATE || c->attempt >= s->o->streams[c->stream].retries))
        n->lost++;
    if (then) histogram_record(kind == REPLY_OK ? &n->latency_ns : &n->refused_ns, took_ns);
}

static void count_piece(struct sim *s, const struct sim_call *c)
{
    if (s->o->piece_ns == 0 || c->stream != 0) return;
    size_t i = (s->now_ns - SIM_START_NS) / s->o->piece_ns;
    if (i >= s->result->piece_count) return;
    struct sim_piece *piece = &s->result->pieces[i];
    uint64_t took_ns = s->now_ns - c->sent_ns;
    if (c->task.call.reply.kind != REPLY_OK) {
        piece->refused++;
        return;
    }
    piece->served++;
    if (took_ns > piece->longest_ns) piece->longest_ns = took_ns;
}

/* ---- sending ---- */

static struct sim_pipe *pipe_of(struct sim *s, const struct sim_call *c)
{
    return &s->pipes[c->task.conn];
}

static struct sim_call *new_call(struct sim *s, uint32_t stream, uint32_t conn)
{
    struct sim_call *c = STAILQ_FIRST(&s->spare);
    if (c) {
        STAILQ_REMOVE_HEAD(&s->spare, link);
    } else {
        c = malloc(sizeof *c);
        if (!c) abort();
        task_init(&c->task);
    }
    c->stream = stream;
    c->attempt = 0;
    c->task.conn = s->first_conn[stream] + conn;
    c->task.lane = (uint32_t)(c->task.conn % s->o->gates);
    return c;
}

static struct sim_call *sent(struct sim *s, struct sim_call *c)
{
    const struct sim_stream *stream = &s->o->streams[c->stream];
    struct task *task = &c->task;
    uint64_t conn = task->conn;
    uint32_t lane = task->lane;
    task_clear(task);
    task->conn = conn;
    task->lane = lane;
    task->arrived_ns = c->sent_ns = s->now_ns;
    task->call.request.op = OP_GET;
    task->call.request.priority = stream->priority ? stream->priority : PRIORITY_NORMAL;
    task->call.request.deadline_ms = stream->deadline_ms;
    c->answered = false;
    TAILQ_INSERT_TAIL(pipe_of(s, c), c, in_pipe);
    s->under_way++;
    s->result->total[c->stream].sent++;
    for (size_t w = 0; w < s->o->window_count; w++)
        if (sim_in_window(s, w, s->now_ns)) s->result->windows[w][c->stream].sent++;
    return c;
}

uint64_t sim_due_ns(const struct sim *s, uint32_t stream)
{
    uint64_t at_ns = arrivals_peek(&s->arrivals[stream]);
    return s->o->streams[stream].depth || at_ns >= s->o->duration_ns ? SIM_NEVER : SIM_START_NS + at_ns;
}

struct sim_call *sim_send_next(struct sim *s, uint32_t stream)
{
    arrivals_pop(&s->arrivals[stream]);
    return sent(s, new_call(s, stream, (uint32_t)rng_below(&s->rng, s->o->streams[stream].connections)));
}

struct sim_call *sim_send_again(struct sim *s)
{
    struct sim_call *c = STAILQ_FIRST(&s->again);
    STAILQ_REMOVE_HEAD(&s->again, link);
    return sent(s, c);
}

static void plan_again(struct sim *s, struct sim_call *c)
{
    c->again_ns = s->now_ns + s->o->network_ns;
    STAILQ_INSERT_TAIL(&s->again, c, link);
}

/* ---- answers ---- */

/* The client has the reply. */
static void deliver(struct sim *s, struct sim_call *c)
{
    const struct sim_stream *stream = &s->o->streams[c->stream];
    TAILQ_REMOVE(pipe_of(s, c), c, in_pipe);
    count_answer(s, c, &s->result->total[c->stream], true, true);
    for (size_t w = 0; w < s->o->window_count; w++)
        count_answer(s, c, &s->result->windows[w][c->stream], sim_in_window(s, w, s->now_ns),
                     sim_in_window(s, w, c->sent_ns));
    count_piece(s, c);
    bool open = s->now_ns < SIM_START_NS + s->o->duration_ns;
    bool retry = c->task.call.reply.kind == REPLY_OVERLOADED && c->attempt < stream->retries;
    s->under_way--;
    if (open && (retry || stream->depth > 0)) {
        c->attempt = retry ? c->attempt + 1 : 0;
        plan_again(s, c);
        return;
    }
    STAILQ_INSERT_HEAD(&s->spare, c, link);
}

void sim_answer(struct sim *s, struct sim_call *c)
{
    struct sim_pipe *pipe = pipe_of(s, c);
    c->answered = true;
    if (s->o->overtake && c->task.call.reply.kind != REPLY_OK) deliver(s, c);
    while (!TAILQ_EMPTY(pipe) && TAILQ_FIRST(pipe)->answered)
        deliver(s, TAILQ_FIRST(pipe));
}

/* ---- life cycle ---- */

bool sim_clients_open(struct sim *s)
{
    uint32_t conns = 0;
    for (uint32_t i = 0; i < s->o->stream_count; i++) {
        s->first_conn[i] = conns;
        conns += s->o->streams[i].connections;
    }
    s->pipes = calloc(conns, sizeof *s->pipes);
    if (!s->pipes) return false;
    for (uint32_t i = 0; i < conns; i++)
        TAILQ_INIT(&s->pipes[i]);
    for (uint32_t i = 0; i < s->o->stream_count; i++) {
        const struct sim_stream *stream = &s->o->streams[i];
        if (!stream->depth) arrivals_init(&s->arrivals[i], &stream->plan, 0, 1, s->o->seed + i);
        for (uint32_t d = 0; d < stream->depth; d++)
            for (uint32_t c = 0; c < stream->connections; c++)
                plan_again(s, new_call(s, i, c));
    }
    return true;
}

void sim_clients_close(struct sim *s)
{
    for (struct sim_call *c; (c = STAILQ_FIRST(&s->spare));) {
        STAILQ_REMOVE_HEAD(&s->spare, link);
        free(c);
    }
    free(s->pipes);
}
