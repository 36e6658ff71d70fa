/* Keys that collide: the same bucket, and the same bucket and tag. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "daemon/base/fault.h"
#include "tests/unit/store_session.h"

static struct budget budget; /* mutable on purpose: of the running test, and read after its table is gone */

static struct table *new_table(void)
{
    budget_init(&budget, 0);
    struct table_options options = {.hash_key = {1, 2}, .budget = &budget, .now_ms = 0};
    struct table *t = table_create(&options);
    assert_non_null(t);
    return t;
}

static enum table_status put(struct table *t, unsigned number)
{
    char key[16];
    size_t len = (size_t)snprintf(key, sizeof key, "k%u", number);
    struct entry *stored;
    return store_session(t, table_hash(t, key, len), key, len, &number, sizeof number, TABLE_NEVER, 0, &stored);
}

static struct entry *find(struct table *t, unsigned number)
{
    char key[16];
    size_t len = (size_t)snprintf(key, sizeof key, "k%u", number);
    struct entry *e = table_find(t, table_hash(t, key, len), key, len, 0);
    if (e) assert_memory_equal(entry_value(e), &number, sizeof number);
    return e;
}

/* Under the hash key {1, 2}, "k" and one of these agree in their 16 highest and 4 lowest hash bits: one bucket of
 * an empty table, one tag. */
static const unsigned twins[] = {0,       1298150, 1660072,  2478270,  2791801,  3148134,  4112685,  5239881,
                                 5754998, 6513210, 10554921, 12653073, 12655761, 12676431, 13414673, 16182610};
#define TWINS (sizeof twins / sizeof twins[0])

static void equal_tags_are_told_apart_by_the_key(void **state)
{
    (void)state;
    struct table *t = new_table();
    size_t empty = budget_used(&budget);
    uint64_t first = table_hash(t, "k0", 2);
    for (size_t i = 0; i < TWINS; i++) {
        char key[16];
        uint64_t hash = table_hash(t, key, (size_t)snprintf(key, sizeof key, "k%u", twins[i]));
        assert_true(((hash ^ first) & UINT64_C(0xffff00000000000f)) == 0);
        assert_null(find(t, twins[i]));
        assert_int_equal(put(t, twins[i]), TABLE_OK);
        for (size_t k = 0; k <= i; k++)
            assert_non_null(find(t, twins[k]));
    }
    assert_int_equal(table_len(t, 0), TWINS);
    assert_true(counter_get(&table_counters(t)->bucket_bytes) > empty); /* overflow buckets */
    for (size_t i = 0; i < TWINS; i++) {
        size_t gone = i * 5 % TWINS; /* from the middle of the chain as well */
        table_remove(t, find(t, twins[gone]), REMOVED_DELETED);
        assert_null(find(t, twins[gone]));
        for (size_t k = i + 1; k < TWINS; k++)
            assert_non_null(find(t, twins[k * 5 % TWINS]));
    }
    assert_true(table_sweep(t, 0, SIZE_MAX));
    assert_int_equal(budget_used(&budget), empty);
    table_destroy(t);
}

/* The next number from `from` whose key falls into bucket 3 of the first 1024. */
static unsigned next_in_bucket(const struct table *t, unsigned from)
{
    for (;; from++) {
        char key[16];
        size_t len = (size_t)snprintf(key, sizeof key, "k%u", from);
        if ((table_hash(t, key, len) & 1023) == 3) return from;
    }
}

static void a_crowded_bucket_splits_and_merges_whole(void **state)
{
    (void)state;
    enum { CROWD = 150 };
    struct table *t = new_table();
    size_t empty = budget_used(&budget);
    unsigned crowd[CROWD], number = 0;
    for (unsigned i = 0; i < CROWD; i++) {
        crowd[i] = number = next_in_bucket(t, number + 1);
        assert_int_equal(put(t, number), TABLE_OK);
    }
    assert_true(counter_get(&table_counters(t)->splits) > 0); /* to no avail: all stay in one chain */
    for (unsigned i = 0; i < CROWD; i++)
        assert_non_null(find(t, crowd[i]));
    for (unsigned i = 10000000; i < 10010000; i++) /* beyond 1024 buckets the chain comes apart */
        assert_int_equal(put(t, i), TABLE_OK);
    for (unsigned i = 0; i < CROWD; i++)
        assert_non_null(find(t, crowd[i]));
    for (unsigned i = 10000000; i < 10010000; i++) /* and together again */
        table_remove(t, find(t, i), REMOVED_DELETED);
    assert_int_equal(table_len(t, 0), CROWD);
    for (unsigned i = 0; i < CROWD; i++)
        table_remove(t, find(t, crowd[i]), REMOVED_DELETED);
    assert_true(table_sweep(t, 0, SIZE_MAX));
    assert_int_equal(budget_used(&budget), empty);
    table_destroy(t);
}

static void no_room_in_the_bucket_changes_nothing(void **state)
{
    (void)state;
    struct table *t = new_table();
    for (size_t i = 0; i < 11; i++)
        assert_int_equal(put(t, twins[i]), TABLE_OK);
    size_t used = budget_used(&budget);
    fault_arm(FAULT_TABLE_GROW, 1, 1);
    assert_int_equal(put(t, twins[11]), TABLE_NO_MEMORY);
    assert_int_equal(put(t, twins[10]), TABLE_OK); /* an update needs no bucket */
    assert_int_equal(budget_used(&budget), used);
    assert_int_equal(table_len(t, 0), 11);
    assert_null(find(t, twins[11]));
    assert_int_equal(put(t, twins[11]), TABLE_OK);
    fault_disarm_all();
    table_destroy(t);
    assert_int_equal(budget_used(&budget), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_tags_are_told_apart_by_the_key),
        cmocka_unit_test(a_crowded_bucket_splits_and_merges_whole),
        cmocka_unit_test(no_room_in_the_bucket_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
