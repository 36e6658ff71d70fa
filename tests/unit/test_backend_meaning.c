/* What the operations mean, the same on every backend. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/store_contract.h"

#define LARGE 5000 /* surely not copied */

static void get_gives_what_put_stored(void **state)
{
    struct store *s = store_open(*state, NULL);
    store_expect_kind(ASK(s, .op = OP_GET, .key = "alice"), REPLY_NOT_FOUND);
    uint64_t version = store_put(s, "alice", "one");
    const struct reply *reply = ASK(s, .op = OP_GET, .key = "alice");
    store_expect_value(reply, "one");
    assert_int_equal(reply->version, version);
    assert_int_equal(reply->number, -1);
    uint64_t second = store_put(s, "alice", "two, longer");
    assert_true(second > version);
    reply = ASK(s, .op = OP_GET, .key = "alice");
    store_expect_value(reply, "two, longer");
    assert_int_equal(reply->version, second);
    store_put(s, "alice", "");
    store_expect_value(ASK(s, .op = OP_GET, .key = "alice"), "");
    store_expect_kind(ASK(s, .op = OP_GET, .key = "alic"), REPLY_NOT_FOUND);
    store_expect_kind(ASK(s, .op = OP_GET, .key = "alicf"), REPLY_NOT_FOUND);
    store_close(s);
}

static void any_bytes_are_a_value(void **state)
{
    struct store *s = store_open(*state, NULL);
    char bytes[256];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)i;
    /* Around the size up to which values are copied, too. */
    for (size_t len = 1; len <= sizeof bytes; len++) {
        store_expect_kind(ASK(s, .op = OP_PUT, .key = "k", .value = bytes, .value_len = len), REPLY_STORED);
        const struct reply *reply = ASK(s, .op = OP_GET, .key = "k");
        assert_int_equal(reply->kind, REPLY_VALUE);
        assert_int_equal(reply->body.len, len);
        assert_memory_equal(reply->body.ptr, bytes, len);
    }
    store_close(s);
}

static void delete_removes(void **state)
{
    struct store *s = store_open(*state, NULL);
    store_expect_kind(ASK(s, .op = OP_DELETE, .key = "a"), REPLY_NOT_FOUND);
    store_put(s, "a", "1");
    store_put(s, "b", "2");
    store_expect_kind(ASK(s, .op = OP_DELETE, .key = "a"), REPLY_OK);
    store_expect_kind(ASK(s, .op = OP_GET, .key = "a"), REPLY_NOT_FOUND);
    store_expect_kind(ASK(s, .op = OP_DELETE, .key = "a"), REPLY_NOT_FOUND);
    store_expect_value(ASK(s, .op = OP_GET, .key = "b"), "2");
    store_close(s);
}

static void len_counts_sessions(void **state)
{
    struct store *s = store_open(*state, NULL);
    char key[16];
    assert_int_equal(store_len(s), 0);
    for (int i = 0; i < 200; i++) {
        snprintf(key, sizeof key, "k%d", i);
        store_put(s, key, "v");
        store_put(s, key, "again");
        assert_int_equal(store_len(s), i + 1);
    }
    for (int i = 199; i >= 0; i--) {
        snprintf(key, sizeof key, "k%d", i);
        store_expect_kind(ASK(s, .op = OP_DELETE, .key = key), REPLY_OK);
        assert_int_equal(store_len(s), i);
    }
    store_close(s);
}

static void versions_grow_across_delete_and_expiry(void **state)
{
    struct store *s = store_open(*state, NULL);
    uint64_t last = 0;
    for (int i = 0; i < 50; i++) {
        uint64_t version = store_put(s, "a", "x");
        assert_true(version > last);
        last = version;
        store_put(s, "other", "x");
        if (i % 3 == 0) store_expect_kind(ASK(s, .op = OP_DELETE, .key = "a"), REPLY_OK);
        if (i % 3 == 1) {
            const struct reply *reply = ASK(s, .op = OP_PUT, .key = "a", .value = "y", .ttl_ms = 5);
            assert_int_equal(reply->kind, REPLY_STORED);
            assert_true(reply->version > last);
            last = reply->version;
            fake_clock_advance_ms(&s->clock, 5);
            store_expect_kind(ASK(s, .op = OP_GET, .key = "a"), REPLY_NOT_FOUND);
        }
    }
    store_close(s);
}

static void touch_leaves_value_and_version_alone(void **state)
{
    struct store *s = store_open(*state, NULL);
    store_expect_kind(ASK(s, .op = OP_TOUCH, .key = "a", .ttl_ms = 1000), REPLY_NOT_FOUND);
    uint64_t version = store_put(s, "a", "x");
    const struct reply *reply = ASK(s, .op = OP_TOUCH, .key = "a", .ttl_ms = 1000);
    assert_int_equal(reply->kind, REPLY_STORED);
    assert_int_equal(reply->version, version);
    reply = ASK(s, .op = OP_GET, .key = "a");
    store_expect_value(reply, "x");
    assert_int_equal(reply->version, version);
    assert_int_equal(reply->number, 1000);
    store_expect_kind(ASK(s, .op = OP_GET, .key = "b"), REPLY_NOT_FOUND);
    store_close(s);
}

/* ---- conditions ---- */

static void conditions_on_an_absent_session(void **state)
{
    struct store *s = store_open(*state, NULL);
    static const enum op ops[] = {OP_PUT, OP_TOUCH, OP_DELETE};
    for (size_t i = 0; i < 3; i++) {
        store_expect_conflict(ASK(s, .op = ops[i], .key = "a", .condition = COND_PRESENT), 0);
        store_expect_conflict(ASK(s, .op = ops[i], .key = "a", .condition = COND_VERSION, .if_version = 1), 0);
        store_expect_conflict(ASK(s, .op = ops[i], .key = "a", .condition = COND_VERSION, .if_version = 0), 0);
        assert_int_equal(store_len(s), 0);
    }
    store_expect_kind(ASK(s, .op = OP_TOUCH, .key = "a", .condition = COND_ABSENT), REPLY_NOT_FOUND);
    store_expect_kind(ASK(s, .op = OP_DELETE, .key = "a", .condition = COND_ABSENT), REPLY_NOT_FOUND);
    store_expect_kind(ASK(s, .op = OP_PUT, .key = "a", .value = "x", .condition = COND_ABSENT), REPLY_STORED);
    assert_int_equal(store_len(s), 1);
    store_close(s);
}

static void conditions_on_a_present_session(void **state)
{
    struct store *s = store_open(*state, NULL);
    static const enum op ops[] = {OP_PUT, OP_TOUCH, OP_DELETE};
    store_put(s, "other", "y");
    uint64_t v = store_put(s, "a", "x");
    for (size_t i = 0; i < 3; i++) {
        struct ask ask = {.op = ops[i], .key = "a", .value = "changed", .ttl_ms = 7};
        ask.condition = COND_ABSENT;
        store_expect_conflict(store_ask(s, &ask), v);
        ask.condition = COND_VERSION;
        ask.if_version = v - 1;
        store_expect_conflict(store_ask(s, &ask), v);
        ask.if_version = v + 1;
        store_expect_conflict(store_ask(s, &ask), v);
        const struct reply *reply = ASK(s, .op = OP_GET, .key = "a"); /* nothing was executed */
        store_expect_value(reply, "x");
        assert_int_equal(reply->version, v);
        assert_int_equal(reply->number, -1);
    }
    store_expect_kind(ASK(s, .op = OP_TOUCH, .key = "a", .condition = COND_VERSION, .if_version = v), REPLY_STORED);
    store_expect_kind(ASK(s, .op = OP_TOUCH, .key = "a", .condition = COND_PRESENT), REPLY_STORED);
    const struct reply *reply =
        ASK(s, .op = OP_PUT, .key = "a", .value = "z", .condition = COND_VERSION, .if_version = v);
    assert_int_equal(reply->kind, REPLY_STORED);
    assert_true(reply->version > v);
    uint64_t w = reply->version;
    store_expect_conflict(ASK(s, .op = OP_DELETE, .key = "a", .condition = COND_VERSION, .if_version = v), w);
    store_expect_kind(ASK(s, .op = OP_PUT, .key = "a", .value = "p", .condition = COND_PRESENT), REPLY_STORED);
    store_expect_kind(ASK(s, .op = OP_DELETE, .key = "a", .condition = COND_PRESENT), REPLY_OK);
    assert_int_equal(store_len(s), 1);
    store_close(s);
}

static void an_expired_session_is_absent_to_conditions(void **state)
{
    struct store *s = store_open(*state, NULL);
    const struct reply *reply = ASK(s, .op = OP_PUT, .key = "a", .value = "x", .ttl_ms = 10);
    uint64_t v = reply->version;
    fake_clock_advance_ms(&s->clock, 9);
    store_expect_conflict(ASK(s, .op = OP_PUT, .key = "a", .condition = COND_ABSENT), v);
    fake_clock_advance_ms(&s->clock, 1);
    store_expect_conflict(ASK(s, .op = OP_PUT, .key = "a", .condition = COND_PRESENT), 0);
    store_expect_conflict(ASK(s, .op = OP_DELETE, .key = "a", .condition = COND_VERSION, .if_version = v), 0);
    reply = ASK(s, .op = OP_PUT, .key = "a", .value = "y", .condition = COND_ABSENT);
    assert_int_equal(reply->kind, REPLY_STORED);
    assert_true(reply->version > v);
    store_close(s);
}

/* ---- replies and the table ---- */

static void small_values_are_copies(void **state)
{
    struct store *s = store_open(*state, NULL);
    store_put(s, "a", "first");
    const struct reply *reply = ASK(s, .op = OP_GET, .key = "a");
    assert_null(reply->held);
    assert_null(reply->release);
    assert_true(reply->body.ptr >= s->scratch.call.data &&
                reply->body.ptr < s->scratch.call.data + s->scratch.call.capacity);
    store_close(s);
}

/* A large value is held by the reply and stays whole, whatever becomes of the session. */
static void large_values_outlive_their_session(void **state)
{
    struct store *s = store_open(*state, NULL);
    char *bytes = malloc(LARGE);
    struct call kept[3];
    for (int i = 0; i < 3; i++) {
        memset(bytes, 'a' + i, LARGE);
        store_expect_kind(ASK(s, .op = OP_PUT, .key = "big", .value = bytes, .value_len = LARGE), REPLY_STORED);
        const struct reply *reply = ASK(s, .op = OP_GET, .key = "big");
        assert_int_equal(reply->kind, REPLY_VALUE);
        assert_non_null(reply->held);
        call_init(&kept[i]);
        kept[i].reply = *reply; /* takes the reference over */
        s->scratch.call.reply.release = NULL;
    }
    store_expect_kind(ASK(s, .op = OP_DELETE, .key = "big"), REPLY_OK);
    memset(bytes, 'z', LARGE);
    store_expect_kind(ASK(s, .op = OP_PUT, .key = "big", .value = bytes, .value_len = LARGE), REPLY_STORED);
    for (int i = 0; i < 2; i++) {
        memset(bytes, 'a' + i, LARGE);
        assert_int_equal(kept[i].reply.body.len, LARGE);
        assert_memory_equal(kept[i].reply.body.ptr, bytes, LARGE);
        call_clear(&kept[i]);
    }
    store_close(s); /* the last one outlives the store itself */
    memset(bytes, 'c', LARGE);
    assert_memory_equal(kept[2].reply.body.ptr, bytes, LARGE);
    call_clear(&kept[2]);
    free(bytes);
}

static void keys_of_every_length(void **state)
{
    struct store *s = store_open(*state, NULL);
    char key[513] = "", value[8];
    for (int len = 1; len <= 512; len++) {
        key[len - 1] = 'k';
        key[len] = '\0';
        snprintf(value, sizeof value, "%d", len);
        store_put(s, key, value);
    }
    assert_int_equal(store_len(s), 512);
    for (int len = 512; len >= 1; len--) {
        key[len] = '\0';
        snprintf(value, sizeof value, "%d", len);
        store_expect_value(ASK(s, .op = OP_GET, .key = key), value);
    }
    store_close(s);
}

static void work_changes_no_answer(void **state)
{
    struct store *s = store_open(*state, &(struct store_options){.work_iterations = 1000});
    store_put(s, "a", "x");
    store_expect_value(ASK(s, .op = OP_GET, .key = "a"), "x");
    assert_int_equal(store_len(s), 1);
    store_expect_kind(ASK(s, .op = OP_DELETE, .key = "a"), REPLY_OK);
    assert_int_equal(store_len(s), 0);
    store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(get_gives_what_put_stored),
        cmocka_unit_test(any_bytes_are_a_value),
        cmocka_unit_test(delete_removes),
        cmocka_unit_test(len_counts_sessions),
        cmocka_unit_test(versions_grow_across_delete_and_expiry),
        cmocka_unit_test(touch_leaves_value_and_version_alone),
        cmocka_unit_test(conditions_on_an_absent_session),
        cmocka_unit_test(conditions_on_a_present_session),
        cmocka_unit_test(an_expired_session_is_absent_to_conditions),
        cmocka_unit_test(small_values_are_copies),
        cmocka_unit_test(large_values_outlive_their_session),
        cmocka_unit_test(keys_of_every_length),
        cmocka_unit_test(work_changes_no_answer),
    };
    return store_contract_run("meaning", tests, sizeof tests / sizeof tests[0], NULL);
}
