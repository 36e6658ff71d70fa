/* A session as the tests of the table store most of them: a key, a value, a deadline. */
#ifndef TESTS_STORE_SESSION_H
#define TESTS_STORE_SESSION_H

#include "daemon/store/table.h"

static inline enum table_status store_session(struct table *t, uint64_t hash, const void *key, size_t key_len,
                                              const void *value, size_t value_len, uint64_t deadline_ms,
                                              uint64_t now_ms, struct entry **stored)
{
    struct table_item item = {
        .key = key, .key_len = key_len, .value = value, .value_len = value_len, .deadline_ms = deadline_ms};
    return table_store(t, hash, &item, now_ms, stored);
}

#endif
