/* Operations on more than one session, on every backend: what they mean, and that nobody sees them half done. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/keys.h"
#include "tests/unit/store_contract.h"

/* ---- calls with more in them than ASK can say ---- */

/* Executes the call, on its lane. */
static void execute_call(struct store *s, struct task *task)
{
    enum store_outcome outcome;
    while ((outcome = store_submit(s, task)) == STORE_FULL)
        sched_yield(); /* other lanes' calls are in the way */
    if (outcome == STORE_DONE) return;
    store_flush(s, task->lane);
    assert_ptr_equal(store_wait(s, task->lane), &task->mail);
}

static struct call *part_of(struct call *batch, enum op op, const char *key, const char *value)
{
    struct call *part = call_add_part(batch, CALL_INLINE);
    store_fill_call(part, &(struct ask){.op = op, .key = key, .value = value, .ttl_kind = TTL_NEVER});
    return part;
}

static void batch_init(struct task *task, uint32_t lane)
{
    task_init(task);
    task->call.request.op = OP_BATCH;
    task->lane = lane;
    task->conn = 1;
}

static const struct reply *scan(struct store *s, uint64_t cursor, int64_t count, const char *pattern)
{
    struct task *task = &s->scratch;
    task_clear(task);
    task->call.request =
        (struct request){.op = OP_SCAN, .cursor = cursor, .number = count, .value = slice_text(pattern)};
    assert_true(call_own(&task->call));
    execute_call(s, task);
    assert_int_equal(task->call.reply.kind, REPLY_KEYS);
    return &task->call.reply;
}

/* ---- meaning ---- */

static void rename_moves_all_of_a_session(void **state)
{
    struct store *s = store_open(*state, NULL);
    store_expect_kind(ASK(s, .op = OP_RENAME, .key = "a", .value = "b"), REPLY_NOT_FOUND);
    store_expect_kind(ASK(s, .op = OP_PUT, .key = "a", .value = "x", .ttl_ms = 5000), REPLY_STORED);
    store_put(s, "b", "y");
    store_expect_kind(ASK(s, .op = OP_RENAME, .key = "a", .value = "b", .condition = COND_ABSENT), REPLY_CONFLICT);
    store_expect_kind(ASK(s, .op = OP_RENAME, .key = "a", .value = "b"), REPLY_OK);
    const struct reply *reply = ASK(s, .op = OP_GET, .key = "b");
    store_expect_value(reply, "x");
    assert_int_equal(reply->number, 5000);
    store_expect_kind(ASK(s, .op = OP_GET, .key = "a"), REPLY_NOT_FOUND);
    store_expect_kind(ASK(s, .op = OP_RENAME, .key = "b", .value = "b"), REPLY_OK);
    assert_int_equal(store_len(s), 1);
    char from[16], to[16];
    for (int i = 0; i < 50; i++) { /* across all stripes */
        snprintf(from, sizeof from, "from%d", i);
        snprintf(to, sizeof to, "to%d", i);
        store_put(s, from, from);
        store_expect_kind(ASK(s, .op = OP_RENAME, .key = from, .value = to), REPLY_OK);
        store_expect_value(ASK(s, .op = OP_GET, .key = to), from);
        assert_int_equal(store_len(s), i + 2);
    }
    store_close(s);
}

static void a_batch_answers_each_part(void **state)
{
    struct store *s = store_open(*state, NULL);
    struct task batch;
    batch_init(&batch, 0);
    struct call *put = part_of(&batch.call, OP_PUT, "a", "1"), *get = part_of(&batch.call, OP_GET, "a", NULL);
    struct call *known = part_of(&batch.call, OP_DELETE, "a", NULL),
                *inner = call_add_part(&batch.call, CALL_INLINE);
    known->reply.kind = REPLY_OWN; /* answered before: it is not executed */
    inner->request.op = OP_BATCH;
    struct call *len = part_of(inner, OP_LEN, NULL, NULL), *gone = part_of(inner, OP_GET, "b", NULL);
    execute_call(s, &batch);
    assert_int_equal(batch.call.reply.kind, REPLY_PARTS);
    store_expect_kind(&put->reply, REPLY_STORED);
    store_expect_value(&get->reply, "1");
    store_expect_kind(&known->reply, REPLY_OWN);
    assert_int_equal(len->reply.number, 1);
    store_expect_kind(&gone->reply, REPLY_NOT_FOUND);
    task_clear(&batch);
    store_close(s);
}

static void all_or_nothing(void **state)
{
    struct store *s = store_open(*state, NULL);
    char key[16];
    for (int round = 0; round < 2; round++) {
        struct task batch;
        batch_init(&batch, 0);
        batch.call.request.effects = EFFECT_ALL;
        if (round == 0) store_put(s, "k15", "in the way");
        for (int i = 0; i < 20; i++) {
            snprintf(key, sizeof key, "k%d", i);
            part_of(&batch.call, OP_PUT, key, "v")->request.condition = COND_ABSENT;
        }
        part_of(&batch.call, OP_PUT, "k3", "twice")->request.condition = COND_ABSENT; /* not in its own way */
        execute_call(s, &batch);
        assert_int_equal(batch.call.reply.kind, round == 0 ? REPLY_CONFLICT : REPLY_PARTS);
        assert_int_equal(store_len(s), round == 0 ? 1 : 20);
        task_clear(&batch);
        if (round == 0) store_expect_kind(ASK(s, .op = OP_DELETE, .key = "k15"), REPLY_OK);
    }
    store_expect_value(ASK(s, .op = OP_GET, .key = "k3"), "twice");
    store_close(s);
}

#define NEVER ((struct lifetime){TTL_NEVER, 0})

static void in_database(struct store *s, enum op op, uint8_t database, uint16_t effects, struct lifetime lifetime)
{
    struct task *task = &s->scratch;
    task_clear(task);
    store_fill(task, &(struct ask){.op = op, .key = "a", .value = "x"}, 0, 1);
    task->call.request.database = database;
    task->call.request.effects = effects;
    task->call.request.ttl_kind = lifetime.kind;
    task->call.request.ttl_ms = lifetime.ms;
    execute_call(s, task);
}

static int64_t len_of(struct store *s, uint8_t database)
{
    in_database(s, OP_LEN, database, 0, NEVER);
    return s->scratch.call.reply.number;
}

static void databases_are_apart(void **state)
{
    struct store *s = store_open(*state, NULL);
    for (uint8_t i = 0; i < DATABASES; i++)
        in_database(s, OP_PUT, i, 0, NEVER);
    in_database(s, OP_DELETE, 3, 0, NEVER);
    for (uint8_t i = 0; i < DATABASES; i++)
        assert_int_equal(len_of(s, i), i != 3);
    in_database(s, OP_FLUSH, 5, 0, NEVER);
    assert_int_equal(len_of(s, 5), 0);
    assert_int_equal(len_of(s, 6), 1);
    in_database(s, OP_RANDOM, 6, 0, NEVER);
    assert_int_equal(s->scratch.call.reply.kind, REPLY_KEY);
    assert_true(slice_equal(s->scratch.call.reply.body, slice_text("a")));
    in_database(s, OP_RANDOM, 5, 0, NEVER);
    assert_int_equal(s->scratch.call.reply.kind, REPLY_NOT_FOUND);
    in_database(s, OP_FLUSH, 0, EFFECT_ALL_DATABASES, NEVER);
    for (uint8_t i = 0; i < DATABASES; i++)
        assert_int_equal(len_of(s, i), 0);
    store_close(s);
}

static void a_flush_can_be_for_later(void **state)
{
    struct store *s = store_open(*state, NULL);
    store_put(s, "a", "x");
    in_database(s, OP_FLUSH, 0, 0, (struct lifetime){TTL_RELATIVE, 1000});
    fake_clock_advance_ms(&s->clock, 999);
    store_put(s, "b", "x");
    assert_int_equal(store_len(s), 2);
    fake_clock_advance_ms(&s->clock, 1);
    assert_int_equal(store_len(s), 0);
    store_put(s, "c", "x");
    store_expect_kind(ASK(s, .op = OP_GET, .key = "a"), REPLY_NOT_FOUND);
    assert_int_equal(store_len(s), 1);
    store_close(s);
}

static void a_flush_can_be_at_a_time_of_day(void **state)
{
    struct store *s = store_open(*state, NULL);
    uint64_t now = FAKE_CLOCK_WALL_MS + fake_clock_ms(&s->clock);
    store_put(s, "a", "x");
    in_database(s, OP_FLUSH, 0, 0, (struct lifetime){TTL_ABSOLUTE, now + 2000});
    fake_clock_advance_ms(&s->clock, 1999);
    assert_int_equal(store_len(s), 1);
    fake_clock_advance_ms(&s->clock, 1);
    assert_int_equal(store_len(s), 0);
    store_put(s, "b", "x");
    in_database(s, OP_FLUSH, 0, 0, (struct lifetime){TTL_ABSOLUTE, now}); /* it has passed */
    assert_int_equal(store_len(s), 0);
    store_close(s);
}

/* ---- walking ---- */

enum { STAY = 1000, COME = 6000 };

/* Marks the keys "stay<n>" of the reply. */
static void mark(const struct reply *reply, bool *seen)
{
    struct slice keys = reply->body, key;
    while (keys_next(&keys, &key)) {
        char text[32] = "";
        int n = 0;
        memcpy(text, key.ptr, key.len < sizeof text ? key.len : sizeof text - 1);
        if (sscanf(text, "stay%d", &n) == 1) seen[n] = true;
    }
}

/* Stores, or removes, the sessions come<from> to come<upto>. */
static void change(struct store *s, enum op op, int from, int upto)
{
    char key[16];
    for (int i = from; i < upto; i++) {
        snprintf(key, sizeof key, "come%d", i);
        ASK(s, .op = op, .key = key, .value = "v");
    }
}

/* The table grows to several times its size, or shrinks from it, while the walk goes on. */
static void walk(struct store *s, bool grows)
{
    bool seen[STAY] = {false};
    uint64_t cursor = 0;
    int changed = 0, step = COME / 40;
    do {
        const struct reply *reply = scan(s, cursor, 20, "");
        cursor = reply->cursor;
        mark(reply, seen);
        if (changed < COME) change(s, grows ? OP_PUT : OP_DELETE, changed, changed + step);
        changed += step;
    } while (cursor != 0);
    for (int i = 0; i < STAY; i++)
        if (!seen[i]) fail_msg("stay%d was there all the time, and did not come", i);
}

static void what_stays_is_seen(void **state)
{
    struct store *s = store_open(*state, NULL);
    char key[16];
    for (int i = 0; i < STAY; i++) {
        snprintf(key, sizeof key, "stay%d", i);
        store_put(s, key, "v");
    }
    walk(s, true);
    walk(s, false);
    const struct reply *reply = scan(s, 0, INT64_MAX, "stay99?");
    assert_int_equal(reply->count, 10);
    assert_int_equal(reply->cursor, 0);
    store_close(s);
}

/* ---- nobody sees a half ---- */

enum { KEYS_TOGETHER = 6, ROUNDS = 400 };

struct worker {
    struct store *s;
    uint32_t lane;
    pthread_t thread;
    int torn; /* batches that saw two generations */
};

/* Stores a new generation of all keys at once. */
static void *write_together(void *arg)
{
    struct worker *w = arg;
    for (int round = 0; round < ROUNDS; round++) {
        struct task batch;
        char key[16], value[16];
        batch_init(&batch, w->lane);
        snprintf(value, sizeof value, "%u.%d", w->lane, round);
        for (int i = 0; i < KEYS_TOGETHER; i++) {
            snprintf(key, sizeof key, "together%d", i);
            part_of(&batch.call, OP_PUT, key, value);
        }
        execute_call(w->s, &batch);
        task_clear(&batch);
    }
    return NULL;
}

static void *read_together(void *arg)
{
    struct worker *w = arg;
    for (int round = 0; round < ROUNDS; round++) {
        struct task batch;
        char key[16];
        batch_init(&batch, w->lane);
        for (int i = KEYS_TOGETHER; i-- > 0;) {
            snprintf(key, sizeof key, "together%d", i);
            part_of(&batch.call, OP_GET, key, NULL);
        }
        execute_call(w->s, &batch);
        for (const struct call *part = batch.call.parts; part; part = part->part_next)
            w->torn += !slice_equal(part->reply.body, batch.call.parts->reply.body);
        task_clear(&batch);
    }
    return NULL;
}

static void batches_are_atomic(void **state)
{
    struct store *s = store_open(*state, &(struct store_options){.lanes = STORE_LANES, .work_iterations = 20});
    struct worker workers[STORE_LANES];
    for (uint32_t i = 0; i < STORE_LANES; i++) {
        workers[i] = (struct worker){.s = s, .lane = i};
        assert_int_equal(
            pthread_create(&workers[i].thread, NULL, i < 2 ? write_together : read_together, &workers[i]), 0);
    }
    for (uint32_t i = 0; i < STORE_LANES; i++)
        pthread_join(workers[i].thread, NULL);
    assert_int_equal(workers[STORE_LANES - 1].torn, 0);
    read_together(&workers[0]);
    assert_int_equal(workers[0].torn, 0);
    store_close(s);
}

/* One session, which two lanes rename to and fro: at every moment it has one name. */
static void *rename_to_and_fro(void *arg)
{
    struct worker *w = arg;
    for (int round = 0; round < ROUNDS; round++) {
        struct task task;
        task_init(&task);
        store_fill(
            &task,
            &(struct ask){.op = OP_RENAME, .key = round % 2 ? "fro" : "to", .value = round % 2 ? "to" : "fro"},
            w->lane, 1);
        execute_call(w->s, &task);
        task_clear(&task);
    }
    return NULL;
}

static void *count_names(void *arg)
{
    struct worker *w = arg;
    for (int round = 0; round < ROUNDS; round++) {
        struct task batch;
        batch_init(&batch, w->lane);
        struct call *to = part_of(&batch.call, OP_GET, "to", NULL),
                    *fro = part_of(&batch.call, OP_GET, "fro", NULL);
        struct call *len = part_of(&batch.call, OP_LEN, NULL, NULL);
        execute_call(w->s, &batch);
        w->torn +=
            (to->reply.kind == REPLY_VALUE) + (fro->reply.kind == REPLY_VALUE) != 1 || len->reply.number != 1;
        task_clear(&batch);
    }
    return NULL;
}

static void a_renamed_session_is_never_gone(void **state)
{
    struct store *s = store_open(*state, &(struct store_options){.lanes = STORE_LANES});
    struct worker workers[STORE_LANES];
    store_put(s, "to", "x");
    for (uint32_t i = 0; i < STORE_LANES; i++) {
        workers[i] = (struct worker){.s = s, .lane = i};
        assert_int_equal(
            pthread_create(&workers[i].thread, NULL, i < 2 ? rename_to_and_fro : count_names, &workers[i]), 0);
    }
    for (uint32_t i = 0; i < STORE_LANES; i++)
        pthread_join(workers[i].thread, NULL);
    assert_int_equal(workers[STORE_LANES - 1].torn, 0);
    store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rename_moves_all_of_a_session),
        cmocka_unit_test(a_batch_answers_each_part),
        cmocka_unit_test(all_or_nothing),
        cmocka_unit_test(databases_are_apart),
        cmocka_unit_test(a_flush_can_be_for_later),
        cmocka_unit_test(a_flush_can_be_at_a_time_of_day),
        cmocka_unit_test(what_stays_is_seen),
    };
    const struct CMUnitTest several[] = {
        cmocka_unit_test(batches_are_atomic),
        cmocka_unit_test(a_renamed_session_is_never_gone),
    };
    int failed = store_contract_run("wide", tests, sizeof tests / sizeof tests[0], NULL);
    return failed + store_contract_run("wide, of several lanes", several, sizeof several / sizeof several[0],
                                       store_config_has_lanes);
}
