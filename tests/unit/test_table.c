/* The session table: what single calls promise, at their limits and when memory is out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/fault.h"
#include "daemon/store/table.h"

#define TEN_YEARS UINT64_C(315360000000)

static struct budget budget;

static struct table *new_table(size_t limit)
{
    budget_init(&budget, limit);
    struct table_options options = {{1, 2}, &budget, 1000};
    struct table *t = table_create(&options);
    assert_non_null(t);
    return t;
}

static enum table_status put(struct table *t, const char *key, size_t value_len, uint64_t deadline, uint64_t now)
{
    char *value = malloc(value_len + 1);
    memset(value, key[0], value_len);
    struct entry *stored;
    enum table_status status =
        table_put(t, table_hash(t, key, strlen(key)), key, strlen(key), value, value_len, deadline, now, &stored);
    if (status == TABLE_OK) {
        assert_int_equal(entry_value_len(stored), value_len);
        assert_memory_equal(entry_value(stored), value, value_len);
        assert_true(entry_deadline(stored) == deadline);
    }
    free(value);
    return status;
}

static struct entry *find(struct table *t, const char *key, uint64_t now)
{
    return table_find(t, table_hash(t, key, strlen(key)), key, strlen(key), now);
}

static void put_numbered(struct table *t, unsigned from, unsigned to, uint64_t deadline)
{
    for (unsigned i = from; i < to; i++) {
        char key[16];
        snprintf(key, sizeof key, "n%u", i);
        assert_int_equal(put(t, key, 8, deadline, 1000), TABLE_OK);
    }
}

static void remove_numbered(struct table *t, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++) {
        char key[16];
        snprintf(key, sizeof key, "n%u", i);
        table_remove(t, find(t, key, 1000));
    }
}

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
    table_remove(t, find(t, "alice", 1000));
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
            table_put(t, table_hash(t, zeros, len), zeros, len, zeros, 4 - len, TABLE_NEVER, 1000, &stored),
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
    table_remove(t, kept[1]);
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

/* ---- memory ---- */

static void the_budget_refuses_growth_only(void **state)
{
    (void)state;
    struct table *t = new_table(0);
    size_t empty = budget_used(&budget);
    put(t, "a", 1000, TABLE_NEVER, 1000);
    size_t one = budget_used(&budget) - empty;
    assert_true(one >= 1000 && one < 1500);
    assert_int_equal(counter_get(&table_counters(t)->entry_bytes), one);
    assert_int_equal(counter_get(&table_counters(t)->bucket_bytes), empty);
    assert_int_equal(put(t, "b", 1000, TABLE_NEVER, 1000), TABLE_OK);
    budget.limit = budget_used(&budget);
    assert_int_equal(put(t, "c", 0, TABLE_NEVER, 1000), TABLE_NO_MEMORY);
    assert_null(find(t, "c", 1000));
    assert_int_equal(put(t, "b", 2000, TABLE_NEVER, 1000), TABLE_NO_MEMORY);
    assert_int_equal(entry_version(find(t, "b", 1000)), 2); /* unchanged */
    assert_int_equal(put(t, "b", 1000, TABLE_NEVER, 1000), TABLE_OK);
    assert_int_equal(entry_version(find(t, "b", 1000)), 3); /* refusals use up no version */
    budget.limit = 1;
    assert_int_equal(put(t, "b", 900, TABLE_NEVER, 1000), TABLE_OK); /* shrinks, even over the limit */
    table_set_deadline(t, find(t, "b", 1000), 5000);
    budget.limit = budget_used(&budget);
    assert_int_equal(put(t, "c", 500, TABLE_NEVER, 1000), TABLE_NO_MEMORY);
    table_remove(t, find(t, "a", 1000));
    assert_int_equal(put(t, "c", 500, TABLE_NEVER, 1000), TABLE_OK);
    table_remove(t, find(t, "b", 1000));
    table_remove(t, find(t, "c", 1000));
    assert_int_equal(budget_used(&budget), empty);
    assert_int_equal(counter_get(&table_counters(t)->entry_bytes), 0);
    table_destroy(t);
    assert_int_equal(budget_used(&budget), 0);
}

static void a_short_budget_sweeps_for_room(void **state)
{
    (void)state;
    struct table *t = new_table(0);
    put(t, "old", 1000, 2000, 1000);
    put(t, "kept", 10, TABLE_NEVER, 1000);
    budget.limit = budget_used(&budget);
    assert_int_equal(put(t, "new", 1000, TABLE_NEVER, 1999), TABLE_NO_MEMORY);
    assert_int_equal(put(t, "new", 900, TABLE_NEVER, 2000), TABLE_OK);
    assert_int_equal(counter_get(&table_counters(t)->expired), 1);
    table_set_deadline(t, find(t, "new", 2000), 3000);
    assert_int_equal(put(t, "kept", 800, TABLE_NEVER, 3000), TABLE_OK); /* a growing update as well */
    assert_int_equal(table_len(t, 3000), 1);
    table_destroy(t);
}

static void bytes_come_back_with_the_sessions(void **state)
{
    (void)state;
    struct table *t = new_table(0);
    size_t empty = budget_used(&budget);
    const struct table_counters *c = table_counters(t);
    for (int round = 0; round < 2; round++) {
        put_numbered(t, 0, 60000, 2000);
        assert_true(counter_get(&c->buckets) >= 60000 / 5 - 1);
        assert_int_equal(counter_get(&c->entry_bytes) + counter_get(&c->bucket_bytes), budget_used(&budget));
        if (round == 0)
            remove_numbered(t, 0, 60000);
        else
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
        assert_true(counter_get(&c->sessions) <= 5 * counter_get(&c->buckets));
    }
    for (unsigned i = 0; i < 40000; i++) {
        uint64_t merges = counter_get(&c->merges);
        remove_numbered(t, i, i + 1);
        assert_true(counter_get(&c->merges) - merges <= 1);
        assert_true(counter_get(&c->buckets) <= 16 ||
                    counter_get(&c->sessions) >= 3 * (counter_get(&c->buckets) - 1));
    }
    uint64_t splits = counter_get(&c->splits), merges = counter_get(&c->merges);
    put_numbered(t, 0, 1000, TABLE_NEVER);
    for (unsigned i = 0; i < 1000; i++) { /* a steady size neither splits nor merges on and on */
        remove_numbered(t, i, i + 1);
        put_numbered(t, i, i + 1, TABLE_NEVER);
    }
    assert_true(counter_get(&c->splits) - splits <= 1000 / 5);
    assert_int_equal(counter_get(&c->merges), merges);
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
        struct table_options options = {{1, 2}, &budget, 1000};
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
    put_numbered(t, 0, 5120, TABLE_NEVER);
    assert_int_equal(counter_get(&c->buckets), 1024); /* the next one needs a new segment */
    uint64_t refused = 0;
    for (unsigned i = 5120; i < 9000; i++) {
        char key[16];
        snprintf(key, sizeof key, "n%u", i);
        fault_arm(FAULT_TABLE_GROW, 1, 2);
        if (put(t, key, 8, TABLE_NEVER, 1000) != TABLE_OK) refused++;
    }
    fault_disarm_all();
    assert_true(refused > 0);
    assert_int_equal(counter_get(&c->buckets), 1024);
    put_numbered(t, 0, 12000, TABLE_NEVER);
    assert_true(counter_get(&c->buckets) * 5 >= counter_get(&c->sessions));
    remove_numbered(t, 0, 12000);
    table_destroy(t);
    assert_int_equal(budget_used(&budget), 0);
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
        cmocka_unit_test(the_budget_refuses_growth_only),
        cmocka_unit_test(a_short_budget_sweeps_for_room),
        cmocka_unit_test(bytes_come_back_with_the_sessions),
        cmocka_unit_test(no_operation_pays_for_a_rehash),
        cmocka_unit_test_teardown(a_failed_entry_changes_nothing, disarm),
        cmocka_unit_test_teardown(creation_fails_cleanly, disarm),
        cmocka_unit_test_teardown(every_bucket_allocation_may_fail, disarm),
        cmocka_unit_test_teardown(growth_that_failed_is_made_up_for, disarm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
