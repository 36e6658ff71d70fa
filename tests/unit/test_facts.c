/* Facts for INFO and stats are what the registry says, and the registry is asked anew each time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <unistd.h>

#include "daemon/admin/facts.h"
#include "tests/unit/fake_clock.h"

struct fixture {
    struct metrics *m;
    struct fake_clock clock;
    counter number[8];
};

static int setup(void **state)
{
    static struct fixture f;
    f = (struct fixture){.m = metrics_create()};
    fake_clock_init(&f.clock);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    metrics_destroy(f->m);
    fake_clock_destroy(&f->clock);
    return 0;
}

static struct facts fill(struct fixture *f, const struct facts *known)
{
    struct facts facts;
    struct facts_view *view = facts_view_create(f->m, known);
    assert_non_null(view);
    facts_view_fill(view, &f->clock.clock, &facts);
    facts_view_destroy(view);
    return facts;
}

static void what_is_known_is_told(void **state)
{
    static const struct facts known = {.version = "1.2.3", .backend = "mutex", .threads = 3, .memory_limit = 77};
    struct facts facts = fill(*state, &known);
    assert_string_equal(facts.version, "1.2.3");
    assert_string_equal(facts.backend, "mutex");
    assert_int_equal(facts.threads, 3);
    assert_int_equal(facts.memory_limit, 77);
    assert_int_equal(facts.pid, getpid());
    assert_int_equal(facts.connections, 0); /* nobody registered them */
}

/* Of some metrics several are one fact; of an operation, what was executed counts. */
static void figures_are_those_of_the_registry(void **state)
{
    struct fixture *f = *state;
    static const struct facts known = {0};
    static const char *const names[] = {"memory.slabs",
                                        "memory.buckets",
                                        "operations.get.ok",
                                        "operations.get.not_found",
                                        "operations.put.conflict",
                                        "operations.put.ok",
                                        "operations.put.overloaded",
                                        "databases.15.sessions"};
    for (size_t i = 0; i < 8; i++) {
        counter_set(&f->number[i], 1U << i);
        assert_true(metrics_counter(f->m, names[i], &f->number[i]));
    }
    assert_true(metrics_counter(f->m, "queue.refused", &f->number[6]));
    struct facts facts = fill(f, &known);
    assert_int_equal(facts.memory_sessions, 1 + 2);
    assert_int_equal(facts.hits, 4);
    assert_int_equal(facts.misses, 8);
    assert_int_equal(facts.operations[OP_GET], 4 + 8);
    assert_int_equal(facts.operations[OP_PUT], 16 + 32); /* and not the refused one */
    assert_int_equal(facts.overloaded, 64);
    assert_int_equal(facts.sessions[15], 128);
    assert_int_equal(facts.sessions[0], 0);
}

static void every_view_is_of_now(void **state)
{
    struct fixture *f = *state;
    static const struct facts known = {0};
    struct facts facts;
    assert_true(metrics_gauge(f->m, "connections.open", &f->number[0]));
    assert_true(metrics_gauge(f->m, "connections.open", &f->number[1]));
    struct facts_view *view = facts_view_create(f->m, &known);
    for (uint64_t n = 0; n < 3; n++) {
        counter_set(&f->number[n % 2], n + 1);
        facts_view_fill(view, &f->clock.clock, &facts);
        assert_int_equal(facts.connections, counter_get(&f->number[0]) + counter_get(&f->number[1]));
    }
    assert_int_equal(facts.connections, 5);
    facts_view_destroy(view);
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_known_is_told),
        TEST(figures_are_those_of_the_registry),
        TEST(every_view_is_of_now),
    };
    return cmocka_run_group_tests_name("facts", tests, NULL, NULL);
}
