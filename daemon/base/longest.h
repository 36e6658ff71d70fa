/*
 * The longest turn of a thread: since the start, and lately. A thread's turn is what it does between two looks at
 * what there is to do, so whoever comes meanwhile waits for its end; the longest ever says whether that is bounded,
 * the one of late what it is now.
 *
 * "Lately" are the time windows of 2^35 ns (34 s) that the reader is in and the one before: between half a minute
 * and a little more than a minute. Both windows and both numbers of one turn are single words, so there is no
 * moment at which a reader sees one without the other, nothing has to be cleared, and noting a turn that is not the
 * longest costs two comparisons.
 */
#ifndef BASE_LONGEST_H
#define BASE_LONGEST_H

#include "daemon/base/clock.h"
#include "daemon/base/metrics.h"

#define LONGEST_WINDOW_BITS 35 /* log2 of a window's nanoseconds */
#define LONGEST_NS_BITS     40 /* of a window's word: the turn; above it the window's number */
#define LONGEST_NS_MAX      ((1ULL << LONGEST_NS_BITS) - 1) /* 18 minutes; longer turns count as that, lately */

struct longest {
    const struct clock *clock; /* of the reader; what is noted is of the same */
    counter ever_ns;
    counter windows[2]; /* of even and of odd number */
};

/* The clock is borrowed. */
void longest_init(struct longest *l, const struct clock *clock);

/* The one thread that writes: a turn took `ns` and ended at `end_ns`. */
static inline void longest_note(struct longest *l, uint64_t ns, uint64_t end_ns)
{
    uint64_t window = end_ns >> LONGEST_WINDOW_BITS;
    counter_max(&l->ever_ns, ns);
    counter_max(&l->windows[window & 1], window << LONGEST_NS_BITS | (ns < LONGEST_NS_MAX ? ns : LONGEST_NS_MAX));
}

/* Any thread. */
uint64_t longest_ever_ns(const struct longest *l);
uint64_t longest_recent_ns(const struct longest *l);

/* As maxima, under NAME_ns and NAME_recent_ns. */
bool longest_register(struct longest *l, struct metrics *m, const char *name);

#endif
