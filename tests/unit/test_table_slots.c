/* The session table and its slots: updates in place, readers, mass expiry, and sessions that are moved. */
#include "tests/unit/table_helper.h"

#include "daemon/base/fault.h"
#include "daemon/store/slab.h"

static size_t slab_bytes(const struct table *t)
{
    return (size_t)counter_get(&table_counters(t)->slab_bytes);
}

static void sweep(struct table *t, uint64_t now)
{
    while (!table_sweep(t, now, 50)) {
    }
}

/* ---- updates ---- */

static void an_update_that_fits_takes_the_old_ones_place(void **state)
{
    (void)state;
    struct table *t = new_table(0);
    put(t, "a", 100, 5000, 1000);
    struct entry *first = find(t, "a", 1000);
    table_set_leased(t, first);
    size_t used = slab_bytes(t);
    for (size_t len = 97; len <= 103; len++) { /* all of the same slot size */
        put(t, "a", len, len % 2 == 0 ? TABLE_NEVER : 5000 + len, 1000);
        assert_ptr_equal(find(t, "a", 1000), first);
        assert_false(entry_leased(first));
        assert_int_equal(counter_get(&table_counters(t)->entry_bytes), 24 + 1 + len);
    }
    assert_int_equal(slab_bytes(t), used);
    assert_int_equal(table_len(t, 5103), 0); /* the deadline is the last one's */
    assert_int_equal(table_len(t, 5102), 1);
    put(t, "a", 104, TABLE_NEVER, 1000);
    assert_ptr_not_equal(find(t, "a", 1000), first);
    table_destroy(t);
}

static void flags_and_marks_are_the_last_ones(void **state)
{
    (void)state;
    struct table *t = new_table(0);
    struct entry *stored;
    uint64_t hash = table_hash(t, "k", 1);
    struct table_item item = {.key = "k", .key_len = 1, .value = "value", .deadline_ms = TABLE_NEVER};
    for (unsigned i = 0; i < 8; i++) {
        item.flags = i % 2 * 0x80000001U;
        item.stale = i % 3 == 0;
        item.value_len = i % 4 == 3 ? 1 : 5;
        assert_int_equal(table_store(t, hash, &item, 1000, &stored), TABLE_OK);
        assert_int_equal(entry_flags(stored), item.flags);
        assert_int_equal(entry_stale(stored), item.stale);
        assert_int_equal(entry_value_len(stored), item.value_len);
        assert_memory_equal(entry_value(stored), "value", item.value_len);
        assert_int_equal(entry_version(stored), i + 1);
    }
    table_destroy(t);
}

static void a_value_may_be_made_of_the_one_before(void **state)
{
    (void)state;
    struct table *t = new_table(0);
    uint64_t hash = table_hash(t, "k", 1);
    struct entry *stored;
    assert_int_equal(store_session(t, hash, "k", 1, "abcdef", 6, TABLE_NEVER, 1000, &stored), TABLE_OK);
    struct table_item item = {.key = "k", .key_len = 1, .value = "x", .value_len = 1, .deadline_ms = TABLE_NEVER};
    item.more = entry_value(stored);
    item.more_len = 5;
    assert_int_equal(table_store(t, hash, &item, 1000, &stored), TABLE_OK);
    assert_memory_equal(entry_value(stored), "xabcde", 6);
    table_destroy(t);
}

/* ---- readers ---- */

static void what_is_read_is_not_overwritten(void **state)
{
    (void)state;
    struct table *t = new_table(0);
    put(t, "a", 100, TABLE_NEVER, 1000);
    struct entry *read = find(t, "a", 1000);
    assert_true(entry_retain(read));
    struct entry *stored;
    char other[100];
    memset(other, 'z', sizeof other);
    assert_int_equal(
        store_session(t, table_hash(t, "a", 1), "a", 1, other, sizeof other, TABLE_NEVER, 1000, &stored), TABLE_OK);
    assert_ptr_not_equal(stored, read);
    assert_int_equal(entry_value(read)[99], 'a');
    assert_int_equal(entry_value(stored)[99], 'z');
    entry_release(read);
    table_destroy(t);
}

static void readers_of_small_sessions_are_counted_up_to_a_limit(void **state)
{
    (void)state;
    struct table *t = new_table(0);
    put(t, "small", 100, TABLE_NEVER, 1000);
    put(t, "large", 100000, TABLE_NEVER, 1000);
    struct entry *small = find(t, "small", 1000), *large = find(t, "large", 1000);
    unsigned refs = 0;
    while (entry_retain(small))
        refs++;
    assert_true(refs >= 200 && refs < 256);
    entry_hold(small); /* there is always room for the one at work */
    entry_release(small);
    for (unsigned i = 0; i < 100000; i++)
        assert_true(entry_retain(large));
    table_remove(t, small, REMOVED_DELETED);
    table_remove(t, large, REMOVED_DELETED);
    for (unsigned i = 0; i < refs; i++) {
        assert_int_equal(entry_value(small)[99], 's');
        entry_release(small);
    }
    for (unsigned i = 0; i < 100000; i++)
        entry_release(large);
    sweep(t, 1000);
    assert_int_equal(slab_bytes(t), 0);
    table_destroy(t);
}

static void keys_and_values_of_every_length(void **state)
{
    (void)state;
    static const size_t lengths[] = {0, 1, 254, 255, 256, 511, 4095};
    static const size_t values[] = {0,    1,    7,    8,    255,   3800,  7911,  7912,
                                    7913, 8167, 8168, 8169, 32767, 32768, 100000};
    struct table *t = new_table(0);
    char *bytes = malloc(100000);
    memset(bytes, 'b', 100000);
    for (unsigned flags = 0; flags < 2; flags++) {
        for (size_t k = 1; k < sizeof lengths / sizeof lengths[0]; k++) {
            for (size_t v = 0; v < sizeof values / sizeof values[0]; v++) {
                struct table_item item = {.key = bytes,
                                          .key_len = lengths[k],
                                          .value = bytes,
                                          .value_len = values[v],
                                          .flags = flags * 77,
                                          .deadline_ms = TABLE_NEVER};
                uint64_t hash = table_hash(t, bytes, lengths[k]);
                struct entry *stored;
                assert_int_equal(table_store(t, hash, &item, 1000, &stored), TABLE_OK);
                assert_ptr_equal(table_find(t, hash, bytes, lengths[k], 1000), stored);
                assert_int_equal(entry_key_len(stored), lengths[k]);
                assert_int_equal(entry_value_len(stored), values[v]);
                assert_int_equal(entry_flags(stored), flags * 77);
                assert_non_null(entry_value(stored));
                if (values[v] > 0) assert_memory_equal(entry_value(stored), bytes, values[v]);
            }
        }
    }
    free(bytes);
    table_destroy(t);
    assert_int_equal(budget_used(&budget), 0);
}

/* What few sessions have costs those nothing that do not have it. */
static void flags_come_and_go_with_updates(void **state)
{
    (void)state;
    struct table *t = new_table(0);
    static const uint32_t flags[] = {0, 77, UINT32_MAX, 0, 0, 1};
    static const size_t lengths[] = {5, 98, 98, 102, 8200, 8200}; /* in one slot, in another's place, in a block */
    char value[8200];
    memset(value, 'v', sizeof value);
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        struct table_item item = {.key = "k",
                                  .key_len = 1,
                                  .value = value,
                                  .value_len = lengths[i],
                                  .flags = flags[i],
                                  .deadline_ms = TABLE_NEVER};
        struct entry *e;
        assert_int_equal(table_store(t, table_hash(t, "k", 1), &item, 1000, &e), TABLE_OK);
        assert_int_equal(entry_flags(e), flags[i]);
        assert_int_equal(entry_value_len(e), lengths[i]);
        assert_memory_equal(entry_value(e), value, lengths[i]);
        size_t header = lengths[i] > 8000 ? 24 + 24 : 24;
        assert_int_equal(counter_get(&table_counters(t)->entry_bytes),
                         header + 1 + lengths[i] + (flags[i] != 0 ? 5 : 0));
    }
    table_destroy(t);
    assert_int_equal(budget_used(&budget), 0);
}

/* ---- memory that comes back ---- */

#define CROWD 30000

static size_t len_of(unsigned i)
{
    return 150 + i % 3 * 100;
}

/* Three slot sizes; one of eight lives long, the others fall due in the same second. */
static struct table *crowded_table(void)
{
    struct table *t = new_table(0);
    for (unsigned i = 0; i < CROWD; i++) {
        char key[16];
        snprintf(key, sizeof key, "n%u", i);
        assert_int_equal(put(t, key, len_of(i), i % 8 == 0 ? 100000 + i : 5000 + i % 1000, 1000), TABLE_OK);
    }
    return t;
}

static void check_survivors(struct table *t, uint64_t now)
{
    for (unsigned i = 0; i < CROWD; i++) {
        char key[16];
        snprintf(key, sizeof key, "n%u", i);
        struct entry *e = find(t, key, now);
        if (i % 8 != 0) {
            assert_null(e);
            continue;
        }
        assert_non_null(e);
        assert_int_equal(entry_version(e), i + 1);
        assert_int_equal(entry_value_len(e), len_of(i));
        assert_int_equal(entry_deadline(e), 100000 + i);
        assert_int_equal(entry_value(e)[len_of(i) - 1], 'n');
    }
}

static void memory_comes_back_from_between_the_survivors(void **state)
{
    (void)state;
    struct table *t = crowded_table();
    size_t full = slab_bytes(t);
    for (uint64_t now = 5000; now <= 6000; now += 100)
        sweep(t, now);
    assert_int_equal(table_len(t, 6000), CROWD / 8);
    assert_true(slab_bytes(t) < full / 8 + 6 * SLAB_SPAN);
    check_survivors(t, 6000);
    for (unsigned i = 0; i < CROWD; i += 8) { /* the wheel knows where they went */
        assert_int_equal(table_len(t, 100000 + i), CROWD / 8 - i / 8 - 1);
        if (i % 800 == 0) sweep(t, 100000 + i);
    }
    sweep(t, 200000);
    assert_int_equal(counter_get(&table_counters(t)->expired), CROWD);
    assert_int_equal(slab_bytes(t), 0);
    table_destroy(t);
    assert_int_equal(budget_used(&budget), 0);
}

static void what_replies_hold_is_not_moved(void **state)
{
    (void)state;
    struct table *t = crowded_table();
    struct entry *held[CROWD / 400];
    for (unsigned i = 0; i < CROWD / 400; i++) {
        char key[16];
        snprintf(key, sizeof key, "n%u", i * 400);
        held[i] = find(t, key, 1000);
        assert_true(entry_retain(held[i]));
        if (i % 2 == 0) table_remove(t, held[i], REMOVED_DELETED); /* and these are no longer the table's */
    }
    sweep(t, 6000);
    for (unsigned i = 0; i < CROWD / 400; i++) {
        char key[16];
        snprintf(key, sizeof key, "n%u", i * 400);
        assert_ptr_equal(find(t, key, 6000), i % 2 == 0 ? NULL : held[i]);
        assert_int_equal(entry_version(held[i]), i * 400 + 1);
        assert_int_equal(entry_value(held[i])[len_of(i * 400) - 1], 'n');
        entry_release(held[i]);
    }
    sweep(t, 200000);
    assert_int_equal(slab_bytes(t), 0);
    table_destroy(t);
}

static void a_short_budget_moves_sessions_for_room(void **state)
{
    (void)state;
    struct table *t = new_table(0);
    put_numbered(t, 0, 40000, TABLE_NEVER);
    budget.limit = budget_used(&budget);
    for (unsigned i = 0; i < 40000; i += 10) /* too few for the sweep to care */
        remove_numbered(t, i, i + 1);
    sweep(t, 1000);
    unsigned tries = 0;
    while (put(t, "other size", 4000, TABLE_NEVER, 1000) != TABLE_OK)
        assert_true(++tries < 100); /* a bounded part of the work each time */
    for (unsigned i = 0; i < 40000; i++) {
        char key[16];
        snprintf(key, sizeof key, "n%u", i);
        assert_int_equal(find(t, key, 1000) != NULL, i % 10 != 0);
    }
    assert_true(budget_used(&budget) <= budget.limit);
    table_destroy(t);
}

static int disarm(void **state)
{
    (void)state;
    fault_disarm_all();
    return 0;
}

static void every_chunk_may_be_refused(void **state)
{
    (void)state;
    for (uint64_t nth = 1; nth <= 4; nth++) {
        struct table *t = new_table(0);
        unsigned refused = 0;
        fault_arm(FAULT_SLAB_GROW, nth, 3);
        for (unsigned i = 0; i < 1200; i++) {
            char key[16];
            snprintf(key, sizeof key, "n%u", i);
            if (put(t, key, 8000, TABLE_NEVER, 1000) == TABLE_OK) continue;
            assert_null(find(t, key, 1000));
            refused++;
            i--; /* again */
        }
        assert_int_equal(refused, nth < 4 ? 3 : 0); /* three chunks hold all */
        assert_int_equal(table_len(t, 1000), 1200);
        fault_disarm_all();
        table_destroy(t);
        assert_int_equal(budget_used(&budget), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_update_that_fits_takes_the_old_ones_place),
        cmocka_unit_test(flags_and_marks_are_the_last_ones),
        cmocka_unit_test(a_value_may_be_made_of_the_one_before),
        cmocka_unit_test(what_is_read_is_not_overwritten),
        cmocka_unit_test(readers_of_small_sessions_are_counted_up_to_a_limit),
        cmocka_unit_test(keys_and_values_of_every_length),
        cmocka_unit_test(flags_come_and_go_with_updates),
        cmocka_unit_test(memory_comes_back_from_between_the_survivors),
        cmocka_unit_test(what_replies_hold_is_not_moved),
        cmocka_unit_test(a_short_budget_moves_sessions_for_room),
        cmocka_unit_test_teardown(every_chunk_may_be_refused, disarm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
