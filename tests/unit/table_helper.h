/* One table with one budget, and sessions with readable keys, for the tests of single calls. */
#ifndef TESTS_TABLE_HELPER_H
#define TESTS_TABLE_HELPER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/store_session.h"

static struct budget budget; /* mutable on purpose: of the running test, and read after its table is gone */

static inline struct table *new_table(size_t limit)
{
    budget_init(&budget, limit);
    struct table_options options = {.hash_key = {1, 2}, .budget = &budget, .now_ms = 1000};
    struct table *t = table_create(&options);
    assert_non_null(t);
    return t;
}

static inline enum table_status put(struct table *t, const char *key, size_t value_len, uint64_t deadline,
                                    uint64_t now)
{
    char *value = malloc(value_len + 1);
    memset(value, key[0], value_len);
    struct entry *stored;
    enum table_status status = store_session(t, table_hash(t, key, strlen(key)), key, strlen(key), value, value_len,
                                             deadline, now, &stored);
    if (status == TABLE_OK) {
        assert_int_equal(entry_value_len(stored), value_len);
        assert_memory_equal(entry_value(stored), value, value_len);
        assert_true(entry_deadline(stored) == deadline);
    }
    free(value);
    return status;
}

static inline struct entry *find(struct table *t, const char *key, uint64_t now)
{
    return table_find(t, table_hash(t, key, strlen(key)), key, strlen(key), now);
}

static inline void put_numbered(struct table *t, unsigned from, unsigned to, uint64_t deadline)
{
    for (unsigned i = from; i < to; i++) {
        char key[16];
        snprintf(key, sizeof key, "n%u", i);
        assert_int_equal(put(t, key, 8, deadline, 1000), TABLE_OK);
    }
}

static inline void remove_numbered(struct table *t, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++) {
        char key[16];
        snprintf(key, sizeof key, "n%u", i);
        table_remove(t, find(t, key, 1000), REMOVED_DELETED);
    }
}

#endif
