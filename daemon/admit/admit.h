/*
 * Admission: may this call wait for the backend, and if not, what is it told?
 *
 *     arrival    full?    a task is at the door: is there room, by count and by time?
 *     entry               it was let in
 *     departure  stale?   a call is about to leave the waiting line: has it waited too long to be worth it?
 *     executed            how long a call waited in the end
 *
 * A policy is a pure function of time, of what the line looks like, and of a little state: it reads no clock and
 * takes no lock, so it is tested, and simulated, without either. One file each: policy_*.c. The gate (gate.h) asks.
 */
#ifndef ADMIT_ADMIT_H
#define ADMIT_ADMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/admit/tuning.h"

/* What becomes of a call that finds no room. */
enum admit_when_full {
    ADMIT_HOLD,     /* it is kept, and its connection is not read until there is room */
    ADMIT_REFUSE,   /* it is answered OVERLOADED */
    ADMIT_SUPPLANT, /* the call that has waited longest is answered OVERLOADED in its place */
};

/* What a call meets. */
struct admit_view {
    uint64_t now_ns;
    uint32_t waiting;   /* calls that wait */
    uint32_t bound;     /* calls that may */
    uint64_t wait_ns;   /* how long it takes, by estimate, until those who wait are done */
    uint64_t cost_ns;   /* what this call costs, by estimate; on departure 0 */
    uint64_t mean_ns;   /* what a call costs on average */
    uint64_t target_ns; /* time that a call may wait, as configured; 0: not said */
};

/* Of one policy at one gate. All zero: the start. */
struct admit_state {
    struct {
        uint64_t interval_end_ns;
        uint64_t least_ns; /* shortest wait in this interval */
        bool overloaded;   /* it was above the target in the last one */
    } codel;
    struct {
        uint64_t above_since_ns; /* an interval after the wait went above the target; 0: it is below */
        uint64_t next_ns;        /* when the next call is dropped */
        uint32_t count, last_count;
        bool dropping;
    } rfc8289;
    struct {
        double share; /* the time bound that it has found, per target; 0: not yet */
        uint64_t interval_end_ns;
        uint64_t longest_ns;   /* longest wait that was let in during this interval */
        uint32_t calls, above; /* executed in this interval; of these, who waited longer than the target */
    } adaptive;
};

struct admit_policy {
    const char *name;
    enum admit_when_full when_full;
    /* At the door: is there no room for this task? */
    bool (*full)(const struct admit_state *s, const struct admit_view *v);
    /* It was let in. NULL: of no interest. */
    void (*entered)(struct admit_state *s, const struct admit_view *v);
    /* About to leave the line after `waited_ns`: is it to be answered OVERLOADED instead? NULL: never. */
    bool (*stale)(struct admit_state *s, const struct admit_view *v, uint64_t waited_ns);
    /* `calls` were executed, each after it had waited `waited_ns`. NULL: of no interest. */
    void (*executed)(struct admit_state *s, const struct admit_view *v, uint64_t waited_ns, uint32_t calls);
};

/* By enum policy_id. */
const struct admit_policy *admit_policy(enum policy_id id);

extern const struct admit_policy policy_wait;
extern const struct admit_policy policy_reject;
extern const struct admit_policy policy_drop_oldest;
extern const struct admit_policy policy_codel;
extern const struct admit_policy policy_rfc8289;
extern const struct admit_policy policy_adaptive;

/* What the policies have in common. */

static inline bool admit_count_full(const struct admit_view *v)
{
    return v->waiting >= v->bound;
}

/*
 * A time bound is never below this many mean services: shorter, and the queue runs empty between two arrivals, so
 * that the backend idles (Poisson arrivals at 1.2 times capacity need 10 places for 99.5 % of the peak).
 */
#define ADMIT_LEAST_SERVICES 10

static inline uint64_t admit_time_bound(uint64_t bound_ns, uint64_t mean_ns)
{
    return bound_ns > mean_ns * ADMIT_LEAST_SERVICES ? bound_ns : mean_ns * ADMIT_LEAST_SERVICES;
}

/* The target as configured; where it is not, so many mean services, but no less than `least_ns`. */
static inline uint64_t admit_target(const struct admit_view *v, uint64_t services, uint64_t least_ns)
{
    if (v->target_ns > 0) return v->target_ns;
    return v->mean_ns * services > least_ns ? v->mean_ns * services : least_ns;
}

/* Would this call, by estimate, be done later than `bound_ns` from now? */
static inline bool admit_time_full(const struct admit_view *v, uint64_t bound_ns)
{
    return v->wait_ns + v->cost_ns > admit_time_bound(bound_ns, v->mean_ns);
}

#endif
