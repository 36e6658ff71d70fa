/* limits.memory, the same on every backend. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "daemon/base/fault.h"
#include "tests/unit/store_contract.h"

#define LIMIT (1024 * 1024)
#define VALUE 4000

#define INTERVAL_MS 2

static const char *key_of(char *key, int i)
{
    snprintf(key, 16, "key%d", i);
    return key;
}

static const struct reply *put_sized(struct store *s, const char *key, size_t size)
{
    static char bytes[4 * VALUE]; /* zeros */
    return ASK(s, .op = OP_PUT, .key = key, .value = bytes, .value_len = size);
}

static bool out_of_memory(const struct reply *reply)
{
    return reply->kind == REPLY_ERROR && reply->error == ERR_OUT_OF_MEMORY && reply->body.len > 0;
}

/* Puts new keys until the first refusal; returns how many went in. */
static int fill(struct store *s)
{
    char key[16];
    for (int i = 0;; i++) {
        const struct reply *reply = put_sized(s, key_of(key, i), VALUE);
        if (out_of_memory(reply)) return i;
        assert_int_equal(reply->kind, REPLY_STORED);
        assert_true(i < LIMIT / VALUE);
    }
}

/* With several tables, a slot that one of them has free is no room in another one: the first refusal is not the
 * last word. */
static bool has_parts(const struct store_config *config)
{
    return config->stripes > 1 || config->shards > 1;
}

static void new_keys_stop_at_the_limit(void **state)
{
    struct store *s = store_open(*state, &(struct store_options){.memory_limit = LIMIT});
    char key[16];
    int count = fill(s);
    for (int i = 0; has_parts(*state) && i < 1000; i++) /* until no part has a slot left */
        put_sized(s, key_of(key, 10000 + i), VALUE);
    count = (int)store_len(s);
    assert_true(count > LIMIT / VALUE / 2);
    assert_int_equal(store_len(s), count);
    assert_true(store_metric(s, "memory.slabs") + store_metric(s, "memory.buckets") <= LIMIT);
    for (int i = count; i < count + 20; i++) { /* and it stays so */
        assert_true(out_of_memory(put_sized(s, key_of(key, i), VALUE)));
        store_expect_kind(ASK(s, .op = OP_GET, .key = key), REPLY_NOT_FOUND);
    }
    assert_int_equal(store_len(s), count);
    store_close(s);
}

static void all_else_goes_on(void **state)
{
    struct store *s = store_open(*state, &(struct store_options){.memory_limit = LIMIT});
    char key[16];
    int count = fill(s);
    uint64_t version = 0;
    for (int i = 0; i < count; i++) {
        const struct reply *reply = put_sized(s, key_of(key, i), VALUE); /* no larger than before */
        assert_int_equal(reply->kind, REPLY_STORED);
        version = reply->version;
        store_expect_kind(ASK(s, .op = OP_TOUCH, .key = key, .ttl_ms = 1000), REPLY_STORED);
        reply = ASK(s, .op = OP_GET, .key = key);
        assert_int_equal(reply->kind, REPLY_VALUE);
        assert_int_equal(reply->body.len, VALUE);
    }
    /* One that grows is refused, and the old one is still there. */
    key_of(key, count - 1);
    for (int tries = 0; tries < 3; tries++) {
        assert_true(out_of_memory(put_sized(s, key, 4 * VALUE)));
        const struct reply *reply = ASK(s, .op = OP_GET, .key = key);
        assert_int_equal(reply->kind, REPLY_VALUE);
        assert_int_equal(reply->version, version);
        assert_int_equal(reply->body.len, VALUE);
        assert_int_equal(reply->number, 1000);
    }
    assert_int_equal(put_sized(s, key, 1)->kind, REPLY_STORED);
    assert_int_equal(store_len(s), count);
    store_close(s);
}

static void deleting_makes_room(void **state)
{
    const struct store_config *config = *state;
    struct store *s = store_open(config, &(struct store_options){.memory_limit = LIMIT});
    char key[16];
    int count = fill(s), stored = 0;
    for (int i = 0; i < count; i++) {
        store_expect_kind(ASK(s, .op = OP_DELETE, .key = key_of(key, i)), REPLY_OK);
        stored += put_sized(s, key_of(key, count + i), VALUE)->kind == REPLY_STORED;
    }
    if (!has_parts(config)) {
        assert_int_equal(stored, count);
        assert_true(out_of_memory(put_sized(s, "one more", VALUE)));
    }
    assert_true(stored > count / 2);
    assert_int_equal(store_len(s), stored);
    store_close(s);
}

/* Expired sessions are no reason to refuse, even when the sweeper has not come by. (With stripes or
 * shards, each can only make room in its own table.) */
static void expiry_makes_room(void **state)
{
    const struct store_config *config = *state;
    struct store *s = store_open(config, &(struct store_options){.memory_limit = LIMIT, .ttl_default_ms = 100});
    int count = fill(s);
    fake_clock_advance_ms(&s->clock, 100);
    char key[16];
    int stored = 0;
    for (int i = 0; i < count / 2; i++)
        stored += put_sized(s, key_of(key, 1000 + i), VALUE)->kind == REPLY_STORED;
    if (!has_parts(config)) assert_int_equal(stored, count / 2);
    assert_true(stored > count / 4);
    assert_int_equal(store_len(s), stored);
    store_close(s);
}

/* What one part has left empty is the others' when it has been swept. */
static void await_swept(struct store *s)
{
    while (store_metric(s, "memory.slabs") > 0) { /* the alarm ends a wait in vain */
        fake_clock_advance_ms(&s->clock, INTERVAL_MS);
        sched_yield();
    }
}

static void emptied_it_holds_as_much_again(void **state)
{
    struct store *s =
        store_open(*state, &(struct store_options){.memory_limit = LIMIT, .sweep_interval_ms = INTERVAL_MS});
    int count = fill(s);
    char key[16];
    for (int i = 0; i < count; i++)
        store_expect_kind(ASK(s, .op = OP_DELETE, .key = key_of(key, i)), REPLY_OK);
    assert_int_equal(store_metric(s, "memory.sessions"), 0);
    assert_int_equal(store_metric(s, "sessions.stored"), 0);
    if (has_parts(*state)) await_swept(s);
    int again = fill(s);
    if (has_parts(*state))
        assert_in_range(again, count * 9 / 10, count * 11 / 10);
    else
        assert_int_equal(again, count);
    store_close(s);
}

/* The allocator says no: the same answer, and nothing is broken. */
static void a_failed_allocation_is_out_of_memory(void **state)
{
    struct store *s = store_open(*state, NULL);
    uint64_t version = store_put(s, "a", "x");
    fault_arm(FAULT_ENTRY_ALLOC, 1, 2);
    assert_true(out_of_memory(put_sized(s, "a", 100)));
    assert_true(out_of_memory(put_sized(s, "b", 100)));
    fault_disarm_all();
    const struct reply *reply = ASK(s, .op = OP_GET, .key = "a");
    store_expect_value(reply, "x");
    assert_int_equal(reply->version, version);
    assert_int_equal(store_len(s), 1);
    assert_int_equal(put_sized(s, "b", 100)->kind, REPLY_STORED);
    store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_keys_stop_at_the_limit),
        cmocka_unit_test(all_else_goes_on),
        cmocka_unit_test(deleting_makes_room),
        cmocka_unit_test(expiry_makes_room),
        cmocka_unit_test(emptied_it_holds_as_much_again),
        cmocka_unit_test(a_failed_allocation_is_out_of_memory),
    };
    return store_contract_run("memory", tests, sizeof tests / sizeof tests[0], NULL);
}
