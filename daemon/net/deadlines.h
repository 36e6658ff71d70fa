/*
 * Coarse deadlines of many connections on one timer: a ring of buckets. Moving a deadline later costs nothing
 * (the bucket's turn finds it not due and asks for the new one); moving it earlier costs a list move. One thread.
 */
#ifndef NET_DEADLINES_H
#define NET_DEADLINES_H

#include <stdint.h>

#define DEADLINES_BUCKETS 128

struct deadline {
    struct deadline *prev, *next; /* NULL: not set */
    uint64_t tick;                /* the bucket's turn at which it is looked at */
};

struct deadlines {
    uint64_t tick_ms; /* width of a bucket */
    uint64_t tick;    /* the last turn that was looked at */
    uint64_t count;
    struct deadline buckets[DEADLINES_BUCKETS]; /* list heads */
};

void deadlines_init(struct deadlines *d, uint64_t tick_ms, uint64_t now_ms);

/* Has `node` looked at when at_ms has come (at most a tick later), or earlier. */
void deadline_set(struct deadlines *d, struct deadline *node, uint64_t at_ms);
void deadline_clear(struct deadlines *d, struct deadline *node);

/* Looks at nodes whose turn has come, at no more than `budget` of them; the others come first the next time. `look`
 * returns its true deadline in ms, or 0 when the node is to be forgotten (it may have been freed then). */
void deadlines_turn(struct deadlines *d, uint64_t now_ms, uint64_t budget,
                    uint64_t (*look)(void *ctx, struct deadline *node), void *ctx);

/* Milliseconds from now until the next turn with work; 0: some was left. UINT64_MAX: none. */
uint64_t deadlines_wait(const struct deadlines *d, uint64_t now_ms);

#endif
