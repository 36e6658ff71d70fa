#include "daemon/net/signals.h"

#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct signals *s = poll->data;
    struct signalfd_siginfo info;
    (void)status, (void)events;
    while (read(s->fd, &info, sizeof info) == (ssize_t)sizeof info)
        s->received(s->ctx, (int)info.ssi_signo);
}

bool signals_start(struct signals *s, uv_loop_t *loop, const int *numbers, int count,
                   void (*received)(void *ctx, int number), void *ctx)
{
    sigset_t set;
    sigemptyset(&set);
    for (int i = 0; i < count; i++)
        sigaddset(&set, numbers[i]);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    s->received = received;
    s->ctx = ctx;
    s->fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (s->fd < 0) return false;
    if (uv_poll_init(loop, &s->poll, s->fd) != 0) return false;
    s->poll.data = s;
    return uv_poll_start(&s->poll, UV_READABLE, on_readable) == 0;
}

void signals_close(struct signals *s)
{
    close(s->fd);
}
