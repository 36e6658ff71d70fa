/* The load tester's bookkeeping: what is due, in flight, answered, lost and left over. No socket, no clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "bench/common/rng.h"
#include "bench/load/core.h"

#define MS      UINT64_C(1000000)
#define FOREVER UINT64_MAX
#define ZERO    (5 * MS) /* where the schedules begin, unless a test says otherwise */

struct fixture {
    struct arrival_plan plan;
    struct tally *tally;
    struct core *core;
};

/* `rate` 0: closed loop. */
static struct fixture make(double rate, uint32_t lanes, uint32_t depth, uint64_t count)
{
    static struct arrival_plan plan; /* the core borrows it; one fixture at a time */
    struct fixture f = {.tally = calloc(1, sizeof(struct tally))};
    struct core_options options = {.lanes = lanes, .all_lanes = lanes, .depth = depth, .seed = 42, .count = count};

    plan = (struct arrival_plan){.law = ARRIVALS_CONSTANT, .count = 1, .steps = {{0, rate}}};
    if (rate > 0) options.plan = &plan;
    f.core = core_create(&options, f.tally);
    assert_non_null(f.core);
    return f;
}

static void drop(struct fixture *f)
{
    assert_true(tally_accounted(f->tally));
    assert_int_equal(core_all_in_flight(f->core), 0);
    core_destroy(f->core);
    free(f->tally);
}

/* Takes and flushes everything that is due at `now`; returns how many. */
static unsigned take_due(struct core *c, uint64_t now)
{
    unsigned taken = 0;
    uint32_t lane = 0;

    for (; core_due(c, now, &lane); taken++) {
        core_take(c, lane, OP_GET, taken, now);
        core_flushed(c, lane, now);
    }
    return taken;
}

static void constant_arrivals_are_evenly_spaced_over_all_lanes(void **state)
{
    struct fixture f = make(1000, 4, 100, 0);
    uint32_t lane = 0;

    (void)state;
    core_start(f.core, ZERO, ZERO, FOREVER);
    for (uint64_t i = 0; i < 100; i++) {
        uint64_t due = core_next_due(f.core);
        assert_true(due + 1 >= ZERO + i * MS && due <= ZERO + i * MS + 1); /* doubles round */
        assert_false(core_due(f.core, due - 1, &lane));
        assert_true(core_due(f.core, due, &lane));
        assert_int_equal(lane, i % 4);
        core_take(f.core, lane, OP_GET, 0, due);
        core_answered(f.core, lane, CORE_OLDEST, OUTCOME_SERVED, due + 7);
    }
    core_finish(f.core, ZERO);
    assert_int_equal(histogram_count(&f.tally->accepted), 100);
    assert_int_equal(histogram_max(&f.tally->accepted), 7);
    drop(&f);
}

static void latency_counts_from_the_instant_due_and_late_sends_are_counted(void **state)
{
    struct fixture f = make(1000, 1, 100, 0);

    (void)state;
    core_start(f.core, ZERO, ZERO, ZERO + 10 * MS);
    /* The generator sleeps through the whole run: all ten requests leave at its end, none is skipped. */
    assert_int_equal(take_due(f.core, ZERO + 10 * MS), 10);
    assert_int_equal(counter_get(&f.tally->late), 10);
    assert_int_equal(histogram_count(&f.tally->lag), 10);
    assert_true(histogram_max(&f.tally->lag) == 10 * MS);
    for (int i = 0; i < 10; i++) {
        struct flight flight = core_answered(f.core, 0, CORE_OLDEST, OUTCOME_SERVED, ZERO + 10 * MS);
        assert_int_equal(flight.key, i);
        assert_true(flight.measured);
    }
    assert_true(histogram_max(&f.tally->accepted) == 10 * MS);
    assert_true(histogram_quantile(&f.tally->accepted, 0.1) < MS + MS / 32);
    assert_int_equal(counter_get(&f.tally->in_window[OUTCOME_SERVED]), 0); /* the answers came at its end */
    core_finish(f.core, ZERO + 10 * MS);
    drop(&f);
}

static void a_send_just_within_the_limit_is_not_late(void **state)
{
    struct fixture f = make(1000, 1, 100, 0);

    (void)state;
    core_start(f.core, ZERO, ZERO, FOREVER);
    uint64_t due = core_next_due(f.core);
    assert_int_equal(take_due(f.core, due + TALLY_LATE_NS), 1);
    assert_int_equal(counter_get(&f.tally->late), 0);
    due = core_next_due(f.core);
    assert_int_equal(take_due(f.core, due + TALLY_LATE_NS + 1), 1);
    assert_int_equal(counter_get(&f.tally->late), 1);
    core_finish(f.core, due);
    assert_int_equal(counter_get(&f.tally->outcomes[OUTCOME_UNANSWERED]), 2);
    drop(&f);
}

static void only_what_is_due_within_the_measured_time_is_measured(void **state)
{
    struct fixture f = make(1000, 3, 100, 0);

    (void)state;
    core_start(f.core, ZERO, ZERO + 5 * MS + MS / 2, ZERO + 20 * MS + MS / 2);
    for (uint64_t now = ZERO; now < ZERO + 40 * MS; now += MS / 10) {
        take_due(f.core, now);
        for (uint32_t lane = 0; lane < 3; lane++)
            while (core_in_flight(f.core, lane))
                core_answered(f.core, lane, CORE_OLDEST, OUTCOME_NOT_FOUND, now);
    }
    assert_true(core_exhausted(f.core, ZERO + 20 * MS + MS / 2));
    core_finish(f.core, ZERO + 40 * MS);
    assert_int_equal(counter_get(&f.tally->live_sent), 21); /* 0 to 20 ms */
    assert_int_equal(counter_get(&f.tally->sent), 15);      /* 6 to 20 ms */
    assert_int_equal(counter_get(&f.tally->outcomes[OUTCOME_NOT_FOUND]), 15);
    assert_int_equal(histogram_count(&f.tally->live_accepted), 21);
    assert_int_equal(counter_get(&f.tally->unsent), 0);
    drop(&f);
}

static void a_full_lane_takes_no_more_and_what_it_held_back_is_not_the_generators_fault(void **state)
{
    struct fixture f = make(1000, 1, 3, 0);

    (void)state;
    core_start(f.core, ZERO, ZERO, ZERO + 10 * MS);
    for (uint64_t now = ZERO; now < ZERO + 8 * MS; now += MS / 100)
        take_due(f.core, now);
    assert_int_equal(core_in_flight(f.core, 0), 3); /* due at 0, 1, 2 ms */
    assert_true(core_next_due(f.core) == ARRIVALS_NEVER);
    for (int i = 0; i < 3; i++)
        core_answered(f.core, 0, CORE_OLDEST, OUTCOME_OVERLOADED, ZERO + 8 * MS);
    assert_true(core_next_due(f.core) <= ZERO + 3 * MS);
    assert_int_equal(take_due(f.core, ZERO + 8 * MS + 10), 3); /* due at 3, 4, 5 ms, and full again */
    assert_int_equal(histogram_count(&f.tally->held), 3);
    assert_true(histogram_max(&f.tally->held) >= 5 * MS);
    assert_int_equal(counter_get(&f.tally->late), 0);
    core_answered(f.core, 0, CORE_OLDEST, OUTCOME_SERVED, ZERO + 9 * MS);
    assert_true(histogram_max(&f.tally->accepted) >= 6 * MS); /* the clock ran while it was held back */
    core_finish(f.core, ZERO + 10 * MS);
    assert_int_equal(counter_get(&f.tally->sent), 6);
    assert_int_equal(counter_get(&f.tally->unsent), 4); /* due at 6 to 9 ms */
    assert_int_equal(counter_get(&f.tally->outcomes[OUTCOME_UNANSWERED]), 2);
    drop(&f);
}

static void a_held_lane_does_not_hold_back_the_others(void **state)
{
    struct fixture f = make(1000, 2, 100, 0);
    uint32_t lane = 9;

    (void)state;
    core_start(f.core, ZERO, ZERO, ZERO + 10 * MS);
    core_hold(f.core, 0, CORE_HOLD_OUTPUT);
    core_hold(f.core, 0, CORE_HOLD_DOWN);
    assert_int_equal(take_due(f.core, ZERO + 10 * MS), 5);
    assert_int_equal(core_in_flight(f.core, 1), 5);
    core_release(f.core, 0, CORE_HOLD_OUTPUT, ZERO + 10 * MS);
    assert_false(core_due(f.core, ZERO + 10 * MS, &lane)); /* still held for the other reason */
    core_release(f.core, 0, CORE_HOLD_DOWN, ZERO + 10 * MS);
    assert_true(core_due(f.core, ZERO + 10 * MS, &lane));
    assert_int_equal(lane, 0);
    assert_int_equal(take_due(f.core, ZERO + 10 * MS), 5);
    assert_int_equal(histogram_count(&f.tally->held), 5);
    core_finish(f.core, ZERO + 10 * MS);
    drop(&f);
}

static void a_lane_that_is_never_up_leaves_its_requests_unsent(void **state)
{
    struct fixture f = make(1000, 2, 100, 0);

    (void)state;
    core_hold(f.core, 1, CORE_HOLD_DOWN);
    core_start(f.core, ZERO, ZERO + 3 * MS, ZERO + 10 * MS);
    assert_int_equal(take_due(f.core, ZERO + 10 * MS), 5);
    core_finish(f.core, ZERO + 60 * MS);                /* after the end: none is due any more */
    assert_int_equal(counter_get(&f.tally->sent), 3);   /* due at 4, 6, 8 ms */
    assert_int_equal(counter_get(&f.tally->unsent), 4); /* due at 3, 5, 7, 9 ms */
    drop(&f);
}

static void an_early_end_leaves_later_requests_out(void **state)
{
    struct fixture f = make(1000, 1, 100, 0);

    (void)state;
    core_start(f.core, ZERO, ZERO, ZERO + 100 * MS);
    core_set_end(f.core, ZERO + 4 * MS - 10);
    core_set_end(f.core, ZERO + 50 * MS); /* never later again */
    assert_int_equal(take_due(f.core, ZERO + 60 * MS), 4);
    assert_true(core_exhausted(f.core, ZERO + 4 * MS));
    core_finish(f.core, ZERO + 60 * MS);
    assert_int_equal(counter_get(&f.tally->sent), 4);
    assert_int_equal(counter_get(&f.tally->unsent), 0);
    drop(&f);
}

static void a_count_ends_the_run_and_leaves_out_the_warm_up(void **state)
{
    struct fixture f = make(1000, 1, 100, 8);

    (void)state;
    core_start(f.core, ZERO, ZERO + 2 * MS - 10, FOREVER);
    assert_int_equal(take_due(f.core, ZERO + 60 * MS), 10); /* two of them warm-up */
    assert_true(core_exhausted(f.core, ZERO));
    core_finish(f.core, ZERO + 60 * MS);
    assert_int_equal(counter_get(&f.tally->sent), 8);
    assert_int_equal(counter_get(&f.tally->unsent), 0);
    drop(&f);
}

static void the_closed_loop_keeps_depth_in_flight(void **state)
{
    struct fixture f = make(0, 2, 4, 0);

    (void)state;
    core_start(f.core, ZERO, ZERO, ZERO + 10);
    uint32_t lane = 9, taken[2] = {0};
    for (int i = 0; i < 8; i++) {
        assert_true(core_due(f.core, ZERO, &lane));
        core_take(f.core, lane, lane ? OP_PUT : OP_GET, 0, ZERO);
        taken[lane]++;
    }
    assert_true(taken[0] == 4 && taken[1] == 4);
    core_flushed(f.core, 1, ZERO + 5);
    assert_false(core_due(f.core, ZERO + 5, &lane));
    assert_true(core_next_due(f.core) == ARRIVALS_NEVER);
    core_answered(f.core, 1, CORE_OLDEST, OUTCOME_SERVED, ZERO + 3);
    assert_true(core_due(f.core, ZERO + 9, &lane) && lane == 1);
    assert_false(core_due(f.core, ZERO + 10, &lane)); /* the end */
    core_finish(f.core, ZERO + 10);
    assert_int_equal(histogram_count(&f.tally->lag), 0); /* there is no schedule to be late for */
    assert_int_equal(histogram_max(&f.tally->accepted), 3);
    assert_int_equal(counter_get(&f.tally->by_op[OP_PUT][OUTCOME_UNANSWERED]), 3);
    drop(&f);
}

static void a_lost_connection_leaves_its_requests_unanswered(void **state)
{
    struct fixture f = make(1000, 1, 2, 0);

    (void)state;
    core_start(f.core, ZERO, ZERO, ZERO + 10 * MS);
    assert_int_equal(take_due(f.core, ZERO + 5 * MS), 2); /* full */
    core_lost(f.core, 0);
    assert_int_equal(core_in_flight(f.core, 0), 0);
    assert_int_equal(counter_get(&f.tally->lost_requests), 2);
    assert_int_equal(take_due(f.core, ZERO + 6 * MS), 0); /* held until it is up again */
    core_release(f.core, 0, CORE_HOLD_DOWN, ZERO + 7 * MS);
    assert_int_equal(take_due(f.core, ZERO + 7 * MS), 2);
    core_answered(f.core, 0, CORE_OLDEST, OUTCOME_SERVED, ZERO + 7 * MS);
    core_finish(f.core, ZERO + 10 * MS);
    assert_int_equal(counter_get(&f.tally->outcomes[OUTCOME_UNANSWERED]), 3);
    assert_int_equal(counter_get(&f.tally->outcomes[OUTCOME_SERVED]), 1);
    drop(&f);
}

/* Answers of all classes, resets, held lanes, an early end: sent is always the sum of the classes, each class is
 * what was put into it, and due is sent plus unsent. */
static void any_history_adds_up(void **state)
{
    enum { LANES = 5, DEPTH = 9 };
    struct rng r;

    (void)state;
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct fixture f = make(1000, LANES, DEPTH, 0);
        uint64_t expected[OUTCOME_COUNT] = {0}, now = ZERO;
        rng_seed(&r, seed, 0);
        core_start(f.core, ZERO, ZERO, ZERO + 500 * MS);
        for (int i = 0; i < 400; i++) {
            uint32_t lane = (uint32_t)rng_below(&r, LANES);
            now += rng_below(&r, 2 * MS);
            switch (rng_below(&r, 8)) {
            case 0:
                expected[OUTCOME_UNANSWERED] += core_in_flight(f.core, lane);
                core_lost(f.core, lane);
                break;
            case 1: core_release(f.core, lane, CORE_HOLD_DOWN, now); break;
            case 2: core_hold(f.core, lane, CORE_HOLD_OUTPUT); break;
            case 3: core_release(f.core, lane, CORE_HOLD_OUTPUT, now); break;
            case 4: take_due(f.core, now); break;
            default:
                if (core_in_flight(f.core, lane) == 0) break;
                enum outcome outcome = (enum outcome)rng_below(&r, OUTCOME_UNANSWERED);
                core_answered(f.core, lane, CORE_OLDEST, outcome, now);
                expected[outcome]++;
            }
            assert_int_equal(counter_get(&f.tally->sent),
                             tally_sum(f.tally->outcomes) + core_all_in_flight(f.core));
        }
        expected[OUTCOME_UNANSWERED] += core_all_in_flight(f.core);
        core_finish(f.core, now);
        for (unsigned o = 0; o < OUTCOME_COUNT; o++)
            assert_int_equal(counter_get(&f.tally->outcomes[o]), expected[o]);
        uint64_t end = now < ZERO + 500 * MS ? now : ZERO + 500 * MS, due = (end - ZERO + MS - 1) / MS;
        uint64_t all = counter_get(&f.tally->sent) + counter_get(&f.tally->unsent);
        assert_true(all + 1 >= due && all <= due + 1);
        drop(&f);
    }
}

static void a_sum_that_is_wrong_is_noticed(void **state)
{
    struct tally *t = calloc(1, sizeof *t);

    (void)state;
    assert_true(tally_accounted(t));
    counter_add(&t->sent, 1);
    assert_false(tally_accounted(t));
    counter_add(&t->outcomes[OUTCOME_ERROR], 1);
    assert_false(tally_accounted(t)); /* in no operation's count */
    counter_add(&t->by_op[OP_GET][OUTCOME_ERROR], 1);
    assert_true(tally_accounted(t));
    histogram_record(&t->accepted, 1);
    assert_false(tally_accounted(t));
    free(t);
}

static void merging_adds_up(void **state)
{
    struct fixture f = make(0, 1, 4, 0);
    struct tally *sum = calloc(1, sizeof *sum);

    (void)state;
    core_start(f.core, 0, 0, FOREVER);
    core_take(f.core, 0, OP_LEN, 0, 10);
    core_take(f.core, 0, OP_TOUCH, 0, 10);
    core_answered(f.core, 0, CORE_OLDEST, OUTCOME_LATE, 20);
    core_finish(f.core, 20);
    tally_merge(sum, f.tally);
    tally_merge(sum, f.tally);
    assert_true(tally_accounted(sum));
    assert_int_equal(counter_get(&sum->sent), 4);
    assert_int_equal(counter_get(&sum->by_op[OP_LEN][OUTCOME_LATE]), 2);
    assert_int_equal(counter_get(&sum->by_op[OP_TOUCH][OUTCOME_UNANSWERED]), 2);
    assert_int_equal(counter_get(&sum->in_window[OUTCOME_LATE]), 2);
    assert_int_equal(histogram_count(&sum->refused), 2);
    free(sum);
    drop(&f);
}

static void replies_fall_into_their_classes(void **state)
{
    static const struct {
        enum reply_kind kind;
        enum outcome outcome;
    } cases[] = {
        {REPLY_OK, OUTCOME_SERVED},  {REPLY_STORED, OUTCOME_SERVED},         {REPLY_VALUE, OUTCOME_SERVED},
        {REPLY_LEN, OUTCOME_SERVED}, {REPLY_NOT_FOUND, OUTCOME_NOT_FOUND},   {REPLY_CONFLICT, OUTCOME_ERROR},
        {REPLY_LATE, OUTCOME_LATE},  {REPLY_OVERLOADED, OUTCOME_OVERLOADED}, {REPLY_ERROR, OUTCOME_ERROR},
        {REPLY_BYE, OUTCOME_ERROR},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct reply reply = {.kind = cases[i].kind};
        assert_int_equal(outcome_of(&reply), cases[i].outcome);
    }
}

static void a_refused_request_is_tried_again_and_stays_one_request(void **state)
{
    static struct arrival_plan plan = {.law = ARRIVALS_CONSTANT, .count = 1, .steps = {{0, 1000}}};
    struct fixture f = {.tally = calloc(1, sizeof(struct tally))};
    struct core_options options = {.plan = &plan, .lanes = 1, .all_lanes = 1, .depth = 3, .retries = 2};
    struct flight again;

    (void)state;
    f.core = core_create(&options, f.tally);
    assert_non_null(f.core);
    core_start(f.core, ZERO, ZERO, ZERO + 3 * MS);
    assert_int_equal(take_due(f.core, ZERO + 2 * MS), 3); /* keys 0, 1, 2: the lane is full */
    assert_true(core_retried(f.core, 0, CORE_OLDEST, OUTCOME_OVERLOADED, ZERO + 2 * MS, &again));
    assert_true(again.key == 0 && again.op == OP_GET && again.tries == 1);
    assert_int_equal(core_in_flight(f.core, 0), 3);
    core_flushed(f.core, 0, ZERO + 2 * MS);
    assert_int_equal(histogram_count(&f.tally->lag), 3); /* the second try has no instant of its own */
    assert_false(core_retried(f.core, 0, CORE_OLDEST, OUTCOME_SERVED, ZERO + 2 * MS, &again));
    assert_int_equal(core_answered(f.core, 0, CORE_OLDEST, OUTCOME_SERVED, ZERO + 2 * MS).key, 1);
    assert_int_equal(core_answered(f.core, 0, CORE_OLDEST, OUTCOME_ERROR, ZERO + 2 * MS).key, 2);
    assert_true(core_retried(f.core, 0, CORE_OLDEST, OUTCOME_LATE, ZERO + 2 * MS, &again));
    assert_false(
        core_retried(f.core, 0, CORE_OLDEST, OUTCOME_OVERLOADED, ZERO + 2 * MS, &again)); /* often enough */
    assert_int_equal(core_answered(f.core, 0, CORE_OLDEST, OUTCOME_OVERLOADED, ZERO + 2 * MS).key, 0);
    assert_int_equal(counter_get(&f.tally->retried), 2);
    assert_int_equal(counter_get(&f.tally->sent), 3);
    assert_int_equal(counter_get(&f.tally->outcomes[OUTCOME_OVERLOADED]), 1);
    assert_true(histogram_max(&f.tally->refused) == 2 * MS); /* since it was first due */
    core_finish(f.core, ZERO + 3 * MS);
    drop(&f);
}

static void no_request_is_tried_again_after_the_end(void **state)
{
    static struct arrival_plan plan = {.law = ARRIVALS_CONSTANT, .count = 1, .steps = {{0, 1000}}};
    struct fixture f = {.tally = calloc(1, sizeof(struct tally))};
    struct core_options options = {.plan = &plan, .lanes = 1, .all_lanes = 1, .depth = 3, .retries = 2};
    struct flight again;

    (void)state;
    f.core = core_create(&options, f.tally);
    assert_non_null(f.core);
    core_start(f.core, ZERO, ZERO, ZERO + MS);
    assert_int_equal(take_due(f.core, ZERO), 1);
    assert_false(core_retried(f.core, 0, CORE_OLDEST, OUTCOME_OVERLOADED, ZERO + MS, &again));
    core_answered(f.core, 0, CORE_OLDEST, OUTCOME_OVERLOADED, ZERO + MS);
    core_finish(f.core, ZERO + MS);
    drop(&f);
}

/* Answered in any order, each as itself; the others keep theirs, and numbers are used again. */
static void answers_may_come_out_of_turn(void **state)
{
    enum { DEPTH = 50, ROUNDS = 2000 };
    struct fixture f = make(0, 1, DEPTH, 0);
    uint32_t keys[DEPTH], order[DEPTH], count = 0, next = 0; /* by number; numbers in flight, oldest first */
    struct rng rng;

    (void)state;
    rng_seed(&rng, 1, 1);
    core_start(f.core, 0, 0, FOREVER);
    for (int round = 0; round < ROUNDS; round++) {
        while (count < DEPTH && rng_below(&rng, 4) > 0) {
            uint32_t number = core_take(f.core, 0, OP_GET, next, (uint64_t)round);
            assert_true(number < DEPTH);
            for (uint32_t i = 0; i < count; i++)
                assert_int_not_equal(order[i], number);
            keys[number] = next++;
            order[count++] = number;
        }
        if (count == 0) continue;
        uint32_t at = (uint32_t)rng_below(&rng, count), number = order[at];
        assert_true(core_has(f.core, 0, number));
        assert_int_equal(core_is_oldest(f.core, 0, number), at == 0);
        if (at == 0) number = CORE_OLDEST;
        assert_int_equal(core_answered(f.core, 0, number, OUTCOME_LATE, (uint64_t)round).key, keys[order[at]]);
        assert_false(core_has(f.core, 0, order[at]));
        for (count--; at < count; at++)
            order[at] = order[at + 1];
        assert_int_equal(core_in_flight(f.core, 0), count);
    }
    assert_false(core_has(f.core, 0, DEPTH));
    assert_false(core_has(f.core, 0, CORE_OLDEST));
    core_finish(f.core, ROUNDS);
    drop(&f);
}

static void a_retry_out_of_turn_is_the_newest_under_its_number(void **state)
{
    static struct arrival_plan plan = {.law = ARRIVALS_CONSTANT, .count = 1, .steps = {{0, 1000}}};
    struct fixture f = {.tally = calloc(1, sizeof(struct tally))};
    struct core_options options = {.lanes = 1, .all_lanes = 1, .depth = 8, .seed = 42, .plan = &plan, .retries = 1};
    struct flight again;

    (void)state;
    f.core = core_create(&options, f.tally);
    assert_non_null(f.core);
    core_start(f.core, ZERO, ZERO, ZERO + 100 * MS);
    assert_int_equal(take_due(f.core, ZERO + 2 * MS), 3);
    assert_true(core_retried(f.core, 0, 1, OUTCOME_OVERLOADED, ZERO + 3 * MS, &again));
    assert_int_equal(again.key, 1);
    core_flushed(f.core, 0, ZERO + 3 * MS);
    assert_int_equal(histogram_count(&f.tally->lag), 3); /* it was in time when it was due */
    assert_false(core_retried(f.core, 0, 1, OUTCOME_OVERLOADED, ZERO + 3 * MS, &again));
    assert_int_equal(core_answered(f.core, 0, CORE_OLDEST, OUTCOME_SERVED, ZERO + 4 * MS).key, 0);
    assert_int_equal(core_answered(f.core, 0, CORE_OLDEST, OUTCOME_SERVED, ZERO + 4 * MS).key, 2);
    assert_int_equal(core_answered(f.core, 0, 1, OUTCOME_SERVED, ZERO + 4 * MS).key, 1);
    core_finish(f.core, ZERO + 4 * MS);
    drop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constant_arrivals_are_evenly_spaced_over_all_lanes),
        cmocka_unit_test(latency_counts_from_the_instant_due_and_late_sends_are_counted),
        cmocka_unit_test(a_send_just_within_the_limit_is_not_late),
        cmocka_unit_test(only_what_is_due_within_the_measured_time_is_measured),
        cmocka_unit_test(a_full_lane_takes_no_more_and_what_it_held_back_is_not_the_generators_fault),
        cmocka_unit_test(a_held_lane_does_not_hold_back_the_others),
        cmocka_unit_test(a_lane_that_is_never_up_leaves_its_requests_unsent),
        cmocka_unit_test(an_early_end_leaves_later_requests_out),
        cmocka_unit_test(a_count_ends_the_run_and_leaves_out_the_warm_up),
        cmocka_unit_test(the_closed_loop_keeps_depth_in_flight),
        cmocka_unit_test(a_lost_connection_leaves_its_requests_unanswered),
        cmocka_unit_test(a_refused_request_is_tried_again_and_stays_one_request),
        cmocka_unit_test(no_request_is_tried_again_after_the_end),
        cmocka_unit_test(any_history_adds_up),
        cmocka_unit_test(a_sum_that_is_wrong_is_noticed),
        cmocka_unit_test(merging_adds_up),
        cmocka_unit_test(replies_fall_into_their_classes),
        cmocka_unit_test(answers_may_come_out_of_turn),
        cmocka_unit_test(a_retry_out_of_turn_is_the_newest_under_its_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
