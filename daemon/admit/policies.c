/* The policies by number, and those of a few lines. */
#include <stddef.h>

#include "daemon/admit/admit.h"

/* wait: as many as the bound says, and who comes then waits outside: in the kernel's buffers and at the client. */
static bool full_by_count(const struct admit_state *s, const struct admit_view *v)
{
    (void)s;
    return admit_count_full(v);
}

/* reject, drop-oldest: by count, and by time if a target is set. */
static bool full_by_count_or_time(const struct admit_state *s, const struct admit_view *v)
{
    (void)s;
    return admit_count_full(v) || (v->target_ns > 0 && admit_time_full(v, v->target_ns));
}

const struct admit_policy policy_wait = {"wait", ADMIT_HOLD, full_by_count, NULL, NULL, NULL};
const struct admit_policy policy_reject = {"reject", ADMIT_REFUSE, full_by_count_or_time, NULL, NULL, NULL};
const struct admit_policy policy_drop_oldest = {"drop-oldest", ADMIT_SUPPLANT, full_by_count_or_time,
                                                NULL,          NULL,           NULL};

const struct admit_policy *admit_policy(enum policy_id id)
{
    static const struct admit_policy *const policies[POLICY_COUNT] = {
        [POLICY_WAIT] = &policy_wait,
        [POLICY_REJECT] = &policy_reject,
        [POLICY_DROP_OLDEST] = &policy_drop_oldest,
        [POLICY_CODEL] = &policy_codel,
        [POLICY_CODEL_RFC] = &policy_rfc8289,
        [POLICY_ADAPTIVE] = &policy_adaptive,
    };
    return policies[id];
}
