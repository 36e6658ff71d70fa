/* What the store says that it holds is what the system has given, whatever sizes come and go. */
#include "tests/unit/table_helper.h"

#include <unistd.h>

#define LIMIT     ((size_t)64 << 20)
#define TOLERANCE (LIMIT / 20)
#define VALUE_MAX 240000U

static size_t resident(void)
{
    FILE *f = fopen("/proc/self/statm", "r");
    unsigned long pages = 0, all = 0;
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%lu %lu", &all, &pages), 2);
    fclose(f);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* Stores values of this size until there is no room; the number of them. */
static unsigned fill(struct table *t, unsigned round, size_t size, const char *value)
{
    for (unsigned i = 0;; i++) {
        char key[32];
        struct entry *stored;
        size_t len = (size_t)snprintf(key, sizeof key, "r%u %u", round, i);
        uint64_t hash = table_hash(t, key, len);
        if (store_session(t, hash, key, len, value, size, TABLE_NEVER, 1000, &stored) != TABLE_OK) return i;
    }
}

/* One session in `part` stays. */
static void thin_out(struct table *t, unsigned round, unsigned count, unsigned part)
{
    for (unsigned i = 0; i < count; i++) {
        char key[32];
        snprintf(key, sizeof key, "r%u %u", round, i);
        struct entry *e = i % part != 0 ? find(t, key, 1000) : NULL;
        if (e) table_remove(t, e, REMOVED_DELETED);
    }
}

/* Fills with each size in turn, where one in three of those before has stayed. */
static void check_mix(const size_t *sizes, unsigned count)
{
    char *value = malloc(VALUE_MAX);
    memset(value, 'v', VALUE_MAX);
    struct table *t = new_table(LIMIT);
    size_t before = resident() - budget_used(&budget);
    for (unsigned i = 0; i < count; i++) {
        unsigned stored = fill(t, i, sizes[i], value);
        size_t used = budget_used(&budget), really = resident() - before;
        assert_true(used <= LIMIT + TOLERANCE); /* buckets are not refused */
        assert_in_range(really, used - TOLERANCE, used + TOLERANCE);
        assert_true(stored > 0);
        thin_out(t, i, stored, 3);
        (void)table_sweep(t, 1000, 100);
    }
    table_destroy(t);
    assert_int_equal(budget_used(&budget), 0);
    free(value);
}

static void what_is_counted_is_resident(void **state)
{
    (void)state;
#ifdef SLUICE_SANITIZED
    skip(); /* what is resident is the sanitizer's, mostly */
#endif
    static const size_t upwards[] = {9000, 11000, 13000, 20000, 60000, 100000, 240000};
    static const size_t downwards[] = {240000, 100000, 20000, 13000, 9000, 3000, 300};
    static const size_t mixed[] = {300, 100000, 9000, 240000, 1000, 17000, 7000, 33000};
    check_mix(upwards, sizeof upwards / sizeof upwards[0]);
    check_mix(downwards, sizeof downwards / sizeof downwards[0]);
    check_mix(mixed, sizeof mixed / sizeof mixed[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_counted_is_resident),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
