#include "daemon/net/server.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "daemon/base/log.h"
#include "daemon/net/listener.h"
#include "daemon/net/signals.h"
#include "daemon/queue/bell.h"

#define SPARE_FILES 64 /* listeners, the control loop's, log, one being refused */
#define LOOP_FILES  8  /* event descriptors of an I/O loop: libuv takes four, the bell one */

struct server {
    struct server_options options;
    uv_loop_t uv; /* the control loop: listeners, signals, the grace */
    struct signals signals;
    uv_timer_t grace;
    uv_poll_t bell_poll;
    struct bell bell; /* rung by loops that have drained, or ask something */
    struct mailbox asked;
    struct mail *questions; /* taken out of it, oldest first */
    _Atomic uint32_t drained;
    _Atomic uint64_t largest_value;
    _Atomic size_t held;
    _Atomic uint64_t last_connection;
    struct loop **loops;
    uint32_t loop_count;
    struct listener *listeners;
    struct listener_limit limit;
    bool stopping;
};

void server_complete(void *server, uint32_t lane, struct mail_batch *batch)
{
    loop_complete(((struct server *)server)->loops[lane], batch);
}

void server_push(void *server, uint32_t lane, struct task *task)
{
    loop_push(((struct server *)server)->loops[lane], task);
}

void server_room(void *server, uint32_t lane)
{
    loop_room(((struct server *)server)->loops[lane]);
}

void server_wake(void *server, uint32_t lane)
{
    loop_wake(((struct server *)server)->loops[lane]);
}

void server_settings_changed(struct server *s)
{
    for (uint32_t i = 0; i < s->loop_count; i++)
        loop_settings_changed(s->loops[i]);
}

/* ---- what loops ask of the control thread: at most one task per connection ---- */

/* On a loop's thread. */
static void ask(void *ctx, struct task *task)
{
    struct server *s = ctx;
    struct mail_batch batch = {0};
    mail_batch_add(&batch, &task->mail);
    mailbox_post(&s->asked, &batch);
    bell_ring(&s->bell);
}

static struct task *next_question(struct server *s)
{
    if (!s->questions) s->questions = mailbox_take(&s->asked);
    struct mail *mail = s->questions;
    if (mail) s->questions = mail->next;
    return mail ? task_of_mail(mail) : NULL;
}

/* One, which may take milliseconds. */
static void answer_next(struct server *s)
{
    struct task *task = next_question(s);
    if (!task) return;
    s->options.answer(s->options.control_ctx, &task->call);
    loop_answer(s->loops[task->lane], task);
    if (!s->questions) s->questions = mailbox_take(&s->asked); /* who came before the bell was armed rang in vain */
    if (s->questions) bell_ring(&s->bell);
}

/* ---- shutdown ---- */

static void on_grace_over(uv_timer_t *timer)
{
    struct server *s = timer->data;
    log_warn("shutdown.grace is over: closing connections that have not taken their replies",
             LOG_U64("open", atomic_load(&s->limit.open)));
    for (uint32_t i = 0; i < s->loop_count; i++)
        loop_abort(s->loops[i]);
}

static void drain(struct server *s)
{
    s->stopping = true;
    listener_close_all(&s->listeners);
    for (uint32_t i = 0; i < s->loop_count; i++)
        loop_drain(s->loops[i]);
    uv_timer_start(&s->grace, on_grace_over, s->options.grace_ms, 0);
}

static void on_signal(void *ctx, int number)
{
    struct server *s = ctx;
    if (number == SIGHUP) {
        s->options.hangup(s->options.control_ctx);
        return;
    }
    if (s->stopping) _exit(1);
    log_info("shutting down", LOG_STR("signal", number == SIGTERM ? "SIGTERM" : "SIGINT"),
             LOG_U64("connections", atomic_load(&s->limit.open)));
    drain(s);
}

/* On a loop's thread: it has no connections any more. */
static void on_loop_drained(void *ctx)
{
    struct server *s = ctx;
    atomic_fetch_add(&s->drained, 1);
    bell_ring(&s->bell);
}

static void on_bell(uv_poll_t *poll, int status, int events)
{
    struct server *s = poll->data;
    (void)status, (void)events;
    bell_drain(&s->bell);
    bell_arm(&s->bell);
    answer_next(s);
    if (atomic_load(&s->drained) < s->loop_count) return;
    for (uint32_t i = 0; i < s->loop_count; i++) /* not earlier: loops may have work for each other */
        loop_end(s->loops[i]);
    uv_stop(&s->uv);
}

/* ---- life cycle ---- */

static bool init_control(struct server *s)
{
    static const int numbers[3] = {SIGTERM, SIGINT, SIGHUP};
    int count = s->options.hangup ? 3 : 2;
    signal(SIGUSR1, SIG_IGN); /* these mean nothing to it, and would end it */
    signal(SIGUSR2, SIG_IGN);
    if (uv_loop_init(&s->uv) != 0 || !bell_init_fd(&s->bell)) return false;
    if (!signals_start(&s->signals, &s->uv, numbers, count, on_signal, s)) return false;
    uv_timer_init(&s->uv, &s->grace);
    s->grace.data = s->bell_poll.data = s;
    bell_arm(&s->bell);
    return uv_poll_init(&s->uv, &s->bell_poll, s->bell.fd) == 0 &&
           uv_poll_start(&s->bell_poll, UV_READABLE, on_bell) == 0;
}

/* They may serve each other, so none does once the backend has gone. */
static void end_loops(struct server *s)
{
    for (uint32_t i = 0; i < s->loop_count; i++)
        loop_end(s->loops[i]);
    for (uint32_t i = 0; i < s->loop_count; i++)
        loop_join(s->loops[i]);
}

struct server *server_create(const struct server_options *options, const char **error)
{
    *error = "cannot start the network: out of memory or descriptors";
    struct server *s = aligned_alloc(64, (sizeof *s + 63) / 64 * 64);
    if (!s) return NULL;
    memset(s, 0, sizeof *s);
    s->options = *options;
    s->limit.most = options->loop.connections;
    s->loops = calloc(options->threads, sizeof(struct loop *));
    if (!s->loops || !init_control(s)) return NULL; /* the daemon does not start: the process goes with it */
    signal(SIGPIPE, SIG_IGN);
    for (uint32_t i = 0; i < options->threads; i++) {
        struct loop_options loop_options = options->loop;
        loop_options.lane = i;
        loop_options.open = &s->limit.open;
        loop_options.held = &s->held;
        loop_options.largest_value = &s->largest_value;
        loop_options.last_connection = &s->last_connection;
        loop_options.drained = on_loop_drained;
        loop_options.ask = ask;
        loop_options.control_ctx = s;
        s->loops[i] = loop_start(&loop_options, error);
        if (!s->loops[i]) {
            end_loops(s);
            return NULL;
        }
        s->loop_count++;
    }
    return s;
}

bool server_listen(struct server *s, const char *name, const struct address *address, const struct codec *codec,
                   const struct transport_ops *transport, char *error, size_t error_size)
{
    struct listener_options options = {
        .name = name,
        .address = address,
        .codec = codec,
        .transport = transport,
        .loops = s->loops,
        .loop_count = s->loop_count,
        .limit = &s->limit,
        .receive_buffer = s->options.receive_buffer,
    };
    return listener_open(&s->uv, &options, &s->listeners, error, error_size);
}

static void close_handle(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (!uv_is_closing(handle)) uv_close(handle, NULL);
}

void server_run(struct server *s)
{
    uv_run(&s->uv, UV_RUN_DEFAULT);
    for (uint32_t i = 0; i < s->loop_count; i++)
        loop_join(s->loops[i]);
}

void server_stop(struct server *s)
{
    drain(s);
    server_run(s);
}

void server_free(struct server *s)
{
    uv_walk(&s->uv, close_handle, NULL);
    uv_run(&s->uv, UV_RUN_DEFAULT);
    uv_loop_close(&s->uv);
    signals_close(&s->signals);
    for (struct task *task; (task = next_question(s)) != NULL;)
        loop_answer(s->loops[task->lane], task); /* whose connections were cut off */
    for (uint32_t i = 0; i < s->loop_count; i++)
        loop_free(s->loops[i]);
    bell_close(&s->bell);
    free(s->loops);
    free(s);
}

bool server_register_metrics(struct server *s, struct metrics *m)
{
    bool ok = metrics_counter(m, "connections.refused", &s->limit.refused);
    for (uint32_t i = 0; i < s->loop_count; i++)
        ok = ok && loop_register_metrics(s->loops[i], m);
    return ok;
}

bool server_raise_file_limit(uint32_t connections, uint32_t threads, char *error, size_t error_size)
{
    struct rlimit limit;
    rlim_t need = (rlim_t)connections + (rlim_t)threads * LOOP_FILES + SPARE_FILES;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= need) return true;
    rlim_t had = limit.rlim_max;
    limit.rlim_cur = need;
    if (limit.rlim_max < need) limit.rlim_max = need;
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0) return true;
    snprintf(error, error_size,
             "limits.connections %u needs %llu open files, and this process may have %llu; raise that limit "
             "(ulimit -n, LimitNOFILE=) or lower limits.connections",
             connections, (unsigned long long)need, (unsigned long long)had);
    return false;
}
