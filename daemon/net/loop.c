/* The life of an I/O thread, and what other threads may say to it. */
#include "daemon/net/loop.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/base/thread.h"
#include "daemon/net/turn.h"

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

struct loop *loop_start(const struct loop_options *options, const char **error)
{
    *error = "cannot start an I/O thread: out of memory or descriptors, or no processors as threads_cpus says";
    struct loop *loop = aligned_alloc(64, (sizeof *loop + 63) / 64 * 64);
    if (!loop) return NULL;
    memset(loop, 0, sizeof *loop);
    loop->arrivals_end = &loop->arrivals;
    loop->wake_at_ms = UINT64_MAX;
    char name[16];
    snprintf(name, sizeof name, "sluice-io-%u", options->lane);
    bool ok = io_init(&loop->io, options) && bell_init_fd(&loop->bell) && turn_init(loop) &&
              thread_start_on(&loop->thread, name, &options->cpus, loop_main, loop) == 0;
    if (!ok) return NULL; /* the daemon does not start: what little was taken goes with the process */
    return loop;
}

void loop_complete(struct loop *loop, struct mail_batch *batch)
{
    mailbox_post(&loop->mailbox, batch);
    bell_ring(&loop->bell);
}

static void post(struct loop *loop, struct mail *mail)
{
    struct mail_batch batch = {0};
    mail_batch_add(&batch, mail);
    loop_complete(loop, &batch);
}

void loop_push(struct loop *loop, struct task *task)
{
    task->mail.deliver = turn_push;
    post(loop, &task->mail);
}

void loop_answer(struct loop *loop, struct task *task)
{
    task->mail.deliver = turn_answer;
    post(loop, &task->mail);
}

void loop_adopt(struct loop *loop, const struct conn_socket *socket)
{
    struct arrival *arrival = malloc(sizeof *arrival);
    if (!arrival) {
        turn_forget_socket(loop, socket);
        return;
    }
    *arrival = (struct arrival){.mail = {.deliver = turn_arrival}, .socket = *socket};
    post(loop, &arrival->mail);
}

static void order(struct loop *loop, uint32_t what)
{
    atomic_fetch_or(&loop->orders, what);
    bell_ring(&loop->bell);
}

void loop_room(struct loop *loop)
{
    order(loop, ORDER_ROOM);
}

void loop_settings_changed(struct loop *loop)
{
    order(loop, ORDER_SETTINGS);
}

void loop_drain(struct loop *loop)
{
    order(loop, ORDER_DRAIN);
}

void loop_abort(struct loop *loop)
{
    order(loop, ORDER_ABORT);
}

void loop_end(struct loop *loop)
{
    order(loop, ORDER_END);
}

void loop_wake(struct loop *loop)
{
    bell_ring(&loop->bell);
}

void loop_join(struct loop *loop)
{
    pthread_join(loop->thread, NULL);
}

void loop_free(struct loop *loop)
{
    turn_drop_mail(loop);
    uv_loop_close(&loop->uv);
    bell_close(&loop->bell);
    io_free(&loop->io);
    free(loop);
}

bool loop_register_metrics(struct loop *loop, struct metrics *m)
{
    return loop_stats_register(loop->io.stats, m);
}
