/*
 * The turn of an I/O thread. All that libuv calls is in this file, and all calls lead down from it.
 *
 *     poll      sockets are read: conn_read decodes, submits, and fills the batch
 *     check     awake now: collect what came from other threads, and settle
 *     prepare   connections with leftover input; collect until nothing comes; arm the bell; sleep in the next poll
 *
 * A reply leaves in `settle`, and nowhere else: it runs the batch, then writes every connection to which something
 * happened (LIST_CHANGED), and closes those that have ended.
 */
#include "daemon/net/turn.h"

#include <stdlib.h>
#include <unistd.h>

#define ADOPTED         32 /* sockets taken in at a time */
#define HELD_TRIES      64 /* held connections that may find no room before the rest waits for the next signal */
#define BATCH_ROUNDS    4  /* times that held connections may refill what a batch has left */
#define COLLECT_ROUNDS  16 /* completions collected before sockets get their turn again */
#define READS_PER_LOOK  32 /* connections read between two looks at the clock */
#define WRITES_PER_LOOK 8  /* connections written between them: replies leave when they are written */
#define LONG_TURN_NS    300000 /* a turn that has lasted for so long keeps the backend going in between */
#define DEADLINE_LOOKS  64     /* connections that may be closed in a turn as their deadlines have passed */

static void on_poll(uv_poll_t *poll, int status, int events);

/* ---- settling ---- */

/* Its last connection has gone. */
static void note_drained(struct loop *loop)
{
    struct io *io = &loop->io;
    if (!io->draining || loop->drained || io->conn_count > 0 || loop->arrivals) return;
    loop->drained = true;
    io->options.drained(io->options.control_ctx);
}

static void on_closed(uv_handle_t *handle)
{
    struct conn *c = handle->data;
    struct loop *loop = (struct loop *)c->io; /* its first member */
    conn_free(c);
    note_drained(loop);
}

static void settle_one(struct conn *c)
{
    io_list_remove(c->io, LIST_CHANGED, c);
    conn_settle(c);
    if (c->state == CONN_CLOSED) {
        uv_close((uv_handle_t *)&c->poll, on_closed);
        return;
    }
    int events = conn_events(c);
    if (events == c->events) return;
    c->events = (uint8_t)events;
    int failed = events ? uv_poll_start(&c->poll, events, on_poll) : uv_poll_stop(&c->poll);
    if (failed) conn_doom(c, CLOSE_ERROR);
}

/* Executes what waits, and writes the connection whose replies are encoded already: before another is read. */
static void settle_writer(struct io *io)
{
    if (io->batch_count) batch_run(io);
    if (io->writer) settle_one(io->writer);
}

/* The one place that replies leave from, and connections. */
static void settle(struct io *io)
{
    struct conn *c;
    settle_writer(io);
    for (int written = 1; (c = io->lists[LIST_CHANGED].first) != NULL; written++) {
        settle_one(c);
        if (written % WRITES_PER_LOOK == 0) io->now_ns = 0;
    }
    io->input_used = 0;
    io->unwritten = 0;
}

/* ---- the end of a batch ---- */

static void retry_held(struct io *io)
{
    int tries = HELD_TRIES;
    struct conn *last = io->lists[LIST_HELD].last;
    for (struct conn *c = io->lists[LIST_HELD].first; c && tries > 0;) {
        struct conn *next = c == last ? NULL : c->next[LIST_HELD];
        conn_retry_held(c);
        if (c->held) tries--; /* it keeps its place in the line */
        if (io->writer) settle_writer(io);
        c = next;
    }
}

static void on_wake(uv_timer_t *timer)
{
    struct loop *loop = timer->data;
    loop->wake_at_ms = UINT64_MAX;
    loop->io.submitted = true;
}

static void wake_at(struct loop *loop, uint64_t at_ms)
{
    loop->wake_at_ms = at_ms;
    if (at_ms == UINT64_MAX) {
        uv_timer_stop(&loop->wake);
        return;
    }
    uint64_t now_ms = io_now_ms(&loop->io);
    uv_update_time(&loop->uv);
    uv_timer_start(&loop->wake, on_wake, at_ms > now_ms ? at_ms - now_ms : 1, 0);
}

/* What was answered is written; the service may give the backend more and answer more. */
static void end_batch(struct loop *loop)
{
    struct io *io = &loop->io;
    const struct service *service = &io->options.service;
    if (io->batch_count || io->lists[LIST_CHANGED].first) settle(io);
    for (int round = 0; io->submitted && round < BATCH_ROUNDS; round++) {
        io->submitted = false;
        io->queued = 0;
        struct service_batch batch = service->flush(service->ctx, io->options.lane, io_now_ns(io));
        loop->more = batch.more;
        if (batch.wake_ms != loop->wake_at_ms) wake_at(loop, batch.wake_ms);
        for (struct task *task = batch.answered, *next; task; task = next) {
            next = task->next;
            task->next = NULL;
            task_back(io, task);
        }
        if (batch.room) retry_held(io); /* which may submit */
        if (io->batch_count || io->lists[LIST_CHANGED].first) settle(io);
    }
}

/* ---- what came from other threads ---- */

/* A batch of what other threads have this one execute for them. */
static bool serve_others(struct loop *loop)
{
    const struct service *service = &loop->io.options.service;
    if (!service->serve(service->ctx, loop->io.options.lane)) return false;
    loop->io.now_ns = 0;       /* it took its time */
    loop->io.submitted = true; /* there may be housekeeping to do */
    return true;
}

static bool take_mail(struct loop *loop)
{
    struct io *io = &loop->io;
    const struct service *service = &io->options.service;
    struct mail *mail = mailbox_take(&loop->mailbox);
    if (!mail) return false;
    io->now_ns = 0; /* it was sent after this turn's time was read */
    while (mail) {
        struct mail *next = mail->next;
        if (mail->deliver) {
            mail->deliver(mail, loop);
        } else {
            struct task *task = task_of_mail(mail);
            service->returned(service->ctx, task, io_now_ns(io));
            io->submitted = true;
            task_back(io, task);
        }
        mail = next;
    }
    return true;
}

void turn_arrival(struct mail *mail, void *to)
{
    struct loop *loop = to;
    mail->next = NULL;
    *loop->arrivals_end = mail;
    loop->arrivals_end = &mail->next;
}

void turn_answer(struct mail *mail, void *to)
{
    struct io *io = &((struct loop *)to)->io;
    struct task *task = task_of_mail(mail);
    struct conn *c = io_find(io, task->conn);
    mail->deliver = NULL;
    if (!c) {
        io_task_free(io, task);
        return;
    }
    conn_told(c, task);
    if (io->writer) settle_one(c);
}

void turn_push(struct mail *mail, void *to)
{
    struct io *io = &((struct loop *)to)->io;
    struct task *task = task_of_mail(mail);
    struct conn *c = io_find(io, task->conn);
    counter_add(&io->stats->call_bytes, sizeof *task); /* it is one of this loop's from now on */
    if (!c || c->state > CONN_FINISHING) {
        io_task_free(io, task);
        return;
    }
    task->answered = true;
    conn_pipeline_add(c, task);
}

static struct conn_socket next_arrival(struct loop *loop)
{
    struct arrival *arrival = (struct arrival *)loop->arrivals; /* its first member */
    struct conn_socket socket = arrival->socket;
    loop->arrivals = arrival->mail.next;
    if (!loop->arrivals) loop->arrivals_end = &loop->arrivals;
    free(arrival);
    return socket;
}

void turn_forget_socket(struct loop *loop, const struct conn_socket *socket)
{
    close(socket->fd);
    atomic_fetch_sub(loop->io.options.open, 1);
}

static void adopt(struct loop *loop, const struct conn_socket *socket)
{
    struct conn *c = conn_open(&loop->io, socket);
    if (!c) {
        turn_forget_socket(loop, socket);
        return;
    }
    c->poll.data = c;
    if (uv_poll_init_socket(&loop->uv, &c->poll, socket->fd) == 0) return;
    conn_doom(c, CLOSE_ERROR);
    conn_settle(c);
    conn_free(c);
}

/* A storm of connections is taken in a little at a turn. */
static void adopt_some(struct loop *loop)
{
    for (int i = 0; loop->arrivals && i < ADOPTED; i++) {
        struct conn_socket socket = next_arrival(loop);
        adopt(loop, &socket);
    }
}

static void for_each_conn(struct io *io, void (*what)(struct conn *c))
{
    for (uint32_t i = 0; i < io->slot_count; i++)
        if (io->slots[i].conn) what(io->slots[i].conn);
}

static void abort_one(struct conn *c)
{
    conn_doom(c, CLOSE_SHUTDOWN);
}

static void obey(struct loop *loop, uint32_t orders)
{
    struct io *io = &loop->io;
    if (orders & (ORDER_ROOM | ORDER_SETTINGS)) io->submitted = true; /* the service looks at its rules */
    if (orders & ORDER_ROOM) retry_held(io);
    if (orders & ORDER_DRAIN) {
        while (loop->arrivals)
            adopt_some(loop); /* no socket comes after them */
        io->draining = true;
        for_each_conn(io, conn_drain);
    }
    if (orders & ORDER_ABORT) for_each_conn(io, abort_one);
    if (orders & ORDER_END) uv_stop(&loop->uv);
}

/* Everything other threads have left for this one. True when there was something. */
static bool collect(struct loop *loop)
{
    uint32_t orders = 0; /* looked at first: what was sent before them has come */
    if (atomic_load_explicit(&loop->orders, memory_order_relaxed)) orders = atomic_exchange(&loop->orders, 0);
    bool any = loop->io.options.service.serve && serve_others(loop);
    any = take_mail(loop) || any;
    if (loop->arrivals) { /* which are mail that was left of an earlier turn, or has just come */
        adopt_some(loop);
        any = true;
    }
    if (orders) obey(loop, orders);
    end_batch(loop);
    return any || orders;
}

/* ---- the turn ---- */

/* Has this turn lasted for long, since the backend was served? */
static bool is_long(struct loop *loop)
{
    loop->reads = 0;
    uint64_t now_ns = clock_ns(loop->io.options.clock);
    uint64_t since_ns = loop->served_ns > loop->io.turn_ns ? loop->served_ns : loop->io.turn_ns;
    if (now_ns < since_ns + LONG_TURN_NS) return false;
    loop->served_ns = now_ns;
    return true;
}

/*
 * When many tasks were read, or for long, the backend is given them now and what has come back from it is handed
 * on: so that it does not idle until the turn is over, and tasks are still in the processor's caches wherever they
 * pass by.
 */
static void read_from(struct loop *loop, struct conn *c)
{
    struct io *io = &loop->io;
    if (conn_read(c)) settle(io);
    bool looks = ++loop->reads >= READS_PER_LOOK;
    if (io->queued < IO_QUEUED && !(looks && is_long(loop))) return;
    end_batch(loop);
    if (io->options.service.serve) serve_others(loop);
    if (take_mail(loop)) end_batch(loop);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct conn *c = poll->data;
    struct io *io = c->io;
    if (status < 0) { /* libuv stops polling when the socket reports an error */
        c->events = 0;
        io_list_add(io, LIST_CHANGED, c);
        if (c->state != CONN_LINGERING && (c->state != CONN_OPEN || c->pauses || c->ended))
            conn_doom(c, CLOSE_ERROR);
    }
    if (events & UV_WRITABLE) {
        c->blocked = false;
        io_list_add(io, LIST_CHANGED, c);
    }
    if ((events & UV_READABLE) || status < 0 || c->transport.wants_write) read_from((struct loop *)io, c);
}

static uint64_t look_at(void *ctx, struct deadline *node)
{
    struct io *io = ctx;
    struct conn *c = (struct conn *)((char *)node - offsetof(struct conn, deadline));
    return conn_check_deadline(c, io_now_ms(io));
}

static void on_timer(uv_timer_t *timer)
{
    ((struct loop *)timer->data)->judges = true;
}

static void schedule_timer(struct loop *loop)
{
    struct io *io = &loop->io;
    uint64_t now_ms = io_now_ms(io);
    uint64_t wait_ms = deadlines_wait(&io->deadlines, now_ms);
    io->timer_is_late = false;
    io->timer_at_ms = UINT64_MAX;
    if (wait_ms == UINT64_MAX) return;
    io->timer_at_ms = now_ms + wait_ms;
    uv_update_time(&loop->uv);
    uv_timer_start(&loop->timer, on_timer, wait_ms + 1, 0);
}

static void judge_deadlines(struct loop *loop)
{
    struct io *io = &loop->io;
    loop->judges = false;
    deadlines_turn(&io->deadlines, io_now_ms(io), DEADLINE_LOOKS, look_at, io);
    schedule_timer(loop);
}

static void on_check(uv_check_t *check)
{
    struct loop *loop = check->data;
    bell_disarm(&loop->bell);
    if (loop->more) loop->io.submitted = true; /* it goes on with its own work, once a turn */
    if (loop->judges) judge_deadlines(loop);
    collect(loop);
}

static void resume_ready(struct loop *loop)
{
    struct io *io = &loop->io;
    struct conn *last = io->lists[LIST_READY].last;
    for (struct conn *c = io->lists[LIST_READY].first; c;) {
        struct conn *next = c == last ? NULL : c->next[LIST_READY];
        io_list_remove(io, LIST_READY, c);
        conn_resume(c);
        if (io->writer) settle_writer(io);
        c = next;
    }
    end_batch(loop); /* not later: once the bell is armed, an answer costs its sender a system call */
}

static void on_idle(uv_idle_t *idle)
{
    (void)idle; /* its presence keeps the poll from blocking */
}

static void end_turn(struct io *io)
{
    if (io->turn_ns) {
        uint64_t end_ns = clock_ns(io->options.clock);
        io->turn_ended_ns = end_ns;
        loop_stats_batch(io->stats, end_ns);
        counter_add(&io->stats->turns, 1);
        longest_note(&io->stats->turn, end_ns - io->turn_ns, end_ns);
    }
    io->last_turn_ns = io->turn_ns;
    io->now_ns = io->turn_ns = 0;
}

static void on_prepare(uv_prepare_t *prepare)
{
    struct loop *loop = prepare->data;
    struct io *io = &loop->io;
    if (io->lists[LIST_READY].first) resume_ready(loop);
    bool more = true;
    for (int round = 0; more && round < COLLECT_ROUNDS; round++) {
        bell_arm(&loop->bell);
        more = collect(loop);
    }
    if (io->timer_is_late) schedule_timer(loop);
    if (more || loop->more || loop->judges || loop->arrivals || io->submitted || io->lists[LIST_READY].first)
        uv_idle_start(&loop->idle, on_idle);
    else
        uv_idle_stop(&loop->idle);
    end_turn(io);
    if (io->draining) note_drained(loop);
}

static void on_bell(uv_poll_t *poll, int status, int events)
{
    struct loop *loop = poll->data;
    (void)status, (void)events;
    bell_drain(&loop->bell); /* what it announced is collected in on_check */
}

/* ---- the ends ---- */

bool turn_init(struct loop *loop)
{
    if (uv_loop_init(&loop->uv) != 0) return false;
    uv_prepare_init(&loop->uv, &loop->prepare);
    uv_check_init(&loop->uv, &loop->check);
    uv_idle_init(&loop->uv, &loop->idle);
    uv_timer_init(&loop->uv, &loop->timer);
    uv_timer_init(&loop->uv, &loop->wake);
    loop->prepare.data = loop->check.data = loop->idle.data = loop->timer.data = loop->wake.data =
        loop->bell_poll.data = loop;
    uv_prepare_start(&loop->prepare, on_prepare);
    uv_check_start(&loop->check, on_check);
    return uv_poll_init(&loop->uv, &loop->bell_poll, loop->bell.fd) == 0 &&
           uv_poll_start(&loop->bell_poll, UV_READABLE, on_bell) == 0;
}

void turn_drop_mail(struct loop *loop)
{
    for (struct mail *mail = mailbox_take(&loop->mailbox); mail;) {
        struct mail *next = mail->next;
        if (mail->deliver)
            mail->deliver(mail, loop);
        else
            io_task_free(&loop->io, task_of_mail(mail));
        mail = next;
    }
    while (loop->arrivals) {
        struct conn_socket socket = next_arrival(loop);
        turn_forget_socket(loop, &socket);
    }
}
