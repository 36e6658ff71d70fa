/*
 * The turn of an I/O thread.
 *
 *     poll: sockets readable/writable -> conn_readable, conn_flush
 *     check: awake now; collect what came from other threads
 *     prepare: connections with leftover input; collect until nothing comes; arm the bell; sleep in the next poll
 */
#include "daemon/net/loop.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/base/thread.h"
#include "daemon/net/loop_impl.h"

#define ADOPTED        32     /* sockets taken in at a time */
#define HELD_TRIES     64     /* held connections that may find no room before the rest waits for the next signal */
#define BATCH_ROUNDS   4      /* times that held connections may refill what a batch has left */
#define COLLECT_ROUNDS 16     /* completions collected before sockets get their turn again */
#define READS_PER_LOOK 32     /* connections read between two looks at the clock */
#define LONG_TURN_NS   300000 /* a turn that has lasted for so long keeps the backend going in between */
#define TICKS          32     /* the shortest timeout is watched with a 32nd of its length */
#define TICK_MAX_MS    1000
#define DEADLINE_LOOKS 64 /* connections that may be closed in a turn as their deadlines have passed */

/* ---- what came from other threads ---- */

/* A storm of connections is taken in a little at a turn. False: none was there. */
static bool adopt_sockets(struct loop *loop)
{
    struct loop_socket sockets[ADOPTED];
    if (!inbox_filled(&loop->inbox)) return false;
    size_t count = inbox_take(&loop->inbox, sockets, ADOPTED);
    for (size_t i = 0; i < count; i++)
        conn_open(loop, &sockets[i]);
    return count > 0;
}

static void retry_held(struct loop *loop)
{
    int tries = HELD_TRIES;
    struct conn *last = loop->lists[LIST_HELD].last;
    for (struct conn *c = loop->lists[LIST_HELD].first; c && tries > 0;) {
        struct conn *next = c == last ? NULL : c->next[LIST_HELD];
        if (conn_retry_held(c)) {
            loop_list_remove(loop, LIST_HELD, c);
            conn_flush(c);
        } else {
            tries--; /* it keeps its place in the line */
        }
        c = next;
    }
}

/* Calls that have their replies, linked by `next`, go back to their connections. */
static void hand_back(struct loop *loop, struct task *task)
{
    while (task) {
        struct task *next = task->next;
        task->next = NULL;
        loop_call_back(loop, task);
        task = next;
    }
}

static bool collect_completions(struct loop *loop)
{
    const struct service *service = &loop->options.service;
    struct mail *mail = mailbox_take(&loop->mailbox);
    if (!mail) return false;
    loop->now_ns = 0; /* they were completed after this turn's time was read */
    for (struct mail *m = mail; m; m = m->next)
        service->returned(service->ctx, task_of_mail(m), loop_now_ns(loop));
    loop->submitted = true;
    while (mail) {
        struct task *task = task_of_mail(mail);
        mail = mail->next;
        loop_call_back(loop, task);
    }
    return true;
}

static void on_wake(uv_timer_t *timer)
{
    struct loop *loop = timer->data;
    loop->wake_at_ms = UINT64_MAX;
    loop->submitted = true;
}

static void wake_at(struct loop *loop, uint64_t at_ms)
{
    if (at_ms == loop->wake_at_ms) return;
    loop->wake_at_ms = at_ms;
    if (at_ms == UINT64_MAX) {
        uv_timer_stop(&loop->wake);
        return;
    }
    uint64_t now_ms = loop_now_ms(loop);
    uv_update_time(&loop->uv);
    uv_timer_start(&loop->wake, on_wake, at_ms > now_ms ? at_ms - now_ms : 1, 0);
}

/* The end of a batch: what was answered is written; the service may give the backend more and answer more. */
static void end_batch(struct loop *loop)
{
    const struct service *service = &loop->options.service;
    loop_settle(loop);
    for (int round = 0; loop->submitted && round < BATCH_ROUNDS; round++) {
        loop->submitted = false;
        loop->queued = 0;
        struct service_batch batch = service->flush(service->ctx, loop->options.lane, loop_now_ns(loop));
        loop->more = batch.more;
        wake_at(loop, batch.wake_ms);
        hand_back(loop, batch.answered);
        loop_settle(loop);
        if (batch.room) retry_held(loop); /* which may submit */
    }
    loop_settle(loop);
}

/* A batch of what other threads have this one execute for them. */
static bool serve_others(struct loop *loop)
{
    const struct service *service = &loop->options.service;
    if (!service->serve || !service->serve(service->ctx, loop->options.lane)) return false;
    loop->now_ns = 0;       /* it took its time */
    loop->submitted = true; /* there may be housekeeping to do */
    return true;
}

/* Has this turn lasted for long, since the backend was served? */
static bool is_long(struct loop *loop)
{
    if (++loop->reads < READS_PER_LOOK) return false;
    loop->reads = 0;
    uint64_t now_ns = clock_ns(loop->options.clock);
    uint64_t since_ns = loop->served_ns > loop->turn_ns ? loop->served_ns : loop->turn_ns;
    if (now_ns < since_ns + LONG_TURN_NS) return false;
    loop->served_ns = now_ns;
    return true;
}

void loop_was_read(struct loop *loop)
{
    if (loop->queued < LOOP_QUEUED && !is_long(loop)) return;
    end_batch(loop);
    serve_others(loop);
    if (collect_completions(loop)) end_batch(loop);
}

/* Ends the input of all connections: what they sent whole is answered. */
static void begin_drain(struct loop *loop)
{
    loop->draining = true;
    for (uint32_t i = 0; i < loop->slot_count; i++) {
        struct conn *c = loop->slots[i].conn;
        if (!c) continue;
        if (c->state == CONN_LINGERING) {
            conn_close(c, CLOSE_SHUTDOWN);
            continue;
        }
        conn_end_input(c);
        conn_update(c);
    }
}

static void abort_all(struct loop *loop)
{
    for (uint32_t i = 0; i < loop->slot_count; i++)
        if (loop->slots[i].conn) conn_close(loop->slots[i].conn, CLOSE_SHUTDOWN);
}

/* Everything other threads have left for this one. True when there was something. */
static bool collect(struct loop *loop)
{
    bool any = serve_others(loop);
    any = collect_completions(loop) || any;
    bool drain = !loop->draining && atomic_load(&loop->drain); /* asked first: no socket is adopted after it */
    while (adopt_sockets(loop)) {
        any = true;
        if (!drain) break;
    }
    if (atomic_load_explicit(&loop->room, memory_order_relaxed) && atomic_exchange(&loop->room, false)) {
        loop->submitted = any = true; /* the service's rules may have changed */
        retry_held(loop);
    }
    if (drain) {
        begin_drain(loop);
        any = true;
    }
    if (atomic_load_explicit(&loop->abort, memory_order_relaxed) && atomic_exchange(&loop->abort, false))
        abort_all(loop);
    if (atomic_load_explicit(&loop->end, memory_order_relaxed)) uv_stop(&loop->uv);
    end_batch(loop);
    return any;
}

/* ---- the turn ---- */

static void on_check(uv_check_t *check)
{
    struct loop *loop = check->data;
    bell_disarm(&loop->bell);
    if (loop->more) loop->submitted = true; /* it goes on with its own work, once a turn */
    collect(loop);
}

static void resume_ready(struct loop *loop)
{
    struct conn *last = loop->lists[LIST_READY].last;
    for (struct conn *c = loop->lists[LIST_READY].first; c;) {
        struct conn *next = c == last ? NULL : c->next[LIST_READY];
        loop_list_remove(loop, LIST_READY, c);
        conn_resume(c);
        c = next;
    }
    end_batch(loop);
}

static void on_idle(uv_idle_t *idle)
{
    (void)idle; /* its presence keeps the poll from blocking */
}

static void end_turn(struct loop *loop)
{
    struct loop_stats *stats = loop->stats;
    if (loop->turn_ns) {
        uint64_t end_ns = clock_ns(loop->options.clock);
        loop->turn_ended_ns = end_ns;
        loop_stats_batch(stats, end_ns);
        counter_add(&stats->turns, 1);
        longest_note(&stats->turn, end_ns - loop->turn_ns, end_ns);
    }
    loop->last_turn_ns = loop->turn_ns;
    loop->now_ns = loop->turn_ns = 0;
}

static void on_prepare(uv_prepare_t *prepare)
{
    struct loop *loop = prepare->data;
    resume_ready(loop);
    bool more = true;
    for (int round = 0; more && round < COLLECT_ROUNDS; round++) {
        bell_arm(&loop->bell);
        more = collect(loop);
    }
    if (more || loop->more || loop->submitted || loop->lists[LIST_READY].first)
        uv_idle_start(&loop->idle, on_idle);
    else
        uv_idle_stop(&loop->idle);
    end_turn(loop);
    loop_note_drained(loop);
}

static void on_bell(uv_poll_t *poll, int status, int events)
{
    struct loop *loop = poll->data;
    (void)status, (void)events;
    bell_drain(&loop->bell); /* what it announced is collected in on_check */
}

/* ---- deadlines ---- */

static uint64_t look_at(void *ctx, struct deadline *node)
{
    struct loop *loop = ctx;
    struct conn *c = (struct conn *)((char *)node - offsetof(struct conn, deadline));
    return conn_check_deadline(c, loop_now_ms(loop));
}

static void on_timer(uv_timer_t *timer)
{
    struct loop *loop = timer->data;
    uint64_t now_ms = loop_now_ms(loop);
    deadlines_turn(&loop->deadlines, now_ms, DEADLINE_LOOKS, look_at, loop);
    loop_schedule_timer(loop);
}

/* ---- life cycle ---- */

static void close_handle(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (!uv_is_closing(handle)) uv_close(handle, NULL);
}

static void *loop_main(void *arg)
{
    struct loop *loop = arg;
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    /* The connections of all loops are gone; only the loop's own handles are left. */
    uv_walk(&loop->uv, close_handle, NULL);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    return NULL;
}

static uint64_t tick_for(const struct loop_options *o)
{
    uint64_t shortest = UINT64_MAX;
    if (o->idle_timeout_ms) shortest = o->idle_timeout_ms;
    if (o->request_timeout_ms && o->request_timeout_ms < shortest) shortest = o->request_timeout_ms;
    uint64_t tick = shortest / TICKS;
    return tick < 1 ? 1 : tick < TICK_MAX_MS ? tick : TICK_MAX_MS;
}

static bool init_handles(struct loop *loop)
{
    if (uv_loop_init(&loop->uv) != 0) return false;
    uv_prepare_init(&loop->uv, &loop->prepare);
    uv_check_init(&loop->uv, &loop->check);
    uv_idle_init(&loop->uv, &loop->idle);
    uv_timer_init(&loop->uv, &loop->timer);
    uv_timer_init(&loop->uv, &loop->wake);
    loop->wake_at_ms = UINT64_MAX;
    loop->on_timer = on_timer;
    loop->prepare.data = loop->check.data = loop->idle.data = loop->timer.data = loop->wake.data =
        loop->bell_poll.data = loop;
    uv_prepare_start(&loop->prepare, on_prepare);
    uv_check_start(&loop->check, on_check);
    return uv_poll_init(&loop->uv, &loop->bell_poll, loop->bell.fd) == 0 &&
           uv_poll_start(&loop->bell_poll, UV_READABLE, on_bell) == 0;
}

struct loop *loop_start(const struct loop_options *options, const char **error)
{
    *error = "cannot start an I/O thread: out of memory or descriptors, or no processors as threads_cpus says";
    struct loop *loop = aligned_alloc(64, (sizeof *loop + 63) / 64 * 64);
    if (!loop) return NULL;
    memset(loop, 0, sizeof *loop);
    loop->options = *options;
    loop->slot_free = UINT32_MAX;
    loop->timer_at_ms = UINT64_MAX;
    /* Room for the longest unfinished line, its line end, and a read behind it. */
    loop->input_size = options->limits.line + 2 + LOOP_READ_SIZE;
    deadlines_init(&loop->deadlines, tick_for(options), clock_ms(options->clock));
    inbox_init(&loop->inbox);
    loop->input = malloc(LOOP_BORROWED + loop->input_size);
    loop->stats = loop_stats_create(options->clock);
    char name[16];
    snprintf(name, sizeof name, "sluice-io-%u", options->lane);
    bool ok = loop->input && loop->stats && bell_init_fd(&loop->bell) && init_handles(loop) &&
              thread_start_on(&loop->thread, name, &options->cpus, loop_main, loop) == 0;
    if (!ok) return NULL; /* the daemon does not start: what little was taken goes with the process */
    return loop;
}

void loop_adopt(struct loop *loop, const struct loop_socket *socket)
{
    if (!inbox_put(&loop->inbox, socket)) {
        close(socket->fd);
        atomic_fetch_sub(loop->options.open, 1);
        return;
    }
    bell_ring(&loop->bell);
}

void loop_complete(struct loop *loop, struct mail_batch *batch)
{
    mailbox_post(&loop->mailbox, batch);
    bell_ring(&loop->bell);
}

void loop_room(struct loop *loop)
{
    atomic_store(&loop->room, true);
    bell_ring(&loop->bell);
}

void loop_drain(struct loop *loop)
{
    atomic_store(&loop->drain, true);
    bell_ring(&loop->bell);
}

void loop_abort(struct loop *loop)
{
    atomic_store(&loop->abort, true);
    bell_ring(&loop->bell);
}

void loop_wake(struct loop *loop)
{
    bell_ring(&loop->bell);
}

void loop_end(struct loop *loop)
{
    atomic_store(&loop->end, true);
    bell_ring(&loop->bell);
}

void loop_join(struct loop *loop)
{
    pthread_join(loop->thread, NULL);
}

void loop_free(struct loop *loop)
{
    for (struct mail *mail = mailbox_take(&loop->mailbox); mail;) {
        struct mail *next = mail->next;
        loop_call_free(loop, task_of_mail(mail));
        mail = next;
    }
    while (loop->free_calls) {
        struct task *task = loop->free_calls;
        loop->free_calls = task->next;
        free(task);
    }
    uv_loop_close(&loop->uv);
    bell_close(&loop->bell);
    inbox_free(&loop->inbox);
    buffer_free(&loop->output);
    free(loop->input);
    free(loop->slots);
    free(loop->stats);
    free(loop);
}

bool loop_register_metrics(struct loop *loop, struct metrics *m)
{
    return loop_stats_register(loop->stats, m);
}
