/*
 * The writing half of a connection.
 *
 *     pipeline (request order) -> encode what is answered -> io->output (shared) -> send
 *                                                            rest -> c->out, sent when the socket takes more
 *
 * A refusal that overtakes (call_overtakes) goes to the front of the pipeline, or is encoded without having been
 * there.
 *
 * What a connection holds in memory is one number: bytes not sent, plus the tasks of its pipeline with what they
 * carry. At the soft limit its requests are no longer decoded, so its peer feels it, and replies wait unencoded. No
 * more GETs are in flight than could bring back the largest value there is without reaching the hard limit. A
 * connection that is over that nevertheless, as by one very large reply, is closed if its peer takes nothing of it
 * for a while (conn.c); that one counts replies only, as what is still in the backend says nothing about whether
 * the peer reads.
 */
#include <assert.h>
#include <errno.h>

#include "daemon/net/conn.h"
#include "daemon/net/peer.h"

#define OUTPUT_KEEP (256 * 1024) /* the shared output buffer shrinks when one reply made it larger */

void conn_doom(struct conn *c, enum close_reason reason)
{
    if (c->state >= CONN_DOOMED) return;
    /* What ended the conversation stays the reason, whatever closes the socket afterwards. */
    if (c->state == CONN_OPEN) c->reason = (uint8_t)reason;
    c->state = CONN_DOOMED;
    io_list_add(c->io, LIST_CHANGED, c);
}

static size_t unsent(const struct conn *c)
{
    return c->out.len - c->out_sent + (c->io->writer == c ? c->io->output.len : 0);
}

/* ---- how much it holds ---- */

/* Might the replies pass the hard limit if all GETs in flight and one more brought back the largest value? One GET
 * alone may always go. */
static bool values_might_overflow(const struct conn *c)
{
    size_t replies = c->answered + unsent(c);
    if (c->gets == 0 && replies == 0) return false;
    size_t largest = atomic_load_explicit(c->io->options.largest_value, memory_order_relaxed) + sizeof(struct task);
    return replies + (c->gets + 1) * largest >= c->io->options.output_hard;
}

bool conn_choked(const struct conn *c)
{
    return c->charge + unsent(c) >= c->io->options.output_soft || values_might_overflow(c);
}

bool conn_eased(const struct conn *c)
{
    return c->charge + unsent(c) <= c->io->options.output_soft / 2 && !values_might_overflow(c);
}

bool conn_over_hard(const struct conn *c)
{
    return c->out.len > 0 && c->answered + unsent(c) >= c->io->options.output_hard;
}

/* How many values the request brings back. */
static size_t values_of(const struct call *call)
{
    size_t n = call->request.op == OP_GET || (call->request.effects & EFFECT_RETURN_OLD);
    for (const struct call *part = call->parts; part; part = part->part_next)
        n += values_of(part);
    return n;
}

/* Bytes that the replies refer to. */
static size_t held_bytes(struct io *io, const struct call *call)
{
    size_t n = call->reply.held ? call->reply.body.len : 0;
    if (n > 0 && call->reply.kind == REPLY_VALUE) io_note_value(io, n);
    for (const struct call *part = call->parts; part; part = part->part_next)
        n += held_bytes(io, part);
    return n;
}

static inline void book(struct conn *c, struct task *task, size_t body)
{
    size_t bytes = task_bytes(task) + body;
    c->charge += bytes - task->charge;
    if (task->answered) c->answered += bytes;
    task->charge = bytes;
}

/* ---- the pipeline ---- */

void conn_pipeline_add(struct conn *c, struct task *task)
{
    task->pipe_next = NULL;
    task->pipe_prev = c->last;
    if (c->last)
        c->last->pipe_next = task;
    else
        c->first = task;
    c->last = task;
    book(c, task, 0);
    if (task->answered)
        io_list_add(c->io, LIST_CHANGED, c);
    else
        c->gets += values_of(&task->call);
}

static void unlink_task(struct conn *c, struct task *task)
{
    if (task == c->first)
        c->first = task->pipe_next;
    else
        task->pipe_prev->pipe_next = task->pipe_next;
    if (task->pipe_next)
        task->pipe_next->pipe_prev = task->pipe_prev;
    else
        c->last = c->first ? task->pipe_prev : NULL;
}

/* Out of its place, to the front: it is sent next. */
static void overtake(struct conn *c, struct task *task)
{
    if (task == c->first) return;
    unlink_task(c, task);
    task->pipe_next = c->first;
    c->first->pipe_prev = task;
    c->first = task;
}

/* Those who wait come first. False: there is no room for a longer list of keys, and the reply says so. */
bool conn_goes_on(struct conn *c, struct task *task)
{
    size_t bytes = task->call.reply.size;
    io_hold(c->io, task->held, bytes);
    task->held = bytes;
    if (c->io->options.limits.held == 0) {
        reply_error(&task->call.reply, ERR_UNAVAILABLE,
                    "the list of keys takes too much memory (limits.requests): use SCAN");
        return false;
    }
    c->held = task;
    c->pauses |= PAUSE_TURN;
    io_list_add(c->io, LIST_READY, c);
    if (!call_own(&task->call)) conn_doom(c, CLOSE_ERROR);
    return true;
}

void conn_answered(struct conn *c, struct task *task)
{
    c->gets -= values_of(&task->call); /* awaited until now */
    if (task->call.reply.kind == REPLY_NONE && conn_goes_on(c, task)) {
        unlink_task(c, task);
        c->charge -= task->charge;
        task->charge = 0;
        return;
    }
    task->answered = true;
    if (call_overtakes(&task->call)) overtake(c, task);
    bool holds = task->call.reply.held || task->call.parts;
    book(c, task, holds ? held_bytes(c->io, &task->call) : 0);
    io_list_add(c->io, LIST_CHANGED, c);
}

/* ---- encoding ---- */

static struct buffer *output_of(struct conn *c)
{
    if (c->out.len > 0) return &c->out;
    assert(!c->io->writer || c->io->writer == c);
    c->io->writer = c;
    return &c->io->output;
}

/* What the reply, or a part of it, is to say of the connection that asks. */
static void describe(struct conn *c, struct call *call)
{
    for (struct call *part = call->parts; part; part = part->part_next)
        describe(c, part);
    if (call->reply.kind != REPLY_FACTS) return;
    struct facts *f = call->reply.held;
    peer_describe(c->transport.fd, f);
    f->connected_s = (io_now_ms(c->io) - c->opened_ms) / 1000;
}

/* What is behind it can be decoded now. */
static __attribute__((noinline)) void end_alone(struct conn *c, const struct task *task)
{
    if (c->codec->settle) c->codec->settle(&c->decoder, &task->call);
    c->pauses = (uint8_t)((c->pauses & ~PAUSE_ALONE) | PAUSE_TURN);
    io_list_add(c->io, LIST_READY, c);
}

/* True: there is more of it. */
static bool encode(struct conn *c, struct task *task)
{
    if (task->call.reply.kind == REPLY_FACTS || task->call.reply.kind == REPLY_PARTS) describe(c, &task->call);
    return c->codec->encode(output_of(c), &task->call);
}

static void encoded(struct conn *c, struct task *task, uint64_t now_ns)
{
    if (task->call.request.alone) end_alone(c, task);
    loop_stats_reply(c->io->stats, task, now_ns);
    io_task_free(c->io, task);
}

void conn_enqueue_owned(struct conn *c, struct task *task)
{
    task->call.request.key.len = task->call.request.value.len =
        0; /* of the request, only the tag is still needed */
    if (call_own(&task->call)) {
        conn_pipeline_add(c, task);
        return;
    }
    io_task_free(c->io, task);
    conn_doom(c, CLOSE_ERROR);
}

void conn_reply_now(struct conn *c, struct task *task)
{
    if (encode(c, task))
        conn_enqueue_owned(c, task);
    else
        encoded(c, task, 0);
    io_list_add(c->io, LIST_CHANGED, c);
}

/* What is answered and cannot be encoded yet stays for longer than the input from which it may borrow. */
static void keep_rest(struct conn *c)
{
    for (struct task *task = c->first; task; task = task->pipe_next) {
        if (!task->answered) continue;
        task->call.request.key.len = task->call.request.value.len =
            0; /* of the request, only the tag is still needed */
        if (call_own(&task->call)) continue;
        conn_doom(c, CLOSE_ERROR);
        return;
    }
    c->borrows = false;
}

void conn_encode(struct conn *c)
{
    struct io *io = c->io;
    /* Until enough is unsent. */
    while (c->first && c->first->answered && unsent(c) < io->options.output_soft) {
        struct task *task = c->first;
        if (encode(c, task)) continue;
        c->answered -= task->charge;
        c->first = task->pipe_next;
        if (!c->first) c->last = NULL;
        c->charge -= task->charge;
        encoded(c, task, io_now_ns(io));
    }
    if (!c->borrows || io->batch_count > 0) return;
    if (c->first)
        keep_rest(c);
    else
        c->borrows = false;
}

/* ---- sending ---- */

/* Sends what the socket takes; returns how much that was. */
static size_t send_bytes(struct conn *c, const char *bytes, size_t len)
{
    size_t sent = 0;
    while (sent < len) {
        ssize_t n = c->transport.ops->send(&c->transport, bytes + sent, len - sent);
        if (n < 0) {
            if (errno == EAGAIN)
                c->blocked = true;
            else
                conn_doom(c, CLOSE_ERROR);
            break;
        }
        sent += (size_t)n;
    }
    if (sent > 0) counter_add(&c->io->stats->bytes_out, sent);
    return sent;
}

/* Sends what an earlier turn had to leave. True: nothing is left. */
static bool send_backlog(struct conn *c)
{
    if (c->blocked) return false;
    size_t sent = send_bytes(c, c->out.data + c->out_sent, c->out.len - c->out_sent);
    if (sent > 0) c->active_ms = io_now_ms(c->io);
    c->out_sent += sent;
    if (c->out_sent == c->out.len) {
        buffer_free(&c->out);
        c->out_sent = 0;
        return true;
    }
    if (c->out_sent > c->out.len / 2) {
        buffer_consume(&c->out, c->out_sent);
        c->out_sent = 0;
    }
    return false;
}

/* Sends the shared output, and keeps what the socket does not take. True: nothing is left. */
static bool send_shared(struct conn *c)
{
    struct buffer *shared = &c->io->output;
    size_t sent = send_bytes(c, shared->data, shared->len);
    bool all = sent == shared->len;
    c->active_ms = io_now_ms(c->io);
    if (!all && c->state != CONN_DOOMED) buffer_append(&c->out, shared->data + sent, shared->len - sent);
    shared->len = 0;
    if (shared->capacity > OUTPUT_KEEP) buffer_free(shared);
    c->io->writer = NULL;
    return all;
}

static bool send_output(struct conn *c)
{
    if ((c->io->writer == c && c->io->output.failed) || c->out.failed) {
        conn_doom(c, CLOSE_ERROR); /* no memory to hold its replies */
        return false;
    }
    if (c->out.len > 0) return send_backlog(c);
    return c->io->writer != c || send_shared(c);
}

/* Of very much, a share in each turn. */
void conn_write(struct conn *c)
{
    conn_encode(c);
    if (c->state == CONN_DOOMED || !send_output(c) || !c->first || !c->first->answered) return;
    io_list_add(c->io, LIST_READY, c);
}
