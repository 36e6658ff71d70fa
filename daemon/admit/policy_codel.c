/*
 * codel: in the form that servers use (folly's Codel, after K. Nichols, V. Jacobson, "Controlling Queue Delay",
 * 2012).
 *
 *     An interval in which even the shortest wait was above the target was overloaded: a standing queue. In the
 *     interval after it, whoever has waited longer than twice the target is refused.
 *
 * So a burst passes, and a standing queue is cut down to the target within two intervals, however high the load.
 */
#include <stddef.h>

#include "daemon/admit/admit.h"

#define TARGET_LEAST_NS   100000
#define TARGET_SERVICES   8
#define INTERVAL_LEAST_NS 5000000
#define INTERVAL_MOST_NS  100000000
#define INTERVAL_SERVICES 16

static uint64_t target(const struct admit_view *v)
{
    return admit_target(v, TARGET_SERVICES, TARGET_LEAST_NS);
}

/* Long enough to see the shortest of some waits. */
static uint64_t interval(const struct admit_view *v)
{
    uint64_t services = v->mean_ns * INTERVAL_SERVICES;
    if (services < INTERVAL_LEAST_NS) return INTERVAL_LEAST_NS;
    return services < INTERVAL_MOST_NS ? services : INTERVAL_MOST_NS;
}

static bool full(const struct admit_state *s, const struct admit_view *v)
{
    (void)s;
    return admit_count_full(v);
}

static bool stale(struct admit_state *s, const struct admit_view *v, uint64_t waited_ns)
{
    uint64_t limit = target(v);
    if (v->now_ns >= s->codel.interval_end_ns) {
        /* The first call after a pause tells of no interval. */
        bool just_over = v->now_ns < s->codel.interval_end_ns + interval(v);
        s->codel.overloaded = just_over && s->codel.least_ns > limit;
        s->codel.interval_end_ns = v->now_ns + interval(v);
        s->codel.least_ns = waited_ns;
    } else if (waited_ns < s->codel.least_ns) {
        s->codel.least_ns = waited_ns;
    }
    return s->codel.overloaded && waited_ns > 2 * limit;
}

const struct admit_policy policy_codel = {"codel", ADMIT_REFUSE, full, NULL, stale, NULL};
