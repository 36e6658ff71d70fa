/*
 * The writing half of a connection.
 *
 *     pipeline (request order) -> encode what is answered -> loop->output (shared) -> send
 *                                                            rest -> c->out, sent when the socket takes more
 *
 * A refusal that overtakes (call_overtakes) goes to the front of the pipeline, or is encoded without having been
 * there.
 *
 * What a connection holds in memory is one number: bytes not sent, plus the calls of its pipeline with what they
 * carry. At the soft limit its requests are no longer decoded, so its peer feels it. At the hard limit it is
 * closed; that one counts replies only, as what is still in the backend says nothing about whether the peer reads.
 * No more GETs are in flight than could bring back the largest value there is without reaching it: so a client that
 * pipelines GETs of large values and reads is slowed down, never cut off.
 */
#include <assert.h>
#include <errno.h>

#include "daemon/net/conn.h"
#include "daemon/net/loop_impl.h"

#define OUTPUT_KEEP (256 * 1024) /* the shared output buffer shrinks when one reply made it larger */

static size_t unsent(const struct conn *c)
{
    return c->out.len - c->out_sent + c->loop->output.len; /* loop->output is this connection's or empty */
}

/* Might the replies pass the hard limit if all GETs in flight and one more brought back the largest value? One GET
 * alone may always go. (A first value of a new largest size can be put while GETs are in flight; such is life.) */
static bool values_might_overflow(const struct conn *c)
{
    size_t replies = c->answered + unsent(c);
    if (c->gets == 0 && replies == 0) return false;
    size_t largest =
        atomic_load_explicit(c->loop->options.largest_value, memory_order_relaxed) + sizeof(struct task);
    return replies + (c->gets + 1) * largest >= c->loop->options.output_hard;
}

bool conn_choked(const struct conn *c)
{
    return c->charge + unsent(c) >= c->loop->options.output_soft || values_might_overflow(c);
}

/* The other edge of it, some way below, so that a connection is not stopped and started for every reply. */
static bool is_eased(const struct conn *c)
{
    return c->charge + unsent(c) <= c->loop->options.output_soft / 2 && !values_might_overflow(c);
}

/* How many values the request brings back. */
static size_t values_of(const struct call *call)
{
    size_t n = call->request.op == OP_GET || (call->request.effects & EFFECT_RETURN_OLD);
    for (const struct call *part = call->parts; part; part = part->part_next)
        n += values_of(part);
    return n;
}

static size_t awaited_values(const struct task *task)
{
    return task->answered ? 0 : values_of(&task->call);
}

/* Bytes that the replies refer to. */
static size_t held_bytes(const struct call *call)
{
    size_t n = call->reply.held ? call->reply.body.len : 0;
    for (const struct call *part = call->parts; part; part = part->part_next)
        n += held_bytes(part);
    return n;
}

static inline void book(struct conn *c, struct task *task, size_t body)
{
    size_t bytes = task_bytes(task) + body;
    c->charge += bytes - task->charge;
    if (task->answered) c->answered += bytes;
    task->charge = bytes;
}

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
    c->gets += awaited_values(task);
    if (task->answered) loop_list_add(c->loop, LIST_DIRTY, c);
}

/* Out of its place, to the front: it is sent next. */
static void overtake(struct conn *c, struct task *task)
{
    if (task == c->first) return;
    task->pipe_prev->pipe_next = task->pipe_next;
    if (task->pipe_next)
        task->pipe_next->pipe_prev = task->pipe_prev;
    else
        c->last = task->pipe_prev;
    task->pipe_next = c->first;
    c->first->pipe_prev = task;
    c->first = task;
}

void conn_answered(struct conn *c, struct task *task)
{
    c->gets -= values_of(&task->call); /* awaited until now */
    task->answered = true;
    if (call_overtakes(&task->call)) overtake(c, task);
    book(c, task, held_bytes(&task->call));
    loop_list_add(c->loop, LIST_DIRTY, c);
}

/* ---- encoding ---- */

static struct buffer *output_of(struct conn *c)
{
    return c->out.len > 0 ? &c->out : &c->loop->output;
}

void conn_reply_now(struct conn *c, struct task *task)
{
    c->codec->encode(output_of(c), &task->call);
    loop_stats_reply(c->loop->stats, task, 0);
    loop_call_free(c->loop, task);
}

/* Answered, or answered as soon as all before it are. */
static bool is_answerable(const struct task *task)
{
    return task->answered || !op_needs_table(task->call.request.op);
}

bool conn_waits(const struct conn *c)
{
    return c->first && !is_answerable(c->first) && unsent(c) == 0;
}

/* What is answered and cannot be encoded yet stays for longer than the input from which it may borrow. */
static void keep_rest(struct conn *c)
{
    for (struct task *task = c->first; task; task = task->pipe_next) {
        if (!task->answered) continue;
        task->call.request.key.len = task->call.request.value.len =
            0; /* of the request, only the tag is still needed */
        if (call_own(&task->call)) continue;
        conn_close(c, CLOSE_ERROR);
        return;
    }
    c->borrows = false;
}

void conn_encode(struct conn *c)
{
    struct loop *loop = c->loop;
    /* Until enough is unsent. */
    while (c->first && is_answerable(c->first) && unsent(c) < loop->options.output_soft) {
        struct task *task = c->first;
        if (task->answered)
            c->answered -= task->charge;
        else
            conn_submit(c, task);
        c->codec->encode(output_of(c), &task->call);
        loop_stats_reply(loop->stats, task, loop_now_ns(loop));
        c->first = task->pipe_next;
        if (!c->first) c->last = NULL;
        c->charge -= task->charge;
        loop_call_free(loop, task);
    }
    if (!c->borrows || loop->batch_count > 0) return;
    if (c->first)
        keep_rest(c);
    else
        c->borrows = false;
}

/* ---- sending ---- */

/* Sends what the socket takes. True when all is sent. */
static bool send_bytes(struct conn *c, const char *bytes, size_t len, size_t *sent)
{
    *sent = 0;
    while (*sent < len) {
        ssize_t n = c->transport->send(c->fd, bytes + *sent, len - *sent);
        if (n < 0) {
            if (errno == EAGAIN)
                c->blocked = true;
            else
                conn_close(c, CLOSE_ERROR);
            break;
        }
        *sent += (size_t)n;
    }
    if (*sent > 0 && c->state != CONN_CLOSED) {
        c->active_ms = loop_now_ms(c->loop);
        counter_add(&c->loop->stats->bytes_out, *sent);
    }
    return *sent == len;
}

/* Sends this connection's backlog, then the shared output; keeps what is left of either. True: nothing is left. */
static bool send_output(struct conn *c)
{
    struct buffer *shared = &c->loop->output;
    size_t sent = 0;
    if (shared->failed || c->out.failed) {
        shared->len = 0;
        shared->failed = false;
        conn_close(c, CLOSE_ERROR); /* no memory to hold its replies */
        return false;
    }
    if (c->out.len > 0) {
        bool all = !c->blocked && send_bytes(c, c->out.data + c->out_sent, c->out.len - c->out_sent, &sent);
        if (c->state == CONN_CLOSED) return false;
        c->out_sent += sent;
        if (!all) {
            if (c->out_sent > c->out.len / 2) {
                buffer_consume(&c->out, c->out_sent);
                c->out_sent = 0;
            }
            return false;
        }
        buffer_free(&c->out);
        c->out_sent = 0;
        return true;
    }
    if (shared->len == 0) return true;
    bool all = send_bytes(c, shared->data, shared->len, &sent);
    if (!all && c->state != CONN_CLOSED) buffer_append(&c->out, shared->data + sent, shared->len - sent);
    shared->len = 0;
    if (shared->capacity > OUTPUT_KEEP) buffer_free(shared);
    return all;
}

void conn_write(struct conn *c)
{
    do {
        conn_encode(c);
        if (c->state == CONN_CLOSED) return;
        if (c->answered + unsent(c) >= c->loop->options.output_hard) {
            c->loop->output.len = 0;
            conn_close(c, CLOSE_OUTPUT_LIMIT);
            return;
        }
    } while (send_output(c) && c->first && is_answerable(c->first));
}

void conn_flush(struct conn *c)
{
    struct loop *loop = c->loop;
    loop_list_remove(loop, LIST_DIRTY, c);
    conn_write(c);
    if (c->state == CONN_CLOSED) return;
    if ((c->pauses & PAUSE_OUTPUT) && is_eased(c)) {
        c->pauses = (uint8_t)((c->pauses & ~PAUSE_OUTPUT) | PAUSE_TURN);
        loop_list_add(loop, LIST_READY, c); /* goes on with what is left over */
    }
    conn_update(c);
}
