/* The life of a connection: opening, waiting for the right events, deadlines, closing. */
#include "daemon/net/conn.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/net/loop_impl.h"

/* How long a connection whose replies are sent may keep us waiting for its end. */
#define LINGER_MS 1000

static void on_closed(uv_handle_t *handle)
{
    struct conn *c = handle->data;
    struct loop *loop = c->loop;
    close(c->fd);
    free(c);
    loop_conn_closed(loop);
}

/* Frees what the connection still holds. Calls that the backend has are freed when they come back. */
static void drop_calls(struct conn *c)
{
    if (c->receiving) loop_call_free(c->loop, c->receiving);
    if (c->held) loop_call_free(c->loop, c->held);
    c->receiving = c->held = NULL;
    while (c->first) {
        struct task *task = c->first;
        c->first = task->pipe_next;
        if (task->answered || !op_needs_table(task->call.request.op)) loop_call_free(c->loop, task);
    }
    c->last = NULL;
}

void conn_close(struct conn *c, enum close_reason reason)
{
    if (c->state == CONN_CLOSED) return;
    if (c->borrows) loop_batch_run(c->loop); /* what it borrows is about to go */
    /* What ended the conversation stays the reason, whatever closes the socket afterwards. */
    if (c->state == CONN_OPEN) c->reason = (uint8_t)reason;
    c->state = CONN_CLOSED;
    counter_add(&c->loop->stats->closed[c->reason], 1);
    drop_calls(c);
    if (c->codec->release) c->codec->release(&c->decoder);
    c->loop->output.len = 0; /* replies to this connection, if anything: the next one must not get them */
    c->loop->output.failed = false;
    buffer_free(&c->in);
    buffer_free(&c->out);
    for (int list = LIST_DIRTY; list <= LIST_HELD; list++)
        loop_list_remove(c->loop, (enum conn_list_id)list, c);
    deadline_clear(&c->loop->deadlines, &c->deadline);
    loop_slot_give(c->loop, c);
    uv_close((uv_handle_t *)&c->poll, on_closed);
}

/* Reads and drops what the peer still sends; closes when there is no more. */
static void linger(struct conn *c)
{
    for (int reads = 0; reads < 4; reads++) {
        ssize_t n = c->transport->recv(c->fd, c->loop->input + c->loop->input_used, c->loop->input_size);
        if (n > 0) continue;
        if (n == 0 || errno != EAGAIN || c->loop->draining) conn_close(c, CLOSE_PEER);
        return;
    }
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct conn *c = poll->data;
    if (status < 0) c->events = 0; /* libuv stops polling when the socket reports an error */
    if (events & UV_WRITABLE) {
        c->blocked = false;
        conn_flush(c);
    }
    if (c->state == CONN_CLOSED) return;
    if ((events & UV_READABLE) || status < 0) {
        if (c->state == CONN_LINGERING)
            linger(c);
        else if (c->state == CONN_OPEN && !c->pauses && !c->ended)
            conn_readable(c);
        else if (status < 0)
            conn_close(c, CLOSE_ERROR);
    }
    conn_update(c);
}

static void wait_for(struct conn *c, int events)
{
    if (events == c->events) return;
    c->events = (uint8_t)events;
    int failed = events ? uv_poll_start(&c->poll, events, on_poll) : uv_poll_stop(&c->poll);
    if (failed) conn_close(c, CLOSE_ERROR);
}

static bool all_sent(const struct conn *c)
{
    return !c->first && !c->held && !c->receiving && c->out.len == 0;
}

/* The input has ended and all that was received whole is decoded. While the connection is paused that is not so
 * yet: the value it is receiving may be in c->in. */
static void finish_input(struct conn *c)
{
    if (c->receiving) loop_call_free(c->loop, c->receiving); /* its value will never be whole */
    c->receiving = NULL;
    c->state = CONN_FINISHING;
}

void conn_update(struct conn *c)
{
    if (c->state == CONN_CLOSED) return;
    if (c->state == CONN_OPEN && c->ended && !c->pauses) finish_input(c);
    if (c->state == CONN_FINISHING && all_sent(c)) {
        c->transport->finish(c->fd);
        c->state = CONN_LINGERING;
        loop_set_deadline(c->loop, c, loop_now_ms(c->loop) + LINGER_MS);
        c->request_ms = loop_now_ms(c->loop);
        linger(c);
        if (c->state == CONN_CLOSED) return;
    }
    int events = 0;
    bool reads = c->state == CONN_OPEN && !c->ended && !(c->pauses & (PAUSE_HELD | PAUSE_OUTPUT));
    if (reads || c->state == CONN_LINGERING) events |= UV_READABLE;
    if (c->out.len > 0) events |= UV_WRITABLE;
    wait_for(c, events);
}

void conn_end_input(struct conn *c)
{
    if (c->state != CONN_OPEN || c->ended) return;
    c->ended = true;
    c->reason = c->loop->draining ? CLOSE_SHUTDOWN : CLOSE_PEER;
    if (!c->pauses) finish_input(c);
}

/* When the unfinished request must be whole; 0: there is none, or its time does not run. What has no unfinished
 * request any more (FINISHING) is answered, however long that takes. */
static uint64_t request_due_ms(const struct conn *c, uint64_t now_ms)
{
    uint64_t timeout_ms = c->loop->options.request_timeout_ms;
    if (c->state != CONN_OPEN || !timeout_ms || !c->request_ms) return 0;
    return (c->pauses ? now_ms : c->request_ms) + timeout_ms; /* paused: it waits for us */
}

/* When nothing else happens, this is when the connection has overstayed; 0: never. */
static uint64_t due_ms(const struct conn *c, uint64_t now_ms)
{
    const struct loop_options *o = &c->loop->options;
    if (c->state == CONN_LINGERING) return c->request_ms + LINGER_MS;
    uint64_t due = 0;
    bool waits_for_us = c->first || c->held || (c->pauses & PAUSE_TURN);
    if (o->idle_timeout_ms) due = (waits_for_us && c->out.len == 0 ? now_ms : c->active_ms) + o->idle_timeout_ms;
    uint64_t request_due = request_due_ms(c, now_ms);
    return request_due && (due == 0 || request_due < due) ? request_due : due;
}

uint64_t conn_check_deadline(struct conn *c, uint64_t now_ms)
{
    uint64_t due = due_ms(c, now_ms);
    if (due == 0 || due > now_ms) return due;
    uint64_t request_due = request_due_ms(c, now_ms);
    bool slow_request = request_due && request_due <= now_ms;
    struct task *task = slow_request ? loop_call_new(c->loop) : NULL;
    if (!task) {
        conn_close(c, CLOSE_IDLE);
        return 0;
    }
    reply_error(&task->call.reply, ERR_TIMEOUT, "the request was not completed within limits.request_timeout");
    task->answered = true;
    conn_end_input(c);
    c->reason = CLOSE_REQUEST_TIMEOUT;
    conn_pipeline_add(c, task);
    conn_flush(c);
    conn_update(c);
    if (c->state == CONN_CLOSED) return 0;
    c->active_ms = now_ms;
    return due_ms(c, now_ms);
}

void conn_open(struct loop *loop, const struct loop_socket *socket)
{
    struct conn *c = calloc(1, sizeof *c);
    bool taken = c && loop_slot_take(loop, c);
    if (!taken || uv_poll_init_socket(&loop->uv, &c->poll, socket->fd) != 0) {
        if (taken) loop_slot_give(loop, c);
        free(c);
        close(socket->fd);
        atomic_fetch_sub(loop->options.open, 1);
        return;
    }
    c->loop = loop;
    c->fd = socket->fd;
    c->transport = socket->transport;
    c->codec = socket->codec;
    c->decoder.connection = atomic_fetch_add(loop->options.last_connection, 1) + 1;
    c->poll.data = c;
    c->opened_ms = c->active_ms = loop_now_ms(loop);
    loop->conn_count++;
    counter_set(&loop->stats->connections_open, loop->conn_count);
    counter_add(&loop->stats->connections_accepted, 1);
    if (loop->options.idle_timeout_ms) loop_set_deadline(loop, c, c->active_ms + loop->options.idle_timeout_ms);
    conn_update(c);
}
