/* The ring of coarse deadlines, by time that only the test moves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "daemon/net/deadlines.h"

#define TICK  10
#define START 100000
#define NODES 500

struct watch {
    struct deadlines ring;
    struct deadline nodes[NODES];
    uint64_t due[NODES]; /* its true deadline; 0: to be forgotten when looked at */
    unsigned looks[NODES];
    uint64_t fired[NODES]; /* when it was found due; 0: not yet */
    uint64_t now;
};

static void watch_init(struct watch *w, uint64_t tick_ms, uint64_t start_ms)
{
    memset(w, 0, sizeof *w);
    deadlines_init(&w->ring, tick_ms, start_ms);
    w->now = start_ms;
}

static void set(struct watch *w, int i, uint64_t at_ms)
{
    w->due[i] = at_ms;
    deadline_set(&w->ring, &w->nodes[i], at_ms);
}

static uint64_t look(void *ctx, struct deadline *node)
{
    struct watch *w = ctx;
    int i = (int)(node - w->nodes);
    w->looks[i]++;
    assert_null(node->next); /* it is its holder's while it is looked at */
    if (w->due[i] > w->now) return w->due[i];
    w->fired[i] = w->now;
    return 0;
}

static void turn(struct watch *w, uint64_t to_ms)
{
    w->now = to_ms;
    deadlines_turn(&w->ring, to_ms, UINT64_MAX, look, w);
}

/* Moves time as the loop does: from one due turn to the next. */
static void run_until(struct watch *w, uint64_t to_ms)
{
    for (;;) {
        uint64_t wait = deadlines_wait(&w->ring, w->now);
        if (wait == UINT64_MAX || w->now + wait > to_ms) break;
        assert_true(wait > 0); /* or the loop would spin */
        turn(w, w->now + wait);
    }
    turn(w, to_ms);
}

static void fires_at_most_a_tick_late_and_never_early(void **state)
{
    (void)state;
    struct watch w;
    for (uint64_t at = START; at < START + 3 * TICK; at++) {
        for (uint64_t start = START - 15; start <= at; start += 5) {
            watch_init(&w, TICK, start);
            set(&w, 0, at);
            run_until(&w, at + TICK);
            assert_in_range(w.fired[0], at, at + TICK);
            assert_int_equal(w.ring.count, 0);
        }
    }
}

static void far_beyond_the_ring(void **state)
{
    (void)state;
    struct watch w;
    watch_init(&w, TICK, START);
    uint64_t at = START + 10ULL * DEADLINES_BUCKETS * TICK + 7;
    set(&w, 0, at);
    run_until(&w, at - 1);
    assert_int_equal(w.fired[0], 0);
    assert_in_range(w.looks[0], 1, 12); /* about once a round */
    run_until(&w, at + TICK);
    assert_in_range(w.fired[0], at, at + TICK);
}

static void later_costs_nothing_and_holds(void **state)
{
    (void)state;
    struct watch w;
    watch_init(&w, TICK, START);
    set(&w, 0, START + 50);
    for (uint64_t at = START + 51; at <= START + 400; at++) {
        uint64_t tick = w.nodes[0].tick;
        set(&w, 0, at);
        assert_int_equal(w.nodes[0].tick, tick); /* not moved */
    }
    run_until(&w, START + 399);
    assert_int_equal(w.fired[0], 0);
    assert_int_equal(w.looks[0], 1);
    run_until(&w, START + 400 + TICK);
    assert_in_range(w.fired[0], START + 400, START + 400 + TICK);
    assert_int_equal(w.looks[0], 2);
}

static void earlier_is_earlier(void **state)
{
    (void)state;
    struct watch w;
    watch_init(&w, TICK, START);
    set(&w, 0, START + 1000);
    set(&w, 0, START + 30);
    assert_int_equal(w.ring.count, 1);
    run_until(&w, START + 30 + TICK);
    assert_in_range(w.fired[0], START + 30, START + 30 + TICK);
    run_until(&w, START + 2000);
    assert_int_equal(w.looks[0], 1); /* it is not in its old place any more */
}

static void the_past_is_due_at_the_next_turn(void **state)
{
    (void)state;
    struct watch w;
    watch_init(&w, TICK, START);
    set(&w, 0, START - 5000);
    set(&w, 1, 1);
    set(&w, 2, START);
    assert_in_range(deadlines_wait(&w.ring, START), 1, TICK);
    turn(&w, START + TICK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(w.fired[i], START + TICK);
}

static void cleared_is_not_looked_at(void **state)
{
    (void)state;
    struct watch w;
    watch_init(&w, TICK, START);
    for (int i = 0; i < 5; i++)
        set(&w, i, START + 20); /* all in one bucket */
    deadline_clear(&w.ring, &w.nodes[0]);
    deadline_clear(&w.ring, &w.nodes[2]);
    deadline_clear(&w.ring, &w.nodes[4]);
    deadline_clear(&w.ring, &w.nodes[4]); /* twice does no harm */
    assert_int_equal(w.ring.count, 2);
    run_until(&w, START + 100);
    for (int i = 0; i < 5; i++)
        assert_int_equal(w.looks[i], i % 2);
    deadline_clear(&w.ring, &w.nodes[1]); /* forgotten already */
    assert_int_equal(w.ring.count, 0);
}

static void a_jump_over_the_whole_ring_sees_everybody(void **state)
{
    (void)state;
    struct watch w;
    static const uint64_t jumps[] = {1,
                                     TICK,
                                     (DEADLINES_BUCKETS - 1) * TICK,
                                     DEADLINES_BUCKETS * TICK,
                                     (DEADLINES_BUCKETS + 1) * TICK,
                                     1000 * DEADLINES_BUCKETS * TICK,
                                     365ULL * 24 * 3600 * 1000};
    for (size_t j = 0; j < sizeof jumps / sizeof jumps[0]; j++) {
        watch_init(&w, TICK, START);
        for (int i = 0; i < NODES; i++)
            set(&w, i, START + 1 + (uint64_t)i * 7);
        turn(&w, START + jumps[j]);
        for (int i = 0; i < NODES; i++) {
            if (w.due[i] + TICK <= w.now) assert_int_equal(w.fired[i], w.now);
            if (w.due[i] > w.now) assert_int_equal(w.fired[i], 0);
        }
        run_until(&w, START + jumps[j] + NODES * 7 + TICK + 1); /* those behind the jump come on time */
        for (int i = 0; i < NODES; i++)
            if (w.due[i] > START + jumps[j]) assert_in_range(w.fired[i], w.due[i], w.due[i] + TICK);
        assert_int_equal(w.ring.count, 0);
    }
}

/* After a jump, what is set again during the turn has its place relative to the new time. */
static void set_again_during_the_turn(void **state)
{
    (void)state;
    struct watch w;
    watch_init(&w, TICK, START);
    for (int i = 0; i < 20; i++) {
        set(&w, i, START + 15);
        w.due[i] = START + 5000 + (uint64_t)i * 100; /* it was moved later meanwhile */
    }
    turn(&w, START + 4000);
    assert_int_equal(w.ring.count, 20);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(w.fired[i], 0);
        assert_in_range(w.looks[i], 1, 5); /* once or a few times, but the turn ends */
    }
    run_until(&w, START + 8000);
    for (int i = 0; i < 20; i++)
        assert_in_range(w.fired[i], w.due[i], w.due[i] + TICK);
}

/* `look` may set the node itself, earlier than what it returns: the earlier one counts. */
static uint64_t look_and_set(void *ctx, struct deadline *node)
{
    struct watch *w = ctx;
    w->looks[0]++;
    if (w->looks[0] > 1) return 0;
    deadline_set(&w->ring, node, w->now + 2 * TICK);
    return w->now + 50 * TICK;
}

static void set_by_the_look_itself(void **state)
{
    (void)state;
    struct watch w;
    watch_init(&w, TICK, START);
    deadline_set(&w.ring, &w.nodes[0], START + TICK);
    deadlines_turn(&w.ring, w.now = START + 2 * TICK, UINT64_MAX, look_and_set, &w);
    assert_int_equal(w.looks[0], 1);
    assert_int_equal(w.ring.count, 1);
    deadlines_turn(&w.ring, w.now = START + 5 * TICK, UINT64_MAX, look_and_set, &w);
    assert_int_equal(w.looks[0], 2);
    assert_int_equal(w.ring.count, 0);
}

static void the_wait_ends_at_the_first_turn_with_work(void **state)
{
    (void)state;
    struct watch w;
    watch_init(&w, TICK, START);
    assert_int_equal(deadlines_wait(&w.ring, START), UINT64_MAX);
    set(&w, 0, START + 55);
    assert_int_equal(deadlines_wait(&w.ring, START), 60);
    assert_int_equal(deadlines_wait(&w.ring, START + 59), 1);
    assert_int_equal(deadlines_wait(&w.ring, START + 60), 0);
    assert_int_equal(deadlines_wait(&w.ring, START + 1000), 0);
    set(&w, 1, START + 25);
    assert_int_equal(deadlines_wait(&w.ring, START), 30);
    deadline_clear(&w.ring, &w.nodes[0]);
    deadline_clear(&w.ring, &w.nodes[1]);
    assert_int_equal(deadlines_wait(&w.ring, START), UINT64_MAX);
}

static void a_tick_of_zero_is_a_millisecond(void **state)
{
    (void)state;
    struct watch w;
    watch_init(&w, 0, START);
    set(&w, 0, START + 3);
    run_until(&w, START + 4);
    assert_in_range(w.fired[0], START + 3, START + 4);
}

/* All are due at once: each turn looks at no more than it may, at each of them once, and says that there is more.
 */
static void a_turn_has_a_budget(void **state)
{
    (void)state;
    enum { BUDGET = 64 };
    struct watch w;
    watch_init(&w, TICK, START);
    for (int i = 0; i < NODES; i++)
        set(&w, i, START + i % (3 * TICK));
    w.now = START + 10 * TICK;
    for (int seen = 0; seen < NODES; seen += BUDGET) {
        assert_int_equal(deadlines_wait(&w.ring, w.now), 0);
        deadlines_turn(&w.ring, w.now, BUDGET, look, &w);
        assert_int_equal(w.ring.count, seen + BUDGET < NODES ? NODES - seen - BUDGET : 0);
    }
    for (int i = 0; i < NODES; i++)
        assert_true(w.looks[i] == 1 && w.fired[i] == w.now);
    assert_int_equal(deadlines_wait(&w.ring, w.now), UINT64_MAX);
}

/* What is not due yet goes on to its own turn, whether its bucket was finished or not. */
static void a_turn_that_stopped_forgets_nobody(void **state)
{
    (void)state;
    struct watch w;
    watch_init(&w, TICK, START);
    for (int i = 0; i < NODES; i++) {
        set(&w, i, START + 5);
        w.due[i] = START + 5 + (uint64_t)i % 40 * TICK; /* moved later, which the ring learns when it looks */
    }
    for (uint64_t now = START; now <= START + 42 * TICK; now++) {
        w.now = now;
        deadlines_turn(&w.ring, now, 7, look, &w);
    }
    for (w.now = START + 42 * TICK; w.ring.count > 0;)
        deadlines_turn(&w.ring, w.now, 7, look, &w);
    for (int i = 0; i < NODES; i++)
        assert_true(w.fired[i] >= w.due[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fires_at_most_a_tick_late_and_never_early),
        cmocka_unit_test(far_beyond_the_ring),
        cmocka_unit_test(later_costs_nothing_and_holds),
        cmocka_unit_test(earlier_is_earlier),
        cmocka_unit_test(the_past_is_due_at_the_next_turn),
        cmocka_unit_test(cleared_is_not_looked_at),
        cmocka_unit_test(a_jump_over_the_whole_ring_sees_everybody),
        cmocka_unit_test(set_again_during_the_turn),
        cmocka_unit_test(set_by_the_look_itself),
        cmocka_unit_test(the_wait_ends_at_the_first_turn_with_work),
        cmocka_unit_test(a_tick_of_zero_is_a_millisecond),
        cmocka_unit_test(a_turn_has_a_budget),
        cmocka_unit_test(a_turn_that_stopped_forgets_nobody),
    };
    return cmocka_run_group_tests_name("deadlines", tests, NULL, NULL);
}
