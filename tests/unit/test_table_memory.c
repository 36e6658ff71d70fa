/* The session table and memory: the budget, growing and shrinking by single buckets, failing allocations. */
#include "tests/unit/table_helper.h"

#include "daemon/base/fault.h"

static void the_budget_refuses_growth_only(void **state)
{
    (void)state;
    struct table *t = new_table(0);
    const struct table_counters *c = table_counters(t);
    size_t empty = budget_used(&budget);
    put(t, "a", 3000, TABLE_NEVER, 1000);
    assert_int_equal(counter_get(&c->entry_bytes), 24 + 1 + 3000);
    assert_int_equal(counter_get(&c->slab_bytes), 4096); /* pages as they are touched */
    assert_int_equal(counter_get(&c->bucket_bytes), empty);
    assert_int_equal(budget_used(&budget), empty + 4096);
    assert_int_equal(put(t, "b", 3000, TABLE_NEVER, 1000), TABLE_OK);
    budget.limit = budget_used(&budget);
    assert_int_equal(put(t, "c", 3000, TABLE_NEVER, 1000), TABLE_NO_MEMORY);
    assert_null(find(t, "c", 1000));
    assert_int_equal(put(t, "b", 6000, TABLE_NEVER, 1000), TABLE_NO_MEMORY);
    assert_int_equal(entry_version(find(t, "b", 1000)), 2); /* unchanged */
    assert_int_equal(put(t, "b", 3000, TABLE_NEVER, 1000), TABLE_OK);
    assert_int_equal(entry_version(find(t, "b", 1000)), 3); /* refusals use up no version */
    size_t limit = budget.limit;
    budget.limit = 1;
    assert_int_equal(put(t, "b", 900, TABLE_NEVER, 1000), TABLE_OK); /* shrinks, even over the limit */
    budget.limit = limit;
    assert_int_equal(put(t, "c", 3000, TABLE_NEVER, 1000), TABLE_OK); /* where b was */
    assert_int_equal(put(t, "d", 3000, TABLE_NEVER, 1000), TABLE_NO_MEMORY);
    table_remove(t, find(t, "a", 1000), REMOVED_DELETED);
    assert_int_equal(put(t, "d", 3000, TABLE_NEVER, 1000), TABLE_OK);
    for (const char *key = "bcd"; *key != 0; key++)
        table_remove(t, find(t, (char[]){*key, 0}, 1000), REMOVED_DELETED);
    assert_int_equal(counter_get(&c->entry_bytes), 0);
    assert_true(table_sweep(t, 1000, SIZE_MAX)); /* gives back what was kept for the next one */
    assert_int_equal(budget_used(&budget), empty);
    assert_int_equal(counter_get(&c->slab_bytes), 0);
    table_destroy(t);
    assert_int_equal(budget_used(&budget), 0);
}

/* Up to 240 KiB a value is a slot, as small sessions are, and counts until its last reader is done with it. */
static void a_large_value_is_counted_as_the_pages_it_has(void **state)
{
    (void)state;
    struct table *t = new_table(0);
    size_t empty = budget_used(&budget);
    put(t, "a", 100000, TABLE_NEVER, 1000);
    size_t one = budget_used(&budget) - empty;
    assert_true(one >= 100000 + 4096 && one < 120000);
    assert_int_equal(counter_get(&table_counters(t)->slab_bytes), one);
    budget.limit = budget_used(&budget);
    assert_int_equal(put(t, "b", 100000, TABLE_NEVER, 1000), TABLE_NO_MEMORY);
    assert_int_equal(put(t, "a", 100000, TABLE_NEVER, 1000), TABLE_OK); /* beside the one before, for a moment */
    struct entry *e = find(t, "a", 1000);
    assert_true(entry_retain(e));
    table_remove(t, e, REMOVED_DELETED);
    assert_true(table_sweep(t, 1000, SIZE_MAX));
    assert_true(budget_used(&budget) > empty + 100000);
    assert_int_equal(entry_value(e)[99999], 'a');
    entry_release(e);
    assert_true(table_sweep(t, 1000, SIZE_MAX));
    assert_int_equal(budget_used(&budget), empty);
    table_destroy(t);
}

static void a_very_large_value_is_counted_as_the_block_it_is(void **state)
{
    (void)state;
    struct table *t = new_table(0);
    size_t empty = budget_used(&budget);
    put(t, "a", 300000, TABLE_NEVER, 1000);
    size_t one = budget_used(&budget) - empty;
    assert_true(one >= 300000 + 4096 && one < 350000);
    assert_int_equal(counter_get(&table_counters(t)->slab_bytes), one);
    budget.limit = budget_used(&budget);
    assert_int_equal(put(t, "b", 300000, TABLE_NEVER, 1000), TABLE_NO_MEMORY);
    assert_int_equal(put(t, "a", 300000, TABLE_NEVER, 1000), TABLE_OK);
    assert_int_equal(budget_used(&budget) - empty, one);
    struct entry *e = find(t, "a", 1000);
    assert_true(entry_retain(e));
    table_remove(t, e, REMOVED_DELETED);
    assert_true(table_sweep(t, 1000, SIZE_MAX));
    assert_true(budget_used(&budget) < empty + 8192); /* what only replies refer to is theirs */
    assert_int_equal(entry_value(e)[299999], 'a');
    entry_release(e);
    assert_true(table_sweep(t, 1000, SIZE_MAX));
    assert_int_equal(budget_used(&budget), empty);
    table_destroy(t);
}

/* Two of three go, and those that stay move together: their bytes are the same, and their spans go back. */
static void large_values_move_together(void **state)
{
    (void)state;
    struct table *t = new_table(0);
    struct entry *held = NULL;
    char key[16];
    for (unsigned i = 0; i < 300; i++) {
        snprintf(key, sizeof key, "%c%u", 'a' + i % 26, i);
        assert_int_equal(put(t, key, 9000 + i % 2 * 11000, TABLE_NEVER, 1000), TABLE_OK);
    }
    for (unsigned i = 0; i < 300; i++) {
        snprintf(key, sizeof key, "%c%u", 'a' + i % 26, i);
        struct entry *e = find(t, key, 1000);
        if (i == 151) assert_true(entry_retain(held = e)); /* read while it goes */
        if (i % 3 != 0) table_remove(t, e, REMOVED_DELETED);
    }
    size_t before = counter_get(&table_counters(t)->slab_bytes);
    for (unsigned i = 0; i < 200; i++) {
        (void)table_sweep(t, 1000 + i * 1001, 300);
        if (i != 100) continue;
        assert_int_equal(entry_value(held)[8999], 'a' + 151 % 26); /* it has stayed, and its span with it */
        entry_release(held);
    }
    assert_true(counter_get(&table_counters(t)->slab_bytes) < before * 6 / 10);
    for (unsigned i = 0; i < 300; i += 3) {
        snprintf(key, sizeof key, "%c%u", 'a' + i % 26, i);
        const struct entry *e = find(t, key, 1000);
        assert_int_equal(entry_value_len(e), 9000 + i % 2 * 11000);
        for (size_t at = 0; at < entry_value_len(e); at++)
            assert_int_equal(entry_value(e)[at], key[0]);
    }
    table_destroy(t);
    assert_int_equal(budget_used(&budget), 0);
}

static void a_short_budget_sweeps_for_room(void **state)
{
    (void)state;
    struct table *t = new_table(0);
    put(t, "old", 3000, 2000, 1000);
    put(t, "kept", 10, TABLE_NEVER, 1000);
    budget.limit = budget_used(&budget);
    assert_int_equal(put(t, "new", 3000, TABLE_NEVER, 1999), TABLE_NO_MEMORY);
    assert_int_equal(put(t, "new", 900, TABLE_NEVER, 2000), TABLE_OK); /* of another size */
    assert_int_equal(counter_get(&table_counters(t)->expired), 1);
    table_set_deadline(t, find(t, "new", 2000), 3000);
    assert_int_equal(put(t, "kept", 800, TABLE_NEVER, 3000), TABLE_OK); /* a growing update as well */
    assert_int_equal(table_len(t, 3000), 1);
    table_destroy(t);
}

/* Threads that share a table may bring times that are behind what the table has heard: here, a session lives by the
 * clock of who replaces it and is due by the table's, and the sweep for room must not free it under its feet. */
static void a_late_clock_and_a_short_budget(void **state)
{
    (void)state;
    struct table *t = new_table(0);
    put(t, "a", 1000, 2000, 1000);
    put(t, "b", 10, 2003, 1000);
    budget.limit = budget_used(&budget);
    assert_false(table_sweep(t, 2005, 0)); /* heard, not swept */
    assert_int_equal(put(t, "b", 800, TABLE_NEVER, 2001), TABLE_OK);
    assert_int_equal(table_len(t, 2001), 1);
    assert_int_equal(entry_value_len(find(t, "b", 2001)), 800);
    table_destroy(t);
    assert_int_equal(budget_used(&budget), 0);
}

static void bytes_come_back_with_the_sessions(void **state)
{
    (void)state;
    struct table *t = new_table(0);
    size_t empty = budget_used(&budget);
    const struct table_counters *c = table_counters(t);
    for (int round = 0; round < 2; round++) {
        put_numbered(t, 0, 60000, 2000);
        assert_true(counter_get(&c->buckets) >= 60000 / 8 - 1);
        assert_int_equal(counter_get(&c->slab_bytes) + counter_get(&c->bucket_bytes), budget_used(&budget));
        if (round == 0) remove_numbered(t, 0, 60000);
        while (!table_sweep(t, 2000, 1000)) {
        }
        assert_int_equal(budget_used(&budget), empty);
        assert_int_equal(counter_get(&c->buckets), 16);
        assert_int_equal(counter_get(&c->merges), counter_get(&c->splits));
    }
    table_destroy(t);
    assert_int_equal(budget_used(&budget), 0);
}

static void no_operation_pays_for_a_rehash(void **state)
{
    (void)state;
    struct table *t = new_table(0);
    const struct table_counters *c = table_counters(t);
    for (unsigned i = 0; i < 40000; i++) {
        uint64_t splits = counter_get(&c->splits);
        put_numbered(t, i, i + 1, TABLE_NEVER);
        assert_true(counter_get(&c->splits) - splits <= 1);
        assert_true(counter_get(&c->sessions) <= 8 * counter_get(&c->buckets));
    }
    for (unsigned i = 0; i < 40000; i++) {
        uint64_t merges = counter_get(&c->merges);
        remove_numbered(t, i, i + 1);
        assert_true(counter_get(&c->merges) - merges <= 1);
        assert_true(counter_get(&c->buckets) <= 16 ||
                    counter_get(&c->sessions) >= 5 * (counter_get(&c->buckets) - 1));
    }
    uint64_t splits = counter_get(&c->splits), merges = counter_get(&c->merges);
    put_numbered(t, 0, 1000, TABLE_NEVER);
    for (unsigned i = 0; i < 1000; i++) { /* a steady size neither splits nor merges on and on */
        remove_numbered(t, i, i + 1);
        put_numbered(t, i, i + 1, TABLE_NEVER);
    }
    assert_true(counter_get(&c->splits) - splits <= 1000 / 8);
    assert_int_equal(counter_get(&c->merges), merges);
    table_destroy(t);
}

/* The last session of many a span expires in one slice: their memory goes back over several. */
static void a_slice_gives_back_few_spans(void **state)
{
    (void)state;
    enum { EACH = 60, SPANS = 40, SLICE = 64 };
    struct table *t = new_table(0);
    const struct table_counters *c = table_counters(t);
    for (unsigned i = 0; i < SPANS * EACH; i++) {
        char key[16];
        snprintf(key, sizeof key, "n%u", i);
        assert_int_equal(put(t, key, 4000, i % EACH == 0 ? 3000 : 2000, 1000), TABLE_OK);
    }
    assert_true(counter_get(&c->slab_bytes) >= (size_t)(SPANS - 2) * (256 << 10));
    for (bool done = false; !done;) {
        uint64_t before = counter_get(&c->slab_bytes);
        done = table_sweep(t, 3000, SLICE);
        assert_true(before - counter_get(&c->slab_bytes) <= (size_t)(256 << 10) * (SLICE / 16 + 1));
    }
    assert_int_equal(counter_get(&c->slab_bytes), 0);
    table_destroy(t);
}

/* ---- failing allocations ---- */

static int disarm(void **state)
{
    (void)state;
    fault_disarm_all();
    return 0;
}

static void a_failed_entry_changes_nothing(void **state)
{
    (void)state;
    struct table *t = new_table(0);
    put(t, "a", 10, TABLE_NEVER, 1000);
    size_t used = budget_used(&budget);
    fault_arm(FAULT_ENTRY_ALLOC, 1, 2);
    assert_int_equal(put(t, "a", 20, TABLE_NEVER, 1000), TABLE_NO_MEMORY);
    assert_int_equal(put(t, "b", 20, TABLE_NEVER, 1000), TABLE_NO_MEMORY);
    assert_int_equal(budget_used(&budget), used);
    assert_int_equal(entry_version(find(t, "a", 1000)), 1);
    assert_int_equal(table_len(t, 1000), 1);
    assert_int_equal(put(t, "b", 20, TABLE_NEVER, 1000), TABLE_OK);
    table_destroy(t);
}

static void creation_fails_cleanly(void **state)
{
    (void)state;
    for (uint64_t nth = 1; nth <= 2; nth++) { /* directory, first segment */
        budget_init(&budget, 0);
        struct table_options options = {.hash_key = {1, 2}, .budget = &budget, .now_ms = 1000};
        fault_arm(FAULT_TABLE_GROW, nth, 1);
        assert_null(table_create(&options));
        assert_int_equal(budget_used(&budget), 0);
    }
}

static void every_bucket_allocation_may_fail(void **state)
{
    (void)state;
    for (uint64_t nth = 1; nth <= 40; nth++) {
        struct table *t = new_table(0);
        size_t empty = budget_used(&budget);
        unsigned stored = 0;
        fault_arm(FAULT_TABLE_GROW, nth, 1 + nth % 3 * 50);
        for (unsigned i = 0; i < 600; i++) {
            char key[16];
            snprintf(key, sizeof key, "n%u", i);
            size_t used = budget_used(&budget);
            if (put(t, key, 8, TABLE_NEVER, 1000) == TABLE_OK) {
                stored++;
                continue;
            }
            assert_int_equal(budget_used(&budget), used);
            assert_null(find(t, key, 1000));
            i--; /* again */
        }
        assert_int_equal(stored, 600);
        assert_int_equal(table_len(t, 1000), 600);
        fault_arm(FAULT_TABLE_GROW, 1 + nth % 4, nth);
        remove_numbered(t, 0, 600); /* finds each of them */
        assert_int_equal(table_len(t, 1000), 0);
        fault_disarm_all();
        put_numbered(t, 0, 600, TABLE_NEVER);
        remove_numbered(t, 0, 600);
        assert_true(table_sweep(t, 1000, SIZE_MAX));
        assert_int_equal(budget_used(&budget), empty);
        table_destroy(t);
        assert_int_equal(budget_used(&budget), 0);
    }
}

static void growth_that_failed_is_made_up_for(void **state)
{
    (void)state;
    struct table *t = new_table(0);
    const struct table_counters *c = table_counters(t);
    put_numbered(t, 0, 8 * 1024, TABLE_NEVER);
    assert_int_equal(counter_get(&c->buckets), 1024); /* the next one needs a new segment */
    uint64_t refused = 0;
    for (unsigned i = 8 * 1024; i < 14000; i++) {
        char key[16];
        snprintf(key, sizeof key, "n%u", i);
        fault_arm(FAULT_TABLE_GROW, 1, 2);
        if (put(t, key, 8, TABLE_NEVER, 1000) != TABLE_OK) refused++;
    }
    fault_disarm_all();
    assert_true(refused > 0);
    assert_int_equal(counter_get(&c->buckets), 1024);
    put_numbered(t, 0, 18000, TABLE_NEVER);
    assert_true(counter_get(&c->buckets) * 8 >= counter_get(&c->sessions));
    remove_numbered(t, 0, 18000);
    table_destroy(t);
    assert_int_equal(budget_used(&budget), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_budget_refuses_growth_only),
        cmocka_unit_test(a_large_value_is_counted_as_the_pages_it_has),
        cmocka_unit_test(a_very_large_value_is_counted_as_the_block_it_is),
        cmocka_unit_test(large_values_move_together),
        cmocka_unit_test(a_short_budget_sweeps_for_room),
        cmocka_unit_test(a_late_clock_and_a_short_budget),
        cmocka_unit_test(bytes_come_back_with_the_sessions),
        cmocka_unit_test(no_operation_pays_for_a_rehash),
        cmocka_unit_test(a_slice_gives_back_few_spans),
        cmocka_unit_test_teardown(a_failed_entry_changes_nothing, disarm),
        cmocka_unit_test_teardown(creation_fails_cleanly, disarm),
        cmocka_unit_test_teardown(every_bucket_allocation_may_fail, disarm),
        cmocka_unit_test_teardown(growth_that_failed_is_made_up_for, disarm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
