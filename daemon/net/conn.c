/* The life of a connection: opening, what its state asks for next, deadlines, shutdown, closing. */
#include "daemon/net/conn.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "daemon/net/peer.h"

#define LINGER_MS  1000 /* how long a connection whose replies are sent may keep us waiting for its end */
#define STALLED_MS 5000 /* a peer that is to take replies, and takes none for so long, does not read */

struct conn *conn_open(struct io *io, const struct conn_socket *socket)
{
    struct conn *c = calloc(1, sizeof *c);
    bool slot = c && io_slot_take(io, c);
    if (!slot || !socket->transport->init(&c->transport, socket->fd)) {
        if (slot) io_slot_give(io, c);
        free(c);
        return NULL;
    }
    c->io = io;
    c->codec = socket->codec;
    c->decoder.connection = atomic_fetch_add(io->options.last_connection, 1) + 1;
    c->peer = (uint8_t)peer_kind_of(socket->fd);
    c->opened_ms = c->active_ms = io_now_ms(io);
    io->conn_count++;
    counter_set(&io->stats->connections_open, io->conn_count);
    counter_add(&io->stats->connections_accepted, 1);
    if (io->options.idle_timeout_ms) io_set_deadline(io, c, c->active_ms + io->options.idle_timeout_ms);
    io_list_add(io, LIST_CHANGED, c);
    return c;
}

/* Frees what the connection still holds. Tasks that other threads have are freed when they come back. */
static void drop_tasks(struct conn *c)
{
    if (c->receiving) io_task_free(c->io, c->receiving);
    if (c->held) io_task_free(c->io, c->held);
    c->receiving = c->held = NULL;
    while (c->first) {
        struct task *task = c->first;
        c->first = task->pipe_next;
        if (task->answered) io_task_free(c->io, task);
    }
    c->last = NULL;
}

static void close_now(struct conn *c)
{
    struct io *io = c->io;
    assert(!c->borrows || io->batch_count == 0);
    c->state = CONN_CLOSED;
    counter_add(&io->stats->closed[c->reason], 1);
    drop_tasks(c);
    if (c->codec->release) c->codec->release(&c->decoder);
    if (c->decoder_holds > 0) io_hold(io, c->decoder_holds, 0);
    if (io->writer == c) { /* the next one must not get its replies */
        io->writer = NULL;
        io->output.len = 0;
        io->output.failed = false;
    }
    buffer_free(&c->in);
    buffer_free(&c->out);
    for (int list = 0; list < LIST_COUNT; list++)
        io_list_remove(io, (enum conn_list_id)list, c);
    deadline_clear(&io->deadlines, &c->deadline);
    io_slot_give(io, c);
}

void conn_free(struct conn *c)
{
    struct io *io = c->io;
    c->transport.ops->free(&c->transport);
    free(c);
    io->conn_count--;
    counter_set(&io->stats->connections_open, io->conn_count);
    atomic_fetch_sub(io->options.open, 1);
}

/* ---- what comes next ---- */

static bool all_sent(const struct conn *c)
{
    return !c->first && !c->held && !c->receiving && c->out.len == 0 && !(c->pauses & PAUSE_CONTROL);
}

/* The input has ended and all that was received whole is decoded. While the connection is paused that is not so
 * yet: the value it is receiving may be in c->in. */
static void finish_input(struct conn *c)
{
    if (c->receiving) io_task_free(c->io, c->receiving); /* its value will never be whole */
    c->receiving = NULL;
    c->state = CONN_FINISHING;
}

static void begin_lingering(struct conn *c)
{
    c->transport.ops->finish(&c->transport);
    c->state = CONN_LINGERING;
    c->request_ms = io_now_ms(c->io);
    io_set_deadline(c->io, c, c->request_ms + LINGER_MS);
    conn_read(c); /* the peer's end may be there already */
}

/* What was written may end what it waits for. */
static void end_pauses(struct conn *c)
{
    if ((c->pauses & PAUSE_OUTPUT) && conn_eased(c)) {
        c->pauses = (uint8_t)((c->pauses & ~PAUSE_OUTPUT) | PAUSE_TURN);
        io_list_add(c->io, LIST_READY, c); /* goes on with what is left over */
    }
    if (!(c->pauses & PAUSE_CONTROL) || !c->held || c->first) return;
    struct task *task = c->held; /* all before it are answered */
    c->held = NULL;
    c->io->options.ask(c->io->options.control_ctx, task);
}

static void go_on(struct conn *c)
{
    conn_write(c);
    if (c->state == CONN_DOOMED) return;
    if (c->pauses) end_pauses(c);
    if (c->out.len > 0 && conn_over_hard(c)) io_set_deadline(c->io, c, c->active_ms + STALLED_MS);
    if (c->state == CONN_OPEN && c->ended && !c->pauses) finish_input(c);
    if (c->state == CONN_FINISHING && all_sent(c)) begin_lingering(c);
}

void conn_settle(struct conn *c)
{
    if (c->state != CONN_DOOMED) go_on(c);
    if (c->state == CONN_DOOMED) close_now(c);
}

int conn_events(const struct conn *c)
{
    int events = 0;
    bool reads = c->state == CONN_OPEN && !c->ended &&
                 !(c->pauses & (PAUSE_HELD | PAUSE_OUTPUT | PAUSE_CONTROL | PAUSE_ALONE));
    if (reads || c->state == CONN_LINGERING) events |= UV_READABLE;
    if (c->out.len > 0 || c->transport.wants_write) events |= UV_WRITABLE;
    return events;
}

void conn_drain(struct conn *c)
{
    int arrived = 0;
    if (c->state != CONN_OPEN || c->ended) return;
    if (ioctl(c->transport.fd, FIONREAD, &arrived) != 0) arrived = 0;
    c->drain_left = (size_t)arrived;
    if (arrived > 0 || c->transport.pending) return;
    conn_end_input(c);
    if (all_sent(c) && c->in.len == 0) conn_doom(c, CLOSE_SHUTDOWN); /* nobody waits for anything */
}

/* ---- deadlines ---- */

static void sooner(uint64_t *due_ms, uint64_t at_ms)
{
    if (*due_ms == 0 || at_ms < *due_ms) *due_ms = at_ms;
}

/* When the unfinished request must be whole; 0: there is none, or its time does not run. What has no unfinished
 * request any more (FINISHING) is answered, however long that takes. */
static uint64_t request_due_ms(const struct conn *c, uint64_t now_ms)
{
    uint64_t timeout_ms = c->io->options.request_timeout_ms;
    if (c->state != CONN_OPEN || !timeout_ms || !c->request_ms) return 0;
    bool waits_for_us = c->pauses || (c->undrained && c->read_ns >= c->io->turn_ns); /* it has more to read */
    return waits_for_us ? now_ms + timeout_ms : c->request_ms + timeout_ms;
}

/* When nothing else happens, this is when the connection has overstayed; 0: never. */
static uint64_t due_ms(const struct conn *c, uint64_t now_ms)
{
    const struct loop_options *o = &c->io->options;
    if (c->state == CONN_LINGERING) return c->request_ms + LINGER_MS;
    uint64_t due = request_due_ms(c, now_ms);
    bool waits_for_us = c->first || c->held || (c->pauses & (PAUSE_TURN | PAUSE_CONTROL));
    uint64_t idle_since_ms = waits_for_us && c->out.len == 0 ? now_ms : c->active_ms;
    if (o->idle_timeout_ms) sooner(&due, idle_since_ms + o->idle_timeout_ms);
    if (conn_over_hard(c)) sooner(&due, c->active_ms + STALLED_MS);
    return due;
}

uint64_t conn_check_deadline(struct conn *c, uint64_t now_ms)
{
    uint64_t due = c->state < CONN_DOOMED ? due_ms(c, now_ms) : 0;
    if (due == 0 || due > now_ms) return due;
    uint64_t request_due = request_due_ms(c, now_ms);
    bool slow_request = request_due && request_due <= now_ms;
    struct task *task = slow_request ? io_task_new(c->io) : NULL;
    if (!task) {
        conn_doom(c, conn_over_hard(c) ? CLOSE_OUTPUT_LIMIT : CLOSE_IDLE);
        return 0;
    }
    reply_error(&task->call.reply, ERR_TIMEOUT, "the request was not completed within limits.request_timeout");
    task->answered = true;
    conn_end_input(c);
    c->reason = CLOSE_REQUEST_TIMEOUT;
    conn_pipeline_add(c, task);
    c->active_ms = now_ms;
    finish_input(c);
    return due_ms(c, now_ms);
}
