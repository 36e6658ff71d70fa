/* What the operations mean, on a bare table: every operation under every condition, and lifetimes. (Against whole
 * backends: test_backend_*.c.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/backend/execute.h"
#include "daemon/base/fault.h"
#include "tests/unit/fake_clock.h"

#define NOW 5000000ULL

struct fixture {
    struct budget budget;
    struct fake_clock clock;
    struct databases databases;
    struct execute_rules rules;
    struct call call;
    char key_bytes[8];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    budget_init(&f->budget, 0);
    struct siphash_key key = {1, 2};
    databases_init(&f->databases, &key, &f->budget, NULL, NULL);
    fake_clock_init(&f->clock);
    f->rules = (struct execute_rules){
        .ttl_default_ms = 60000, .ttl_max_lifetime_ms = UINT64_MAX, .wall = {.clock = &f->clock.clock}};
    call_init(&f->call);
    *state = f;
    return 0;
}

static void set_lifetimes(struct fixture *f, uint64_t by_default, uint64_t cap)
{
    f->rules.ttl_default_ms = by_default;
    f->rules.ttl_max_lifetime_ms = cap;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    call_clear(&f->call);
    databases_destroy(&f->databases);
    fake_clock_destroy(&f->clock);
    free(f);
    return 0;
}

/* A fresh call; the caller sets what is special about it. */
static struct request *request(struct fixture *f, enum op op, const char *key)
{
    call_clear(&f->call);
    struct request *r = &f->call.request;
    r->op = op;
    r->key = slice_text(key);
    return r;
}

static const struct reply *run(struct fixture *f, uint64_t now_ms)
{
    struct slice key = f->call.request.key;
    execute(&f->rules, &f->databases, databases_hash(&f->databases, key.ptr, key.len), &f->call, now_ms);
    return &f->call.reply;
}

static uint64_t put(struct fixture *f, const char *key, const char *value, size_t len, uint64_t now_ms)
{
    struct request *r = request(f, OP_PUT, key);
    r->value = slice_of(value, len);
    const struct reply *reply = run(f, now_ms);
    assert_int_equal(reply->kind, REPLY_STORED);
    return reply->version;
}

static void every_condition_on_every_operation(void **state)
{
    struct fixture *f = *state;
    static const struct {
        enum op op;
        enum condition condition;
        int version; /* COND_VERSION: relative to the session's */
        enum reply_kind absent, present;
    } cases[] = {
        {OP_PUT, COND_NONE, 0, REPLY_STORED, REPLY_STORED},
        {OP_PUT, COND_ABSENT, 0, REPLY_STORED, REPLY_CONFLICT},
        {OP_PUT, COND_PRESENT, 0, REPLY_CONFLICT, REPLY_STORED},
        {OP_PUT, COND_VERSION, 0, REPLY_CONFLICT, REPLY_STORED},
        {OP_PUT, COND_VERSION, 1, REPLY_CONFLICT, REPLY_CONFLICT},
        {OP_TOUCH, COND_NONE, 0, REPLY_NOT_FOUND, REPLY_STORED},
        {OP_TOUCH, COND_ABSENT, 0, REPLY_NOT_FOUND, REPLY_CONFLICT},
        {OP_TOUCH, COND_PRESENT, 0, REPLY_CONFLICT, REPLY_STORED},
        {OP_TOUCH, COND_VERSION, 0, REPLY_CONFLICT, REPLY_STORED},
        {OP_TOUCH, COND_VERSION, -1, REPLY_CONFLICT, REPLY_CONFLICT},
        {OP_DELETE, COND_NONE, 0, REPLY_NOT_FOUND, REPLY_OK},
        {OP_DELETE, COND_ABSENT, 0, REPLY_NOT_FOUND, REPLY_CONFLICT},
        {OP_DELETE, COND_PRESENT, 0, REPLY_CONFLICT, REPLY_OK},
        {OP_DELETE, COND_VERSION, 0, REPLY_CONFLICT, REPLY_OK},
        {OP_DELETE, COND_VERSION, 1, REPLY_CONFLICT, REPLY_CONFLICT},
        {OP_GET, COND_NONE, 0, REPLY_NOT_FOUND, REPLY_VALUE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int present = 0; present < 2; present++) {
            char key[16];
            snprintf(key, sizeof key, "%zu %d", i, present);
            uint64_t version = present ? put(f, key, "old", 3, NOW) : 0;
            struct request *r = request(f, cases[i].op, key);
            r->condition = cases[i].condition;
            r->if_version = version + (uint64_t)cases[i].version;
            r->value = slice_text("new");
            const struct reply *reply = run(f, NOW);
            assert_int_equal(reply->kind, present ? cases[i].present : cases[i].absent);
            if (reply->kind == REPLY_CONFLICT) assert_int_equal(reply->version, version);
            if (reply->kind == REPLY_STORED && cases[i].op == OP_TOUCH) assert_int_equal(reply->version, version);
            if (reply->kind == REPLY_STORED && cases[i].op == OP_PUT) assert_true(reply->version > version);
        }
    }
}

static void lifetimes(void **state)
{
    struct fixture *f = *state;
    static const struct {
        uint64_t by_default, cap;
        enum ttl_kind kind;
        uint64_t ttl;
        int64_t remains; /* -1: never expires */
    } cases[] = {
        {60000, UINT64_MAX, TTL_DEFAULT, 0, 60000},
        {UINT64_MAX, UINT64_MAX, TTL_DEFAULT, 0, -1},
        {60000, UINT64_MAX, TTL_NEVER, 0, -1},
        {60000, UINT64_MAX, TTL_RELATIVE, 1, 1},
        {60000, UINT64_MAX, TTL_RELATIVE, TTL_MAX_MS, (int64_t)TTL_MAX_MS},
        {60000, 1000, TTL_DEFAULT, 0, 1000},
        {UINT64_MAX, 1000, TTL_DEFAULT, 0, 1000},
        {60000, 1000, TTL_NEVER, 0, 1000},
        {60000, 1000, TTL_RELATIVE, 999, 999},
        {60000, 1000, TTL_RELATIVE, 1000, 1000},
        {60000, 1000, TTL_RELATIVE, 1001, 1000},
        {60000, 1, TTL_RELATIVE, TTL_MAX_MS, 1},
    };
    static const enum op ops[] = {OP_PUT, OP_TOUCH};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t o = 0; o < 2; o++) {
            set_lifetimes(f, UINT64_MAX, UINT64_MAX);
            put(f, "k", "v", 1, NOW);
            set_lifetimes(f, cases[i].by_default, cases[i].cap);
            struct request *r = request(f, ops[o], "k");
            r->ttl_kind = cases[i].kind;
            r->ttl_ms = cases[i].ttl;
            assert_int_equal(run(f, NOW)->kind, REPLY_STORED);
            request(f, OP_GET, "k");
            assert_int_equal(run(f, NOW)->number, cases[i].remains);
            if (cases[i].remains < 0) continue;
            uint64_t deadline = NOW + (uint64_t)cases[i].remains;
            request(f, OP_GET, "k");
            assert_int_equal(run(f, deadline - 1)->kind, REPLY_VALUE);
            request(f, OP_GET, "k");
            assert_int_equal(run(f, deadline)->kind, REPLY_NOT_FOUND);
        }
    }
}

static void small_values_are_copied_large_ones_held(void **state)
{
    struct fixture *f = *state;
    static char bytes[100000];
    static const size_t sizes[] = {0, 1, 255, 256, 257, 384, 385, 4096, sizeof bytes};
    memset(bytes, 'x', sizeof bytes);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        put(f, "k", bytes, sizes[i], NOW);
        struct request *r = request(f, OP_GET, "k");
        r->tag = slice_text("a-tag-of-32-bytes--------------.");
        assert_true(call_own(&f->call));
        const struct reply *reply = run(f, NOW);
        assert_int_equal(reply->kind, REPLY_VALUE);
        assert_int_equal(reply->body.len, sizes[i]);
        assert_true(!!reply->held == (sizes[i] > 256));
        put(f, "k", bytes, 3, NOW);
    }
}

/* The tag survives, also where the copy of the value takes its request's place. */
static void the_tag_is_still_there(void **state)
{
    struct fixture *f = *state;
    put(f, "k", "the value", 9, NOW);
    for (int owned = 0; owned < 2; owned++) {
        struct request *r = request(f, OP_GET, "k");
        r->tag = slice_text("t-1");
        if (owned) assert_true(call_own(&f->call));
        const struct reply *reply = run(f, NOW);
        assert_true(slice_equal(f->call.request.tag, slice_text("t-1")));
        assert_true(slice_equal(reply->body, slice_text("the value")));
    }
}

static void more_readers_than_can_be_counted_get_copies(void **state)
{
    struct fixture *f = *state;
    char value[1000];
    memset(value, 'v', sizeof value);
    put(f, "k", value, sizeof value, NOW);
    struct table *t = databases_table(&f->databases, 0);
    struct entry *e = table_find(t, table_hash(t, "k", 1), "k", 1, NOW);
    unsigned readers = 0;
    while (entry_retain(e))
        readers++;
    request(f, OP_GET, "k");
    const struct reply *reply = run(f, NOW);
    assert_int_equal(reply->kind, REPLY_VALUE);
    assert_ptr_not_equal(reply->body.ptr, entry_value(e));
    assert_true(slice_equal(reply->body, slice_of(value, sizeof value)));
    for (; readers > 0; readers--)
        entry_release(e);
    request(f, OP_GET, "k");
    assert_ptr_equal(run(f, NOW)->body.ptr, entry_value(e));
}

static void no_memory_is_an_error_and_no_change(void **state)
{
    struct fixture *f = *state;
    uint64_t version = put(f, "k", "old", 3, NOW);
    struct request *r = request(f, OP_PUT, "k");
    r->value = slice_text("new, and too long for the place of the old one");
    fault_arm(FAULT_ENTRY_ALLOC, 1, 1);
    const struct reply *reply = run(f, NOW);
    fault_disarm_all();
    assert_int_equal(reply->kind, REPLY_ERROR);
    assert_int_equal(reply->error, ERR_OUT_OF_MEMORY);
    assert_true(reply->body.len > 0);
    request(f, OP_GET, "k");
    reply = run(f, NOW);
    assert_int_equal(reply->version, version);
    assert_true(slice_equal(reply->body, slice_text("old")));
}

static uint64_t put_version(struct fixture *f, const char *key, uint64_t version)
{
    struct request *r = request(f, OP_PUT, key);
    r->value = slice_text("value");
    r->effects = EFFECT_SET_VERSION;
    r->set_version = version;
    return run(f, NOW)->version;
}

static void a_version_that_was_set_never_takes_the_others_back(void **state)
{
    struct fixture *f = *state;
    struct databases *shard = &f->databases;
    put(f, "a", "value", 5, NOW);
    assert_int_equal(put_version(f, "b", VERSION_SET_MAX), VERSION_SET_MAX);
    assert_int_equal(put(f, "a", "value", 5, NOW), VERSION_SET_MAX + 1);
    assert_int_equal(put_version(f, "b", 7), 7);
    assert_int_equal(put_version(f, "b", 0), VERSION_SET_MAX + 2); /* none was asked for */
    assert_int_equal(put_version(f, "b", VERSION_SET_MAX), VERSION_SET_MAX);
    assert_int_equal(put(f, "b", "value", 5, NOW), VERSION_SET_MAX + 3);
    request(f, OP_FLUSH, "");
    execute_wide(&f->rules, &shard, 1, &f->call, NOW);
    assert_int_equal(put(f, "b", "value", 5, NOW), VERSION_SET_MAX + 4);
}

static const char *const batch_keys[] = {"x", "y", "z"};

static const struct reply *put_batch(struct fixture *f, const char *value, size_t len)
{
    struct databases *shard = &f->databases;
    request(f, OP_BATCH, "");
    for (int i = 0; i < 3; i++) {
        struct call *part = call_add_part(&f->call, CALL_INLINE);
        part->request.op = OP_PUT;
        part->request.key = slice_text(batch_keys[i]);
        part->request.value = slice_of(value, len);
    }
    execute_wide(&f->rules, &shard, 1, &f->call, NOW);
    return &f->call.reply;
}

static uint64_t stored(const struct fixture *f)
{
    return table_len(databases_table(&f->databases, 0), NOW);
}

static void a_batch_is_stored_whole_or_not_at_all(void **state)
{
    enum { SIZE = 3000 };
    struct fixture *f = *state;
    static char value[SIZE + 1000];
    char key[8];
    f->budget.limit = 200000;
    for (int i = 0;; i++) {
        snprintf(key, sizeof key, "k%d", i);
        struct request *r = request(f, OP_PUT, key);
        r->value = slice_of(value, SIZE);
        if (run(f, NOW)->kind != REPLY_STORED) break;
    }
    uint64_t count = stored(f);
    assert_int_equal(put_batch(f, value, SIZE)->error, ERR_OUT_OF_MEMORY);
    assert_int_equal(stored(f), count);
    for (int i = 0; i < 3; i++) {
        snprintf(key, sizeof key, "k%d", i * 7);
        request(f, OP_DELETE, key);
        assert_int_equal(run(f, NOW)->kind, REPLY_OK);
        if (i < 2) assert_int_equal(put_batch(f, value, SIZE)->error, ERR_OUT_OF_MEMORY);
    }
    assert_int_equal(put_batch(f, value, SIZE)->kind, REPLY_PARTS); /* in the places of the three */
    assert_int_equal(stored(f), count);
    assert_int_equal(put_batch(f, value, SIZE)->kind, REPLY_PARTS); /* in its own */
    assert_int_equal(put_batch(f, value, SIZE + 1000)->error, ERR_OUT_OF_MEMORY);
    for (int i = 0; i < 3; i++) {
        request(f, OP_GET, batch_keys[i]);
        assert_int_equal(run(f, NOW)->body.len, SIZE);
    }
}

/* ---- room behind a flush ---- */

#define ROOM       (8U << 20)
#define SPAN_MOST  8192U /* sessions that fit one span of a slab, at most */
#define VALUE_MOST 200000U

static uint64_t bytes_in_entries(const struct fixture *f)
{
    return counter_get(&f->databases.counters[0].entry_bytes);
}

/* Stores sessions of this size until there is no room, and returns how many that were. Those flushed before were of
 * another size; not many of them go at a time. */
static unsigned fill(struct fixture *f, const char *prefix, size_t len, size_t flushed_len)
{
    static char value[VALUE_MOST];
    char key[32];
    for (unsigned i = 0;; i++) {
        snprintf(key, sizeof key, "%s%u", prefix, i);
        struct request *r = request(f, OP_PUT, key);
        r->value = slice_of(value, len);
        uint64_t before = bytes_in_entries(f);
        const struct reply *reply = run(f, NOW);
        assert_true(budget_used(&f->budget) <= f->budget.limit + 65536); /* buckets are not refused */
        uint64_t after = bytes_in_entries(f), gone = before > after ? (before - after) / (24 + flushed_len) : 0;
        assert_true(gone <= (2 + len / (256 << 10)) * SPAN_MOST);
        if (reply->kind == REPLY_ERROR) return i;
    }
}

static void flush_all(struct fixture *f)
{
    struct databases *shard = &f->databases;
    request(f, OP_FLUSH, "");
    execute_wide(&f->rules, &shard, 1, &f->call, NOW);
}

static void there_is_room_as_soon_as_all_was_flushed(void **state)
{
    struct fixture *f = *state;
    static const size_t sizes[] = {10, 300, 9000, VALUE_MOST, 300};
    unsigned alone[5];
    f->budget.limit = ROOM;
    for (int i = 0; i < 5; i++) { /* how many fit where nothing was before */
        alone[i] = fill(f, "alone", sizes[i], 0);
        flush_all(f);
        while (!databases_sweep(&f->databases, NOW, 1000)) {
        }
    }
    for (int before = 0; before < 5; before++)
        for (int i = 0; i < 5; i++) {
            fill(f, "before", sizes[before], 0);
            flush_all(f);
            assert_in_range(fill(f, "after", sizes[i], sizes[before]), alone[i] - alone[i] / 16,
                            alone[i] + alone[i] / 16);
            flush_all(f);
            while (!databases_sweep(&f->databases, NOW, 1000)) {
            }
        }
}

static void a_batch_finds_room_where_something_was_flushed(void **state)
{
    struct fixture *f = *state;
    f->budget.limit = ROOM;
    fill(f, "k", 300, 0);
    flush_all(f);
    static char value[VALUE_MOST];
    assert_int_equal(put_batch(f, value, sizeof value)->kind, REPLY_PARTS);
    assert_int_equal(f->call.parts->reply.kind, REPLY_STORED);
    fill(f, "l", 300, 0);
    flush_all(f);
    request(f, OP_PUT, "from");
    assert_int_equal(run(f, NOW)->kind, REPLY_STORED);
}

static const struct reply *get_with_lease(struct fixture *f)
{
    request(f, OP_GET, "a")->effects = EFFECT_LEASE;
    return run(f, NOW);
}

/* Who stores with an older version than the session's leaves lifetime and lease as they are. */
static void stale_values_keep_lifetime_and_lease(void **state)
{
    struct fixture *f = *state;
    for (int leased = 0; leased < 2; leased++) {
        put(f, "a", "1", 1, NOW);
        if (leased) {
            request(f, OP_DELETE, "a")->effects = EFFECT_INVALIDATE;
            run(f, NOW);
            assert_int_equal(get_with_lease(f)->marks, MARK_STALE | MARK_WON);
        }
        struct request *r = request(f, OP_PUT, "a");
        r->value = slice_text("2");
        r->condition = COND_VERSION;
        r->if_version = 0;
        r->effects = EFFECT_INVALIDATE;
        r->ttl_kind = TTL_RELATIVE;
        r->ttl_ms = 5;
        assert_int_equal(run(f, NOW)->kind, REPLY_STORED);
        const struct reply *reply = get_with_lease(f);
        assert_true(slice_equal(reply->body, slice_text("2")));
        assert_int_equal(reply->number, 60000); /* the default that the first had */
        assert_int_equal(reply->marks, MARK_STALE | (leased ? MARK_LEASED : MARK_WON));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(stale_values_keep_lifetime_and_lease, setup, teardown),
        cmocka_unit_test_setup_teardown(every_condition_on_every_operation, setup, teardown),
        cmocka_unit_test_setup_teardown(lifetimes, setup, teardown),
        cmocka_unit_test_setup_teardown(small_values_are_copied_large_ones_held, setup, teardown),
        cmocka_unit_test_setup_teardown(the_tag_is_still_there, setup, teardown),
        cmocka_unit_test_setup_teardown(more_readers_than_can_be_counted_get_copies, setup, teardown),
        cmocka_unit_test_setup_teardown(no_memory_is_an_error_and_no_change, setup, teardown),
        cmocka_unit_test_setup_teardown(a_version_that_was_set_never_takes_the_others_back, setup, teardown),
        cmocka_unit_test_setup_teardown(a_batch_is_stored_whole_or_not_at_all, setup, teardown),
        cmocka_unit_test_setup_teardown(there_is_room_as_soon_as_all_was_flushed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_batch_finds_room_where_something_was_flushed, setup, teardown),
    };
    return cmocka_run_group_tests_name("execute", tests, NULL, NULL);
}
