/* The session table: what single calls promise, at their limits. */
#include "tests/unit/table_helper.h"

#define TEN_YEARS UINT64_C(315360000000)

static void put_find_replace_remove(void **state)
{
    (void)state;
    struct table *t = new_table(0);
    assert_null(find(t, "alice", 1000));
    assert_int_equal(put(t, "alice", 5, 2000, 1000), TABLE_OK);
    assert_int_equal(put(t, "bob", 3, TABLE_NEVER, 1000), TABLE_OK);
    struct entry *e = find(t, "alice", 1999);
    assert_int_equal(entry_version(e), 1);
    assert_int_equal(entry_key_len(e), 5);
    assert_memory_equal(entry_key(e), "alice", 5);
    assert_null(find(t, "alic", 1000));
    assert_null(find(t, "alice2", 1000));
    assert_int_equal(put(t, "alice", 900, 3000, 1000), TABLE_OK);
    assert_int_equal(entry_version(find(t, "alice", 2999)), 3);
    assert_int_equal(table_len(t, 1000), 2);
    table_remove(t, find(t, "alice", 1000), REMOVED_DELETED);
    assert_null(find(t, "alice", 1000));
    assert_int_equal(put(t, "alice", 1, 2000, 1000), TABLE_OK);
    assert_int_equal(entry_version(find(t, "alice", 1000)), 4); /* grows across delete and create */
    table_destroy(t);
    assert_int_equal(budget_used(&budget), 0);
}

static void expired_means_absent_swept_or_not(void **state)
{
    (void)state;
    struct table *t = new_table(0);
    put(t, "a", 1, 2000, 1000);
    put(t, "b", 1, 2000, 1000);
    put(t, "c", 1, 2001, 1000);
    put(t, "d", 1, 999, 1000); /* born expired */
    assert_int_equal(table_len(t, 1000), 3);
    assert_non_null(find(t, "a", 1999));
    assert_int_equal(table_len(t, 1999), 3);
    assert_null(find(t, "a", 2000));
    assert_null(find(t, "d", 1000));
    assert_int_equal(table_len(t, 2000), 1);
    assert_int_equal(counter_get(&table_counters(t)->sessions), 4);

    assert_int_equal(put(t, "a", 2, 9000, 2000), TABLE_OK); /* creation over the expired one */
    assert_int_equal(counter_get(&table_counters(t)->expired), 1);
    assert_int_equal(table_len(t, 2000), 2);
    assert_true(table_next_due(t) <= 2000);
    assert_true(table_sweep(t, 2000, 1000));
    assert_int_equal(counter_get(&table_counters(t)->expired), 3);
    assert_int_equal(counter_get(&table_counters(t)->sessions), 2);
    assert_int_equal(table_len(t, 2000), 2);
    assert_int_equal(table_len(t, 2001), 1);
    assert_true(table_sweep(t, 9000, 1000));
    assert_int_equal(counter_get(&table_counters(t)->sessions), 0);
    assert_true(table_next_due(t) == TABLE_NEVER);
    table_destroy(t);
}

static void deadlines_from_a_millisecond_to_never(void **state)
{
    (void)state;
    struct table *t = new_table(0);
    put(t, "k", 1, 1000 + TEN_YEARS, 1000);
    put(t, "n", 1, TABLE_NEVER, 1000);
    assert_int_equal(table_len(t, 999 + TEN_YEARS), 2);
    assert_int_equal(table_len(t, 1000 + TEN_YEARS), 1);
    table_set_deadline(t, find(t, "k", 1000), 1001);
    assert_int_equal(entry_version(find(t, "k", 1000)), 1);
    assert_non_null(find(t, "k", 1000));
    assert_null(find(t, "k", 1001));
    table_set_deadline(t, find(t, "k", 1000), TABLE_NEVER);
    assert_true(entry_deadline(find(t, "k", TEN_YEARS)) == TABLE_NEVER);
    assert_true(table_next_due(t) == TABLE_NEVER);
    table_set_deadline(t, find(t, "k", 1000), 1000 + TEN_YEARS);
    assert_true(table_sweep(t, 999 + TEN_YEARS, 100));
    assert_int_equal(entry_deadline(find(t, "k", 999 + TEN_YEARS)), 1000 + TEN_YEARS);
    assert_true(table_sweep(t, 1000 + TEN_YEARS, 100));
    assert_int_equal(counter_get(&table_counters(t)->sessions), 1);
    table_destroy(t);
}

static void keys_and_values_of_every_size(void **state)
{
    (void)state;
    static const size_t values[] = {0, 1, 255, 256, 4096, 1 << 20};
    struct table *t = new_table(0);
    char key[513];
    for (size_t len = 1; len <= 512; len++) {
        memset(key, 'x', len);
        key[len] = 0;
        assert_int_equal(put(t, key, values[len % 6] >> (len % 12 == 5 ? 0 : len % 6), TABLE_NEVER, 1000),
                         TABLE_OK);
    }
    assert_int_equal(put(t, "big", 1 << 20, TABLE_NEVER, 1000), TABLE_OK);
    assert_int_equal(table_len(t, 1000), 513);
    for (size_t len = 1; len <= 512; len++)
        assert_int_equal(entry_key_len(table_find(t, table_hash(t, key, len), key, len, 1000)), len);
    const char zeros[4] = {0}; /* bytes, not strings */
    struct entry *stored;
    for (size_t len = 1; len <= 4; len++)
        assert_int_equal(
            store_session(t, table_hash(t, zeros, len), zeros, len, zeros, 4 - len, TABLE_NEVER, 1000, &stored),
            TABLE_OK);
    assert_int_equal(table_len(t, 1000), 517);
    table_destroy(t);
    assert_int_equal(budget_used(&budget), 0);
}

static void a_retained_entry_outlives_everything(void **state)
{
    (void)state;
    struct table *t = new_table(0);
    static const char *const names[] = {"replaced", "removed", "swept", "left"};
    struct entry *kept[4];
    for (int i = 0; i < 4; i++) {
        put(t, names[i], 100, 2000, 1000);
        kept[i] = find(t, names[i], 1000);
        entry_retain(kept[i]);
    }
    entry_retain(kept[3]);
    put(t, "replaced", 200, TABLE_NEVER, 1000);
    table_remove(t, kept[1], REMOVED_DELETED);
    table_set_deadline(t, kept[3], TABLE_NEVER);
    assert_true(table_sweep(t, 2000, 100));
    assert_int_equal(table_len(t, 2000), 2);
    table_destroy(t);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(entry_version(kept[i]), i + 1);
        assert_int_equal(entry_value_len(kept[i]), 100);
        assert_memory_equal(entry_key(kept[i]), names[i], strlen(names[i]));
        entry_release(kept[i]);
    }
    entry_release(kept[3]);
    assert_int_equal(budget_used(&budget), 0);
}

/* ---- the sweep's budget ---- */

static void a_sweep_stays_within_its_budget(void **state)
{
    (void)state;
    struct table *t = new_table(0);
    put_numbered(t, 0, 1000, 5000);
    assert_false(table_sweep(t, 5000, 0));
    uint64_t calls = 0;
    for (bool done = false; !done; calls++) {
        uint64_t before = counter_get(&table_counters(t)->expired);
        done = table_sweep(t, 5000, 10);
        assert_true(counter_get(&table_counters(t)->expired) - before <= 10);
        assert_int_equal(table_len(t, 5000), 0); /* exact in between */
    }
    assert_in_range(calls, 100, 201); /* each entry is moved once or twice */
    assert_int_equal(counter_get(&table_counters(t)->expired), 1000);
    table_destroy(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(put_find_replace_remove),
        cmocka_unit_test(expired_means_absent_swept_or_not),
        cmocka_unit_test(deadlines_from_a_millisecond_to_never),
        cmocka_unit_test(keys_and_values_of_every_size),
        cmocka_unit_test(a_retained_entry_outlives_everything),
        cmocka_unit_test(a_sweep_stays_within_its_budget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
