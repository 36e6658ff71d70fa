/* Time, replaceable. Lifetimes and latencies use the monotonic clock only. Thread-safe. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

struct clock {
    uint64_t (*now_ns)(void *ctx); /* monotonic nanoseconds; any thread */
    void *ctx;
};

/* CLOCK_MONOTONIC. */
extern const struct clock clock_system;

static inline uint64_t clock_ns(const struct clock *c)
{
    return c->now_ns(c->ctx);
}

static inline uint64_t clock_ms(const struct clock *c)
{
    return clock_ns(c) / 1000000U;
}

#endif
