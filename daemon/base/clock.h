/* Time, replaceable. Lifetimes and latencies use the monotonic clock only; the time of day is for what clients say
 * and ask in it. Thread-safe. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdatomic.h>
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

static inline uint64_t clock_wall_ms(const struct clock *c)
{
    return clock_wall_us(c) / 1000U;
}

/*
 * Turns monotonic times of one clock into times of day and back, in ms. How far the two are apart is remembered, so
 * that a time which was turned one way is exactly the one turned back; it is taken anew only when somebody has set
 * the time of day, or the machine slept. UINT64_MAX, never, stays what it is. Thread-safe; begins as {.clock =
 * ...}.
 */
struct clock_wall {
    const struct clock *clock;
    _Atomic uint64_t ahead_ms; /* the time of day less the monotonic time, modulo 2^64 */
};

uint64_t clock_to_wall_ms(struct clock_wall *w, uint64_t monotonic_ms);
/* 0: before the monotonic clock began. */
uint64_t clock_from_wall_ms(struct clock_wall *w, uint64_t wall_ms);

#endif
