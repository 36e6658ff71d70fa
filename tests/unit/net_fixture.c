#include "tests/unit/net_fixture.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/text/text.h"

/* ---- the service, on I/O threads ---- */

static char letter_of(const struct task *task)
{
    return task->call.request.key.len ? task->call.request.key.ptr[0] : 'n';
}

static int number_of(const struct task *task)
{
    int n = 0;
    for (size_t i = 1; i < task->call.request.key.len; i++)
        n = n * 10 + (task->call.request.key.ptr[i] - '0');
    return n;
}

static void answer(struct net *n, struct task *task, uint64_t number)
{
    if (task->call.request.op != OP_GET) {
        task->call.reply.kind = REPLY_STORED;
        task->call.reply.version = number;
        return;
    }
    char *value = malloc(n->value_size + 1);
    memset(value, 'v', n->value_size + 1);
    task->call.reply.kind = REPLY_VALUE;
    task->call.reply.version = number;
    task->call.reply.number = -1;
    task->call.reply.body = slice_of(value, n->value_size);
    task->call.reply.held = value;
    task->call.reply.release = free;
}

static void refuse(struct task *task, enum reply_kind kind, int64_t number)
{
    task->call.reply.kind = kind;
    task->call.reply.number = number;
}

static enum service_verdict queue(struct net *n, struct task *task)
{
    int number = number_of(task);
    char key[32];
    if (!call_own(&task->call)) abort();
    snprintf(key, sizeof key, "%.*s ", (int)task->call.request.key.len, task->call.request.key.ptr);
    if (strlen(n->order) + strlen(key) < sizeof n->order) strcat(n->order, key);
    if (number >= NET_QUEUED_MAX || n->queued[number]) abort();
    n->queued[number] = task;
    n->queued_count++;
    return SERVICE_QUEUED;
}

static enum service_verdict hold(struct net *n, struct task *task)
{
    if (!n->full) return queue(n, task);
    if (!call_own(&task->call)) abort();
    n->holds++;
    return SERVICE_HOLD;
}

static enum service_verdict stick(struct net *n, struct task *task)
{
    n->stuck++;
    pthread_cond_broadcast(&n->changed);
    while (n->sticks)
        pthread_cond_wait(&n->changed, &n->lock);
    n->stuck--;
    answer(n, task, 0);
    return SERVICE_ANSWERED;
}

/* First the control thread's, then queued. */
static enum service_verdict config(struct net *n, struct task *task)
{
    n->config_asked = !n->config_asked;
    return n->config_asked ? SERVICE_CONTROL : queue(n, task);
}

static enum service_verdict submit(void *ctx, struct task *task, uint64_t now_ns)
{
    struct net *n = ctx;
    (void)now_ns;
    enum service_verdict verdict = SERVICE_ANSWERED;
    if (task->call.request.op == OP_PING) {
        task->call.reply.kind = REPLY_PONG;
        return verdict;
    }
    if (task->call.request.op == OP_STATS) return SERVICE_CONTROL;
    pthread_mutex_lock(&n->lock);
    n->submits++;
    switch (task->call.request.op == OP_CONFIG ? 'c' : letter_of(task)) {
    case 'c': verdict = config(n, task); break;
    case 'q': verdict = queue(n, task); break;
    case 'h': verdict = hold(n, task); break;
    case 's': verdict = stick(n, task); break;
    case 'b':
    case 'p': verdict = SERVICE_HERE; break;
    case 'o': refuse(task, REPLY_OVERLOADED, 7); break;
    default: answer(n, task, 0); break;
    }
    pthread_cond_broadcast(&n->changed);
    pthread_mutex_unlock(&n->lock);
    return verdict;
}

static size_t run(void *ctx, struct task **tasks, size_t count, uint64_t now_ns)
{
    struct net *n = ctx;
    size_t done = 0;
    (void)now_ns;
    pthread_mutex_lock(&n->lock);
    n->runs++;
    for (size_t i = 0; i < count; i++) {
        if (letter_of(tasks[i]) == 'p') {
            queue(n, tasks[i]);
            continue;
        }
        answer(n, tasks[i], (uint64_t)number_of(tasks[i]));
        tasks[done++] = tasks[i];
    }
    pthread_cond_broadcast(&n->changed);
    pthread_mutex_unlock(&n->lock);
    return done;
}

/* On the control thread. */
static void answer_control(void *ctx, struct call *call)
{
    struct net *n = ctx;
    pthread_mutex_lock(&n->lock);
    n->asked++;
    pthread_cond_broadcast(&n->changed);
    while (n->control_sticks && n->control_passes == 0)
        pthread_cond_wait(&n->changed, &n->lock);
    if (n->control_sticks) n->control_passes--;
    if (call->request.op == OP_STATS) {
        call->reply.kind = REPLY_LEN;
        call->reply.number = n->completed;
    }
    pthread_mutex_unlock(&n->lock);
}

static enum service_verdict admit(void *ctx, struct task *task, uint64_t now_ns)
{
    struct net *n = ctx;
    (void)now_ns;
    pthread_mutex_lock(&n->lock);
    bool refuses = n->refuses;
    pthread_mutex_unlock(&n->lock);
    if (!refuses) return SERVICE_ADMITTED;
    refuse(task, REPLY_OVERLOADED, 7);
    return SERVICE_ANSWERED;
}

static void returned(void *ctx, struct task *task, uint64_t now_ns)
{
    (void)ctx, (void)task, (void)now_ns;
}

static struct service_batch flush(void *ctx, uint32_t lane, uint64_t now_ns)
{
    struct net *n = ctx;
    (void)lane, (void)now_ns;
    pthread_mutex_lock(&n->lock);
    n->flushes++;
    struct service_batch batch = {.wake_ms = UINT64_MAX, .room = !n->full};
    pthread_mutex_unlock(&n->lock);
    return batch;
}

/* ---- life cycle ---- */

/* The port of the one TCP socket of this process that listens. */
static uint16_t find_port(void)
{
    for (int fd = 3; fd < 256; fd++) {
        int listens = 0;
        socklen_t len = sizeof listens;
        struct sockaddr_in name;
        socklen_t name_len = sizeof name;
        if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) != 0 || !listens) continue;
        if (getsockname(fd, (struct sockaddr *)&name, &name_len) != 0 || name.sin_family != AF_INET) continue;
        return ntohs(name.sin_port);
    }
    return 0;
}

static bool start(struct net *n)
{
    static char error[256]; /* kept for the message */
    const struct net_options *o = &n->options;
    struct server_options options = {
        .threads = o->threads ? o->threads : 1,
        .grace_ms = o->grace_ms ? o->grace_ms : 60000,
        .answer = answer_control,
        .control_ctx = n,
        .loop =
            {
                .clock = &n->clock.clock,
                .service =
                    {.ctx = n, .admit = admit, .submit = submit, .run = run, .returned = returned, .flush = flush},
                .limits = {.line = 65536, .key = 512, .value = 1 << 20, .parts = 1000, .held = 64 << 20},
                .connections = o->connections ? o->connections : 100,
                .output_soft = o->soft ? o->soft : 1 << 20,
                .output_hard = o->hard ? o->hard : 16 << 20,
                .idle_timeout_ms = o->idle_ms,
                .request_timeout_ms = o->request_ms,
            },
    };
    struct address address;
    if (o->on_unix)
        address_set_unix(&address, slice_text(n->path));
    else
        address_set_tcp(&address, slice_text("127.0.0.1"), 0);
    address.mode = 0600;
    n->server = server_create(&options, &n->failure);
    if (!n->server) return false;
    n->failure = error;
    const struct codec *codec = o->codec ? o->codec : &codec_text;
    const struct transport_ops *transport = o->transport ? o->transport : &transport_plain;
    return server_listen(n->server, "test", &address, codec, transport, error, sizeof error);
}

static void *control_main(void *arg)
{
    struct net *n = arg;
    n->running = start(n);
    sem_post(&n->ready);
    if (!n->running) return NULL;
    server_run(n->server);
    sem_post(&n->ended);
    sem_wait(&n->may_free);
    server_free(n->server);
    return NULL;
}

/* The server reads the signals that end it from a descriptor: no thread may take them, this one neither. */
static void leave_signals_to_the_server(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

struct net *net_open(const struct net_options *options)
{
    leave_signals_to_the_server();
    struct net *n = aligned_alloc(64, (sizeof *n + 63) / 64 * 64);
    memset(n, 0, sizeof *n);
    if (options) n->options = *options;
    fake_clock_init(&n->clock);
    pthread_mutex_init(&n->lock, NULL);
    pthread_cond_init(&n->changed, NULL);
    sem_init(&n->ready, 0, 0);
    sem_init(&n->ended, 0, 0);
    sem_init(&n->may_free, 0, 0);
    n->sticks = true;
    n->value_size = 3;
    snprintf(n->path, sizeof n->path, "/tmp/sluice-net-test-%d", (int)getpid());
    assert_int_equal(pthread_create(&n->control, NULL, control_main, n), 0);
    while (sem_wait(&n->ready) != 0)
        ;
    if (!n->running) fail_msg("the server does not start: %s", n->failure);
    n->port = n->options.on_unix ? 0 : find_port();
    n->metrics = metrics_create();
    assert_true(server_register_metrics(n->server, n->metrics));
    return n;
}

void net_terminate(struct net *n)
{
    if (!n->terminated) kill(getpid(), SIGTERM); /* a second one would end the process */
    n->terminated = true;
}

void net_await_end(struct net *n)
{
    while (sem_wait(&n->ended) != 0)
        ;
    n->running = false;
}

void net_close(struct net *n)
{
    if (n->running) {
        net_terminate(n);
        net_await_end(n);
    }
    for (int i = 0; i < NET_QUEUED_MAX; i++)
        if (n->queued[i]) net_complete_range(n, i, i);
    metrics_destroy(n->metrics);
    sem_post(&n->may_free);
    pthread_join(n->control, NULL);
    fake_clock_destroy(&n->clock);
    pthread_mutex_destroy(&n->lock);
    pthread_cond_destroy(&n->changed);
    sem_destroy(&n->ready);
    sem_destroy(&n->ended);
    sem_destroy(&n->may_free);
    free(n);
}

/* ---- the service, seen by the test ---- */

void net_await_queued(struct net *n, size_t count)
{
    pthread_mutex_lock(&n->lock);
    while (n->queued_count < count)
        pthread_cond_wait(&n->changed, &n->lock);
    pthread_mutex_unlock(&n->lock);
}

size_t net_queued(struct net *n)
{
    pthread_mutex_lock(&n->lock);
    size_t count = n->queued_count;
    pthread_mutex_unlock(&n->lock);
    return count;
}

unsigned net_flushes(struct net *n)
{
    pthread_mutex_lock(&n->lock);
    unsigned flushes = n->flushes;
    pthread_mutex_unlock(&n->lock);
    return flushes;
}

unsigned net_runs(struct net *n)
{
    pthread_mutex_lock(&n->lock);
    unsigned runs = n->runs;
    pthread_mutex_unlock(&n->lock);
    return runs;
}

void net_await_holds(struct net *n, unsigned count)
{
    pthread_mutex_lock(&n->lock);
    while (n->holds < count)
        pthread_cond_wait(&n->changed, &n->lock);
    pthread_mutex_unlock(&n->lock);
}

void net_await_stuck(struct net *n)
{
    pthread_mutex_lock(&n->lock);
    while (n->stuck == 0)
        pthread_cond_wait(&n->changed, &n->lock);
    pthread_mutex_unlock(&n->lock);
}

void net_unstick(struct net *n)
{
    pthread_mutex_lock(&n->lock);
    n->sticks = false;
    pthread_cond_broadcast(&n->changed);
    pthread_mutex_unlock(&n->lock);
}

void net_set_sticks(struct net *n)
{
    pthread_mutex_lock(&n->lock);
    n->sticks = true;
    pthread_mutex_unlock(&n->lock);
}

void net_set_full(struct net *n, bool full)
{
    pthread_mutex_lock(&n->lock);
    n->full = full;
    pthread_mutex_unlock(&n->lock);
    for (uint32_t i = 0; !full && i < (n->options.threads ? n->options.threads : 1); i++)
        server_room(n->server, i);
}

void net_set_control_sticks(struct net *n, bool sticks)
{
    pthread_mutex_lock(&n->lock);
    n->control_sticks = sticks;
    pthread_cond_broadcast(&n->changed);
    pthread_mutex_unlock(&n->lock);
}

void net_pass_control(struct net *n)
{
    pthread_mutex_lock(&n->lock);
    n->control_passes++;
    pthread_cond_broadcast(&n->changed);
    pthread_mutex_unlock(&n->lock);
}

void net_await_asked(struct net *n, unsigned count)
{
    pthread_mutex_lock(&n->lock);
    while (n->asked < count)
        pthread_cond_wait(&n->changed, &n->lock);
    pthread_mutex_unlock(&n->lock);
}

unsigned net_asked(struct net *n)
{
    pthread_mutex_lock(&n->lock);
    unsigned asked = n->asked;
    pthread_mutex_unlock(&n->lock);
    return asked;
}

void net_set_refuses(struct net *n, bool refuses)
{
    pthread_mutex_lock(&n->lock);
    n->refuses = refuses;
    pthread_mutex_unlock(&n->lock);
}

void net_set_value_size(struct net *n, size_t size)
{
    pthread_mutex_lock(&n->lock);
    n->value_size = size;
    pthread_mutex_unlock(&n->lock);
}

/* Gives them back, executed (REPLY_NONE) or refused. */
static void give_back(struct net *n, enum reply_kind kind, const int *numbers, size_t count)
{
    struct mail_batch batches[64] = {{0}};
    pthread_mutex_lock(&n->lock);
    for (size_t i = 0; i < count; i++) {
        struct task *task = n->queued[numbers[i]];
        if (!task) abort();
        n->queued[numbers[i]] = NULL;
        n->queued_count--;
        n->completed++;
        if (kind == REPLY_NONE)
            answer(n, task, (uint64_t)numbers[i]);
        else
            refuse(task, kind, numbers[i]);
        mail_batch_add(&batches[task->lane], &task->mail);
    }
    pthread_mutex_unlock(&n->lock);
    for (uint32_t lane = 0; lane < 64; lane++)
        if (batches[lane].newest) server_complete(n->server, lane, &batches[lane]);
}

void net_complete(struct net *n, const int *numbers, size_t count)
{
    give_back(n, REPLY_NONE, numbers, count);
}

void net_refuse(struct net *n, enum reply_kind kind, const int *numbers, size_t count)
{
    give_back(n, kind, numbers, count);
}

void net_complete_range(struct net *n, int from, int to)
{
    int numbers[NET_QUEUED_MAX], step = from <= to ? 1 : -1;
    size_t count = 0;
    for (int i = from;; i += step) {
        numbers[count++] = i;
        if (i == to) break;
    }
    net_complete(n, numbers, count);
}

/* ---- metrics ---- */

struct search {
    const char *name;
    uint64_t value;
    bool found;
};

static void look_for(void *ctx, const struct metric *metric)
{
    struct search *search = ctx;
    if (strcmp(metric->name, search->name) != 0) return;
    search->value = metric->value;
    search->found = true;
}

uint64_t net_metric(struct net *n, const char *name)
{
    struct search search = {.name = name};
    metrics_visit(n->metrics, look_for, &search);
    if (!search.found) fail_msg("no metric %s", name);
    return search.value;
}

void net_await_metric(struct net *n, const char *name, uint64_t value)
{
    while (net_metric(n, name) != value)
        sched_yield(); /* the alarm ends a wait in vain */
}
