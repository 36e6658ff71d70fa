/* The gate by hand: every verdict, who leaves for whom, deadlines, hints, the window, several gates at one station.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "daemon/admit/gate.h"
#include "daemon/base/fault.h"

#define US    1000ULL
#define MS    1000000ULL
#define COST  (100 * US) /* of a call, by estimate */
#define CALLS 400
#define GATES 3

struct fixture {
    struct gate_station station;
    struct gate gates[GATES];
    struct gate_stats *stats;
    struct costs costs;
    struct ring *ring;
    struct task tasks[CALLS];
    size_t used;
    struct task *sent[CALLS]; /* to the backend and not yet back, oldest first */
    size_t sent_count;
    uint64_t now_ns;
};

static struct fixture *fixture_create(bool in_place, uint32_t gates)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->now_ns = 1000 * MS;
    f->stats = calloc(GATES, sizeof *f->stats);
    f->ring = ring_create(CALLS);
    f->station = (struct gate_station){.gates = gates, .degree = 1, .ring = in_place ? NULL : f->ring};
    costs_init(&f->costs);
    counter_set(&f->costs.mean_ns, COST);
    for (uint32_t i = 0; i < GATES; i++) {
        struct gate_options options = {
            .station = &f->station, .lane = i, .costs = &f->costs, .in_place = in_place, .stats = &f->stats[i]};
        gate_init(&f->gates[i], &options);
        gate_tune(&f->gates[i], &policy_reject, 8, 0);
    }
    for (int i = 0; i < CALLS; i++)
        task_init(&f->tasks[i]);
    return f;
}

static int setup(void **state)
{
    *state = fixture_create(false, 1);
    return 0;
}

static int setup_in_place(void **state)
{
    *state = fixture_create(true, 1);
    return 0;
}

static int setup_many(void **state)
{
    *state = fixture_create(false, GATES);
    return 0;
}

static void forget(struct task *task)
{
    (void)task;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < GATES; i++)
        gate_free(&f->gates[i], forget);
    assert_int_equal(atomic_load(&f->station.lined), 0);
    ring_destroy(f->ring);
    free(f->stats);
    free(f);
    return 0;
}

static struct task *call_of(struct fixture *f, uint64_t conn, enum priority priority)
{
    assert_true(f->used < CALLS);
    struct task *task = &f->tasks[f->used++];
    task->conn = conn;
    task->call.request.op = OP_GET;
    task->call.request.priority = priority;
    task->arrived_ns = f->now_ns;
    return task;
}

static void send(struct fixture *f, struct gate *g, struct task *task)
{
    assert_true(ring_push(f->ring, task));
    gate_sent(g, task);
    f->sent[f->sent_count++] = task;
}

/* As an I/O thread does it. */
static enum gate_verdict submit(struct fixture *f, struct gate *g, struct task *task)
{
    enum gate_verdict verdict = gate_judge(g, task, f->now_ns);
    if (verdict == GATE_LINE || (verdict == GATE_HOLD && gate_hold(g))) return gate_enter(g, task, f->now_ns);
    if (verdict == GATE_REFUSE || verdict == GATE_LATE) gate_refuse(g, task, verdict, f->now_ns);
    if (verdict != GATE_PASS) return verdict;
    gate_pass(g, task, f->now_ns);
    if (!g->options.in_place) send(f, g, task);
    return verdict;
}

static enum gate_verdict submit_one(struct fixture *f, uint64_t conn, enum priority priority)
{
    return submit(f, &f->gates[0], call_of(f, conn, priority));
}

static struct task *latest(struct fixture *f)
{
    return &f->tasks[f->used - 1];
}

/* What the gate has for the backend. */
static size_t serve(struct fixture *f, struct gate *g)
{
    struct task *task;
    size_t count = 0;
    while ((task = gate_next(g, f->now_ns)) != NULL) {
        send(f, g, task);
        count++;
    }
    return count;
}

/* The backend begins on its oldest call, and gives it back after `took_ns`. */
static struct task *give_back(struct fixture *f, struct gate *g, uint64_t took_ns)
{
    void *taken;
    assert_int_equal(ring_pop(f->ring, &taken, 1), 1);
    struct task *task = taken;
    assert_ptr_equal(task, f->sent[0]);
    memmove(f->sent, f->sent + 1, --f->sent_count * sizeof f->sent[0]);
    task->taken_ns = f->now_ns;
    f->now_ns += took_ns;
    task->done_ns = f->now_ns;
    task->call.reply.kind = REPLY_OK;
    gate_returned(g, task, f->now_ns);
    return task;
}

static size_t count_of(struct task *tasks)
{
    size_t count = 0;
    for (; tasks; tasks = tasks->next)
        count++;
    return count;
}

/* Fills the gate to its bound with calls of connections 1, 2, ... */
static void fill(struct fixture *f, enum priority priority)
{
    while (gate_station_depth(&f->station) < f->gates[0].bound)
        assert_true(submit_one(f, f->used + 1, priority) <= GATE_LINE);
}

/* ---- by count ---- */

static void two_pass_and_the_bound_is_exact(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 8; i++)
        assert_int_equal(submit_one(f, i, PRIORITY_NORMAL), i < 2 ? GATE_PASS : GATE_LINE);
    assert_int_equal(submit_one(f, 9, PRIORITY_NORMAL), GATE_REFUSE);
    assert_int_equal(latest(f)->call.reply.kind, REPLY_OVERLOADED);
    assert_in_range(latest(f)->call.reply.number, 1, 2);
    assert_int_equal(counter_get(&f->stats[0].deepest), 8);
    /* What is executed does not wait any more. */
    void *taken;
    ring_pop(f->ring, &taken, 1);
    assert_int_equal(submit_one(f, 10, PRIORITY_NORMAL), GATE_LINE);
    assert_int_equal(submit_one(f, 11, PRIORITY_NORMAL), GATE_REFUSE);
}

static void a_bound_of_one(void **state)
{
    struct fixture *f = *state;
    gate_tune(&f->gates[0], &policy_reject, 1, 0);
    assert_int_equal(submit_one(f, 1, PRIORITY_NORMAL), GATE_PASS);
    assert_int_equal(submit_one(f, 1, PRIORITY_NORMAL), GATE_REFUSE);
    give_back(f, &f->gates[0], COST);
    assert_int_equal(submit_one(f, 1, PRIORITY_NORMAL), GATE_PASS);
}

static void no_memory_to_wait(void **state)
{
    struct fixture *f = *state;
    submit_one(f, 1, PRIORITY_NORMAL);
    submit_one(f, 2, PRIORITY_NORMAL);
    fault_arm(FAULT_CALL_ALLOC, 1, 1);
    assert_int_equal(submit_one(f, 3, PRIORITY_NORMAL), GATE_REFUSE);
    assert_int_equal(latest(f)->call.reply.kind, REPLY_ERROR);
    assert_int_equal(latest(f)->call.reply.error, ERR_OUT_OF_MEMORY);
    assert_int_equal(atomic_load(&f->station.lined), 0);
    fault_disarm_all();
    assert_int_equal(submit_one(f, 3, PRIORITY_NORMAL), GATE_LINE);
}

/* What gates with the same line look like, byte by byte. */
struct image {
    struct gate gate;
    struct gate_station station;
    struct gate_stats stats;
    struct line_flow *flows;
};

static struct image take_image(struct fixture *f)
{
    struct image image;
    const struct line *l = &f->gates[0].line;
    memcpy(&image.gate, &f->gates[0], sizeof image.gate);
    memcpy(&image.station, &f->station, sizeof image.station);
    memcpy(&image.stats, &f->stats[0], sizeof image.stats);
    image.flows = malloc((l->flow_room + 1) * sizeof *image.flows);
    if (l->flow_room > 0) memcpy(image.flows, l->flows, l->flow_room * sizeof *l->flows);
    return image;
}

static void expect_image(struct fixture *f, struct image image)
{
    const struct line *l = &f->gates[0].line;
    assert_memory_equal(&image.gate, &f->gates[0], sizeof image.gate);
    assert_memory_equal(&image.station, &f->station, sizeof image.station);
    assert_memory_equal(&image.stats, &f->stats[0], sizeof image.stats);
    if (l->flow_room > 0) assert_memory_equal(image.flows, l->flows, l->flow_room * sizeof *l->flows);
    free(image.flows);
}

static enum gate_verdict judge_and_compare(struct fixture *f, uint64_t conn, enum priority priority,
                                           uint64_t deadline_ms)
{
    struct task *task = call_of(f, conn, priority);
    task->call.request.deadline_ms = deadline_ms;
    f->now_ns += 30 * MS; /* now and then a new interval of rates would begin */
    task->arrived_ns = f->now_ns;
    struct image before = take_image(f);
    enum gate_verdict verdict = gate_judge(&f->gates[0], task, f->now_ns);
    assert_int_equal(task->call.reply.kind, REPLY_NONE);
    assert_int_equal(gate_judge(&f->gates[0], task, f->now_ns), verdict);
    expect_image(f, before);
    f->used--;
    task_clear(task);
    return verdict;
}

/* Every verdict, by every policy: asking for it changes nothing, however often. */
static void to_judge_is_to_ask(void **state)
{
    struct fixture *f = *state;
    static const enum priority priorities[] = {PRIORITY_CRITICAL, PRIORITY_NORMAL, PRIORITY_SHEDDABLE};
    for (int id = POLICY_WAIT; id < POLICY_COUNT; id++) {
        const struct admit_policy *policy = admit_policy((enum policy_id)id);
        unsigned seen = 0;
        gate_tune(&f->gates[0], policy, 20, 0);
        for (bool full = false;;) {
            for (int i = 0; i < 3; i++) {
                seen |= 1U << judge_and_compare(f, 1, priorities[i], 0);    /* has some waiting */
                seen |= 1U << judge_and_compare(f, 1000, priorities[i], 0); /* has none */
                seen |= 1U << judge_and_compare(f, 1, priorities[i], 1);
            }
            if (full) break;
            full = submit_one(f, f->used % 3, PRIORITY_NORMAL) > GATE_LINE || gate_station_depth(&f->station) == 20;
        }
        unsigned when_full = policy->when_full == ADMIT_HOLD ? GATE_HOLD : GATE_REFUSE;
        assert_int_equal(seen, 1U << GATE_PASS | 1U << GATE_LINE | 1U << GATE_LATE | 1U << when_full);
        while (f->sent_count > 0) {
            give_back(f, &f->gates[0], 0);
            serve(f, &f->gates[0]);
        }
        assert_null(gate_answered(&f->gates[0]));
    }
}

/* ---- who leaves for whom ---- */

static void a_higher_class_supplants_the_newest_of_the_lowest(void **state)
{
    struct fixture *f = *state;
    submit_one(f, 1, PRIORITY_NORMAL);
    submit_one(f, 2, PRIORITY_NORMAL);
    submit_one(f, 3, PRIORITY_SHEDDABLE);
    struct task *victim = latest(f);
    fill(f, PRIORITY_NORMAL);
    assert_int_equal(submit_one(f, 70, PRIORITY_SHEDDABLE), GATE_REFUSE);
    assert_int_equal(submit_one(f, 71, PRIORITY_NORMAL), GATE_LINE);
    struct task *answered = gate_answered(&f->gates[0]);
    assert_ptr_equal(answered, victim);
    assert_null(answered->next);
    assert_int_equal(answered->call.reply.kind, REPLY_OVERLOADED);
    assert_null(gate_answered(&f->gates[0]));
    assert_int_equal(submit_one(f, 72, PRIORITY_NORMAL), GATE_REFUSE);
    struct task *newest = &f->tasks[f->used - 2]; /* of 71 */
    assert_int_equal(submit_one(f, 73, PRIORITY_CRITICAL), GATE_LINE);
    assert_ptr_equal(gate_answered(&f->gates[0]), newest);
    assert_int_equal(counter_get(&f->stats[0].supplanted), 2);
    assert_int_equal(gate_station_depth(&f->station), 8);
}

static void the_greedy_make_room_for_the_modest(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 8; i++)
        submit_one(f, 1, PRIORITY_NORMAL);
    struct task *newest = latest(f);
    assert_int_equal(submit_one(f, 1, PRIORITY_NORMAL), GATE_REFUSE); /* not for himself */
    assert_int_equal(submit_one(f, 2, PRIORITY_NORMAL), GATE_LINE);
    assert_ptr_equal(gate_answered(&f->gates[0]), newest);
    /* Now 5 wait of one and 1 of the other, then 4 and 2: no greed any more. */
    assert_int_equal(submit_one(f, 2, PRIORITY_NORMAL), GATE_LINE);
    assert_int_equal(submit_one(f, 2, PRIORITY_NORMAL), GATE_REFUSE);
    /* But who has nothing waiting has more right to a place than who has two. */
    assert_int_equal(submit_one(f, 3, PRIORITY_NORMAL), GATE_LINE);
    assert_int_equal(submit_one(f, 4, PRIORITY_NORMAL), GATE_LINE);
    assert_int_equal(counter_get(&f->stats[0].supplanted), 4);
}

/* A connection that calls all it sends critical has a claim to many places at first; beyond a quarter of what is
 * served, its calls are normal ones, and it is the one that claims most. */
static void the_critical_leave_some_room_to_the_modest(void **state)
{
    struct fixture *f = *state;
    gate_tune(&f->gates[0], &policy_reject, 20, 0);
    for (int i = 0; i < 20; i++)
        submit_one(f, 1, PRIORITY_CRITICAL);
    struct task *newest = latest(f);
    assert_int_equal(newest->call.request.priority, PRIORITY_NORMAL);
    assert_int_equal(submit_one(f, 2, PRIORITY_NORMAL), GATE_LINE);
    assert_ptr_equal(gate_answered(&f->gates[0]), newest);
    assert_int_equal(submit_one(f, 3, PRIORITY_NORMAL), GATE_REFUSE);
    for (int i = 0; i < 10; i++) {
        give_back(f, &f->gates[0], COST);
        serve(f, &f->gates[0]);
        submit_one(f, 1, PRIORITY_CRITICAL);
    }
    for (uint64_t conn = 4; conn < 12; conn++)
        assert_int_equal(submit_one(f, conn, PRIORITY_NORMAL), GATE_LINE);
}

/* Fewer places than connections, each of which has one call at a time and comes back at once when it is refused:
 * each is served soon, and none much more often than others. */
static void a_place_for_each_before_a_second_for_any(void **state)
{
    enum { CONNS = 12, ROUNDS = 20 };
    struct fixture *f = *state;
    int served[CONNS] = {0};
    bool waits[CONNS] = {false};
    gate_tune(&f->gates[0], &policy_reject, 4, 0);
    submit_one(f, 100, PRIORITY_NORMAL); /* somebody keeps the backend busy, so that all others wait */
    submit_one(f, 100, PRIORITY_NORMAL);
    for (int i = 0; i < CONNS * ROUNDS; i++) {
        for (uint64_t conn = 0; conn < CONNS; conn++) { /* always in this order: the last find the places taken */
            if (waits[conn]) continue;
            f->used = 2 + CONNS; /* the tasks of connections that were answered are used again */
            struct task *task = &f->tasks[2 + conn];
            task_clear(task);
            task->conn = conn;
            task->call.request.op = OP_GET;
            task->call.request.priority = PRIORITY_NORMAL;
            task->arrived_ns = f->now_ns;
            waits[conn] = submit(f, &f->gates[0], task) == GATE_LINE;
            for (struct task *out = gate_answered(&f->gates[0]); out; out = out->next)
                waits[out->conn] = false;
        }
        struct task *done = give_back(f, &f->gates[0], COST);
        if (done->conn < CONNS) {
            served[done->conn]++;
            waits[done->conn] = false;
        }
        serve(f, &f->gates[0]);
        for (int conn = 0; conn < CONNS && i == 2 * CONNS; conn++)
            assert_true(served[conn] > 0);
    }
    for (int conn = 0; conn < CONNS; conn++)
        assert_in_range(served[conn], ROUNDS * 2 / 3, ROUNDS * 4 / 3);
}

/* A connection that takes the slot of another does not take over what that one has used. */
static void a_slot_is_taken_over(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 6; i++)
        submit_one(f, 7, PRIORITY_NORMAL);
    while (f->sent_count > 0) {
        give_back(f, &f->gates[0], COST);
        serve(f, &f->gates[0]);
    }
    assert_int_equal(line_claim_of(&f->gates[0].line, 7), 4 * COST); /* two passed by the line */
    assert_int_equal(line_claim_of(&f->gates[0].line, 1ULL << 32 | 7), 0);
    for (int i = 0; i < 3; i++)
        submit_one(f, 1ULL << 32 | 7, PRIORITY_NORMAL);
    assert_int_equal(line_claim_of(&f->gates[0].line, 1ULL << 32 | 7), COST);
}

static void drop_oldest_drops_the_oldest(void **state)
{
    struct fixture *f = *state;
    gate_tune(&f->gates[0], &policy_drop_oldest, 8, 0);
    fill(f, PRIORITY_NORMAL);
    for (int i = 2; i < 6; i++) { /* the first two are with the backend */
        assert_int_equal(submit_one(f, f->used + 1, PRIORITY_NORMAL), GATE_LINE);
        struct task *answered = gate_answered(&f->gates[0]);
        assert_ptr_equal(answered, &f->tasks[i]);
        assert_int_equal(answered->call.reply.kind, REPLY_OVERLOADED);
    }
    /* But none of a higher class. */
    assert_int_equal(submit_one(f, 500, PRIORITY_SHEDDABLE), GATE_REFUSE);
    /* Who comes often takes the place of another once, then his own. */
    for (int i = 0; i < 6; i++) {
        assert_int_equal(submit_one(f, 300, PRIORITY_NORMAL), GATE_LINE);
        assert_int_equal(gate_answered(&f->gates[0])->conn == 300, i > 0);
    }
    assert_int_equal(line_backlog_of(&f->gates[0].line, 300), COST);
}

/* By time, a critical call that finds nobody to give way may wait longer than others. */
static void the_critical_have_more_time(void **state)
{
    struct fixture *f = *state;
    gate_tune(&f->gates[0], &policy_reject, 100, MS);
    int normal = 0, critical = 0;
    while (submit_one(f, f->used + 1, PRIORITY_CRITICAL) != GATE_REFUSE)
        critical++;
    assert_int_equal(submit_one(f, 1000, PRIORITY_NORMAL), GATE_REFUSE);
    assert_int_equal(critical, 40);
    while (f->sent_count > 0) {
        give_back(f, &f->gates[0], 0);
        serve(f, &f->gates[0]);
    }
    while (submit_one(f, f->used + 1, PRIORITY_NORMAL) != GATE_REFUSE)
        normal++;
    assert_int_equal(normal, 10);
}

/* ---- holding ---- */

static void wait_holds_and_never_refuses(void **state)
{
    struct fixture *f = *state;
    gate_tune(&f->gates[0], &policy_wait, 8, 0);
    fill(f, PRIORITY_SHEDDABLE);
    struct task *held = call_of(f, 9, PRIORITY_CRITICAL);
    assert_int_equal(submit(f, &f->gates[0], held), GATE_HOLD);
    /* Even where another thread takes the last place between the two steps, nobody is turned out. */
    assert_int_equal(gate_enter(&f->gates[0], held, f->now_ns), GATE_HOLD);
    assert_null(gate_answered(&f->gates[0]));
    assert_int_equal(held->call.reply.kind, REPLY_NONE);
    give_back(f, &f->gates[0], COST);
    assert_int_equal(submit(f, &f->gates[0], held), GATE_LINE);
}

/* Who holds calls for want of room is told by whoever makes room, once. */
static void the_starved_are_told(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < GATES; i++)
        gate_tune(&f->gates[i], &policy_wait, 8, 0);
    fill(f, PRIORITY_NORMAL);
    struct task *held[GATES];
    for (int i = 1; i < GATES; i++) {
        f->gates[i].line.count += 8; /* it has had its share */
        held[i] = call_of(f, 50, PRIORITY_NORMAL);
        assert_int_equal(submit(f, &f->gates[i], held[i]), GATE_HOLD);
        f->gates[i].line.count -= 8;
    }
    assert_int_equal(gate_others_starved(&f->gates[0]), 0); /* there is no room yet */
    give_back(f, &f->gates[0], COST);
    assert_int_equal(gate_others_starved(&f->gates[0]), 1 << 1 | 1 << 2);
    assert_int_equal(gate_others_starved(&f->gates[0]), 0);
    assert_int_equal(submit(f, &f->gates[1], held[1]), GATE_PASS);
    f->gates[2].line.count += 8;
    assert_int_equal(submit(f, &f->gates[2], held[2]), GATE_HOLD); /* too late: it is starved again */
    f->gates[2].line.count -= 8;
    give_back(f, &f->gates[0], COST);
    assert_int_equal(gate_others_starved(&f->gates[2]), 0); /* oneself is no other */
    gate_returned(&f->gates[1], f->sent[f->sent_count - 1], f->now_ns);
    f->gates[1].out = 0;
}

static void several_gates_share_the_bound(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < GATES; i++)
        gate_tune(&f->gates[i], &policy_reject, 30, 0);
    int let_in[GATES] = {0};
    for (int i = 0; i < 120; i++)
        let_in[i % GATES] += submit(f, &f->gates[i % GATES], call_of(f, i, PRIORITY_NORMAL)) != GATE_REFUSE;
    for (int i = 0; i < GATES; i++)
        assert_int_equal(let_in[i], 10);
    assert_int_equal(gate_station_depth(&f->station), 30);
    for (int i = 0; i < GATES; i++)
        f->gates[i].out = 0;
}

/* ---- deadlines ---- */

static void too_late_at_the_door(void **state)
{
    struct fixture *f = *state;
    gate_tune(&f->gates[0], &policy_reject, 100, 0);
    for (int i = 0; i < 30; i++)
        submit_one(f, i, PRIORITY_NORMAL); /* three milliseconds of work */
    for (uint64_t deadline_ms = 1; deadline_ms <= 4; deadline_ms++) {
        struct task *task = call_of(f, 1000, PRIORITY_NORMAL);
        task->call.request.deadline_ms = deadline_ms;
        bool late = deadline_ms < 3;
        assert_int_equal(gate_judge(&f->gates[0], task, f->now_ns), late ? GATE_LATE : GATE_LINE);
        assert_int_equal(task->call.reply.kind, REPLY_NONE);
        assert_int_equal(submit(f, &f->gates[0], task), late ? GATE_LATE : GATE_LINE);
        assert_int_equal(task->call.reply.kind, late ? REPLY_LATE : REPLY_NONE);
    }
    /* What it has waited already counts. */
    struct task *task = call_of(f, 1001, PRIORITY_NORMAL);
    task->call.request.deadline_ms = 10;
    task->arrived_ns -= 8 * MS;
    assert_int_equal(submit(f, &f->gates[0], task), GATE_LATE);
    assert_int_equal(counter_get(&f->stats[0].late), 3);
}

static void too_late_on_leaving_and_at_the_worker(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 6; i++) {
        struct task *task = call_of(f, i, PRIORITY_NORMAL);
        task->call.request.deadline_ms = i == 3 ? 5 : 0;
        submit(f, &f->gates[0], task);
    }
    f->now_ns += 5 * MS + 1;
    give_back(f, &f->gates[0], 0);
    struct task *late = f->sent[0]; /* this one, the backend finds too late */
    void *taken;
    ring_pop(f->ring, &taken, 1);
    late->taken_ns = late->done_ns = f->now_ns;
    late->call.reply.kind = REPLY_LATE;
    gate_returned(&f->gates[0], late, f->now_ns);
    f->sent_count = 0;
    assert_int_equal(serve(f, &f->gates[0]), 3);
    assert_ptr_equal(f->sent[1], &f->tasks[4]);
    struct task *answered = gate_answered(&f->gates[0]);
    assert_ptr_equal(answered, &f->tasks[3]);
    assert_int_equal(answered->call.reply.kind, REPLY_LATE);
    assert_int_equal(counter_get(&f->stats[0].late), 2);
    assert_int_equal(counter_get(&f->stats[0].expired), 1);
    gate_publish(&f->gates[0]);
    assert_int_equal(histogram_count(&f->stats[0].sojourn_ns), 1); /* only what was executed */
}

/* ---- staleness ---- */

/* The oldest of all is asked first, whoever's turn it is. */
static void the_stale_are_answered_oldest_first(void **state)
{
    struct fixture *f = *state;
    gate_tune(&f->gates[0], &policy_codel, 100, MS);
    for (int i = 0; i < 10; i++) {
        submit_one(f, 1, PRIORITY_NORMAL);
        f->now_ns += MS;
    }
    submit_one(f, 2, PRIORITY_NORMAL);
    f->gates[0].state.codel.overloaded = true;
    f->gates[0].state.codel.interval_end_ns = f->now_ns + MS;
    give_back(f, &f->gates[0], 0);
    assert_int_equal(serve(f, &f->gates[0]), 1);
    struct task *answered = gate_answered(&f->gates[0]);
    assert_int_equal(count_of(answered), 6); /* those older than two milliseconds; two more are with the backend */
    for (size_t i = 2; answered; answered = answered->next, i++)
        assert_ptr_equal(answered, &f->tasks[i]);
    assert_int_equal(counter_get(&f->stats[0].stale), 6);
}

/* ---- the window ---- */

/* The backend runs dry while calls wait: it is given more. Where it never does, the window shrinks again. */
static void the_window_follows_the_need(void **state)
{
    struct fixture *f = *state;
    struct gate *g = &f->gates[0];
    gate_tune(g, &policy_reject, 200, 0);
    for (int i = 0; i < 150; i++)
        submit_one(f, i, PRIORITY_NORMAL);
    size_t expected = 2;
    for (int round = 0; round < 12; round++) {
        assert_int_equal(f->sent_count, expected);
        while (f->sent_count > 0)
            give_back(f, g, 1);
        serve(f, g);
        expected += (expected + 7) / 8;
        if (expected > 12) expected = 12;
    }
    for (int i = 0; i < 270; i++) { /* one by one */
        give_back(f, g, 1);
        serve(f, g);
        if (f->gates[0].line.count < 5)
            for (int j = 0; j < 100 && f->used < CALLS; j++)
                submit_one(f, j, PRIORITY_NORMAL);
    }
    assert_int_equal(g->window, 10); /* once: 12 less an eighth */
}

/* Where calls of other gates would go before them, critical calls are not kept back for the window. */
static void the_critical_go_beyond_the_window(void **state)
{
    struct fixture *f = *state;
    gate_tune(&f->gates[0], &policy_reject, 100, 0);
    fill(f, PRIORITY_NORMAL);
    assert_int_equal(f->sent_count, 2);
    for (int i = 0; i < 10; i++)
        submit_one(f, 1000 + (uint64_t)i, PRIORITY_CRITICAL);
    serve(f, &f->gates[0]);
    assert_int_equal(f->sent_count, 8);
    for (size_t i = 2; i < f->sent_count; i++)
        assert_int_equal(f->sent[i]->call.request.priority, PRIORITY_CRITICAL);
}

static void the_window_is_never_larger_than_the_ring_has_room_for(void **state)
{
    struct fixture *f = *state;
    counter_set(&f->costs.mean_ns, 1);
    f->gates[0].window = 100000;
    f->gates[0].returned = true;
    serve(f, &f->gates[0]);
    assert_int_equal(f->gates[0].window, GATE_WINDOW_MOST);
}

/* ---- in place ---- */

static void in_place_there_is_a_budget_of_time(void **state)
{
    struct fixture *f = *state;
    struct gate *g = &f->gates[0];
    gate_tune(g, &policy_reject, 4, 0);
    int passed = 0;
    for (int i = 0; i < 8; i++) {
        enum gate_verdict verdict = submit_one(f, i, PRIORITY_NORMAL);
        assert_int_equal(verdict, i < 2 ? GATE_PASS : i < 6 ? GATE_LINE : GATE_REFUSE);
        if (verdict != GATE_PASS) continue;
        latest(f)->taken_ns = f->now_ns;
        latest(f)->done_ns = f->now_ns += COST;
        struct task *task = latest(f);
        gate_executed(g, &task, 1, f->now_ns);
        passed++;
    }
    assert_int_equal(passed, 2); /* 200 us a turn */
    assert_null(gate_next(g, f->now_ns));
    assert_true(gate_has_more(g));
    gate_begin_turn(g);
    assert_ptr_equal(gate_next(g, f->now_ns), &f->tasks[2]);
}

/* ---- changes while it runs ---- */

static void a_change_of_rules_loses_nobody(void **state)
{
    struct fixture *f = *state;
    static const struct admit_policy *const policies[] = {&policy_wait,   &policy_codel,   &policy_drop_oldest,
                                                          &policy_reject, &policy_rfc8289, &policy_adaptive};
    for (int i = 0; i < 6; i++) {
        gate_tune(&f->gates[0], &policy_reject, 8, 0);
        fill(f, PRIORITY_NORMAL);
        memset(&f->gates[0].state, 0xff, sizeof f->gates[0].state);
        gate_tune(&f->gates[0], policies[i], 1, MS);
        struct admit_state zero = {0};
        if (policies[i] != &policy_reject) assert_memory_equal(&f->gates[0].state, &zero, sizeof zero);
        assert_int_equal(gate_station_depth(&f->station), 8);
        if (policies[i]->when_full == ADMIT_REFUSE)
            assert_int_equal(submit_one(f, f->used, PRIORITY_NORMAL), GATE_REFUSE);
        size_t returned = 0;
        while (f->sent_count > 0) {
            give_back(f, &f->gates[0], 1);
            serve(f, &f->gates[0]);
            returned++;
        }
        assert_int_equal(returned, 8);
        assert_null(gate_answered(&f->gates[0]));
    }
}

static void count_dropped(struct task *task)
{
    task->call.reply.kind = REPLY_BYE;
}

static void what_still_waits_is_handed_over_in_the_end(void **state)
{
    struct fixture *f = *state;
    fill(f, PRIORITY_NORMAL);
    submit_one(f, 1000, PRIORITY_CRITICAL); /* supplants one, whose answer nobody takes */
    gate_free(&f->gates[0], count_dropped);
    size_t dropped = 0;
    for (size_t i = 0; i < f->used; i++)
        dropped += f->tasks[i].call.reply.kind == REPLY_BYE;
    assert_int_equal(dropped, 7); /* two are with the backend */
    assert_int_equal(atomic_load(&f->station.lined), 0);
}

/* ---- hints and estimates ---- */

/* A hint is the time that the backlog takes, times how many want its places; a second at most. */
static void hints_grow_with_backlog_and_demand(void **state)
{
    struct fixture *f = *state;
    gate_tune(&f->gates[0], &policy_reject, 100, 0);
    fill(f, PRIORITY_NORMAL);
    submit_one(f, 1, PRIORITY_NORMAL);
    assert_int_equal(latest(f)->call.reply.number, 11); /* 100 calls of 100 us */
    f->gates[0].excess = 10 * 4096;
    submit_one(f, 1, PRIORITY_NORMAL);
    assert_int_equal(latest(f)->call.reply.number, 101);
    f->gates[0].excess = 1000 * 4096;
    submit_one(f, 1, PRIORITY_NORMAL);
    assert_int_equal(latest(f)->call.reply.number, 1000);
}

/* Operations take much longer than anybody knows: until the first comes back, a hint is how long that has been
 * waited for. */
static void hints_grow_while_nothing_comes_back(void **state)
{
    struct fixture *f = *state;
    struct gate *g = &f->gates[0];
    counter_set(&f->costs.mean_ns, COSTS_FIRST_NS);
    fill(f, PRIORITY_NORMAL);
    submit_one(f, 1, PRIORITY_NORMAL);
    assert_int_equal(latest(f)->call.reply.number, 1);
    for (int64_t waited_ms = 100; waited_ms <= 900; waited_ms += 100) {
        f->now_ns += 100 * MS;
        submit_one(f, 1, PRIORITY_NORMAL);
        assert_int_equal(latest(f)->call.reply.number, waited_ms + 1);
    }
    f->now_ns += 10000 * MS;
    submit_one(f, 1, PRIORITY_NORMAL);
    assert_int_equal(latest(f)->call.reply.number, 1000); /* the most that is ever said */
    give_back(f, g, 0);
    serve(f, g);
    fill(f, PRIORITY_NORMAL);
    submit_one(f, 1, PRIORITY_NORMAL);
    assert_in_range(latest(f)->call.reply.number, 1, 20); /* something did */
    while (f->sent_count > 0) {
        give_back(f, g, 0);
        serve(f, g);
    }
    f->now_ns += 500 * MS; /* nothing was there to come back */
    fill(f, PRIORITY_NORMAL);
    submit_one(f, 1, PRIORITY_NORMAL);
    assert_in_range(latest(f)->call.reply.number, 1, 20);
}

/* Where waits turn out three times as long as estimated, estimates are taken three times as high. */
static void estimates_learn(void **state)
{
    struct fixture *f = *state;
    struct gate *g = &f->gates[0];
    gate_tune(g, &policy_reject, 100, 0);
    for (int i = 0; i < 300; i++) {
        while (g->line.count < 10)
            submit_one(f, f->used, PRIORITY_NORMAL);
        give_back(f, g, 3 * COST);
        serve(f, g);
    }
    assert_in_range(g->stretch, 4096 * 5 / 2, 4096 * 7 / 2);
}

#define TEST(name_)          cmocka_unit_test_setup_teardown(name_, setup, teardown)
#define TEST_IN_PLACE(name_) cmocka_unit_test_setup_teardown(name_, setup_in_place, teardown)
#define TEST_MANY(name_)     cmocka_unit_test_setup_teardown(name_, setup_many, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(two_pass_and_the_bound_is_exact),
        TEST(a_bound_of_one),
        TEST(no_memory_to_wait),
        TEST(to_judge_is_to_ask),
        TEST(a_higher_class_supplants_the_newest_of_the_lowest),
        TEST(the_greedy_make_room_for_the_modest),
        TEST(the_critical_leave_some_room_to_the_modest),
        TEST(a_place_for_each_before_a_second_for_any),
        TEST(a_slot_is_taken_over),
        TEST(drop_oldest_drops_the_oldest),
        TEST(the_critical_have_more_time),
        TEST(wait_holds_and_never_refuses),
        TEST_MANY(the_starved_are_told),
        TEST_MANY(several_gates_share_the_bound),
        TEST(too_late_at_the_door),
        TEST(too_late_on_leaving_and_at_the_worker),
        TEST(the_stale_are_answered_oldest_first),
        TEST(the_window_follows_the_need),
        TEST_MANY(the_critical_go_beyond_the_window),
        TEST(the_window_is_never_larger_than_the_ring_has_room_for),
        TEST_IN_PLACE(in_place_there_is_a_budget_of_time),
        TEST(a_change_of_rules_loses_nobody),
        TEST(what_still_waits_is_handed_over_in_the_end),
        TEST(hints_grow_with_backlog_and_demand),
        TEST(hints_grow_while_nothing_comes_back),
        TEST(estimates_learn),
    };
    return cmocka_run_group_tests_name("gate", tests, NULL, NULL);
}
