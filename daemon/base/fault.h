/*
 * Fault injection points, for tests of failure paths: "the n-th allocation fails", "the n-th send fails". They
 * are compiled into every build and cost one predicted branch; nothing outside a test arms them.
 */
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum fault_point {
    FAULT_ENTRY_ALLOC, /* memory for a session */
    FAULT_TABLE_GROW,  /* memory for buckets */
    FAULT_SLAB_GROW,   /* address space for sessions */
    FAULT_CALL_ALLOC,  /* memory for a request in flight */
    FAULT_SEND,        /* a send on a connection: fails with ECONNRESET */
    FAULT_POINTS
};

/* Lets the n-th passage from now (1: the next) fail, and `times` in all. Thread-safe. */
void fault_arm(enum fault_point point, uint64_t nth, uint64_t times);
void fault_disarm_all(void);

bool fault_slow(enum fault_point point); /* the armed path of fault_hit */

extern _Atomic bool fault_armed; /* mutable on purpose: one switch for the process, off unless a test arms it */

/* True when this passage must fail. */
static inline bool fault_hit(enum fault_point point)
{
    return __builtin_expect(atomic_load_explicit(&fault_armed, memory_order_relaxed), 0) && fault_slow(point);
}

#endif
