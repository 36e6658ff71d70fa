/*
 * codel-rfc: RFC 8289 to the letter, for comparison. Once the wait has stayed above the target for an interval,
 * calls are dropped one at a time, the n-th an interval / sqrt(n) after the one before. That law is made for
 * senders that slow down when they see a loss; against load that does not, it takes minutes to shed enough.
 */
#include <stddef.h>

#include "daemon/admit/admit.h"

#define TARGET_NS   5000000ULL   /* of the RFC */
#define INTERVAL_NS 100000000ULL /* likewise */

/* The whole part of the square root, a bit at a time. */
static uint64_t root(uint64_t n)
{
    uint64_t r = 0;
    for (uint64_t bit = 1ULL << 31; bit > 0; bit >>= 1)
        if ((r | bit) * (r | bit) <= n) r |= bit;
    return r;
}

/* interval / sqrt(count), in whole numbers. */
static uint64_t control_law(uint64_t at_ns, uint32_t count)
{
    return at_ns + (INTERVAL_NS << 15) / root((uint64_t)count << 30);
}

static bool full(const struct admit_state *s, const struct admit_view *v)
{
    (void)s;
    return admit_count_full(v);
}

/* Has the wait been above the target for a whole interval? */
static bool stays_above(struct admit_state *s, const struct admit_view *v, uint64_t waited_ns)
{
    uint64_t target = v->target_ns > 0 ? v->target_ns : TARGET_NS;
    if (waited_ns < target || v->waiting == 0) {
        s->rfc8289.above_since_ns = 0;
        return false;
    }
    if (s->rfc8289.above_since_ns == 0) {
        s->rfc8289.above_since_ns = v->now_ns + INTERVAL_NS;
        return false;
    }
    return v->now_ns >= s->rfc8289.above_since_ns;
}

static bool stale(struct admit_state *s, const struct admit_view *v, uint64_t waited_ns)
{
    bool above = stays_above(s, v, waited_ns);
    if (s->rfc8289.dropping) {
        if (!above) {
            s->rfc8289.dropping = false;
            return false;
        }
        if (v->now_ns < s->rfc8289.next_ns) return false;
        s->rfc8289.count++;
        s->rfc8289.next_ns = control_law(s->rfc8289.next_ns, s->rfc8289.count);
        return true;
    }
    if (!above) return false;
    /* Dropping begins; where it ended not long ago, it goes on at about the rate of then. */
    uint32_t delta = s->rfc8289.count - s->rfc8289.last_count;
    bool lately = v->now_ns < s->rfc8289.next_ns + 16 * INTERVAL_NS;
    s->rfc8289.dropping = true;
    s->rfc8289.count = delta > 1 && lately ? delta : 1;
    s->rfc8289.next_ns = control_law(v->now_ns, s->rfc8289.count);
    s->rfc8289.last_count = s->rfc8289.count;
    return true;
}

const struct admit_policy policy_rfc8289 = {"codel-rfc", ADMIT_REFUSE, full, NULL, stale, NULL};
