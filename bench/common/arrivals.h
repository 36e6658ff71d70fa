/*
 * When requests are due: an endless, deterministic schedule. It knows no clock: instants are nanoseconds from the
 * schedule's own zero, and whoever drives it adds its start. Because the schedule can always be asked for the next
 * instant, requests that are due but cannot be sent yet need no memory: they are simply not yet taken.
 *
 * The rate may change in steps. The next arrival is where the integral of the rate since the last one reaches
 * 1 (constant) or an exponential draw of mean 1 (Poisson): exact across steps, and through a rate of 0.
 */
#ifndef BENCH_COMMON_ARRIVALS_H
#define BENCH_COMMON_ARRIVALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/common/rng.h"

#define ARRIVALS_STEPS_MAX 64
#define ARRIVALS_NEVER     UINT64_MAX

enum arrival_law { ARRIVALS_POISSON, ARRIVALS_CONSTANT };

struct arrival_step {
    uint64_t at_ns; /* from here on ... */
    double rate;    /* ... this many per second, 0: none */
};

/* The rate over time, shared by all schedules of a run. */
struct arrival_plan {
    enum arrival_law law;
    size_t count;                                  /* 1 or more */
    struct arrival_step steps[ARRIVALS_STEPS_MAX]; /* ascending; the first stands at 0 */
};

struct arrivals {
    const struct arrival_plan *plan; /* borrowed */
    double share;                    /* the part of the plan's rate that this schedule makes */
    double at;                       /* ns: the next arrival; INFINITY when there is none */
    size_t step;                     /* the step that `at` lies in */
    struct rng rng;
};

/* One of `shares` equal schedules; together they make the plan's rate: Poisson, or constant and evenly staggered.
 */
void arrivals_init(struct arrivals *a, const struct arrival_plan *plan, uint32_t index, uint32_t shares,
                   uint64_t seed);

/* The instant of the next arrival, or ARRIVALS_NEVER. */
uint64_t arrivals_peek(const struct arrivals *a);

/* Goes on to the one after it. */
void arrivals_pop(struct arrivals *a);

/* "poisson" or "constant". */
bool arrivals_parse_law(const char *text, enum arrival_law *out);

#endif
