/*
 * The reading half of a connection.
 *
 *     socket -> loop->input (shared) -> decode -> submit        leftover -> c->in, in front of the next read
 *     socket -> the call's own storage                          while a large value is arriving
 *
 * One read and at most TURN_REQUESTS requests a turn, so that no pipeline starves its neighbours.
 */
#include <assert.h>
#include <errno.h>

#include "daemon/net/conn.h"
#include "daemon/net/loop_impl.h"

#define TURN_REQUESTS 256
#define TURN_BODY     (256 * 1024) /* bytes of a large value read in one turn */

static void out_of_memory(struct conn *c, struct task *task)
{
    if (task) loop_call_free(c->loop, task);
    conn_close(c, CLOSE_ERROR);
}

/* Puts a call into the pipeline that borrows from the input: it must own its bytes there. */
static void enqueue_owned(struct conn *c, struct task *task)
{
    if (call_own(&task->call))
        conn_pipeline_add(c, task);
    else
        out_of_memory(c, task);
}

/* A call whose reply is known: encoded at once, or after those before it, unless it overtakes them. */
static void take_reply(struct conn *c, struct task *task)
{
    task->answered = true;
    if (!c->first || call_overtakes(&task->call)) {
        conn_reply_now(c, task);
        return;
    }
    task->call.request.key.len = task->call.request.value.len =
        0; /* of the request, only the tag is still needed */
    enqueue_owned(c, task);
}

/* Ends the conversation with a reply: nothing after it is executed. */
static void answer_and_end(struct conn *c, struct task *task, enum close_reason reason)
{
    take_reply(c, task);
    if (c->state == CONN_CLOSED) return;
    conn_end_input(c);
    c->state = CONN_FINISHING;
    c->reason = (uint8_t)reason;
}

/* ---- requests ---- */

/* Gives a whole request to the service, or keeps it when there is no room. */
static void submit(struct conn *c, struct task *task)
{
    struct loop *loop = c->loop;
    bool local = !op_needs_table(task->call.request.op);
    if (local && c->first) { /* answered when all before it are (conn_write.c) */
        enqueue_owned(c, task);
        return;
    }
    switch (conn_submit(c, task)) {
    case SERVICE_ANSWERED:
    case SERVICE_ADMITTED:
        loop->submitted = loop->submitted || !local;
        take_reply(c, task);
        return;
    case SERVICE_QUEUED:
        loop->submitted = true;
        loop->queued++;
        conn_pipeline_add(c, task);
        return;
    case SERVICE_HERE:
        if (loop->batch_count == LOOP_BATCH) {
            loop_batch_run(loop);
            conn_encode(c);
        }
        conn_pipeline_add(c, task);
        c->borrows = true;
        loop_batch_add(loop, task);
        return;
    case SERVICE_HOLD:
        c->held = task;
        c->pauses |= PAUSE_HELD;
        loop_list_add(loop, LIST_HELD, c);
        return;
    }
}

/* Remembers how large values get: no GET will bring back a larger one. */
static void note_value(struct loop *loop, uint64_t size)
{
    _Atomic uint64_t *largest = loop->options.largest_value;
    uint64_t seen = atomic_load_explicit(largest, memory_order_relaxed);
    while (size > seen && !atomic_compare_exchange_weak(largest, &seen, size))
        ;
}

static void take_request(struct conn *c, struct task *task)
{
    c->request_ms = 0;
    note_value(c->loop, task->call.request.value.len);
    task->arrived_ns = c->arrived_ns;
    if (task->call.request.op == OP_QUIT) {
        task->call.reply.kind = REPLY_BYE;
        answer_and_end(c, task, CLOSE_PEER);
        return;
    }
    submit(c, task);
}

/* A header whose value is still on its way: decides now whether the value is worth keeping. */
static void begin_body(struct conn *c, struct task *task)
{
    struct loop *loop = c->loop;
    task->arrived_ns = c->arrived_ns;
    c->body_left = task->call.request.value.len;
    c->receiving = task;
    if (loop->options.service.admit(loop->options.service.ctx, task, loop_now_ns(loop)) != SERVICE_ANSWERED &&
        call_own(&task->call))
        return;
    if (task->call.reply.kind == REPLY_NONE)
        reply_error(&task->call.reply, ERR_OUT_OF_MEMORY,
                    "no memory for a value of this size just now; not stored");
    /* Refused: the value passes by, and of the request only the tag is kept. */
    task->call.request.key.len = task->call.request.value.len = 0;
    bool owned = call_own(&task->call);
    assert(owned); /* a tag always fits the call's inline storage */
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
    struct loop *loop = c->loop;
    if (c->receiving) {
        size_t used = continue_body(c, in, len);
        *go_on = c->state == CONN_OPEN && !c->receiving;
        return used;
    }
    struct task *task = loop_call_new(loop);
    if (!task) {
        out_of_memory(c, NULL);
        *go_on = false;
        return 0;
    }
    task->conn = c->id;
    size_t used = 0;
    *go_on = true;
    switch (c->codec->decode(&c->decoder, &loop->options.limits, in, len, &used, &task->call)) {
    case DECODE_MORE:
        loop_call_free(loop, task);
        *go_on = false;
        break;
    case DECODE_REQUEST:
        task->followed = used < len;
        take_request(c, task);
        break;
    case DECODE_BODY: begin_body(c, task); break;
    case DECODE_ANSWERED:
        c->request_ms = 0;
        take_reply(c, task);
        break;
    case DECODE_CLOSE: answer_and_end(c, task, CLOSE_PROTOCOL); break;
    }
    return used;
}

/* Decodes `in` as far as the connection's pauses and this turn's share allow. Returns the bytes used. */
static size_t decode_input(struct conn *c, const char *in, size_t len)
{
    size_t used = 0;
    bool go_on = true;
    for (int requests = 0; used < len && go_on; requests++) {
        if (requests == TURN_REQUESTS) {
            c->pauses |= PAUSE_TURN;
            loop_list_add(c->loop, LIST_READY, c);
            break;
        }
        if (conn_choked(c)) {
            loop_batch_run(c->loop);
            conn_write(c); /* perhaps the socket takes some of it at once */
            if (c->state != CONN_OPEN) break;
            if (conn_choked(c)) {
                c->pauses |= PAUSE_OUTPUT;
                break;
            }
        }
        used += step(c, in + used, len - used, &go_on);
        if (c->state != CONN_OPEN || c->held) break;
    }
    return used;
}

/* Remembers since when a request is unfinished (whole requests reset it), so that none stays open for ever. */
static void note_unfinished(struct conn *c)
{
    const struct loop_options *o = &c->loop->options;
    bool unfinished = c->receiving || (c->in.len > 0 && !c->pauses) || c->decoder.state != 0;
    if (!unfinished) {
        c->request_ms = 0;
    } else if (c->request_ms == 0) {
        c->request_ms = loop_now_ms(c->loop);
        if (o->request_timeout_ms) loop_set_deadline(c->loop, c, c->request_ms + o->request_timeout_ms);
    }
}

/* After decoding from the shared input: what was not used goes in front of the next read. */
static void keep_leftover(struct conn *c, const char *rest, size_t len)
{
    if (c->in.data) buffer_free(&c->in);
    if (len == 0) return;
    buffer_append(&c->in, rest, len);
    if (c->in.failed) out_of_memory(c, NULL);
}

/* After a read of up to `room` bytes. */
static bool read_failed(struct conn *c, ssize_t n, size_t room)
{
    if (n > 0) {
        c->arrived_ns = c->undrained ? c->read_ns : loop_arrival_ns(c->loop);
        c->undrained = (size_t)n == room;
        c->read_ns = loop_now_ns(c->loop);
        c->active_ms = loop_now_ms(c->loop);
        counter_add(&c->loop->stats->bytes_in, (uint64_t)n);
        return false;
    }
    if (n == 0)
        conn_end_input(c);
    else if (errno != EAGAIN)
        conn_close(c, CLOSE_ERROR);
    return true;
}

/* The value's bytes go straight from the socket to the call. */
static void read_body(struct conn *c)
{
    struct task *task = c->receiving;
    size_t want = c->body_left < TURN_BODY ? c->body_left : TURN_BODY;
    ssize_t n = c->transport->recv(
        c->fd, call_value_room(&task->call) + (task->call.request.value.len - c->body_left), want);
    if (read_failed(c, n, want)) return;
    c->body_left -= (size_t)n;
}

/* Decodes what is in c->in, and keeps of it what is left. */
static void decode_kept(struct conn *c)
{
    size_t used = decode_input(c, c->in.data, c->in.len);
    if (c->borrows) {
        loop_batch_run(c->loop);
        if (c->state != CONN_CLOSED) conn_write(c);
    }
    if (c->state != CONN_OPEN) return;
    if (used == c->in.len)
        buffer_free(&c->in);
    else
        buffer_consume(&c->in, used);
    note_unfinished(c);
}

/* A request that is too large for loop->input, or whose size is known, grows in c->in: read there, not copied again
 * with every read, and decoded when it can be whole. */
static bool is_gathering(const struct conn *c)
{
    return c->in.len > 0 && (c->decoder.want > c->in.len || c->in.len + LOOP_READ_SIZE > c->loop->input_size);
}

static void gather(struct conn *c)
{
    size_t missing = c->decoder.want > c->in.len ? c->decoder.want - c->in.len : LOOP_READ_SIZE;
    if (missing > TURN_BODY) missing = TURN_BODY;
    char *room = buffer_reserve(&c->in, missing);
    if (!room) {
        out_of_memory(c, NULL);
        return;
    }
    ssize_t n = c->transport->recv(c->fd, room, missing);
    if (read_failed(c, n, missing)) return;
    c->in.len += (size_t)n;
    if (c->in.len >= c->decoder.want) decode_kept(c);
}

/* The end of a connection's read. Its replies go now if the first of them are encoded, as in a long pipeline, and
 * everybody's when they have waited for enough others; else they go when all sockets are read. */
static void finish_read(struct conn *c)
{
    struct loop *loop = c->loop;
    bool due = loop->unwritten + loop->batch_count >= LOOP_UNWRITTEN || loop->input_used > LOOP_BORROWED;
    if (due || loop->output.len > 0) loop_batch_run(loop);
    if (c->state != CONN_CLOSED && !conn_waits(c)) conn_flush(c);
    if (due) loop_settle(loop);
    loop_was_read(loop);
}

void conn_readable(struct conn *c)
{
    struct loop *loop = c->loop;
    if (is_gathering(c) && !c->receiving) {
        gather(c);
        finish_read(c);
        return;
    }
    if (c->receiving && c->body_left > 0 && body_is_kept(c)) {
        read_body(c);
        return;
    }
    /* A longer c->in is gathered, so there is room for it beside a read. */
    char *input = loop->input + loop->input_used;
    size_t kept = c->in.len;
    assert(loop->input_used <= LOOP_BORROWED && kept < loop->input_size);
    if (kept) memcpy(input, c->in.data, kept);
    size_t room = loop->input_size - kept;
    if (room > LOOP_READ_SIZE) room = LOOP_READ_SIZE;
    ssize_t n = c->transport->recv(c->fd, input + kept, room);
    if (read_failed(c, n, room)) return;
    size_t len = kept + (size_t)n;
    size_t used = decode_input(c, input, len);
    if (c->state == CONN_OPEN) {
        keep_leftover(c, input + used, len - used);
        note_unfinished(c);
    }
    if (c->borrows) loop->input_used += len;
    finish_read(c);
}

void conn_resume(struct conn *c)
{
    c->pauses &= (uint8_t)~PAUSE_TURN;
    if (c->state != CONN_OPEN || c->pauses) return;
    decode_kept(c);
    if (c->state != CONN_CLOSED) conn_flush(c);
    conn_update(c);
}

bool conn_retry_held(struct conn *c)
{
    struct task *task = c->held;
    c->held = NULL;
    c->pauses &= (uint8_t)~PAUSE_HELD;
    submit(c, task);
    if (c->held) return false;
    if (c->state == CONN_CLOSED) return true;
    /* The rest waits for its turn: every held connection gets its place before anybody's second request. */
    if (c->in.len > 0) {
        c->pauses |= PAUSE_TURN;
        loop_list_add(c->loop, LIST_READY, c);
    }
    return true;
}
