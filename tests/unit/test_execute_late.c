/*
 * Operations on a session that has expired for the sweep, which is behind, but not yet for the operation: threads
 * that share sessions read their clocks before they get them, so one may come with a time that another has passed.
 * Whatever the operation then stores, it is made of the session's bytes, which must not go meanwhile. The same
 * where memory is short, so that storing sweeps and moves sessions.
 */
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

#define BEGIN   5000000ULL
#define NOW     (BEGIN + 5)  /* of the operation */
#define DUE     (BEGIN + 10) /* the session's deadline */
#define SWEPT   (BEGIN + 20) /* what the sweep has heard */
#define SHARDS  2
#define FILLERS 40
#define NAMES   4
#define MORE    "0123456789abcdef"

/* What is under the key afterwards. */
enum after { SAME, APPENDED, PREPENDED, REPLACED, ADDED, GONE, MOVED };

struct operation {
    enum op op;
    uint16_t effects;
    enum condition condition;
    enum ttl_kind ttl_kind;
    enum reply_kind reply;
    enum after after;
};

static const struct operation operations[] = {
    {OP_GET, 0, COND_NONE, TTL_DEFAULT, REPLY_VALUE, SAME},
    {OP_GET, EFFECT_TOUCH, COND_NONE, TTL_RELATIVE, REPLY_VALUE, SAME},
    {OP_GET, EFFECT_DELETE, COND_NONE, TTL_DEFAULT, REPLY_VALUE, GONE},
    {OP_GET, EFFECT_TOUCH | EFFECT_DELETE, COND_NONE, TTL_RELATIVE, REPLY_VALUE, GONE},
    {OP_GET, EFFECT_LEASE, COND_NONE, TTL_DEFAULT, REPLY_VALUE, SAME},
    {OP_META, 0, COND_NONE, TTL_DEFAULT, REPLY_META, SAME},
    {OP_META, EFFECT_TOUCH, COND_NONE, TTL_NEVER, REPLY_META, SAME},
    {OP_META, EFFECT_LEASE | EFFECT_DELETE, COND_NONE, TTL_DEFAULT, REPLY_META, GONE},
    {OP_TOUCH, 0, COND_NONE, TTL_RELATIVE, REPLY_STORED, SAME},
    {OP_PUT, 0, COND_NONE, TTL_RELATIVE, REPLY_STORED, REPLACED},
    {OP_PUT, 0, COND_PRESENT, TTL_KEEP, REPLY_STORED, REPLACED},
    {OP_PUT, EFFECT_RETURN_OLD, COND_NONE, TTL_RELATIVE, REPLY_VALUE, REPLACED},
    {OP_PUT, EFFECT_RETURN_OLD, COND_ABSENT, TTL_RELATIVE, REPLY_VALUE, SAME},
    {OP_APPEND, 0, COND_NONE, TTL_KEEP, REPLY_STORED, APPENDED},
    {OP_APPEND, EFFECT_TOUCH, COND_PRESENT, TTL_NEVER, REPLY_STORED, APPENDED},
    {OP_PREPEND, 0, COND_NONE, TTL_KEEP, REPLY_STORED, PREPENDED},
    {OP_PREPEND, EFFECT_TOUCH, COND_PRESENT, TTL_RELATIVE, REPLY_STORED, PREPENDED},
    {OP_ADD, EFFECT_WRAP, COND_NONE, TTL_KEEP, REPLY_NUMBER, ADDED},
    {OP_DELETE, 0, COND_NONE, TTL_DEFAULT, REPLY_OK, GONE},
    {OP_DELETE, EFFECT_INVALIDATE, COND_NONE, TTL_DEFAULT, REPLY_OK, SAME},
    {OP_DELETE, EFFECT_INVALIDATE | EFFECT_TOUCH, COND_NONE, TTL_NEVER, REPLY_OK, SAME},
    {OP_RENAME, 0, COND_NONE, TTL_DEFAULT, REPLY_OK, MOVED},
};

struct fixture {
    struct budget budget;
    struct fake_clock clock;
    struct databases databases[SHARDS];
    struct databases *shards[SHARDS];
    struct execute_rules rules;
    char *value; /* the session's, and what it may become */
    char *wanted;
    size_t len;
};

static const size_t sizes[] = {40, 100, 1000, 9000, 200000}; /* in a slot, from 9000 in a block of their own */
static const char *const names[NAMES] = {"other", "other2", "other3", "other4"}; /* on both shards */

static void begin(struct fixture *f, size_t len)
{
    struct siphash_key key = {1, 2};
    *f = (struct fixture){.len = len};
    budget_init(&f->budget, 0);
    fake_clock_init(&f->clock);
    f->rules = (struct execute_rules){
        .ttl_default_ms = UINT64_MAX, .ttl_max_lifetime_ms = UINT64_MAX, .wall = {.clock = &f->clock.clock}};
    for (unsigned i = 0; i < SHARDS; i++) {
        databases_init(&f->databases[i], &key, &f->budget, NULL, NULL);
        f->shards[i] = &f->databases[i];
    }
    f->value = malloc(len);
    f->wanted = malloc(len + sizeof MORE);
    memset(f->value, ' ', len); /* a number, too */
    f->value[0] = '7';
    if (len > 100) memset(f->value + 64, 'x', len - 64);
}

static void end(struct fixture *f)
{
    for (unsigned i = 0; i < SHARDS; i++)
        databases_destroy(&f->databases[i]);
    assert_int_equal(budget_used(&f->budget), 0);
    fake_clock_destroy(&f->clock);
    free(f->value);
    free(f->wanted);
}

static void run(struct fixture *f, struct call *call, uint64_t now_ms)
{
    execute_wide(&f->rules, f->shards, SHARDS, call, now_ms);
}

static void put(struct fixture *f, const char *key, const char *value, size_t len, uint64_t deadline_ms)
{
    struct call call;
    call_init(&call);
    call.request = (struct request){.op = OP_PUT,
                                    .key = slice_text(key),
                                    .value = slice_of(value, len),
                                    .ttl_kind = deadline_ms == TABLE_NEVER ? TTL_NEVER : TTL_RELATIVE,
                                    .ttl_ms = deadline_ms - BEGIN};
    run(f, &call, BEGIN);
    call_clear(&call);
}

/* The session, `key` at its new name if that is there, and a sweep that is behind. */
static void prepare(struct fixture *f, const char *new_name)
{
    put(f, "k", f->value, f->len, DUE);
    if (new_name) put(f, new_name, "there", 5, DUE);
    for (unsigned i = 0; i < FILLERS; i++) {
        char key[16];
        snprintf(key, sizeof key, "filler%u", i);
        put(f, key, MORE, strlen(MORE), BEGIN + 1);
    }
    for (unsigned i = 0; i < SHARDS; i++)
        assert_false(databases_sweep(&f->databases[i], SWEPT, 2));
}

/* Memory that was freed is used for something else. */
static void disturb(struct fixture *f)
{
    char *other = malloc(f->len + sizeof MORE);
    memset(other, '!', f->len + sizeof MORE);
    f->budget.limit = 0;
    for (unsigned i = 0; i < FILLERS; i++) {
        char key[16];
        snprintf(key, sizeof key, "later%u", i);
        put(f, key, other, f->len + i % sizeof MORE, TABLE_NEVER);
    }
    for (unsigned i = 0; i < SHARDS; i++)
        while (!databases_sweep(&f->databases[i], SWEPT, 1000))
            ;
    free(other);
}

static void is_value(const struct reply *reply, const char *value, size_t len)
{
    assert_int_equal(reply->kind, REPLY_VALUE);
    assert_int_equal(reply->body.len, len);
    assert_memory_equal(reply->body.ptr, value, len);
}

/* What is under the key now. */
static void check(struct fixture *f, const struct operation *o, const char *new_name)
{
    size_t more = strlen(MORE), len = f->len;
    const char *key = o->after == MOVED ? new_name : "k";
    struct call call;
    memcpy(f->wanted, f->value, f->len);
    if (o->after == APPENDED || o->after == PREPENDED) len += more;
    if (o->after == APPENDED) memcpy(f->wanted + f->len, MORE, more);
    if (o->after == PREPENDED) memcpy(f->wanted + more, f->value, f->len);
    if (o->after == PREPENDED || o->after == REPLACED) memcpy(f->wanted, MORE, more);
    if (o->after == REPLACED) len = more;
    if (o->after == ADDED) f->wanted[0] = '8';
    if (o->after == ADDED && f->len > 64) len = 1;
    call_init(&call);
    call.request = (struct request){.op = OP_GET, .key = slice_text(key)};
    run(f, &call, NOW);
    if (o->after == GONE)
        assert_int_equal(call.reply.kind, REPLY_NOT_FOUND);
    else
        is_value(&call.reply, f->wanted, len);
    call_clear(&call);
}

/* How an operation comes. */
struct way {
    bool in_batch;
    bool is_short;        /* of memory */
    const char *new_name; /* RENAME: to this */
    bool is_taken;        /* which another session has */
};

static void run_one(const struct operation *o, size_t len, const struct way *way)
{
    struct fixture f;
    struct call call;
    begin(&f, len);
    prepare(&f, way->is_taken ? way->new_name : NULL);
    if (way->is_short) f.budget.limit = budget_used(&f.budget);
    call_init(&call);
    call.request.op = OP_BATCH;
    struct call *one = way->in_batch ? call_add_part(&call, CALL_INLINE) : &call;
    one->request = (struct request){.op = o->op,
                                    .effects = o->effects,
                                    .condition = o->condition,
                                    .ttl_kind = o->ttl_kind,
                                    .ttl_ms = 1000,
                                    .key = slice_text("k"),
                                    .value = slice_text(o->op == OP_RENAME ? way->new_name : MORE),
                                    .number = 1,
                                    .recache_ms = 1000};
    run(&f, &call, NOW);
    const struct reply *reply = call.reply.kind == REPLY_PARTS ? &one->reply : &call.reply;
    bool refused = way->is_short && reply->kind == REPLY_ERROR && reply->error == ERR_OUT_OF_MEMORY;
    if (!refused) {
        assert_int_equal(reply->kind, o->reply);
        check(&f, o, way->new_name);
    }
    disturb(&f);
    if (reply->kind == REPLY_VALUE) is_value(reply, f.value, f.len);
    call_clear(&call);
    end(&f);
}

static void run_all(struct way way)
{
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++)
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
            for (size_t n = 0; n < (operations[i].op == OP_RENAME ? NAMES : 1); n++) {
                way.new_name = names[n];
                way.is_taken = false;
                run_one(&operations[i], sizes[s], &way);
                way.is_taken = true;
                run_one(&operations[i], sizes[s], &way);
            }
}

static void every_operation_keeps_what_it_holds(void **state)
{
    (void)state;
    run_all((struct way){.in_batch = false});
    run_all((struct way){.in_batch = true});
}

static void every_operation_keeps_what_it_holds_where_memory_is_short(void **state)
{
    (void)state;
    run_all((struct way){.is_short = true});
    run_all((struct way){.is_short = true, .in_batch = true});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_operation_keeps_what_it_holds),
        cmocka_unit_test(every_operation_keeps_what_it_holds_where_memory_is_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
