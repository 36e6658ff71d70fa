/*
 * Order, the same on every backend: calls of one connection take effect and complete in the order submitted, each
 * exactly once, whatever other connections and lanes do.
 *
 * Each lane is a thread with several connections; each connection has keys of its own and a pipeline of random
 * operations on them. Replies are checked against a model, in the order in which they come.
 */
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

#include "tests/unit/store_contract.h"

#define CONNS    5
#define KEYS     3
#define WINDOW   64 /* calls of a lane in flight */
#define LARGE    1500
#define LANE_OPS (STORE_SANITIZED ? 1500 : 8000)

struct model {
    bool present;
    uint64_t number;  /* what was put last */
    uint64_t version; /* of the last put; also after a delete */
};

struct conn {
    uint64_t id;
    uint32_t submitted, completed;
    struct model models[KEYS];
};

/* A call in flight with what was asked. */
struct flight {
    struct task task;
    struct flight *next_free;
    struct conn *conn;
    uint32_t sequence;
    int key;
    uint64_t number;
    struct ask ask;
};

struct lane {
    struct store *store;
    uint32_t index;
    uint64_t random;
    struct conn conns[CONNS];
    struct flight flights[WINDOW];
    struct flight *free;
    uint32_t in_flight;
    char value[LARGE];
    const char *complaint; /* the first */
};

#define REQUIRE(lane_, what_) require((lane_), (what_), #what_)

static bool require(struct lane *lane, bool holds, const char *what)
{
    if (!holds && !lane->complaint) lane->complaint = what;
    return holds;
}

static uint64_t next_random(struct lane *lane)
{
    lane->random ^= lane->random << 13;
    lane->random ^= lane->random >> 7;
    lane->random ^= lane->random << 17;
    return lane->random;
}

/* The value of a number: its digits, and for some a long tail. */
static size_t value_of(struct lane *lane, uint64_t number)
{
    memset(lane->value, 'a' + (int)(number % 26), sizeof lane->value);
    int digits = snprintf(lane->value, sizeof lane->value, "%llu", (unsigned long long)number);
    lane->value[digits] = ' ';
    return number % 5 == 0 ? LARGE : (size_t)digits;
}

/* ---- what must come back ---- */

static bool condition_holds(const struct ask *ask, const struct model *model)
{
    switch (ask->condition) {
    case COND_ABSENT: return !model->present;
    case COND_PRESENT: return model->present;
    case COND_VERSION: return model->present && model->version == ask->if_version;
    default: return true;
    }
}

static void check_get(struct lane *lane, const struct model *model, const struct reply *reply)
{
    size_t len = value_of(lane, model->number);
    REQUIRE(lane, reply->kind == REPLY_VALUE && reply->version == model->version);
    REQUIRE(lane, reply->body.len == len && memcmp(reply->body.ptr, lane->value, len) == 0);
}

static void check_reply(struct lane *lane, const struct flight *f)
{
    struct model *model = &f->conn->models[f->key];
    const struct reply *reply = &f->task.call.reply;
    if (f->ask.op == OP_LEN) {
        REQUIRE(lane,
                reply->kind == REPLY_LEN && reply->number >= 0 && reply->number <= STORE_LANES * CONNS * KEYS);
        return;
    }
    if (!condition_holds(&f->ask, model)) {
        REQUIRE(lane, reply->kind == REPLY_CONFLICT && reply->version == (model->present ? model->version : 0));
        return;
    }
    if (f->ask.op == OP_PUT) {
        REQUIRE(lane, reply->kind == REPLY_STORED && reply->version > model->version);
        *model = (struct model){true, f->number, reply->version};
    } else if (!model->present) {
        REQUIRE(lane, reply->kind == REPLY_NOT_FOUND);
    } else if (f->ask.op == OP_GET) {
        check_get(lane, model, reply);
    } else if (f->ask.op == OP_DELETE) {
        REQUIRE(lane, reply->kind == REPLY_OK);
        model->present = false;
    } else {
        REQUIRE(lane, reply->kind == REPLY_STORED && reply->version == model->version);
    }
}

static void take_back(struct lane *lane, struct flight *f)
{
    REQUIRE(lane, f->sequence == f->conn->completed);
    f->conn->completed++;
    check_reply(lane, f);
    task_clear(&f->task);
    f->next_free = lane->free;
    lane->free = f;
    lane->in_flight--;
}

static void take_back_all(struct lane *lane, struct mail *mail)
{
    while (mail) {
        struct mail *next = mail->next;
        take_back(lane, (struct flight *)task_of_mail(mail)); /* its first member */
        mail = next;
    }
}

/* ---- what goes out ---- */

static void make_ask(struct lane *lane, struct flight *f, char *key)
{
    static const enum op ops[] = {OP_PUT, OP_PUT, OP_PUT, OP_GET, OP_GET, OP_GET, OP_DELETE, OP_TOUCH};
    static const enum condition conditions[] = {COND_NONE,   COND_NONE,    COND_NONE,
                                                COND_ABSENT, COND_PRESENT, COND_VERSION};
    uint64_t r = next_random(lane);
    const struct model *model;
    f->conn = &lane->conns[r % CONNS];
    f->key = (int)((r >> 8) % KEYS);
    f->number = r >> 20;
    model = &f->conn->models[f->key];
    f->ask = (struct ask){.op = ops[(r >> 16) % 8], .key = key};
    if ((r >> 24) % 61 == 0) f->ask.op = OP_LEN;
    if (f->ask.op == OP_PUT || f->ask.op == OP_DELETE || f->ask.op == OP_TOUCH)
        f->ask.condition = conditions[(r >> 32) % 6];
    f->ask.if_version = model->version + ((r >> 40) % 4 == 0); /* mostly the one last seen, perhaps old by now */
    if (f->ask.op == OP_PUT) {
        f->ask.value_len = value_of(lane, f->number);
        f->ask.value = lane->value;
    }
    snprintf(key, 48, "lane %u conn %u key %d", lane->index, (unsigned)(f->conn - lane->conns), f->key);
}

/* Where the queue is full it tries again, and takes what has come back meanwhile. */
static void send(struct lane *lane, struct flight *f)
{
    struct store *s = lane->store;
    enum store_outcome outcome;
    while ((outcome = store_submit(s, &f->task)) == STORE_FULL) {
        store_flush(s, lane->index);
        take_back_all(lane, store_take(s, lane->index));
        sched_yield();
    }
    if (outcome == STORE_DONE) take_back(lane, f);
}

static void *lane_main(void *arg)
{
    struct lane *lane = arg;
    struct store *s = lane->store;
    char key[48];
    for (int i = 0; i < LANE_OPS && !lane->complaint; i++) {
        while (!lane->free) {
            store_flush(s, lane->index);
            take_back_all(lane, store_wait(s, lane->index));
        }
        struct flight *f = lane->free;
        lane->free = f->next_free;
        lane->in_flight++;
        make_ask(lane, f, key);
        f->sequence = f->conn->submitted++;
        store_fill(&f->task, &f->ask, lane->index, f->conn->id);
        send(lane, f);
        if (next_random(lane) % 16 == 0) store_flush(s, lane->index);
        if (next_random(lane) % 8 == 0) take_back_all(lane, store_take(s, lane->index));
    }
    store_flush(s, lane->index);
    while (lane->in_flight > 0)
        take_back_all(lane, store_wait(s, lane->index));
    for (int i = 0; i < CONNS; i++)
        REQUIRE(lane, lane->conns[i].submitted == lane->conns[i].completed);
    return NULL;
}

static void run_lanes(struct store *s, uint32_t count, uint64_t seed)
{
    pthread_t threads[STORE_LANES];
    struct lane *lanes = calloc(count, sizeof *lanes);
    assert_non_null(lanes);
    for (uint32_t i = 0; i < count; i++) {
        struct lane *lane = &lanes[i];
        lane->store = s;
        lane->index = i;
        lane->random = seed + i;
        for (uint32_t c = 0; c < CONNS; c++)
            lane->conns[c].id = (uint64_t)(7 + c) << 32 | c; /* as the loops number them */
        for (int f = 0; f < WINDOW; f++) {
            task_init(&lane->flights[f].task);
            lane->flights[f].next_free = lane->free;
            lane->free = &lane->flights[f];
        }
        assert_int_equal(pthread_create(&threads[i], NULL, lane_main, lane), 0);
    }
    int64_t sessions = 0;
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        if (lanes[i].complaint) fail_msg("lane %u: %s", i, lanes[i].complaint);
        for (int c = 0; c < CONNS; c++)
            for (int k = 0; k < KEYS; k++)
                sessions += lanes[i].conns[c].models[k].present;
    }
    assert_int_equal(store_len(s), sessions);
    free(lanes);
}

static void one_lane(void **state)
{
    struct store *s = store_open(*state, NULL);
    run_lanes(s, 1, 0x9e3779b97f4a7c15);
    store_close(s);
}

static void all_lanes(void **state)
{
    struct store *s = store_open(*state, &(struct store_options){.lanes = STORE_LANES});
    run_lanes(s, STORE_LANES, 88172645463325252);
    store_close(s);
}

/* With the queue full most of the time. */
static void all_lanes_through_a_narrow_queue(void **state)
{
    struct store *s = store_open(*state, &(struct store_options){.lanes = STORE_LANES, .bound = 3});
    run_lanes(s, STORE_LANES, 271828182845904523);
    store_close(s);
}

int main(void)
{
    const struct CMUnitTest one[] = {cmocka_unit_test(one_lane)};
    const struct CMUnitTest several[] = {
        cmocka_unit_test(all_lanes),
        cmocka_unit_test(all_lanes_through_a_narrow_queue),
    };
    int failed = store_contract_run("order", one, sizeof one / sizeof one[0], NULL);
    return failed + store_contract_run("order of several lanes", several, sizeof several / sizeof several[0],
                                       store_config_has_lanes);
}
