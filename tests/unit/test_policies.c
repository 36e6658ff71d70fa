/* The policies as what they are: pure functions of the time, of what the line looks like, and of a little state. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "daemon/admit/admit.h"

#define US    1000ULL
#define MS    1000000ULL
#define START (1000 * MS)

static struct admit_view view(uint32_t waiting, uint64_t wait_ns)
{
    return (struct admit_view){.now_ns = START,
                               .waiting = waiting,
                               .bound = 100,
                               .wait_ns = wait_ns,
                               .cost_ns = 10 * US,
                               .mean_ns = 10 * US};
}

static bool full(const struct admit_policy *p, const struct admit_view *v)
{
    struct admit_state s = {0};
    return p->full(&s, v);
}

static bool stale(const struct admit_policy *p, struct admit_state *s, uint64_t now_ns, uint64_t waited_ns)
{
    struct admit_view v = view(10, 0);
    v.now_ns = now_ns;
    return p->stale(s, &v, waited_ns);
}

/* ---- what all have in common ---- */

static void every_number_has_its_policy(void **state)
{
    static const char *const names[] = {NULL, "wait", "reject", "drop-oldest", "codel", "codel-rfc", "adaptive"};
    (void)state;
    for (int id = POLICY_WAIT; id < POLICY_COUNT; id++) {
        const struct admit_policy *p = admit_policy((enum policy_id)id);
        assert_string_equal(p->name, names[id]);
        assert_int_equal(p->when_full, id == POLICY_WAIT          ? ADMIT_HOLD
                                       : id == POLICY_DROP_OLDEST ? ADMIT_SUPPLANT
                                                                  : ADMIT_REFUSE);
        struct admit_view v = view(99, 0);
        assert_false(full(p, &v));
        v.waiting = 100;
        assert_true(full(p, &v));
        v.waiting = 101; /* the bound was lowered */
        assert_true(full(p, &v));
    }
}

static void time_counts_where_a_target_is_set(void **state)
{
    static const struct admit_policy *const by_time[] = {&policy_reject, &policy_drop_oldest};
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct admit_view v = view(1, 1000 * MS);
        assert_false(full(by_time[i], &v));
        v.target_ns = 5 * MS;
        assert_true(full(by_time[i], &v));
        v.wait_ns = 5 * MS - 10 * US; /* and its own 10 us */
        assert_false(full(by_time[i], &v));
        v.wait_ns++;
        assert_true(full(by_time[i], &v));
    }
    struct admit_view v = view(1, 1000 * MS);
    v.target_ns = 5 * MS;
    assert_false(full(&policy_wait, &v));
    assert_false(full(&policy_codel, &v));
    assert_false(full(&policy_rfc8289, &v));
}

/* A bound shorter than ten services would leave the backend idle. */
static void the_time_bound_has_a_floor(void **state)
{
    struct admit_view v = view(1, 90 * US);
    (void)state;
    v.target_ns = 1 * US;
    assert_false(full(&policy_reject, &v));
    v.wait_ns++;
    assert_true(full(&policy_reject, &v));
}

/* ---- codel ---- */

#define TARGET   (100 * US) /* of codel, with a mean service of 10 us */
#define INTERVAL (5 * MS)

static void codel_sheds_in_the_interval_after_a_standing_queue(void **state)
{
    struct admit_state s = {0};
    uint64_t now = START;
    (void)state;
    assert_false(stale(&policy_codel, &s, now, 900 * MS)); /* the first tells of no interval */
    for (; now < START + INTERVAL; now += MS)
        assert_false(stale(&policy_codel, &s, now, TARGET + 1));
    assert_false(stale(&policy_codel, &s, now, 2 * TARGET)); /* overloaded now, but not as long as that */
    assert_true(stale(&policy_codel, &s, now, 2 * TARGET + 1));
    assert_true(stale(&policy_codel, &s, now + INTERVAL - 1, 2 * TARGET + 1));
    /* As the shortest wait of that interval was above the target again, it goes on. */
    assert_true(stale(&policy_codel, &s, now + INTERVAL, 3 * TARGET));
    /* One short wait, and the next interval is clear. */
    assert_false(stale(&policy_codel, &s, now + INTERVAL + MS, TARGET));
    assert_false(stale(&policy_codel, &s, now + 2 * INTERVAL, 900 * MS));
}

/* Nobody came for a while: what was then is no reason to refuse now. */
static void codel_forgets_over_a_pause(void **state)
{
    struct admit_state s = {0};
    (void)state;
    for (int i = 0; i < 11; i++)
        stale(&policy_codel, &s, START + i * MS, 5 * TARGET);
    assert_true(stale(&policy_codel, &s, START + 11 * MS, 5 * TARGET));
    assert_false(stale(&policy_codel, &s, START + 21 * MS, 5 * TARGET));
    assert_false(stale(&policy_codel, &s, START + 22 * MS, 5 * TARGET));
    assert_true(stale(&policy_codel, &s, START + 26 * MS, 5 * TARGET));
}

static void codel_follows_the_cost_and_the_target(void **state)
{
    struct admit_state s = {0};
    struct admit_view v = view(10, 0);
    (void)state;
    v.mean_ns = MS; /* target 8 ms, interval 16 ms */
    for (int i = 0; i <= 17; i++) {
        v.now_ns = START + i * MS;
        policy_codel.stale(&s, &v, 9 * MS);
    }
    assert_false(policy_codel.stale(&s, &v, 16 * MS));
    assert_true(policy_codel.stale(&s, &v, 16 * MS + 1));
    v.target_ns = 20 * MS; /* what the user says, counts; of the interval that is over, another target was asked */
    assert_false(policy_codel.stale(&s, &v, 40 * MS));
    assert_true(policy_codel.stale(&s, &v, 40 * MS + 1));
    v.mean_ns = 1000 * MS; /* the interval is not longer than 100 ms, or it would never end */
    memset(&s, 0, sizeof s);
    for (int i = 0; i < 100; i++) {
        v.now_ns = START + i * MS;
        assert_false(policy_codel.stale(&s, &v, 50 * MS));
    }
    v.now_ns = START + 100 * MS;
    assert_true(policy_codel.stale(&s, &v, 50 * MS));
}

/* ---- RFC 8289 ---- */

/* Drops of a queue that stays above the target: interval, then interval / sqrt(count) after each. */
static void rfc8289_drops_by_the_square_root(void **state)
{
    struct admit_state s = {0};
    (void)state;
    uint64_t step = 10 * US, dropped = 0, last = 0;
    double due = 0;
    for (uint64_t now = START; now < START + 3000 * MS; now += step) {
        if (!stale(&policy_rfc8289, &s, now, 10 * MS)) continue;
        dropped++;
        if (dropped == 1) { /* after a whole interval above the target */
            assert_true(now == START + 100 * MS);
            due = (double)now + 100e6;
        } else {
            assert_true(fabs((double)now - due) <= (double)step + 1e-4 * (double)(now - START));
            due += 100e6 / sqrt((double)dropped);
        }
        last = now;
    }
    assert_true(last > 0);
    assert_int_equal(dropped, 232); /* 1 + 1/sqrt(2) + ... + 1/sqrt(231) is just below 29 intervals */
}

static void rfc8289_stops_below_the_target(void **state)
{
    struct admit_state s = {0};
    uint64_t now = START;
    (void)state;
    for (; now <= START + 1000 * MS; now += MS)
        stale(&policy_rfc8289, &s, now, 5 * MS);
    assert_true(s.rfc8289.dropping);
    uint32_t count = s.rfc8289.count;
    assert_true(count > 10);
    assert_false(stale(&policy_rfc8289, &s, now, 5 * MS - 1));
    assert_false(s.rfc8289.dropping);
    /* Soon after, it goes on at about the rate of then. */
    assert_false(stale(&policy_rfc8289, &s, now += MS, 5 * MS));
    assert_false(stale(&policy_rfc8289, &s, now += 99 * MS, 5 * MS));
    assert_true(stale(&policy_rfc8289, &s, now += MS, 5 * MS));
    assert_in_range(s.rfc8289.count, count - 1, count);
    /* After a long time, from the start. */
    assert_false(stale(&policy_rfc8289, &s, now += MS, 0));
    assert_false(stale(&policy_rfc8289, &s, now += 5000 * MS, 5 * MS));
    assert_true(stale(&policy_rfc8289, &s, now += 100 * MS, 5 * MS));
    assert_int_equal(s.rfc8289.count, 1);
}

/* The last call that waits is never dropped: there is no standing queue behind it. */
static void rfc8289_spares_the_last(void **state)
{
    struct admit_state s = {0};
    struct admit_view v = view(0, 0);
    (void)state;
    for (int i = 0; i < 500; i++) {
        v.now_ns = START + i * MS;
        assert_false(policy_rfc8289.stale(&s, &v, 50 * MS));
    }
    v.waiting = 10;
    v.target_ns = 60 * MS; /* a target of the user's own */
    for (int i = 500; i < 1000; i++) {
        v.now_ns = START + i * MS;
        assert_false(policy_rfc8289.stale(&s, &v, 50 * MS));
    }
}

/* ---- adaptive ---- */

/* The bound that it has found, where the target is a millisecond. */
static uint64_t bound_of(const struct admit_state *s)
{
    return (uint64_t)(s->adaptive.share * MS);
}

#define ASSERT_NEAR(a_, b_) assert_in_range((a_), (b_)-2, (b_) + 2)

/* One interval in which `calls` were executed, `late` of them after a wait above the target of a millisecond. */
static uint64_t after_interval(struct admit_state *s, uint64_t now_ns, uint64_t wait_ns, uint32_t calls,
                               uint32_t late)
{
    struct admit_view v = view(1, wait_ns);
    v.now_ns = now_ns;
    if (!policy_adaptive.full(s, &v)) policy_adaptive.entered(s, &v);
    s->adaptive.interval_end_ns = now_ns + 1;
    if (late) policy_adaptive.executed(s, &v, MS + 1, late);
    v.now_ns++;
    policy_adaptive.executed(s, &v, MS, calls - late);
    return bound_of(s);
}

static void adaptive_moves_its_bound(void **state)
{
    struct admit_state s = {0};
    uint64_t now = START, bound = after_interval(&s, now, 0, 100, 1);
    (void)state;
    assert_int_equal(bound, MS); /* not used, and one in a hundred is no more than one in a hundred */
    ASSERT_NEAR(after_interval(&s, now += INTERVAL, bound / 2 - 10 * US, 100, 1), bound + bound / 100);
    bound = bound_of(&s);
    ASSERT_NEAR(after_interval(&s, now += INTERVAL, bound / 2 - 11 * US, 100, 0), bound); /* used less than half */
    ASSERT_NEAR(after_interval(&s, now += INTERVAL, bound / 2, 99, 1), bound - bound / 10);
    for (int i = 0; i < 100; i++)
        bound = after_interval(&s, now += INTERVAL, bound / 2, 10, 10);
    assert_true(bound < 100 * US); /* but ten services are let in, ... */
    struct admit_view v = view(1, 90 * US);
    assert_false(policy_adaptive.full(&s, &v));
    v.wait_ns++;
    assert_true(policy_adaptive.full(&s, &v));
    after_interval(&s, now += INTERVAL, 80 * US, 10, 0);
    ASSERT_NEAR(bound_of(&s), 101 * US); /* ... and from there it grows */
    for (int i = 0; i < 10000; i++)
        bound = after_interval(&s, now += INTERVAL, bound_of(&s) / 2, 10, 0);
    assert_true(bound > 1000 * MS); /* but a second is the most */
    v.wait_ns = 1000 * MS - 10 * US;
    assert_false(policy_adaptive.full(&s, &v));
    v.wait_ns++;
    assert_true(policy_adaptive.full(&s, &v));
}

/* Where calls get slower and the target is a number of them, the bound is longer at once. */
static void adaptive_follows_the_target(void **state)
{
    struct admit_state s = {0};
    struct admit_view v = view(1, 0);
    (void)state;
    after_interval(&s, START, 0, 10, 10);
    v.mean_ns = v.cost_ns = MS;
    v.wait_ns = 17 * MS; /* nine tenths of 20 services */
    assert_false(policy_adaptive.full(&s, &v));
    v.wait_ns++;
    assert_true(policy_adaptive.full(&s, &v));
}

static void adaptive_looks_once_an_interval(void **state)
{
    struct admit_state s = {0};
    struct admit_view v = view(1, 0);
    (void)state;
    policy_adaptive.executed(&s, &v, 0, 1);
    uint64_t bound = bound_of(&s);
    v.now_ns += INTERVAL - 1;
    policy_adaptive.executed(&s, &v, 9 * MS, 100);
    assert_int_equal(bound_of(&s), bound);
    v.now_ns++;
    policy_adaptive.executed(&s, &v, 0, 1);
    ASSERT_NEAR(bound_of(&s), bound - bound / 10);
}

static void adaptive_starts_at_its_target(void **state)
{
    struct admit_view v = view(1, 990 * US);
    (void)state;
    assert_false(full(&policy_adaptive, &v)); /* a millisecond, */
    v.wait_ns++;
    assert_true(full(&policy_adaptive, &v));
    v.mean_ns = v.cost_ns = MS; /* or 20 services, */
    v.wait_ns = 19 * MS;
    assert_false(full(&policy_adaptive, &v));
    v.wait_ns++;
    assert_true(full(&policy_adaptive, &v));
    v.target_ns = 50 * MS; /* or what the user says */
    v.wait_ns = 49 * MS;
    assert_false(full(&policy_adaptive, &v));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_number_has_its_policy),
        cmocka_unit_test(time_counts_where_a_target_is_set),
        cmocka_unit_test(the_time_bound_has_a_floor),
        cmocka_unit_test(codel_sheds_in_the_interval_after_a_standing_queue),
        cmocka_unit_test(codel_forgets_over_a_pause),
        cmocka_unit_test(codel_follows_the_cost_and_the_target),
        cmocka_unit_test(rfc8289_drops_by_the_square_root),
        cmocka_unit_test(rfc8289_stops_below_the_target),
        cmocka_unit_test(rfc8289_spares_the_last),
        cmocka_unit_test(adaptive_moves_its_bound),
        cmocka_unit_test(adaptive_follows_the_target),
        cmocka_unit_test(adaptive_looks_once_an_interval),
        cmocka_unit_test(adaptive_starts_at_its_target),
    };
    return cmocka_run_group_tests_name("policies", tests, NULL, NULL);
}
