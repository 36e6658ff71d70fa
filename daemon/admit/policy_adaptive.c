/*
 * adaptive: finds the time bound by itself (additive increase, multiplicative decrease).
 *
 *     Every 5 ms, over what was executed:  more than 1 in 100 waited longer than the target:  bound x 0.9
 *                                          else, if at least half of the bound was used:      bound x 1.01
 *
 * The bound follows what calls cost: where that changes, the estimate that the bound is compared with changes at
 * once, and the bound itself within some intervals.
 */
#include <stddef.h>

#include "daemon/admit/admit.h"

#define INTERVAL_NS     5000000
#define TARGET_LEAST_NS 1000000
#define TARGET_SERVICES 20
#define BOUND_MOST_NS   1000000000

static uint64_t target(const struct admit_view *v)
{
    return admit_target(v, TARGET_SERVICES, TARGET_LEAST_NS);
}

static uint64_t bound(struct admit_state *s, const struct admit_view *v)
{
    if (s->adaptive.bound_ns == 0) s->adaptive.bound_ns = target(v);
    return s->adaptive.bound_ns;
}

static bool full(struct admit_state *s, const struct admit_view *v)
{
    if (admit_count_full(v) || admit_time_full(v, bound(s, v))) return true;
    uint64_t longest = v->wait_ns + v->cost_ns;
    if (longest > s->adaptive.longest_ns) s->adaptive.longest_ns = longest;
    return false;
}

static void executed(struct admit_state *s, const struct admit_view *v, uint64_t waited_ns, uint32_t calls)
{
    uint64_t now_bound = bound(s, v);
    s->adaptive.calls += calls;
    if (waited_ns > target(v)) s->adaptive.above += calls;
    if (v->now_ns < s->adaptive.interval_end_ns) return;
    if ((uint64_t)s->adaptive.above * 100 > s->adaptive.calls)
        now_bound -= now_bound / 10;
    else if (s->adaptive.longest_ns * 2 >= now_bound)
        now_bound += now_bound / 100 + 1;
    now_bound = admit_time_bound(now_bound, v->mean_ns);
    s->adaptive.bound_ns = now_bound < BOUND_MOST_NS ? now_bound : BOUND_MOST_NS;
    s->adaptive.interval_end_ns = v->now_ns + INTERVAL_NS;
    s->adaptive.longest_ns = 0;
    s->adaptive.calls = s->adaptive.above = 0;
}

const struct admit_policy policy_adaptive = {"adaptive", ADMIT_REFUSE, full, NULL, executed};
