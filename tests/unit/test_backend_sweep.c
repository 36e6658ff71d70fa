/* The sweeper: expired sessions go, and their memory with them, without any call that asks for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sched.h>
#include <stdio.h>

#include "tests/unit/store_contract.h"

/* Short, as the sweeper sleeps in real time towards a deadline on the clock that stands still. */
#define TTL_MS      20
#define INTERVAL_MS 2

static struct store *open_swept(const struct store_config *config)
{
    return store_open(config, &(struct store_options){.sweep_interval_ms = INTERVAL_MS});
}

static void put_many(struct store *s, int from, int to, uint64_t ttl_ms)
{
    char key[16];
    for (int i = from; i < to; i++) {
        snprintf(key, sizeof key, "key%d", i);
        store_expect_kind(ASK(s, .op = OP_PUT, .key = key, .value = "some value", .ttl_ms = ttl_ms), REPLY_STORED);
    }
}

static void expired_sessions_are_freed(void **state)
{
    enum { COUNT = STORE_SANITIZED ? 500 : 3000 };
    struct store *s = open_swept(*state);
    uint64_t buckets_empty = store_metric(s, "memory.buckets");
    put_many(s, 0, COUNT, TTL_MS);
    put_many(s, COUNT, COUNT + 5, 1000000);
    uint64_t buckets_full = store_metric(s, "memory.buckets");
    assert_int_equal(store_metric(s, "sessions.expired"), 0);
    fake_clock_advance_ms(&s->clock, TTL_MS);
    store_await_metric(s, "sessions.expired", COUNT);
    store_await_metric(s, "sessions.stored", 5);
    assert_true(store_metric(s, "memory.sessions") < 5 * 256);
    assert_true(store_metric(s, "memory.buckets") < buckets_full / 2 + buckets_empty);
    assert_int_equal(store_len(s), 5);
    store_close(s);
}

/* Asleep for good, as nothing expires, it must wake up for the first session that does. */
static void it_wakes_for_a_new_deadline(void **state)
{
    struct store *s = open_swept(*state);
    for (uint64_t round = 1; round <= 5; round++) {
        store_put(s, "for ever", "x");
        put_many(s, 0, 3, TTL_MS);
        fake_clock_advance_ms(&s->clock, TTL_MS);
        store_await_metric(s, "sessions.expired", 3 * round);
        store_await_metric(s, "sessions.stored", 1);
    }
    store_close(s);
}

/* Asleep towards a far deadline, it must hear of a nearer one. */
static void a_nearer_deadline_comes_first(void **state)
{
    struct store *s = open_swept(*state);
    put_many(s, 0, 1, 24 * 3600 * 1000);
    put_many(s, 1, 2, TTL_MS);
    fake_clock_advance_ms(&s->clock, TTL_MS);
    store_await_metric(s, "sessions.expired", 1);
    store_expect_kind(ASK(s, .op = OP_TOUCH, .key = "key0", .ttl_ms = TTL_MS), REPLY_STORED);
    fake_clock_advance_ms(&s->clock, TTL_MS);
    store_await_metric(s, "sessions.expired", 2);
    store_close(s);
}

static void stopping_ends_its_sleep(void **state)
{
    struct store *s = store_open(*state, NULL); /* an hour's sleep */
    put_many(s, 0, 10, 24 * 3600 * 1000);
    store_close(s);
}

/* As the lane's station has it run, which reads the clock before and after. */
static void put_without_clock(struct store *s, int number)
{
    const struct station_options *here = &s->backend->here[0].station->options;
    struct task *task = &s->scratch;
    char key[16];
    snprintf(key, sizeof key, "key%d", number);
    task_clear(task);
    store_fill(task, &(struct ask){.op = OP_PUT, .key = key, .value = "some value", .ttl_ms = TTL_MS}, 0, 1);
    here->run(here->ctx, &task, 1, fake_clock_ms(&s->clock));
    store_expect_kind(&task->call.reply, REPLY_STORED);
}

/*
 * Whatever the sweeper has just looked at, a session that is stored at that moment is not forgotten. It is held at
 * every place where it reads the clock, in turn; the one who stores does not read it.
 */
static void a_session_stored_while_it_falls_asleep_is_not_forgotten(void **state)
{
    for (unsigned place = 0; place < 6; place++) {
        struct store *s = store_open(*state, &(struct store_options){.sweep_interval_ms = INTERVAL_MS});
        int stored = 0;
        fake_clock_gate(&s->clock, place);
        while (!fake_clock_holds(&s->clock)) { /* keeps it busy until it comes to that place */
            put_without_clock(s, stored++);
            fake_clock_advance_ms(&s->clock, TTL_MS);
            sched_yield();
        }
        put_without_clock(s, stored++);
        fake_clock_open(&s->clock);
        fake_clock_advance_ms(&s->clock, TTL_MS);
        store_await_metric(s, "sessions.expired", (uint64_t)stored);
        store_close(s);
    }
}

static int run_with_sweeper(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_stored_while_it_falls_asleep_is_not_forgotten),
    };
    return store_contract_run("sweeper", tests, sizeof tests / sizeof tests[0], store_config_has_sweeper);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expired_sessions_are_freed),
        cmocka_unit_test(it_wakes_for_a_new_deadline),
        cmocka_unit_test(a_nearer_deadline_comes_first),
        cmocka_unit_test(stopping_ends_its_sleep),
    };
    int failed = store_contract_run("sweep", tests, sizeof tests / sizeof tests[0], NULL);
    return failed + run_with_sweeper();
}
