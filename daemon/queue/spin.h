/*
 * Waiting awake for a moment before going to sleep: a sleep and a wakeup cost both sides some microseconds, so
 * where work usually comes sooner than that, looking for it is cheaper. On one processor it never is.
 *
 *     for (uint32_t left = spin_begin(&s); left > 0; left--) {
 *         if (there is work) { spin_end(&s, true); do it; }
 *         spin_pause();
 *     }
 *     spin_end(&s, false); arm the bell, look once more, sleep
 *
 * How long is learnt: a wait that paid is followed by one of full length, one in vain by one of half the length,
 * down to nothing; then one wait in SPIN_PROBE tries a full one again. So a thread whose work comes seldom spins
 * next to never, and an idle one sleeps.
 */
#ifndef QUEUE_SPIN_H
#define QUEUE_SPIN_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#define SPIN_LIMIT 128 /* looks; with the pauses about what a sleep and a wakeup cost */
#define SPIN_PROBE 64

struct spin {       /* one thread's */
    uint32_t limit; /* of the next wait */
    uint32_t most;  /* 0: there is one processor */
    uint32_t skipped;
};

/* Is there one processor for all threads? */
static inline bool spin_alone(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) < 2;
}

/* `alone`: it shares its processor with those it waits for. */
static inline void spin_init(struct spin *s, bool alone)
{
    *s = (struct spin){.most = alone ? 0 : SPIN_LIMIT, .limit = alone ? 0 : SPIN_LIMIT};
}

/* How often to look in this wait. */
static inline uint32_t spin_begin(struct spin *s)
{
    if (s->limit > 0 || ++s->skipped < SPIN_PROBE) return s->limit;
    s->skipped = 0;
    return s->most;
}

static inline void spin_end(struct spin *s, bool paid)
{
    s->limit = paid ? s->most : s->limit / 2;
}

static inline void spin_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb" ::: "memory");
#else
    __asm__ volatile("" ::: "memory");
#endif
}

#endif
