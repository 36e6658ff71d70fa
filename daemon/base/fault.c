/*
 * Which passage of which point fails. A passage only comes here while a test has armed something, so a plain lock
 * is good enough, and it makes "exactly the n-th" hold with several threads too.
 */
#include "daemon/base/fault.h"

#include <assert.h>
#include <pthread.h>

_Atomic bool fault_armed; /* mutable on purpose: one switch for the process, off unless a test arms it */

struct plan {
    uint64_t skip; /* passages that still succeed */
    uint64_t fail; /* passages after them that fail; 0: the point is not armed */
};

static struct plan plans[FAULT_POINTS]; /* mutable on purpose: what the tests armed, guarded by plans_lock */
static pthread_mutex_t plans_lock = PTHREAD_MUTEX_INITIALIZER; /* mutable on purpose: guards plans */

/* Sets the switch to whether any point is armed. Holds the lock. */
static void refresh_switch(void)
{
    bool armed = false;

    for (int i = 0; i < FAULT_POINTS; i++)
        if (plans[i].fail) armed = true;
    atomic_store_explicit(&fault_armed, armed, memory_order_relaxed);
}

void fault_arm(enum fault_point point, uint64_t nth, uint64_t times)
{
    assert(point < FAULT_POINTS && nth > 0);
    pthread_mutex_lock(&plans_lock);
    plans[point] = (struct plan){.skip = nth - 1, .fail = times};
    refresh_switch();
    pthread_mutex_unlock(&plans_lock);
}

void fault_disarm_all(void)
{
    pthread_mutex_lock(&plans_lock);
    for (int i = 0; i < FAULT_POINTS; i++)
        plans[i] = (struct plan){0};
    refresh_switch();
    pthread_mutex_unlock(&plans_lock);
}

bool fault_slow(enum fault_point point)
{
    bool hit = false;

    assert(point < FAULT_POINTS);
    pthread_mutex_lock(&plans_lock);
    struct plan *plan = &plans[point];
    if (plan->fail) {
        if (plan->skip) {
            plan->skip--;
        } else {
            hit = true;
            plan->fail--;
            if (!plan->fail) refresh_switch();
        }
    }
    pthread_mutex_unlock(&plans_lock);
    return hit;
}
