/* Numbered tables as one: flushed tables leave in slices, however many there are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/store/databases.h"
#include "tests/unit/store_session.h"

#define COUNT 3000
#define SLICE 20

static void put_all(struct databases *d, unsigned number)
{
    struct table *t = databases_make(d, number, 1000);
    assert_non_null(t);
    for (unsigned i = 0; i < COUNT; i++) {
        struct entry *stored;
        uint64_t hash = databases_hash(d, &i, sizeof i);
        assert_int_equal(store_session(t, hash, &i, sizeof i, "value", 5, TABLE_NEVER, 1000, &stored), TABLE_OK);
    }
}

static uint64_t sessions(const struct databases *d)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < DATABASES; i++)
        n += counter_get(&d->counters[i].sessions);
    return n;
}

static uint64_t bytes(const struct databases *d)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < DATABASES; i++)
        sum += counter_get(&d->counters[i].entry_bytes);
    return sum;
}

static void flushed_tables_leave_in_slices(void **state)
{
    (void)state;
    struct budget budget;
    struct databases d;
    struct siphash_key key = {1, 2};
    budget_init(&budget, 0);
    databases_init(&d, &key, &budget, NULL, NULL);
    put_all(&d, 0);
    databases_flush(&d, 0, 1000, 1000);
    put_all(&d, 0); /* again, before the first one has left */
    databases_flush(&d, 0, 1000, 1000);
    put_all(&d, 7);
    databases_flush(&d, 7, 2000, 1000); /* later */
    put_all(&d, 0);
    assert_int_equal(sessions(&d), 2 * COUNT); /* who is flushed does not count any more */
    uint64_t each = bytes(&d) / (4 * COUNT);   /* but is still there: all have the same size, nearly */
    assert_int_equal(table_version(databases_table(&d, 0)), 3 * COUNT); /* versions go on */
    for (bool done = false; !done;) {
        uint64_t before = bytes(&d);
        done = databases_sweep(&d, 2000, SLICE);
        assert_true(before - bytes(&d) <= (SLICE + 64) * (each + 1)); /* whole buckets at a time */
    }
    assert_int_equal(sessions(&d), COUNT);
    assert_null(databases_table(&d, 7));
    assert_int_equal(table_len(databases_table(&d, 0), 2000), COUNT);
    assert_int_equal(budget_used(&budget),
                     counter_get(&d.counters[0].slab_bytes) + counter_get(&d.counters[0].bucket_bytes));
    databases_flush(&d, 0, 2000, 2000);
    databases_destroy(&d);
    assert_int_equal(budget_used(&budget), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flushed_tables_leave_in_slices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
