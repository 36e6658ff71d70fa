#include "bench/load/generator.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "bench/common/report.h"

#define CONNECT_TIMEOUT_MS 5000

static bool unreachable(const char *address, int error)
{
    bool nobody = error == ECONNREFUSED || error == ENOENT;
    return report_fail(
        "cannot connect to %s: %s; %s with --host, --port, --socket or --url", address, strerror(error),
        nobody ? "is sluiced running? Start it with `sluiced`, or say where it is" : "say where it is");
}

bool generator_register(struct generator *g, uint32_t lane, int operation)
{
    const struct channel *ch = &g->channels[lane];
    struct epoll_event event = {.events = EPOLLIN | (ch->wants_output ? (uint32_t)EPOLLOUT : 0), .data.u32 = lane};
    return epoll_ctl(g->epoll, operation, ch->fd, &event) == 0;
}

bool generator_connect(struct generator *g, uint32_t lane, unsigned timeout_ms)
{
    struct channel *ch = &g->channels[lane];
    ch->fd = target_connect(&g->shared->settings->target, timeout_ms);
    if (ch->fd < 0) return false;
    if (fcntl(ch->fd, F_SETFL, O_NONBLOCK) == 0 && generator_register(g, lane, EPOLL_CTL_ADD)) return true;
    channel_detach(ch);
    return false;
}

static bool connect_all(struct generator *g)
{
    for (uint32_t i = 0; i < g->lanes; i++)
        if (!generator_connect(g, i, CONNECT_TIMEOUT_MS))
            return unreachable(g->shared->settings->target.text, errno);
    return true;
}

static bool make_core(struct generator *g, uint32_t index, uint32_t first)
{
    const struct load_settings *s = g->shared->settings;
    /* Every thread takes its part of the count; the first ones one more where it does not divide. */
    uint64_t count = s->count / s->threads + (index < s->count % s->threads);
    struct core_options options = {.plan = s->open_loop ? &s->plan : NULL,
                                   .lanes = g->lanes,
                                   .first_lane = first,
                                   .all_lanes = (uint32_t)s->connections,
                                   .depth = (uint32_t)(s->open_loop ? s->in_flight : s->depth),
                                   .seed = s->seed,
                                   .retries = (uint16_t)s->retries,
                                   .count = count};

    g->core = core_create(&options, g->tally);
    return g->core;
}

static bool make_channels(struct generator *g)
{
    g->channels = calloc(g->lanes, sizeof *g->channels);
    g->dirty = calloc(g->lanes, sizeof *g->dirty);
    if (!g->channels || !g->dirty) return false;
    for (uint32_t i = 0; i < g->lanes; i++)
        g->channels[i].fd = -1;
    for (uint32_t i = 0; i < g->lanes; i++)
        if (!channel_init(&g->channels[i])) return false;
    return true;
}

struct generator *generator_create(struct generator_shared *shared, uint32_t index)
{
    const struct load_settings *s = shared->settings;
    uint32_t first = (uint32_t)(s->connections * index / s->threads);
    struct generator *g = calloc(1, sizeof *g);
    if (!g) {
        report_fail("generator: out of memory");
        return NULL;
    }
    g->shared = shared;
    g->lanes = (uint32_t)(s->connections * (index + 1) / s->threads) - first;
    g->epoll = epoll_create1(EPOLL_CLOEXEC);
    g->tally = calloc(1, sizeof *g->tally);
    source_init(&g->source, s, index);
    if (g->epoll < 0)
        report_fail("epoll: %s", strerror(errno));
    else if (!g->tally || !make_core(g, index, first) || !make_channels(g))
        report_fail("generator: out of memory");
    else if (connect_all(g))
        return g;
    generator_destroy(g);
    return NULL;
}

void generator_destroy(struct generator *g)
{
    if (!g) return;
    for (uint32_t i = 0; g->channels && i < g->lanes; i++)
        channel_free(&g->channels[i]);
    if (g->epoll >= 0) close(g->epoll);
    core_destroy(g->core);
    free(g->channels);
    free(g->dirty);
    free(g->tally);
    free(g);
}

bool generator_start(struct generator *g)
{
    const struct generator_shared *shared = g->shared;
    core_start(g->core, shared->zero_ns, shared->from_ns, atomic_load(&shared->until_ns));
    int error = pthread_create(&g->thread, NULL, generator_run, g);
    return error == 0 || report_fail("thread: %s", strerror(error));
}

uint64_t generator_cpu_ns(const struct generator *g)
{
    clockid_t clock;
    struct timespec t = {0};
    if (atomic_load_explicit(&g->done, memory_order_acquire)) return counter_get(&g->cpu_ns);
    if (pthread_getcpuclockid(g->thread, &clock) != 0 || clock_gettime(clock, &t) != 0)
        return counter_get(&g->cpu_ns); /* it has just ended */
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}
