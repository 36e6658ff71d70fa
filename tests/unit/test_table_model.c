/* Long random histories of a table against a plain array: small key spaces, growth, shrinking, clock jumps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "tests/unit/store_session.h"

#define MONTH UINT64_C(2592000000)

/* What the model knows of a key; the key itself is its number, in a length that depends on it. */
struct known {
    uint64_t version; /* 0: absent */
    uint64_t deadline;
    uint32_t value_len;
};

struct world {
    struct table *table;
    struct budget budget;
    struct known *known;
    unsigned keys;
    uint64_t now, version, seed;
};

static uint64_t next_random(struct world *w) /* splitmix64 */
{
    uint64_t z = w->seed += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static size_t make_key(unsigned number, char key[64])
{
    memset(key, '#', 64);
    memcpy(key, &number, sizeof number);
    return sizeof number + number % 50;
}

static char value_byte(uint64_t version)
{
    return (char)(version * 31 + 7);
}

static struct entry *find(struct world *w, unsigned number)
{
    char key[64];
    size_t len = make_key(number, key);
    uint64_t hash = table_hash(w->table, key, len);
    table_prefetch(w->table, hash);
    table_prefetch_entry(w->table, hash);
    return table_find(w->table, hash, key, len, w->now);
}

static bool alive(const struct world *w, const struct known *k)
{
    return k->version != 0 && k->deadline > w->now;
}

static void check(struct world *w, unsigned number)
{
    const struct known *k = &w->known[number];
    struct entry *e = find(w, number);
    if (!alive(w, k)) {
        assert_null(e);
        return;
    }
    assert_non_null(e);
    assert_int_equal(entry_version(e), k->version);
    assert_true(entry_deadline(e) == k->deadline);
    assert_int_equal(entry_value_len(e), k->value_len);
    if (k->value_len > 0) {
        assert_int_equal(entry_value(e)[0], value_byte(k->version));
        assert_int_equal(entry_value(e)[k->value_len - 1], value_byte(k->version));
    }
}

static uint64_t random_deadline(struct world *w)
{
    uint64_t r = next_random(w);
    return r % 20 == 0 ? TABLE_NEVER : w->now + (next_random(w) >> (32 + r / 32 % 31)); /* up to 7 weeks */
}

static void do_put(struct world *w, unsigned number)
{
    char key[64], value[400];
    size_t key_len = make_key(number, key);
    struct known *k = &w->known[number];
    *k = (struct known){++w->version, random_deadline(w), (uint32_t)(next_random(w) % sizeof value)};
    memset(value, value_byte(k->version), sizeof value);
    struct entry *stored;
    assert_int_equal(store_session(w->table, table_hash(w->table, key, key_len), key, key_len, value, k->value_len,
                                   k->deadline, w->now, &stored),
                     TABLE_OK);
    assert_int_equal(entry_version(stored), k->version);
}

static void do_remove(struct world *w, unsigned number)
{
    struct entry *e = find(w, number);
    assert_int_equal(!!e, alive(w, &w->known[number]));
    if (e) table_remove(w->table, e, REMOVED_DELETED);
    w->known[number].version = 0;
}

static void do_touch(struct world *w, unsigned number)
{
    struct entry *e = find(w, number);
    assert_int_equal(!!e, alive(w, &w->known[number]));
    if (!e) return;
    w->known[number].deadline = random_deadline(w);
    table_set_deadline(w->table, e, w->known[number].deadline);
}

static void check_len(const struct world *w)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < w->keys; i++)
        n += alive(w, &w->known[i]);
    assert_int_equal(table_len(w->table, w->now), n);
}

static void do_sweep(struct world *w, size_t budget)
{
    uint64_t next = table_next_due(w->table), expired = counter_get(&table_counters(w->table)->expired);
    bool done = table_sweep(w->table, w->now, budget);
    expired = counter_get(&table_counters(w->table)->expired) - expired;
    assert_true(expired <= budget);
    if (next > w->now) assert_int_equal(expired, 0);
    if (done) {
        assert_int_equal(counter_get(&table_counters(w->table)->sessions), table_len(w->table, w->now));
        assert_true(table_next_due(w->table) > w->now);
    }
}

static void start(struct world *w, unsigned keys, uint64_t seed)
{
    *w = (struct world){.keys = keys, .now = 500, .seed = seed};
    budget_init(&w->budget, 0);
    struct table_options options = {.hash_key = {seed, ~seed}, .budget = &w->budget, .now_ms = w->now};
    w->table = table_create(&options);
    w->known = calloc(keys, sizeof *w->known);
}

static void finish(struct world *w)
{
    for (unsigned i = 0; i < w->keys; i++)
        check(w, i);
    check_len(w);
    table_destroy(w->table);
    assert_int_equal(budget_used(&w->budget), 0);
    free(w->known);
}

static void one_step(struct world *w)
{
    uint64_t r = next_random(w);
    unsigned number = (unsigned)(r >> 32) % w->keys;
    switch (r % 32) {
    case 0:
    case 1: w->now += next_random(w) >> (32 + r / 32 % 32); break; /* a jump, mostly small */
    case 2:
    case 3:
    case 4: do_sweep(w, r / 32 % 30); break;
    case 5: check_len(w); break;
    case 6:
    case 7:
    case 8:
    case 9: do_touch(w, number); break;
    case 10:
    case 11:
    case 12:
    case 13: do_remove(w, number); break;
    default:
        if (r % 2 == 0)
            do_put(w, number);
        else
            check(w, number);
    }
}

static void small_key_spaces(void **state)
{
    (void)state;
    static const unsigned sizes[] = {1, 7, 60, 400};
    for (uint64_t round = 0; round < 8; round++) {
        struct world w;
        start(&w, sizes[round % 4], 1000 + round);
        for (int i = 0; i < 20000; i++)
            one_step(&w);
        finish(&w);
    }
}

static void growth_to_50000_and_back(void **state)
{
    (void)state;
    struct world w;
    start(&w, 50000, 4711);
    const struct table_counters *c = table_counters(w.table);
    for (int wave = 0; wave < 2; wave++) {
        for (unsigned i = 0; i < w.keys; i++) {
            do_put(&w, i);
            check(&w, (unsigned)(next_random(&w) % w.keys));
            if (i % 5000 == 0) check_len(&w);
        }
        w.now += 3000;
        check_len(&w);
        for (int i = 0; i < 40; i++) { /* a lagging wheel, cut off anywhere */
            do_sweep(&w, 101);
            w.now += 13;
            check_len(&w);
        }
        for (unsigned i = 0; i < w.keys; i += 1 + i % 3)
            do_remove(&w, i);
        check_len(&w);
        w.now += 3 * MONTH;
        check_len(&w);
        while (!table_sweep(w.table, w.now, 1000))
            check(&w, (unsigned)(next_random(&w) % w.keys));
        check_len(&w);
        for (unsigned i = 0; i < w.keys; i++)
            do_remove(&w, i);
        assert_int_equal(counter_get(&c->sessions), 0);
        assert_int_equal(counter_get(&c->buckets), 16);
    }
    finish(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_key_spaces),
        cmocka_unit_test(growth_to_50000_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
