/* The real clock. */
#include "daemon/base/clock.h"

#include <assert.h>
#include <stddef.h>
#include <time.h>

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

const struct clock clock_system = {monotonic_ns, NULL, wall_us};
