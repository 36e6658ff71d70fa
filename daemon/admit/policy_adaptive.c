/*
 * adaptive: finds the time bound by itself (additive increase, multiplicative decrease).
 *
 *     Every 5 ms, over what was executed:  more than 1 in 100 waited longer than the target:  bound x 0.9
 *                                          else, if at least half of the bound was used:      bound x 1.01
 *
 * The bound is kept as a share of the target. So it follows what calls cost at once: where that changes, so does
 * the estimate that the bound is compared with and, unless it is configured, the target.
 */
#include <stddef.h>

#include "daemon/admit/admit.h"

#define INTERVAL_NS     5000000
#define TARGET_LEAST_NS 1000000
#define TARGET_SERVICES 20
#define BOUND_MOST_NS   1000000000
#define SHRINK          0.9
#define GROW            1.01

static uint64_t target(const struct admit_view *v)
{
    return admit_target(v, TARGET_SERVICES, TARGET_LEAST_NS);
}

static uint64_t bound(const struct admit_state *s, const struct admit_view *v)
{
    double share = s->adaptive.share > 0 ? s->adaptive.share : 1;
    uint64_t bound_ns = admit_time_bound((uint64_t)((double)target(v) * share), v->mean_ns);
    return bound_ns < BOUND_MOST_NS ? bound_ns : BOUND_MOST_NS;
}

static bool full(const struct admit_state *s, const struct admit_view *v)
{
    return admit_count_full(v) || admit_time_full(v, bound(s, v));
}

static void entered(struct admit_state *s, const struct admit_view *v)
{
    uint64_t longest = v->wait_ns + v->cost_ns;
    if (longest > s->adaptive.longest_ns) s->adaptive.longest_ns = longest;
}

static void executed(struct admit_state *s, const struct admit_view *v, uint64_t waited_ns, uint32_t calls)
{
    s->adaptive.calls += calls;
    if (waited_ns > target(v)) s->adaptive.above += calls;
    if (v->now_ns < s->adaptive.interval_end_ns) return;
    double share = (double)bound(s, v) / (double)target(v);
    if ((uint64_t)s->adaptive.above * 100 > s->adaptive.calls)
        share *= SHRINK;
    else if (s->adaptive.longest_ns * 2 >= bound(s, v))
        share *= GROW;
    s->adaptive.share = share;
    s->adaptive.interval_end_ns = v->now_ns + INTERVAL_NS;
    s->adaptive.longest_ns = 0;
    s->adaptive.calls = s->adaptive.above = 0;
}

const struct admit_policy policy_adaptive = {"adaptive", ADMIT_REFUSE, full, entered, NULL, executed};
