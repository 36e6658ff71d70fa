/* What other threads may do: look up side by side, and drop references while the table goes on. For the thread
 * sanitizer, and for the counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <string.h>

#include "tests/unit/store_session.h"

#define KEYS    500
#define THREADS 3

static struct budget budget; /* mutable on purpose: of the running test, and read after its table is gone */

static struct table *new_table(void)
{
    budget_init(&budget, 0);
    struct table_options options = {.hash_key = {3, 4}, .budget = &budget, .now_ms = 0};
    struct table *t = table_create(&options);
    assert_non_null(t);
    return t;
}

static struct entry *put(struct table *t, unsigned number, uint64_t deadline, uint64_t now)
{
    struct entry *stored = NULL;
    uint64_t hash = table_hash(t, &number, sizeof number);
    assert_int_equal(store_session(t, hash, &number, sizeof number, "value", 5, deadline, now, &stored), TABLE_OK);
    return stored;
}

static struct entry *find(const struct table *t, unsigned number, uint64_t now)
{
    return table_find(t, table_hash(t, &number, sizeof number), &number, sizeof number, now);
}

static void *look_up_all(void *arg)
{
    const struct table *t = arg;
    uintptr_t found = 0;
    for (unsigned i = 0; i < KEYS; i++) {
        struct entry *e = find(t, i, 50);
        if (!e) continue;
        assert_true(entry_retain(e));
        found += entry_value_len(e) == 5 && memcmp(entry_value(e), "value", 5) == 0 && entry_version(e) == i + 1;
        entry_release(e);
    }
    return (void *)(table_len(t, 50) == found ? found : 0);
}

static void lookups_run_side_by_side(void **state)
{
    (void)state;
    struct table *t = new_table();
    for (unsigned i = 0; i < KEYS; i++)
        put(t, i, i % 5 == 0 ? 50 : 100 + i, 0);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, look_up_all, t), 0);
    for (int i = 0; i < THREADS; i++) {
        void *found;
        pthread_join(threads[i], &found);
        assert_int_equal((uintptr_t)found, KEYS - KEYS / 5);
    }
    table_destroy(t);
}

static void *read_and_release(void *arg)
{
    struct entry *const *held = arg;
    uintptr_t good = 0;
    for (unsigned i = 0; i < KEYS; i++) {
        unsigned number;
        memcpy(&number, entry_key(held[i]), entry_key_len(held[i]));
        good += number == i && entry_version(held[i]) == i + 1 && memcmp(entry_value(held[i]), "value", 5) == 0;
        entry_release(held[i]);
    }
    return (void *)good;
}

static void references_are_dropped_while_the_table_goes_on(void **state)
{
    (void)state;
    struct table *t = new_table();
    struct entry *held[KEYS];
    for (unsigned i = 0; i < KEYS; i++) {
        held[i] = put(t, i, 100000 + i, 0);
        for (int k = 0; k < THREADS; k++)
            assert_true(entry_retain(held[i]));
    }
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_and_release, held), 0);
    for (unsigned i = 0; i < KEYS; i++) { /* other wheel levels, replaced, removed, swept */
        if (i % 4 == 0) table_set_deadline(t, find(t, i, 0), 10 + i);
        if (i % 4 == 1) put(t, i, TABLE_NEVER, 0);
        if (i % 4 == 2) table_remove(t, find(t, i, 0), REMOVED_DELETED);
    }
    assert_true(table_sweep(t, 100000 + KEYS, SIZE_MAX));
    assert_int_equal(table_len(t, 100000 + KEYS), KEYS / 4);
    table_destroy(t);
    for (int i = 0; i < THREADS; i++) {
        void *good;
        pthread_join(threads[i], &good);
        assert_int_equal((uintptr_t)good, KEYS);
    }
    assert_int_equal(budget_used(&budget), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lookups_run_side_by_side),
        cmocka_unit_test(references_are_dropped_while_the_table_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
