/*
 * The reading half of a connection.
 *
 *     socket -> io->input (shared) -> decode -> submit        leftover -> c->in, in front of the next read
 *     socket -> the task's own storage                        while a large value is arriving
 *
 * One read and at most TURN_REQUESTS requests a turn, so that no pipeline starves its neighbours.
 */
#include <assert.h>
#include <errno.h>

#include "daemon/net/conn.h"

#define TURN_REQUESTS 256
#define TURN_BODY     (256 * 1024) /* bytes of a large value read in one turn */
#define TURN_ANSWERS  (64 * 1024)  /* bytes of replies by the codec itself, such as COMMAND, in one turn */
#define TURN_DROPS    4            /* reads of a lingering connection */

/* A task whose reply is known: encoded at once, or after those before it, unless it overtakes them. */
static void take_reply(struct conn *c, struct task *task)
{
    if (task->call.reply.kind == REPLY_NONE && conn_goes_on(c, task)) return;
    task->answered = true;
    if (!c->first || call_overtakes(&task->call))
        conn_reply_now(c, task);
    else
        conn_enqueue_owned(c, task);
}

void conn_end_input(struct conn *c)
{
    if (c->state != CONN_OPEN || c->ended) return;
    c->ended = true;
    c->reason = c->io->draining ? CLOSE_SHUTDOWN : CLOSE_PEER;
    io_list_add(c->io, LIST_CHANGED, c);
}

/* Ends the conversation with a reply: nothing after it is executed. */
static void answer_and_end(struct conn *c, struct task *task, enum close_reason reason)
{
    take_reply(c, task);
    if (c->state != CONN_OPEN) return;
    conn_end_input(c);
    c->state = CONN_FINISHING;
    c->reason = (uint8_t)reason;
}

/* Goes on in the next turn, whether its socket becomes readable or not. */
static void take_turns(struct conn *c)
{
    c->pauses |= PAUSE_TURN;
    io_list_add(c->io, LIST_READY, c);
}

static void pause_for(struct conn *c, unsigned why)
{
    c->pauses |= (uint8_t)why;
    io_list_add(c->io, LIST_CHANGED, c);
}

/* ---- requests ---- */

/* The one door for rights: if this peer may not ask for it, the reply says so. */
static bool conn_may(const struct conn *c, struct task *task)
{
    const char *denied = c->peer == PEER_LOCAL ? NULL : rights_denied(c->peer, &task->call);
    if (denied) reply_error(&task->call.reply, ERR_UNAUTHORIZED, denied);
    return !denied;
}

/* It waits for all before it; what is behind it waits for it, undecoded. */
static void wait_for_control(struct conn *c, struct task *task)
{
    c->held = task;
    pause_for(c, PAUSE_CONTROL);
    if (!call_own(&task->call)) conn_doom(c, CLOSE_ERROR);
}

/* Gives a whole request to the service, or keeps it when there is no room. */
static void submit(struct conn *c, struct task *task)
{
    struct io *io = c->io;
    switch (io->options.service.submit(io->options.service.ctx, task, io_now_ns(io))) {
    case SERVICE_ANSWERED:
    case SERVICE_ADMITTED:
        io->submitted = io->submitted || op_needs_table(task->call.request.op);
        take_reply(c, task);
        return;
    case SERVICE_QUEUED:
        io->submitted = true;
        io->queued++;
        conn_pipeline_add(c, task);
        return;
    case SERVICE_HERE:
        if (io->batch_count == IO_BATCH) {
            batch_run(io);
            conn_encode(c);
        }
        conn_pipeline_add(c, task);
        c->borrows = true;
        batch_add(io, task);
        return;
    case SERVICE_HOLD:
        c->held = task;
        pause_for(c, PAUSE_HELD);
        io_list_add(io, LIST_HELD, c);
        return;
    case SERVICE_CONTROL: wait_for_control(c, task); return;
    }
}

static void note_decoder(struct conn *c)
{
    size_t bytes = c->codec->held ? c->codec->held(&c->decoder) : 0;
    if (bytes == c->decoder_holds) return;
    io_hold(c->io, c->decoder_holds, bytes);
    c->decoder_holds = bytes;
}

/* Of a request that is not for one key: QUIT is all done with; others may hold much, or be alone. */
static __attribute__((noinline)) bool ends_or_notes(struct conn *c, struct task *task)
{
    if (task->call.request.op == OP_QUIT) {
        task->call.reply.kind = REPLY_BYE;
        answer_and_end(c, task, CLOSE_PEER);
        return true;
    }
    if (task->call.parts) {
        note_decoder(c);
        task->held = call_bytes_of_parts(&task->call);
        io_hold(c->io, 0, task->held);
    }
    if (task->call.request.alone) pause_for(c, PAUSE_ALONE);
    return false;
}

static void take_request(struct conn *c, struct task *task)
{
    c->request_ms = 0;
    task->arrived_ns = c->arrived_ns;
    if (task->call.request.value.len > 0) io_note_value(c->io, task->call.request.value.len);
    if (!op_has_key(task->call.request.op) && ends_or_notes(c, task)) return;
    if (conn_may(c, task))
        submit(c, task);
    else
        take_reply(c, task);
}

/* May the request come in whose value is still on its way? If not, the reply is in the task. */
static bool admit(struct conn *c, struct task *task)
{
    const struct service *service = &c->io->options.service;
    if (!conn_may(c, task)) return false;
    if (service->admit(service->ctx, task, io_now_ns(c->io)) == SERVICE_ANSWERED) return false;
    if (call_own(&task->call)) return true;
    reply_error(&task->call.reply, ERR_OUT_OF_MEMORY, "no memory for a value of this size just now; not stored");
    return false;
}

/* A header whose value is still on its way: decides now whether the value is worth keeping. */
static void begin_body(struct conn *c, struct task *task)
{
    task->arrived_ns = c->arrived_ns;
    c->body_left = task->call.request.value.len;
    c->receiving = task;
    if (admit(c, task)) return;
    /* Refused: the value passes by, and of the request only the tag is kept. */
    task->call.request.key.len = task->call.request.value.len = 0;
    if (!call_own(&task->call)) conn_doom(c, CLOSE_ERROR);
}

static bool body_is_kept(const struct conn *c)
{
    return c->receiving->call.reply.kind == REPLY_NONE;
}

/* Takes what `in` holds of the value and its end. Returns the bytes used. */
static size_t continue_body(struct conn *c, const char *in, size_t len)
{
    struct task *task = c->receiving;
    size_t used = c->body_left < len ? c->body_left : len;
    if (body_is_kept(c))
        memcpy(call_value_room(&task->call) + (task->call.request.value.len - c->body_left), in, used);
    c->body_left -= used;
    if (c->body_left > 0) return used;
    size_t end_used = 0;
    bool kept = body_is_kept(c);
    enum decode_status status = c->codec->decode_end(&c->decoder, in + used, len - used, &end_used, &task->call);
    if (status == DECODE_MORE) return used + end_used;
    c->receiving = NULL;
    c->request_ms = 0;
    if (status == DECODE_CLOSE)
        answer_and_end(c, task, CLOSE_PROTOCOL);
    else if (kept && status == DECODE_REQUEST)
        take_request(c, task);
    else
        take_reply(c, task);
    return used + end_used;
}

/* Decodes one step of `in`; returns the bytes used, and whether more of `in` can be decoded in *go_on. */
static size_t step(struct conn *c, const char *in, size_t len, bool *go_on)
{
    struct io *io = c->io;
    if (c->receiving) {
        size_t used = continue_body(c, in, len);
        *go_on = !c->receiving;
        return used;
    }
    struct task *task = io_task_new(io);
    if (!task) {
        conn_doom(c, CLOSE_ERROR);
        return 0;
    }
    task->conn = c->id;
    size_t used = 0;
    switch (c->codec->decode(&c->decoder, &io->options.limits, in, len, &used, &task->call)) {
    case DECODE_MORE:
        io_task_free(io, task);
        *go_on = false;
        break;
    case DECODE_REQUEST:
        task->followed = used < len;
        take_request(c, task);
        break;
    case DECODE_BODY: begin_body(c, task); break;
    case DECODE_ANSWERED:
        c->request_ms = 0;
        note_decoder(c);
        take_reply(c, task);
        if (io->output.len < TURN_ANSWERS) break;
        take_turns(c);
        *go_on = false;
        break;
    case DECODE_CLOSE: answer_and_end(c, task, CLOSE_PROTOCOL); break;
    }
    return used;
}

/* These let no request behind the one that caused them be decoded. */
#define PAUSES_NOW (PAUSE_HELD | PAUSE_CONTROL | PAUSE_ALONE)

/* Decodes `in` as far as the connection's pauses and this turn's share allow. Returns the bytes used. */
static size_t decode_input(struct conn *c, const char *in, size_t len)
{
    size_t used = 0;
    bool go_on = true;
    for (int requests = 0; used < len && go_on && c->state == CONN_OPEN && !(c->pauses & PAUSES_NOW); requests++) {
        if (requests == TURN_REQUESTS) {
            take_turns(c);
            break;
        }
        bool holds = c->first || c->out.len > 0 || c->io->writer;
        if (holds && conn_choked(c)) {
            pause_for(c, PAUSE_OUTPUT); /* until it is eased, perhaps as soon as it is written */
            break;
        }
        used += step(c, in + used, len - used, &go_on);
    }
    return used;
}

/* Remembers since when a request is unfinished (whole requests reset it), so that none stays open for ever. */
static void note_unfinished(struct conn *c)
{
    const struct loop_options *o = &c->io->options;
    bool unfinished = c->receiving || (c->in.len > 0 && !c->pauses) || c->decoder.state != 0;
    if (!unfinished) {
        c->request_ms = 0;
    } else if (c->request_ms == 0) {
        c->request_ms = io_now_ms(c->io);
        if (o->request_timeout_ms) io_set_deadline(c->io, c, c->request_ms + o->request_timeout_ms);
    }
}

/* ---- reading ---- */

/* The one place where bytes come in: up to `size`, or 0 when none did. */
static size_t receive(struct conn *c, char *into, size_t size)
{
    ssize_t n = c->transport.ops->receive(&c->transport, into, size);
    if (n > 0) {
        struct io *io = c->io;
        uint64_t now_ns = io_now_ns(io);
        c->arrived_ns = c->undrained ? c->read_ns : io_arrival_ns(io);
        c->undrained = (size_t)n == size;
        c->read_ns = now_ns;
        c->active_ms = now_ns / 1000000U;
        counter_add(&io->stats->bytes_in, (uint64_t)n);
        return (size_t)n;
    }
    if (n == 0 && c->state == CONN_LINGERING)
        conn_doom(c, CLOSE_PEER);
    else if (n == 0)
        conn_end_input(c);
    else if (errno != EAGAIN)
        conn_doom(c, CLOSE_ERROR);
    return 0;
}

/* After a read of n bytes during a shutdown. */
static void note_drained(struct conn *c, size_t n)
{
    c->drain_left -= n < c->drain_left ? n : c->drain_left;
    if (c->drain_left == 0 && !c->transport.pending) conn_end_input(c);
}

/* The value's bytes go straight from the socket to the task. */
static size_t read_body(struct conn *c)
{
    struct task *task = c->receiving;
    size_t want = c->body_left < TURN_BODY ? c->body_left : TURN_BODY;
    size_t n = receive(c, call_value_room(&task->call) + (task->call.request.value.len - c->body_left), want);
    c->body_left -= n;
    return n;
}

/* Decodes what is in c->in, and keeps of it what is left. */
static void decode_kept(struct conn *c)
{
    size_t used = decode_input(c, c->in.data, c->in.len);
    if (c->borrows) {
        if (c->io->batch_count) batch_run(c->io);
        conn_encode(c);
    }
    if (c->state != CONN_OPEN) return;
    if (used == c->in.len)
        buffer_free(&c->in);
    else
        buffer_consume(&c->in, used);
    note_unfinished(c);
}

/* A request that is too large for io->input, or whose size is known, grows in c->in: read there, not copied again
 * with every read, and decoded when it can be whole. */
static bool is_gathering(const struct conn *c)
{
    return c->in.len > 0 && (c->decoder.want > c->in.len || c->in.len + IO_READ_SIZE > c->io->input_size);
}

static size_t gather(struct conn *c)
{
    size_t missing = c->decoder.want > c->in.len ? c->decoder.want - c->in.len : IO_READ_SIZE;
    if (missing > TURN_BODY) missing = TURN_BODY;
    char *room = buffer_reserve(&c->in, missing);
    if (!room) {
        conn_doom(c, CLOSE_ERROR);
        return 0;
    }
    size_t n = receive(c, room, missing);
    c->in.len += n;
    if (n > 0 && c->in.len >= c->decoder.want) decode_kept(c);
    return n;
}

/* After decoding from the shared input: what was not used goes in front of the next read. */
static void keep_leftover(struct conn *c, const char *rest, size_t len)
{
    if (c->in.data) buffer_free(&c->in);
    if (len == 0) return;
    buffer_append(&c->in, rest, len);
    if (c->in.failed) conn_doom(c, CLOSE_ERROR);
}

static size_t read_requests(struct conn *c)
{
    struct io *io = c->io;
    /* A longer c->in is gathered, so there is room for it beside a read. */
    char *input = io->input + io->input_used;
    size_t kept = c->in.len;
    assert(io->input_used <= IO_BORROWED && kept < io->input_size && !io->writer);
    if (kept) memcpy(input, c->in.data, kept);
    size_t room = io->input_size - kept;
    size_t n = receive(c, input + kept, room < IO_READ_SIZE ? room : IO_READ_SIZE);
    if (n == 0) return 0;
    size_t len = kept + n;
    size_t used = decode_input(c, input, len);
    if (c->state == CONN_OPEN) {
        if (used < len || c->in.data) keep_leftover(c, input + used, len - used);
        note_unfinished(c);
    }
    if (c->borrows) io->input_used += len;
    return n;
}

/* What comes after the end goes nowhere. */
static void drop_input(struct conn *c)
{
    struct io *io = c->io;
    int reads = 0;
    while (reads++ < TURN_DROPS && receive(c, io->input + io->input_used, io->input_size) > 0)
        ;
}

/* Replies that are encoded leave before the next connection is read; others when all sockets are read, unless they
 * have waited for enough others. */
static bool is_due(const struct io *io)
{
    return io->writer || io->unwritten + io->batch_count >= IO_UNWRITTEN || io->input_used > IO_BORROWED;
}

static void read_some(struct conn *c)
{
    size_t n;
    if (is_gathering(c) && !c->receiving)
        n = gather(c);
    else if (c->receiving && c->body_left > 0 && body_is_kept(c))
        n = read_body(c);
    else
        n = read_requests(c);
    if (c->transport.pending && c->state == CONN_OPEN) take_turns(c);
    if (c->io->draining) note_drained(c, n);
}

bool conn_read(struct conn *c)
{
    if (c->state == CONN_LINGERING) drop_input(c);
    if (c->state != CONN_OPEN || c->pauses || c->ended) return false;
    read_some(c);
    return is_due(c->io);
}

void conn_resume(struct conn *c)
{
    c->pauses &= (uint8_t)~PAUSE_TURN;
    if (c->state > CONN_FINISHING) return;
    io_list_add(c->io, LIST_CHANGED, c); /* it may wait for its socket again, and has perhaps more to write */
    if (c->state != CONN_OPEN) return;
    if (c->pauses == PAUSE_ALONE && c->held) {
        struct task *task = c->held;
        c->held = NULL;
        submit(c, task);
        return;
    }
    if (c->pauses) return;
    if (c->in.len > 0) decode_kept(c);
    if (!c->transport.pending || c->pauses || c->ended) return;
    if (is_due(c->io))
        take_turns(c); /* others are to be written first */
    else
        read_some(c);
}

void conn_retry_held(struct conn *c)
{
    struct task *task = c->held;
    c->held = NULL;
    c->pauses &= (uint8_t)~PAUSE_HELD;
    submit(c, task);
    if (c->pauses & PAUSE_HELD) return;
    io_list_remove(c->io, LIST_HELD, c);
    io_list_add(c->io, LIST_CHANGED, c);
    /* The rest waits for its turn: every held connection gets its place before anybody's second request. */
    if (c->state != CONN_OPEN || c->in.len == 0) return;
    take_turns(c);
}

void conn_told(struct conn *c, struct task *task)
{
    c->pauses &= (uint8_t)~PAUSE_CONTROL;
    if (task->call.reply.kind == REPLY_NONE)
        submit(c, task); /* the rest of a batch */
    else
        take_reply(c, task);
    io_list_add(c->io, LIST_CHANGED, c);
    if (c->state == CONN_OPEN) take_turns(c);
}
