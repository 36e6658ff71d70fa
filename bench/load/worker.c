#include "bench/load/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "bench/load/worker_impl.h"

#define CONNECT_TIMEOUT_MS 5000

static bool complain(const char *what, int error)
{
    fprintf(stderr, "sluice-bench: %s: %s\n", what, strerror(error));
    return false;
}

bool worker_register(struct worker *w, uint32_t lane, int operation)
{
    const struct channel *ch = &w->channels[lane];
    struct epoll_event event = {.events = EPOLLIN | (ch->wants_output ? (uint32_t)EPOLLOUT : 0), .data.u32 = lane};

    return epoll_ctl(w->epoll, operation, ch->fd, &event) == 0;
}

static bool connect_all(struct worker *w)
{
    const struct target *target = &w->shared->settings->target;

    for (uint32_t i = 0; i < w->lanes; i++) {
        int fd = target_connect(target, CONNECT_TIMEOUT_MS);
        if (fd < 0) return complain(target->text, errno);
        channel_attach(&w->channels[i], fd, CHANNEL_UP);
        if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0 || !worker_register(w, i, EPOLL_CTL_ADD)) {
            return complain("epoll", errno);
        }
    }
    return true;
}

static bool make_core(struct worker *w, uint32_t first)
{
    const struct load_settings *s = w->shared->settings;
    /* Every thread takes its part of the count; the first ones one more where it does not divide. */
    uint64_t index = (uint64_t)first * s->threads / s->connections;
    uint64_t count = s->count / s->threads + (index < s->count % s->threads);
    struct core_options options = {.plan = s->open_loop ? &s->plan : NULL,
                                   .lanes = w->lanes,
                                   .first_lane = first,
                                   .all_lanes = (uint32_t)s->connections,
                                   .depth = (uint32_t)(s->open_loop ? s->in_flight : s->depth),
                                   .seed = s->seed,
                                   .count = count};

    w->core = core_create(&options, w->tally);
    return w->core != NULL;
}

static bool make_channels(struct worker *w)
{
    w->channels = calloc(w->lanes, sizeof(*w->channels));
    w->dirty = calloc(w->lanes, sizeof(*w->dirty));
    if (!w->channels || !w->dirty) return false;
    for (uint32_t i = 0; i < w->lanes; i++) {
        w->channels[i].fd = -1;
    }
    for (uint32_t i = 0; i < w->lanes; i++) {
        if (!channel_init(&w->channels[i])) return false;
    }
    return true;
}

struct worker *worker_create(struct worker_shared *shared, uint32_t index)
{
    const struct load_settings *s = shared->settings;
    uint32_t first = (uint32_t)(s->connections * index / s->threads);
    struct worker *w = calloc(1, sizeof(*w));

    if (!w) {
        complain("worker", ENOMEM);
        return NULL;
    }
    w->shared = shared;
    w->lanes = (uint32_t)(s->connections * (index + 1) / s->threads) - first;
    w->epoll = epoll_create1(EPOLL_CLOEXEC);
    w->tally = calloc(1, sizeof(*w->tally));
    source_init(&w->source, s, index);
    if (w->epoll < 0) {
        complain("epoll", errno);
    } else if (!w->tally || !make_core(w, first) || !make_channels(w)) {
        complain("worker", ENOMEM);
    } else if (connect_all(w)) {
        return w;
    }
    worker_destroy(w);
    return NULL;
}

void worker_destroy(struct worker *w)
{
    if (!w) return;
    for (uint32_t i = 0; w->channels && i < w->lanes; i++) {
        channel_free(&w->channels[i]);
    }
    if (w->epoll >= 0) close(w->epoll);
    core_destroy(w->core);
    free(w->channels);
    free(w->dirty);
    free(w->tally);
    free(w);
}

bool worker_start(struct worker *w)
{
    const struct worker_shared *shared = w->shared;

    core_start(w->core, shared->zero_ns, shared->from_ns, atomic_load(&shared->until_ns));
    int error = pthread_create(&w->thread, NULL, worker_run, w);
    return error == 0 || complain("thread", error);
}

void worker_join(struct worker *w)
{
    pthread_join(w->thread, NULL);
}

uint64_t worker_cpu_ns(const struct worker *w)
{
    clockid_t clock;
    struct timespec t = {0};

    if (pthread_getcpuclockid(w->thread, &clock) != 0 || clock_gettime(clock, &t) != 0) return 0;
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}
