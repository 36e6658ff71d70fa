/* What an observer is told: a mirror that knows nothing else is, at any time, the same as the tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/backend/execute.h"
#include "tests/unit/fake_clock.h"

#define KEYS      4000
#define BASES     3 /* databases in use */
#define VALUE_MAX 12000
#define REMOVALS  (REMOVED_RENAMED + 1)

/* What is known of a session. */
struct known {
    bool there, stale, leased;
    uint32_t flags;
    uint64_t version, deadline;
    size_t len;
    char *value;
};

struct world {
    struct budget budget;
    struct fake_clock clock;
    struct databases databases;
    struct execute_rules rules;
    uint64_t now, seed;
    struct known mirror[BASES][KEYS];
    size_t told;
    size_t stored, touched, flushed, removed[REMOVALS];
};

static uint64_t next_random(struct world *w) /* splitmix64 */
{
    uint64_t z = w->seed += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* ---- the mirror ---- */

static struct known *known_of(struct world *w, unsigned database, const struct entry *e)
{
    char key[16];
    assert_in_range(entry_key_len(e), 2, sizeof key - 1);
    memcpy(key, entry_key(e), entry_key_len(e));
    key[entry_key_len(e)] = 0;
    unsigned long number = strtoul(key + 1, NULL, 10);
    assert_true(database < BASES && number < KEYS);
    return &w->mirror[database][number];
}

static bool same(const struct known *k, const struct entry *e)
{
    return k->there && k->version == entry_version(e) && k->deadline == entry_deadline(e) &&
           k->flags == entry_flags(e) && k->stale == entry_stale(e) && k->leased == entry_leased(e) &&
           k->len == entry_value_len(e) && memcmp(k->value, entry_value(e), k->len) == 0;
}

static void was_stored(void *ctx, unsigned database, const struct entry *e)
{
    struct world *w = ctx;
    struct known *k = known_of(w, database, e);
    free(k->value);
    *k = (struct known){true,
                        entry_stale(e),
                        entry_leased(e),
                        entry_flags(e),
                        entry_version(e),
                        entry_deadline(e),
                        entry_value_len(e),
                        malloc(entry_value_len(e) + 1)};
    memcpy(k->value, entry_value(e), k->len);
    w->stored++;
    w->told++;
}

static void was_touched(void *ctx, unsigned database, const struct entry *e)
{
    struct world *w = ctx;
    struct known *k = known_of(w, database, e);
    k->deadline = entry_deadline(e);
    k->leased = entry_leased(e);
    assert_true(same(k, e));
    w->touched++;
    w->told++;
}

static void was_removed(void *ctx, unsigned database, const struct entry *e, enum removal why)
{
    struct world *w = ctx;
    struct known *k = known_of(w, database, e);
    assert_true(same(k, e));
    if (why == REMOVED_EXPIRED) assert_true(entry_deadline(e) <= w->now);
    k->there = false;
    w->removed[why]++;
    w->told++;
}

static void was_flushed(void *ctx, unsigned database)
{
    struct world *w = ctx;
    for (unsigned i = 0; i < KEYS; i++)
        w->mirror[database][i].there = false;
    w->flushed++;
    w->told++;
}

static const struct observer observer = {was_stored, was_touched, was_removed, was_flushed};

/* ---- against the tables ---- */

struct comparison {
    struct world *w;
    unsigned database;
    size_t seen;
};

static void compare_one(void *ctx, const struct entry *e)
{
    struct comparison *c = ctx;
    assert_true(same(known_of(c->w, c->database, e), e));
    c->seen++;
}

/* Expired sessions that have not been swept are in both. */
static void compare(struct world *w)
{
    for (unsigned database = 0; database < BASES; database++) {
        const struct table *t = databases_table(&w->databases, database);
        struct comparison c = {w, database, 0};
        uint64_t cursor = 0;
        size_t there = 0;
        do {
            if (t) cursor = table_scan(t, cursor, 0, compare_one, &c);
        } while (cursor != 0);
        for (unsigned i = 0; i < KEYS; i++)
            there += w->mirror[database][i].there;
        assert_int_equal(c.seen, there);
    }
}

/* ---- operations ---- */

static const struct {
    enum op op;
    uint16_t effects;
} choices[] = {
    {OP_PUT, 0},
    {OP_PUT, 0},
    {OP_PUT, EFFECT_RETURN_OLD},
    {OP_PUT, EFFECT_SET_VERSION},
    {OP_APPEND, 0},
    {OP_PREPEND, EFFECT_TOUCH},
    {OP_ADD, EFFECT_WRAP},
    {OP_GET, EFFECT_TOUCH},
    {OP_GET, EFFECT_LEASE},
    {OP_META, EFFECT_LEASE | EFFECT_TOUCH},
    {OP_GET, EFFECT_DELETE},
    {OP_GET, 0},
    {OP_TOUCH, 0},
    {OP_DELETE, 0},
    {OP_DELETE, EFFECT_INVALIDATE},
    {OP_RENAME, 0},
};

static void choose_lifetime(struct world *w, struct request *r)
{
    static const enum ttl_kind kinds[] = {TTL_NEVER, TTL_RELATIVE, TTL_RELATIVE, TTL_RELATIVE, TTL_KEEP};
    r->ttl_kind = kinds[next_random(w) % 5];
    r->ttl_ms = next_random(w) >> (44 + next_random(w) % 20); /* up to 17 minutes; sometimes 0 */
    r->create = (struct lifetime){r->ttl_kind == TTL_KEEP ? TTL_NEVER : r->ttl_kind, r->ttl_ms};
}

static size_t choose_length(struct world *w)
{
    uint64_t r = next_random(w);
    return r % 64 == 0 ? r / 64 % VALUE_MAX : r / 64 % (r % 64 < 32 ? 12 : 400);
}

static void run(struct world *w, struct call *call)
{
    struct databases *shard = &w->databases;
    execute_wide(&w->rules, &shard, 1, call, w->now);
    call_clear(call);
}

static void operate(struct world *w, unsigned keys)
{
    static char digits[VALUE_MAX];
    char key[16], other[16];
    struct call call;
    memset(digits, '1', sizeof digits);
    snprintf(key, sizeof key, "k%u", (unsigned)(next_random(w) % keys));
    snprintf(other, sizeof other, "k%u", (unsigned)(next_random(w) % keys));
    size_t choice = next_random(w) % (sizeof choices / sizeof choices[0]);
    call_init(&call);
    struct request *r = &call.request;
    *r = (struct request){.op = choices[choice].op,
                          .effects = choices[choice].effects,
                          .database = (uint8_t)(next_random(w) % BASES),
                          .key = slice_text(key),
                          .value = slice_of(digits, choose_length(w)),
                          .flags = next_random(w) % 3 == 0 ? (uint32_t)next_random(w) : 0,
                          .number = 1,
                          .recache_ms = 1000};
    r->set_version = 1 + next_random(w) % 1000000;
    choose_lifetime(w, r);
    if (r->op == OP_RENAME) r->value = slice_text(other);
    run(w, &call);
}

static void flush(struct world *w)
{
    struct call call;
    call_init(&call);
    call.request = (struct request){.op = OP_FLUSH,
                                    .database = (uint8_t)(next_random(w) % BASES),
                                    .effects = next_random(w) % 2 == 0 ? EFFECT_ALL_DATABASES : 0,
                                    .number = (int64_t)(next_random(w) % 2 * 100)};
    run(w, &call);
}

static void start(struct world *w, size_t limit, uint64_t seed)
{
    struct siphash_key key = {seed, ~seed};
    memset(w, 0, sizeof *w);
    w->seed = seed;
    w->now = 5000000;
    budget_init(&w->budget, limit);
    fake_clock_init(&w->clock);
    databases_init(&w->databases, &key, &w->budget, &observer, w);
    w->rules = (struct execute_rules){.ttl_default_ms = UINT64_MAX,
                                      .ttl_max_lifetime_ms = UINT64_MAX,
                                      .value_max = VALUE_MAX,
                                      .wall = {.clock = &w->clock.clock}};
}

static void finish(struct world *w)
{
    compare(w);
    size_t told = w->told;
    databases_destroy(&w->databases);
    assert_int_equal(w->told, told);
    fake_clock_destroy(&w->clock);
    for (unsigned database = 0; database < BASES; database++)
        for (unsigned i = 0; i < KEYS; i++)
            free(w->mirror[database][i].value);
    free(w);
}

static void history(unsigned keys, size_t limit, unsigned steps, uint64_t seed)
{
    struct world *w = malloc(sizeof *w);
    start(w, limit, seed);
    for (unsigned i = 0; i < steps; i++) {
        operate(w, keys);
        if (next_random(w) % 8 == 0) w->now += next_random(w) >> (48 + next_random(w) % 16);
        if (next_random(w) % 16 == 0) databases_sweep(&w->databases, w->now, next_random(w) % 200);
        if (next_random(w) % 8192 == 0) flush(w);
        if (i % 4096 == 0) compare(w);
    }
    assert_true(w->stored > 0 && w->touched > 0 && w->flushed > 0);
    for (int why = 0; why < REMOVALS; why++)
        assert_true(w->removed[why] > 0);
    finish(w);
}

static void a_mirror_follows_random_histories(void **state)
{
    (void)state;
    history(20, 0, 40000, 1);
    history(KEYS, 0, 100000, 2);
    history(KEYS, 2 << 20, 100000, 3); /* memory is short, so that storing sweeps and moves */
}

/* Two of three sessions go, here and there, and those that stay move together, while buckets are split and merged.
 */
static void moving_in_memory_is_not_told(void **state)
{
    (void)state;
    struct world *w = malloc(sizeof *w);
    start(w, 0, 4);
    const struct table_counters *c = &w->databases.counters[0];
    struct call call;
    char value[500];
    memset(value, 'v', sizeof value);
    for (unsigned i = 0; i < KEYS * 2; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%u", i % KEYS);
        bool goes = i >= KEYS && i % 3 != 0;
        if (i >= KEYS && !goes) continue;
        call_init(&call);
        call.request = (struct request){.op = goes ? OP_DELETE : OP_PUT,
                                        .key = slice_text(key),
                                        .value = slice_of(value, sizeof value),
                                        .ttl_kind = i % 2 == 0 ? TTL_NEVER : TTL_RELATIVE,
                                        .ttl_ms = 10000};
        run(w, &call);
    }
    size_t bytes = counter_get(&c->slab_bytes), told = w->told;
    assert_true(counter_get(&c->splits) > 100 && counter_get(&c->merges) > 100);
    while (!databases_sweep(&w->databases, w->now, 100)) {
    }
    assert_int_equal(w->told, told);
    assert_true(counter_get(&c->slab_bytes) < bytes);
    finish(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mirror_follows_random_histories),
        cmocka_unit_test(moving_in_memory_is_not_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
