/* The real clock; and times of day. */
#include "daemon/base/clock.h"

#include <assert.h>
#include <stddef.h>
#include <time.h>

#define STEP_MS 100 /* clocks drift apart; a difference beyond this was made */

static uint64_t monotonic_ns(void *ctx)
{
    struct timespec t;
    int failed = clock_gettime(CLOCK_MONOTONIC, &t);

    (void)ctx;
    assert(!failed); /* Linux always has this clock */
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static uint64_t wall_us(void *ctx)
{
    struct timespec t;
    int failed = clock_gettime(CLOCK_REALTIME, &t);

    (void)ctx;
    assert(!failed);
    return (uint64_t)t.tv_sec * 1000000U + (uint64_t)t.tv_nsec / 1000U;
}

static uint64_t ahead(struct clock_wall *w)
{
    uint64_t fresh = clock_wall_ms(w->clock) - clock_ms(w->clock);
    uint64_t known = atomic_load_explicit(&w->ahead_ms, memory_order_relaxed);
    if (fresh - known + STEP_MS <= 2 * STEP_MS) return known;
    atomic_store_explicit(&w->ahead_ms, fresh, memory_order_relaxed);
    return fresh;
}

uint64_t clock_to_wall_ms(struct clock_wall *w, uint64_t monotonic_ms)
{
    return monotonic_ms == UINT64_MAX ? UINT64_MAX : monotonic_ms + ahead(w);
}

uint64_t clock_from_wall_ms(struct clock_wall *w, uint64_t wall_ms)
{
    if (wall_ms == UINT64_MAX) return UINT64_MAX;
    uint64_t offset = ahead(w);
    return wall_ms > offset ? wall_ms - offset : 0;
}

const struct clock clock_system = {monotonic_ns, NULL, wall_us};
