#include "bench/store/drive.h"

#include <assert.h>
#include <sched.h>
#include <stdlib.h>

/* ---- one call ---- */

/* Waits until the queue has room and the backend has taken the call (or done it). */
static enum backend_submit submit_patiently(struct driver *d, struct call *call)
{
    struct backend *b = d->plan->backend;
    for (;;) {
        b->design->want_room(b, call);
        enum backend_submit result = b->design->submit(b, call);
        if (result != BACKEND_FULL) return result;
        b->design->flush(b, call->lane); /* what fills the queue may not have been rung for */
        d->tally.waits++;
        lane_room(d->lane);
    }
}

/* The store as its users see it: a call that returns with the answer. False: refused. */
static bool store_call(struct driver *d, struct call *call)
{
    struct backend *b = d->plan->backend;
    enum backend_submit result = b->design->submit(b, call);
    if (result == BACKEND_FULL) {
        if (d->plan->refuse) return false;
        result = submit_patiently(d, call);
    }
    if (result == BACKEND_QUEUED) {
        b->design->flush(b, call->lane);
        struct call *answered = lane_answer(d->lane);
        assert(answered == call && call->next == NULL); /* each call is answered once, and to its caller */
    }
    return true;
}

/* The call borrows key and value: they outlive it, as its maker waits for the answer. */
static void question(struct driver *d, enum op op, uint64_t key, uint64_t now_ns)
{
    struct call *call = &d->call;
    call->arrived_ns = now_ns;
    call->request.op = op;
    if (op == OP_LEN) return;
    call->request.key = d->plan->names[key];
    if (op != OP_PUT) return;
    memcpy(d->value, &key, sizeof key);
    call->request.value = slice_of(d->value, d->plan->value_size);
}

static bool is_value_of(const struct driver *d, struct slice body, uint64_t key)
{
    return body.len == d->plan->value_size && memcmp(body.ptr, &key, sizeof key) == 0;
}

static void check(struct driver *d, enum op op, uint64_t key)
{
    struct tally *t = &d->tally;
    const struct reply *reply = &d->call.reply;
    t->served++;
    if (op == OP_GET && reply->kind == REPLY_VALUE && is_value_of(d, reply->body, key))
        t->hits++;
    else if (op == OP_GET && reply->kind == REPLY_NOT_FOUND)
        t->misses++;
    else if (op == OP_PUT && reply->kind == REPLY_STORED)
        t->stored++;
    else if (op == OP_DELETE && reply->kind == REPLY_OK)
        t->deleted++;
    else if (op == OP_DELETE && reply->kind == REPLY_NOT_FOUND)
        t->absent++;
    else if (op == OP_TOUCH && reply->kind == REPLY_STORED)
        t->touched++;
    else if (op == OP_TOUCH && reply->kind == REPLY_NOT_FOUND)
        t->vanished++;
    else if (op == OP_LEN && reply->kind == REPLY_LEN)
        t->counted++;
    else
        t->wrong++;
}

/* Ready for the next question. What a question sets anew or never sets may stay. */
static void call_reset(struct call *call)
{
    if (call->reply.release != NULL || call->data != call->room) {
        uint32_t lane = call->lane;
        call_clear(call);
        call->lane = lane;
        call->conn = lane;
        return;
    }
    call->reply = (struct reply){0};
    call->request.key = slice_of(NULL, 0);
    call->request.value = slice_of(NULL, 0);
}

/* Returns false when it was refused. */
static bool operate(struct driver *d, enum op op, uint64_t key, uint64_t now_ns)
{
    question(d, op, key, now_ns);
    d->tally.sent++;
    bool served = store_call(d, &d->call);
    if (served)
        check(d, op, key);
    else
        d->tally.refused++;
    call_reset(&d->call);
    return served;
}

/* ---- runs ---- */

void driver_run(struct driver *d, uint64_t count, uint64_t end_ns)
{
    const struct drive_plan *plan = d->plan;
    uint64_t now_ns = clock_ns(plan->clock);
    for (uint64_t i = 0; i < count && now_ns < end_ns; i++) {
        uint64_t began_ns = now_ns;
        uint64_t key = keys_pick(plan->picker, &d->rng);
        bool served = operate(d, mix_pick(plan->mix, &d->rng), key, now_ns);
        /* One look at the clock per operation: it ends this one and begins the next. */
        now_ns = clock_ns(plan->clock);
        if (!served) {
            sched_yield(); /* who is refused does something else */
            continue;
        }
        histogram_record(&d->latency, now_ns - began_ns);
        if (plan->slow && !plan->slow[key]) histogram_record(&d->ordinary, now_ns - began_ns);
    }
}

/* With one caller a queue is never full. */
static bool operate_alone(struct driver *d, enum op op, uint64_t key)
{
    uint64_t wrong = d->tally.wrong;
    return operate(d, op, key, clock_ns(d->plan->clock)) && d->tally.wrong == wrong;
}

bool driver_fill(struct driver *d)
{
    bool good = true;
    for (uint64_t key = 0; key < d->plan->picker->count; key++)
        good = operate_alone(d, OP_PUT, key) && good;
    d->tally = (struct tally){0};
    return good;
}

bool driver_audit(struct driver *d)
{
    struct tally before = d->tally;
    bool good = true;
    for (uint64_t key = 0; key < d->plan->picker->count; key++)
        good = operate_alone(d, OP_GET, key) && good;
    uint64_t found = d->tally.hits - before.hits;
    d->tally = before;
    question(d, OP_LEN, 0, clock_ns(d->plan->clock));
    good = store_call(d, &d->call) && d->call.reply.kind == REPLY_LEN && d->call.reply.number == (int64_t)found &&
           good;
    call_reset(&d->call);
    return good;
}

/* ---- life cycle ---- */

struct driver *drivers_create(const struct drive_plan *plan, struct lane *lanes, uint32_t count, uint64_t seed)
{
    assert(plan->value_size >= DRIVE_VALUE_MIN);
    struct driver *drivers = aligned_alloc(_Alignof(struct driver), count * sizeof *drivers);
    if (drivers == NULL) return NULL;
    memset(drivers, 0, count * sizeof *drivers);
    bool ok = true;
    for (uint32_t i = 0; i < count; i++) {
        struct driver *d = &drivers[i];
        d->plan = plan;
        d->lane = &lanes[i];
        rng_seed(&d->rng, seed, i);
        call_init(&d->call);
        d->call.lane = i;
        d->call.conn = i; /* so that a pool's threads share the lanes evenly */
        d->value = malloc(plan->value_size);
        ok = ok && d->value != NULL;
        if (d->value) memset(d->value, 'v', plan->value_size);
    }
    if (ok) return drivers;
    drivers_destroy(drivers, count);
    return NULL;
}

void drivers_destroy(struct driver *drivers, uint32_t count)
{
    for (uint32_t i = 0; drivers && i < count; i++) {
        call_clear(&drivers[i].call);
        free(drivers[i].value);
    }
    free(drivers);
}

/* ---- sums ---- */

void tally_add(struct tally *into, const struct tally *from)
{
    into->sent += from->sent;
    into->served += from->served;
    into->refused += from->refused;
    into->hits += from->hits;
    into->misses += from->misses;
    into->stored += from->stored;
    into->deleted += from->deleted;
    into->absent += from->absent;
    into->touched += from->touched;
    into->vanished += from->vanished;
    into->counted += from->counted;
    into->wrong += from->wrong;
    into->waits += from->waits;
}

bool tally_holds(const struct tally *t)
{
    uint64_t answers =
        t->hits + t->misses + t->stored + t->deleted + t->absent + t->touched + t->vanished + t->counted + t->wrong;
    return t->sent == t->served + t->refused && t->served == answers && t->wrong == 0;
}
