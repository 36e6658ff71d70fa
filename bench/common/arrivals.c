#include "bench/common/workload.h"

#include <assert.h>
#include <math.h>

#define NS_PER_S 1e9

/* Moves `at` on until the rate's integral has grown by `amount` requests. */
static void advance(struct arrivals *a, double amount)
{
    const struct arrival_plan *plan = a->plan;
    for (;;) {
        double per_ns = plan->steps[a->step].rate * a->share / NS_PER_S;
        double at = per_ns > 0 ? a->at + amount / per_ns : INFINITY;
        if (a->step + 1 == plan->count) {
            a->at = at;
            return;
        }
        double next = (double)plan->steps[a->step + 1].at_ns;
        if (at < next) {
            a->at = at;
            return;
        }
        amount -= (next - a->at) * per_ns;
        if (amount < 0) amount = 0; /* only by rounding */
        a->at = next;
        a->step++;
    }
}

void arrivals_init(struct arrivals *a, const struct arrival_plan *plan, uint32_t index, uint32_t shares,
                   uint64_t seed)
{
    assert(plan->count >= 1 && plan->count <= ARRIVALS_STEPS_MAX && plan->steps[0].at_ns == 0);
    assert(shares > 0 && index < shares);
    *a = (struct arrivals){.plan = plan, .share = 1.0 / shares};
    rng_seed(&a->rng, seed, index);
    /* Constant schedules start staggered, so that together they are evenly spaced. */
    advance(a, plan->law == ARRIVALS_CONSTANT ? (double)index / shares : rng_exponential(&a->rng));
}

uint64_t arrivals_peek(const struct arrivals *a)
{
    return a->at < 0x1p63 ? (uint64_t)a->at : ARRIVALS_NEVER;
}

void arrivals_pop(struct arrivals *a)
{
    advance(a, a->plan->law == ARRIVALS_CONSTANT ? 1.0 : rng_exponential(&a->rng));
}
