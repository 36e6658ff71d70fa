/*
 * A clock that stands still until a test moves it, and that can hold whoever reads it: the way to stop a background
 * thread at the very place where it looks at the time.
 */
#ifndef TESTS_FAKE_CLOCK_H
#define TESTS_FAKE_CLOCK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/base/clock.h"

#define FAKE_CLOCK_START_MS 1000000ULL
#define FAKE_CLOCK_WALL_MS  1700000000000ULL /* the time of day when the fake clock says 0, at first */

struct fake_clock {
    struct clock clock; /* hand this out */
    _Atomic uint64_t ns;
    _Atomic uint64_t wall_ms; /* the time of day when `ns` was 0 */
    _Atomic bool gated;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned allowed; /* reads that may still pass the gate */
    unsigned waiting; /* threads held at it */
};

void fake_clock_init(struct fake_clock *c);
void fake_clock_destroy(struct fake_clock *c);

/* The time without passing the gate. */
uint64_t fake_clock_ms(struct fake_clock *c);
void fake_clock_advance_ms(struct fake_clock *c, uint64_t ms);
/* Sets the time of day, as the one when the clock said 0. */
void fake_clock_set_wall_ms(struct fake_clock *c, uint64_t at_zero_ms);

/* From now on, who has read the time waits before it gets to see it, as if it had been preempted there; except for
 * the next `allowed` reads. */
void fake_clock_gate(struct fake_clock *c, unsigned allowed);
/* Whether a thread is held; and waits until one is. */
bool fake_clock_holds(struct fake_clock *c);
void fake_clock_await_held(struct fake_clock *c);
void fake_clock_open(struct fake_clock *c);

#endif
