/* The waiting line: against a naive model over long random histories, and whose turn it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "bench/common/rng.h"
#include "daemon/admit/line.h"
#include "daemon/base/fault.h"

#define CALLS 600

struct fixture {
    struct line line;
    struct task tasks[CALLS];
    size_t used;
    struct task *in[CALLS]; /* the model: what is in the line, oldest first */
    size_t count;
    struct rng rng;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    line_init(&f->line);
    for (int i = 0; i < CALLS; i++)
        task_init(&f->tasks[i]);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    line_free(&f->line);
    free(f);
    return 0;
}

static struct task *add(struct fixture *f, uint64_t conn, uint64_t cost_ns, enum priority priority)
{
    struct task *task = &f->tasks[f->used++ % CALLS];
    task->conn = conn;
    task->wait.cost_ns = cost_ns;
    task->call.request.priority = priority;
    assert_true(line_add(&f->line, task));
    f->in[f->count++] = task;
    return task;
}

static void take_out(struct fixture *f, struct task *task, bool served)
{
    size_t at = 0;
    while (f->in[at] != task)
        at++;
    assert_true(at < f->count);
    memmove(&f->in[at], &f->in[at + 1], (f->count - at - 1) * sizeof f->in[0]);
    f->count--;
    line_remove(&f->line, task, served);
}

static struct task *serve(struct fixture *f)
{
    struct task *task = line_peek(&f->line);
    assert_ptr_equal(line_peek(&f->line), task); /* looking changes nothing that matters */
    if (task) take_out(f, task, true);
    return task;
}

/* ---- the model ---- */

static uint64_t backlog_of(const struct fixture *f, uint64_t conn, uint32_t *tasks)
{
    uint64_t sum = 0;
    *tasks = 0;
    for (size_t i = 0; i < f->count; i++) {
        if (f->in[i]->conn != conn) continue;
        sum += f->in[i]->wait.cost_ns;
        ++*tasks;
    }
    return sum;
}

static struct task *first_of(const struct fixture *f, enum priority priority)
{
    for (size_t i = 0; i < f->count; i++)
        if (f->in[i]->call.request.priority == priority) return f->in[i];
    return NULL;
}

static struct task *last_of(const struct fixture *f, enum priority priority)
{
    for (size_t i = f->count; i-- > 0;)
        if (f->in[i]->call.request.priority == priority) return f->in[i];
    return NULL;
}

/* Of all that may be asked of the line, what the model says. */
static void check(struct fixture *f, uint64_t conns)
{
    uint64_t sum = 0, claims = 0, most = 0;
    uint32_t flows = 0, tasks;
    bool fresh = true; /* no flow's rank is of an earlier epoch */
    for (uint64_t conn = 0; conn < conns; conn++) {
        uint64_t backlog = backlog_of(f, conn, &tasks);
        assert_true(line_backlog_of(&f->line, conn) == backlog);
        uint64_t claim = line_claim_of(&f->line, conn);
        assert_true(claim >= backlog);
        sum += backlog;
        flows += tasks > 0;
        if (tasks == 0) continue;
        if (claim > most) most = claim;
        claims += f->line.flows[conn].used_ns + backlog;
        fresh = fresh && f->line.flows[conn].epoch == f->line.epoch;
    }
    assert_true(f->line.backlog_ns == sum);
    assert_true(f->line.claims_ns == claims);
    assert_int_equal(f->line.count, f->count);
    assert_int_equal(f->line.flow_count, flows);
    assert_ptr_equal(line_oldest(&f->line), f->count ? f->in[0] : NULL);
    for (int p = PRIORITY_CRITICAL; p <= PRIORITY_SHEDDABLE; p++) {
        int lowest = PRIORITY_SHEDDABLE;
        while (lowest > p && !first_of(f, (enum priority)lowest))
            lowest--;
        assert_ptr_equal(line_oldest_of(&f->line, (enum priority)p), first_of(f, (enum priority)p));
        assert_ptr_equal(line_oldest_below(&f->line, (enum priority)p),
                         lowest > p ? first_of(f, (enum priority)lowest) : NULL);
        assert_ptr_equal(line_newest_below(&f->line, (enum priority)p),
                         lowest > p ? last_of(f, (enum priority)lowest) : NULL);
    }
    struct task *greedy = line_greediest(&f->line, PRIORITY_CRITICAL, 0, LINE_NEWEST);
    if (!greedy) return; /* what it claims beyond one call is so little that ranks do not tell */
    uint64_t claim = line_claim_of(&f->line, greedy->conn);
    if (fresh) assert_true(claim + claim / 4 + 5 * 4096 >= most || claim >= 1000000000);
    for (size_t i = 0; i < f->count; i++) /* it is the flow's newest */
        if (f->in[i]->conn == greedy->conn) assert_true(f->in[i]->wait.ticket <= greedy->wait.ticket);
}

/* The call whose turn it is stands first in its flow; critical ones are not kept waiting for long. */
static void check_turn(struct fixture *f)
{
    struct task *task = line_peek(&f->line);
    assert_int_equal(!task, f->count == 0);
    for (size_t i = 0; i < f->count && f->in[i] != task; i++)
        assert_true(f->in[i]->conn != task->conn);
}

static void random_histories(struct fixture *f, uint64_t seed, uint64_t conns, uint64_t cost_bits)
{
    rng_seed(&f->rng, seed, 0);
    for (int i = 0; i < 4000; i++) {
        bool grows = i / 500 % 2 == 0;
        uint64_t dice = rng_below(&f->rng, 10);
        if (f->count < CALLS / 2 && dice < (grows ? 6 : 3))
            add(f, rng_below(&f->rng, conns), rng_next(&f->rng) >> (64 - rng_below(&f->rng, cost_bits) - 1),
                (enum priority)(PRIORITY_CRITICAL + rng_below(&f->rng, 3)));
        else if (f->count > 0 && dice == 9)
            take_out(f, f->in[rng_below(&f->rng, f->count)], false);
        else
            serve(f);
        check_turn(f);
        if (i % 16 == 0) check(f, conns);
    }
    while (serve(f)) {
    }
    check(f, conns);
    assert_int_equal(f->line.ranks_used, 0);
}

static void it_agrees_with_the_model(void **state)
{
    random_histories(*state, 1, 5, 20);
    random_histories(*state, 2, 40, 24);
    random_histories(*state, 3, 300, 12);
    random_histories(*state, 4, 1, 20);
}

/* ---- memory ---- */

static void slots_grow_as_needed(void **state)
{
    struct fixture *f = *state;
    static const uint64_t conns[] = {0, 63, 64, 1000, 70000, 3};
    for (size_t i = 0; i < 6; i++)
        add(f, 7ULL << 32 | conns[i], 1000, PRIORITY_NORMAL); /* the upper half is a generation */
    for (size_t i = 0; i < 6; i++)
        assert_int_equal((uint32_t)serve(f)->conn, conns[i]);
    assert_null(serve(f));
}

static void no_memory_for_more_slots(void **state)
{
    struct fixture *f = *state;
    add(f, 1, 1000, PRIORITY_NORMAL);
    fault_arm(FAULT_CALL_ALLOC, 1, 1);
    struct task *task = &f->tasks[f->used];
    task->conn = 5000;
    task->call.request.priority = PRIORITY_NORMAL;
    assert_false(line_add(&f->line, task));
    check(f, 10); /* as it was */
    fault_disarm_all();
    add(f, 5000, 1000, PRIORITY_NORMAL);
    assert_int_equal(f->line.count, 2);
}

static void an_empty_line_has_nobody(void **state)
{
    struct fixture *f = *state;
    assert_null(line_peek(&f->line));
    assert_null(line_oldest(&f->line));
    assert_null(line_newest_below(&f->line, PRIORITY_CRITICAL));
    assert_null(line_greediest(&f->line, PRIORITY_CRITICAL, 0, LINE_OLDEST));
    assert_int_equal(line_backlog_of(&f->line, 12345), 0);
}

/* ---- turns ---- */

/* Connections that always have calls waiting get the same time, whatever their calls cost. */
static void shares_are_equal_by_cost(void **state)
{
    struct fixture *f = *state;
    static const uint64_t costs[] = {1000, 3000, 10000, 700};
    uint64_t served[4] = {0};
    for (int i = 0; i < 4 * 4; i++)
        add(f, i % 4, costs[i % 4], PRIORITY_NORMAL);
    for (int i = 0; i < 20000; i++) {
        struct task *task = serve(f);
        served[task->conn] += task->wait.cost_ns;
        add(f, task->conn, task->wait.cost_ns, PRIORITY_NORMAL);
    }
    for (int i = 1; i < 4; i++)
        assert_in_range(served[i], served[0] - served[0] / 15, served[0] + served[0] / 15);
}

/* Where all calls cost the same, each connection has one call a round. */
static void equal_calls_alternate(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 12; i++)
        add(f, i / 4, 5000, PRIORITY_NORMAL);
    for (int i = 0; i < 12; i++)
        assert_int_equal(serve(f)->conn, i % 3);
}

/* A call of no cost by estimate does not keep the turn for its flow. */
static void the_free_take_turns_too(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 40; i++)
        add(f, i / 20, i < 20 ? 0 : 1000, PRIORITY_NORMAL);
    int paid = 0;
    for (int i = 0; i < 20; i++)
        paid += serve(f)->conn == 1;
    assert_true(paid > 0);
}

/* Debts from a time when calls cost a thousand times as much do not make a turn take thousands of rounds. */
static void old_debts_are_forgiven(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 64; i++)
        add(f, i % 32, 1000000, PRIORITY_NORMAL);
    for (int i = 0; i < 32; i++)
        serve(f);
    while (f->count > 1)
        take_out(f, f->in[0], false);
    for (int i = 0; i < 300; i++)
        add(f, i % 32, 1, PRIORITY_NORMAL);
    for (int i = 0; i < 300; i++)
        assert_non_null(serve(f));
}

static void the_critical_go_first_but_not_only(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 100; i++)
        add(f, 50 + i % 10, 1000, i % 10 < 5 ? PRIORITY_NORMAL : PRIORITY_SHEDDABLE);
    for (int i = 0; i < 100; i++)
        add(f, i % 10, 1000, PRIORITY_CRITICAL);
    int critical = 0;
    for (int i = 0; i < 100; i++)
        critical += serve(f)->call.request.priority == PRIORITY_CRITICAL;
    assert_in_range(critical, 90, 99); /* nobody starves */
    /* Behind a call of its own connection that is not, a critical one has to wait. */
    while (f->count > 0)
        serve(f);
    struct task *own = add(f, 1, 1000, PRIORITY_NORMAL);
    add(f, 1, 1000, PRIORITY_CRITICAL);
    struct task *other = add(f, 2, 1000, PRIORITY_NORMAL);
    assert_ptr_equal(serve(f), own);
    assert_int_equal(serve(f)->call.request.priority, PRIORITY_CRITICAL); /* its turn has come, and others wait */
    assert_ptr_equal(serve(f), other);
}

/* A connection that claims little, now and lately, comes before those that claim more. */
static void the_light_go_first(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 100; i++)
        add(f, 1, 1000, PRIORITY_NORMAL);
    for (uint64_t conn = 2; conn < 10; conn++)
        add(f, conn, 1000, PRIORITY_NORMAL);
    for (uint64_t conn = 2; conn < 10; conn++)
        assert_int_equal(serve(f)->conn, conn);
    for (int i = 0; i < 100; i++)
        assert_int_equal(serve(f)->conn, 1);
    /* Of two calls, it is that of the connection of which less was served. */
    add(f, 2, 1000, PRIORITY_NORMAL);
    add(f, 1, 1000, PRIORITY_NORMAL);
    add(f, 3, 1000, PRIORITY_NORMAL);
    assert_int_equal(serve(f)->conn, 3);
    assert_int_equal(serve(f)->conn, 2);
    assert_int_equal(serve(f)->conn, 1);
}

/* What was served long ago counts for less and less. */
static void use_is_forgotten(void **state)
{
    struct fixture *f = *state;
    add(f, 1, 1 << 20, PRIORITY_NORMAL);
    serve(f);
    for (uint64_t claim = 1 << 20; claim > 0; claim /= 2) {
        assert_true(line_claim_of(&f->line, 1) == claim);
        for (int i = 0; i < 4; i++) { /* an epoch is four seconds of work */
            add(f, 2, 1000000000, PRIORITY_NORMAL);
            serve(f);
        }
    }
    assert_int_equal(line_claim_of(&f->line, 1), 0);
}

/* ---- who has to leave ---- */

static void the_greedy_are_those_that_claim_most(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 9; i++)
        add(f, 1, 1000, PRIORITY_NORMAL);
    add(f, 2, 100000, PRIORITY_NORMAL);
    struct task *dear = add(f, 2, 100000, PRIORITY_NORMAL);
    assert_ptr_equal(line_greediest(&f->line, PRIORITY_NORMAL, 99999, LINE_NEWEST), dear);
    assert_ptr_equal(line_greediest(&f->line, PRIORITY_NORMAL, 0, LINE_OLDEST), f->in[9]);
    assert_null(line_greediest(&f->line, PRIORITY_NORMAL, 100000, LINE_NEWEST));
    assert_null(line_greediest(&f->line, PRIORITY_SHEDDABLE, 0, LINE_NEWEST)); /* all of it is of a higher class */
    struct task *newest = add(f, 2, 1000, PRIORITY_CRITICAL);
    assert_ptr_equal(line_greediest(&f->line, PRIORITY_NORMAL, 0, LINE_NEWEST), dear); /* looked for behind it */
    take_out(f, newest, false);
    /* What was served counts as well: this is his only call, but not his only one lately. */
    take_out(f, f->in[9], true);
    for (uint64_t conn = 3; conn < 40; conn++)
        add(f, conn, 100000, PRIORITY_NORMAL);
    assert_ptr_equal(line_greediest(&f->line, PRIORITY_NORMAL, 99999, LINE_NEWEST), dear);
}

/* What a connection used while others asked for nothing does not keep it waiting until they have had as much. */
static void what_nobody_wanted_does_not_count(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 1000; i++) {
        add(f, 1, 1000, PRIORITY_NORMAL);
        serve(f);
    }
    assert_true(line_claim_of(&f->line, 1) == 1000 * 1000);
    add(f, 2, 1000, PRIORITY_NORMAL);
    add(f, 1, 1000, PRIORITY_NORMAL);
    assert_true(line_claim_of(&f->line, 1) == (16 + 1) * 1000);
}

/* Ranks grow with the backlog: more work is never ranked lower. */
static void more_work_is_greedier(void **state)
{
    struct fixture *f = *state;
    for (uint64_t ns = 1; ns < 1000000000; ns += ns / 3 + 1) {
        struct task *less = add(f, 1, ns, PRIORITY_NORMAL);
        struct task *first = add(f, 2, ns + 4096, PRIORITY_NORMAL), *more = add(f, 2, ns + 4096, PRIORITY_NORMAL);
        assert_ptr_equal(line_greediest(&f->line, PRIORITY_NORMAL, 0, LINE_NEWEST), more);
        take_out(f, less, false);
        take_out(f, first, false);
        take_out(f, more, false);
    }
}

/* ---- favour ---- */

/* A connection's critical calls are favoured for a quarter of what is served, and 16 at once. */
static void favour_is_for_a_quarter(void **state)
{
    struct fixture *f = *state;
    struct task probe;
    task_init(&probe);
    probe.conn = 1;
    probe.call.request.priority = PRIORITY_CRITICAL;
    assert_true(line_favours(&f->line, &probe));
    for (int i = 0; i < 100; i++)
        add(f, 2, 100, PRIORITY_NORMAL);
    int favoured = 0;
    for (; line_favours(&f->line, &probe); favoured++)
        add(f, 1, 100, PRIORITY_CRITICAL);
    assert_int_equal(favoured, 17);
    probe.conn = 2; /* others are not concerned */
    assert_true(line_favours(&f->line, &probe));
    probe.conn = 1;
    for (int i = 0; i < 4; i++) { /* four served: one more */
        assert_false(line_favours(&f->line, &probe));
        serve(f);
    }
    assert_true(line_favours(&f->line, &probe));
    probe.call.request.priority = PRIORITY_NORMAL;
    add(f, 1, 100, PRIORITY_CRITICAL);
    assert_true(line_favours(&f->line, &probe)); /* what is not critical is not changed */
    probe.call.request.priority = PRIORITY_CRITICAL;
    assert_false(line_favours(&f->line, &probe));
}

/* However many critical calls came and went through an empty line, the first overload finds its connection with no
 * more to make up for than any that is favoured to the limit. */
static void good_times_do_not_count(void **state)
{
    struct fixture *f = *state;
    struct task probe;
    task_init(&probe);
    probe.conn = 1;
    probe.call.request.priority = PRIORITY_CRITICAL;
    for (int i = 0; i < 1000; i++) {
        add(f, 1, 100, PRIORITY_CRITICAL);
        serve(f);
    }
    for (int i = 0; i < 8; i++)
        add(f, 2, 100, PRIORITY_NORMAL);
    for (int i = 0; i < 8 && !line_favours(&f->line, &probe); i++)
        serve(f);
    assert_true(f->line.count > 0);
    assert_true(line_favours(&f->line, &probe));
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_agrees_with_the_model),
        TEST(slots_grow_as_needed),
        TEST(no_memory_for_more_slots),
        TEST(an_empty_line_has_nobody),
        TEST(shares_are_equal_by_cost),
        TEST(equal_calls_alternate),
        TEST(the_free_take_turns_too),
        TEST(old_debts_are_forgiven),
        TEST(the_critical_go_first_but_not_only),
        TEST(the_light_go_first),
        TEST(use_is_forgotten),
        TEST(the_greedy_are_those_that_claim_most),
        TEST(what_nobody_wanted_does_not_count),
        TEST(more_work_is_greedier),
        TEST(favour_is_for_a_quarter),
        TEST(good_times_do_not_count),
    };
    return cmocka_run_group_tests_name("line", tests, NULL, NULL);
}
