/* Lifetimes, the same on every backend: nothing here waits for a sweep. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "proto/request.h"
#include "tests/unit/store_contract.h"

static void expect_gone(struct store *s, const char *key)
{
    store_expect_kind(ASK(s, .op = OP_GET, .key = key), REPLY_NOT_FOUND);
    store_expect_kind(ASK(s, .op = OP_TOUCH, .key = key, .ttl_ms = 1000000), REPLY_NOT_FOUND);
    store_expect_kind(ASK(s, .op = OP_DELETE, .key = key), REPLY_NOT_FOUND);
    store_expect_conflict(ASK(s, .op = OP_PUT, .key = key, .condition = COND_PRESENT), 0);
}

/* The remaining lifetime that GET tells. */
static int64_t lifetime(struct store *s, const char *key)
{
    const struct reply *reply = ASK(s, .op = OP_GET, .key = key);
    assert_int_equal(reply->kind, REPLY_VALUE);
    return reply->number;
}

static void gone_at_exactly_the_deadline(void **state)
{
    struct store *s = store_open(*state, NULL);
    static const uint64_t ttls[] = {1, 2, 999, 1000, 30 * 60000, 365ULL * 24 * 3600 * 1000, TTL_MAX_MS};
    for (size_t i = 0; i < sizeof ttls / sizeof ttls[0]; i++) {
        store_expect_kind(ASK(s, .op = OP_PUT, .key = "a", .value = "x", .ttl_ms = ttls[i]), REPLY_STORED);
        assert_int_equal(lifetime(s, "a"), ttls[i]);
        fake_clock_advance_ms(&s->clock, ttls[i] - 1);
        assert_int_equal(lifetime(s, "a"), 1);
        assert_int_equal(store_len(s), 1);
        fake_clock_advance_ms(&s->clock, 1);
        assert_int_equal(store_len(s), 0);
        expect_gone(s, "a");
    }
    store_close(s);
}

/* A millisecond is what deadlines are counted in: within one, nothing changes. */
static void nothing_expires_within_a_millisecond(void **state)
{
    struct store *s = store_open(*state, NULL);
    atomic_fetch_add(&s->clock.ns, 999999);
    store_expect_kind(ASK(s, .op = OP_PUT, .key = "a", .value = "x", .ttl_ms = 1), REPLY_STORED);
    assert_int_equal(lifetime(s, "a"), 1);
    atomic_fetch_add(&s->clock.ns, 1);
    expect_gone(s, "a");
    store_close(s);
}

static void never_is_for_ever(void **state)
{
    struct store *s = store_open(*state, &(struct store_options){.ttl_default_ms = 1000});
    store_expect_kind(ASK(s, .op = OP_PUT, .key = "a", .value = "x", .ttl_kind = TTL_NEVER), REPLY_STORED);
    fake_clock_advance_ms(&s->clock, 3 * TTL_MAX_MS);
    assert_int_equal(lifetime(s, "a"), -1);
    assert_int_equal(store_len(s), 1);
    store_close(s);
}

static void default_lifetime(void **state)
{
    struct store *s = store_open(*state, &(struct store_options){.ttl_default_ms = 1800000});
    store_put(s, "a", "x");
    assert_int_equal(lifetime(s, "a"), 1800000);
    store_expect_kind(ASK(s, .op = OP_TOUCH, .key = "a", .ttl_ms = 5), REPLY_STORED);
    assert_int_equal(lifetime(s, "a"), 5);
    store_expect_kind(ASK(s, .op = OP_TOUCH, .key = "a"), REPLY_STORED);
    assert_int_equal(lifetime(s, "a"), 1800000);
    fake_clock_advance_ms(&s->clock, 1800000);
    expect_gone(s, "a");
    store_close(s);
}

static void max_lifetime_caps_all_kinds(void **state)
{
    struct store_options options = {.ttl_default_ms = 5000, .max_lifetime_ms = 3000};
    struct store *s = store_open(*state, &options);
    struct ask asks[] = {
        {.op = OP_PUT, .key = "a", .ttl_kind = TTL_DEFAULT}, {.op = OP_PUT, .key = "a", .ttl_kind = TTL_NEVER},
        {.op = OP_PUT, .key = "a", .ttl_ms = 3001},          {.op = OP_PUT, .key = "a", .ttl_ms = TTL_MAX_MS},
        {.op = OP_PUT, .key = "a", .ttl_ms = 3000},
    };
    for (size_t i = 0; i < sizeof asks / sizeof asks[0]; i++) {
        asks[i].op = OP_PUT;
        store_expect_kind(store_ask(s, &asks[i]), REPLY_STORED);
        assert_int_equal(lifetime(s, "a"), 3000);
        store_expect_kind(ASK(s, .op = OP_TOUCH, .key = "a", .ttl_ms = 10), REPLY_STORED);
        assert_int_equal(lifetime(s, "a"), 10);
        asks[i].op = OP_TOUCH;
        store_expect_kind(store_ask(s, &asks[i]), REPLY_STORED);
        assert_int_equal(lifetime(s, "a"), 3000);
    }
    store_expect_kind(ASK(s, .op = OP_PUT, .key = "a", .ttl_ms = 2999), REPLY_STORED);
    assert_int_equal(lifetime(s, "a"), 2999);
    store_close(s);
}

static void the_cap_holds_for_an_endless_default(void **state)
{
    struct store *s = store_open(*state, &(struct store_options){.max_lifetime_ms = 10}); /* the default is never */
    store_put(s, "a", "x");
    assert_int_equal(lifetime(s, "a"), 10);
    store_close(s);
}

static void touch_and_put_move_the_deadline_both_ways(void **state)
{
    struct store *s = store_open(*state, NULL);
    store_expect_kind(ASK(s, .op = OP_PUT, .key = "a", .ttl_ms = 100), REPLY_STORED);
    fake_clock_advance_ms(&s->clock, 99);
    store_expect_kind(ASK(s, .op = OP_TOUCH, .key = "a", .ttl_ms = 100000), REPLY_STORED);
    fake_clock_advance_ms(&s->clock, 50000);
    assert_int_equal(lifetime(s, "a"), 50000);
    store_expect_kind(ASK(s, .op = OP_TOUCH, .key = "a", .ttl_ms = 3), REPLY_STORED);
    fake_clock_advance_ms(&s->clock, 2);
    assert_int_equal(lifetime(s, "a"), 1);
    store_expect_kind(ASK(s, .op = OP_PUT, .key = "a", .ttl_kind = TTL_NEVER), REPLY_STORED);
    fake_clock_advance_ms(&s->clock, 100000000);
    assert_int_equal(lifetime(s, "a"), -1);
    store_expect_kind(ASK(s, .op = OP_PUT, .key = "a", .ttl_ms = 1), REPLY_STORED);
    assert_int_equal(store_len(s), 1);
    fake_clock_advance_ms(&s->clock, 1);
    expect_gone(s, "a");
    assert_int_equal(store_len(s), 0);
    store_close(s);
}

/* Deadlines near and far, some of them the same; the clock creeps, then leaps. */
static void len_is_exact_between_sweeps(void **state)
{
    struct store *s = store_open(*state, NULL);
    enum { SESSIONS = 600 };
    static const uint64_t steps[] = {0, 1, 1, 3, 40, 1, 255, 256, 1000, 1, 7000, 65536, 1, 500000, 10000000, 1};
    uint64_t deadlines[SESSIONS], start = fake_clock_ms(&s->clock);
    char key[16];
    for (uint64_t i = 0; i < SESSIONS; i++) {
        uint64_t ttl = 1 + i * i * i / 97;
        snprintf(key, sizeof key, "k%d", (int)i);
        store_expect_kind(ASK(s, .op = OP_PUT, .key = key, .value = "v", .ttl_ms = ttl), REPLY_STORED);
        deadlines[i] = start + ttl;
    }
    for (size_t step = 0; step < sizeof steps / sizeof steps[0]; step++) {
        fake_clock_advance_ms(&s->clock, steps[step]);
        int64_t alive = 0;
        for (int i = 0; i < SESSIONS; i++)
            alive += deadlines[i] > fake_clock_ms(&s->clock);
        assert_int_equal(store_len(s), alive);
    }
    assert_int_equal(store_len(s), 0);
    for (int i = 0; i < SESSIONS; i += 7) { /* some come back */
        snprintf(key, sizeof key, "k%d", i);
        store_put(s, key, "again");
        assert_int_equal(store_len(s), i / 7 + 1);
    }
    store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gone_at_exactly_the_deadline),
        cmocka_unit_test(nothing_expires_within_a_millisecond),
        cmocka_unit_test(never_is_for_ever),
        cmocka_unit_test(default_lifetime),
        cmocka_unit_test(max_lifetime_caps_all_kinds),
        cmocka_unit_test(the_cap_holds_for_an_endless_default),
        cmocka_unit_test(touch_and_put_move_the_deadline_both_ways),
        cmocka_unit_test(len_is_exact_between_sweeps),
    };
    return store_contract_run("expiry", tests, sizeof tests / sizeof tests[0], NULL);
}
