/* Time, replaceable. Lifetimes and latencies use the monotonic clock only; the time of day is for what clients say
 * and ask in it. Thread-safe. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

struct clock {
    uint64_t (*now_ns)(void *ctx); /* monotonic nanoseconds; any thread */
    void *ctx;
    uint64_t (*wall_us)(void *ctx); /* microseconds since 1970-01-01 UTC; any thread */
};

/* CLOCK_MONOTONIC and CLOCK_REALTIME. */
extern const struct clock clock_system;

static inline uint64_t clock_ns(const struct clock *c)
{
    return c->now_ns(c->ctx);
}

static inline uint64_t clock_ms(const struct clock *c)
{
    return clock_ns(c) / 1000000U;
}

static inline uint64_t clock_wall_us(const struct clock *c)
{
    return c->wall_us(c->ctx);
}

#endif
