/*
 * What of admission may change while the daemon runs. Whoever changes it (CONFIG SET, a reload) writes the values
 * and then counts `generation` up; every I/O thread compares the generation once per turn, and takes the new values
 * over at that point. Requests that wait stay where they are.
 */
#ifndef ADMIT_TUNING_H
#define ADMIT_TUNING_H

#include <stdatomic.h>
#include <stdint.h>

enum policy_id {
    POLICY_BY_BACKEND, /* in settings only: what suits the backend */
    POLICY_WAIT,
    POLICY_REJECT,
    POLICY_DROP_OLDEST,
    POLICY_CODEL,
    POLICY_CODEL_RFC,
    POLICY_ADAPTIVE,
    POLICY_COUNT
};

struct tuning {
    _Atomic uint32_t generation;
    _Atomic uint32_t policy;    /* enum policy_id */
    _Atomic uint32_t bound;     /* requests that may wait, on all I/O threads together */
    _Atomic uint64_t target_ns; /* time that a request may wait; 0: not said */
};

#endif
