#include "bench/store/drive.h"

#include <assert.h>
#include <sched.h>
#include <stdlib.h>

#define SERVE_EVERY 8 /* operations, after which a worker that owns a shard looks what others have for it */

/* ---- one call ---- */

enum outcome { DONE, QUEUED, FULL };

/* Lets the station know of what it has been given. */
static void ring(struct driver *d)
{
    if (d->unrung) station_wake(d->unrung);
    d->unrung = NULL;
}

static enum outcome give(struct driver *d, struct task *task, uint32_t number)
{
    const struct backend *b = d->plan->backend;
    const struct backend_here *here = &b->here[d->lane->number];
    if (here->station && here->number == number) {
        station_run(here->station, &task, 1, d->now_ns);
        return DONE;
    }
    struct station *station = b->stations[number];
    if (d->unrung != station) ring(d);
    if (!station_submit(station, task)) return FULL;
    d->unrung = station;
    return QUEUED;
}

/* The call borrows key and value: they outlive it. */
static void question(struct driver *d, struct flight *f, enum op op)
{
    struct task *task = &f->task;
    f->began_ns = task->arrived_ns = d->now_ns;
    task->call.request.op = op;
    if (!op_has_one_key(op)) return;
    task->call.request.key = d->plan->names[f->key];
    if (op != OP_PUT) return;
    memcpy(f->value, &f->key, sizeof f->key);
    task->call.request.value = slice_of(f->value, d->plan->value_size);
}

static bool is_value_of(const struct driver *d, struct slice body, uint64_t key)
{
    return body.len == d->plan->value_size && memcmp(body.ptr, &key, sizeof key) == 0;
}

static void check(struct driver *d, const struct flight *f)
{
    struct tally *t = &d->tally;
    const struct reply *reply = &f->task.call.reply;
    enum op op = f->task.call.request.op;
    t->served++;
    if (op == OP_GET && reply->kind == REPLY_VALUE && is_value_of(d, reply->body, f->key))
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
    if (op == OP_LEN) d->counted = reply->number;
}

/* Ready for the next question. What a question sets anew or never sets may stay. */
static void task_reset(struct task *task)
{
    if (task->call.reply.release != NULL || task->call.data != task->call.room) {
        uint32_t lane = task->lane;
        task_clear(task);
        task->lane = lane;
        task->conn = lane;
        return;
    }
    task->call.reply = (struct reply){0};
    task->call.request.key = slice_of(NULL, 0);
    task->call.request.value = slice_of(NULL, 0);
}

static void put_back(struct driver *d, struct flight *f)
{
    task_reset(&f->task);
    f->next_idle = d->idle;
    d->idle = f;
}

/* It has its answer. */
static void finish(struct driver *d, struct flight *f)
{
    check(d, f);
    if (d->measures) histogram_record(&d->latency, d->now_ns - f->began_ns);
    if (d->measures && d->plan->slow && !d->plan->slow[f->key])
        histogram_record(&d->ordinary, d->now_ns - f->began_ns);
    put_back(d, f);
}

/* Waits for one answer at least. */
static void collect(struct driver *d)
{
    ring(d);
    struct mail *mail = lane_answer(d->lane);
    d->now_ns = clock_ns(d->plan->clock);
    while (mail) {
        struct mail *next = mail->next;
        d->under_way--;
        finish(d, (struct flight *)((char *)task_of_mail(mail) - offsetof(struct flight, task)));
        mail = next;
    }
}

/* To the thread that owns the session; `alone`, to the caller itself where that can execute it. A full queue is
 * waited for, unless it refuses. */
static enum outcome submit(struct driver *d, struct task *task, bool alone)
{
    const struct backend *b = d->plan->backend;
    uint32_t station = 0;
    if ((alone || d->plan->here) && d->lane->owns)
        station = d->lane->number;
    else if (b->station_count > 1)
        station = b->design->station_of(b, task);
    enum outcome result;
    while ((result = give(d, task, station)) == FULL && !d->plan->refuse) {
        ring(d); /* for what fills the queue, perhaps */
        d->tally.waits++;
        if (!lane_serve(d->lane)) sched_yield();
    }
    return result;
}

/* Asks; there must be an idle flight. Returns false when it was refused. The clock is read once: the end of this
 * call is the beginning of the next. */
static bool operate(struct driver *d, enum op op, uint64_t key, bool alone)
{
    struct flight *f = d->idle;
    d->idle = f->next_idle;
    f->key = key;
    question(d, f, op);
    d->tally.sent++;
    enum outcome result = submit(d, &f->task, alone);
    if (result == QUEUED) {
        d->under_way++;
        if (d->idle && !alone)
            d->now_ns = clock_ns(d->plan->clock);
        else
            collect(d);
        return true;
    }
    d->now_ns = clock_ns(d->plan->clock);
    if (result == DONE) {
        finish(d, f);
        return true;
    }
    d->tally.refused++;
    put_back(d, f);
    return false;
}

/* ---- runs ---- */

void driver_run(struct driver *d, uint64_t count, uint64_t end_ns)
{
    const struct drive_plan *plan = d->plan;
    d->measures = true;
    d->now_ns = clock_ns(plan->clock);
    for (uint64_t i = 0; i < count && d->now_ns < end_ns; i++) {
        uint64_t key = keys_pick(plan->picker, &d->rng);
        if (plan->own) key = own_keys_pick(plan->own, d->lane->number, key);
        if (!operate(d, mix_pick(plan->mix, &d->rng), key, false))
            sched_yield(); /* who is refused does something else */
        if (d->lane->owns && i % SERVE_EVERY == 0) lane_serve(d->lane);
    }
    while (d->under_way > 0)
        collect(d);
    d->measures = false;
}

/* With one caller a queue is never full. */
static bool operate_alone(struct driver *d, enum op op, uint64_t key)
{
    uint64_t wrong = d->tally.wrong;
    return operate(d, op, key, true) && d->tally.wrong == wrong;
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
    d->counted = -1;
    good = operate_alone(d, OP_LEN, 0) && d->counted == (int64_t)found && good;
    d->tally = before;
    return good;
}

/* ---- life cycle ---- */

static bool make_flights(struct driver *d)
{
    uint32_t lane = d->lane->number;
    d->flights = calloc(d->plan->depth, sizeof *d->flights);
    for (uint32_t i = 0; d->flights && i < d->plan->depth; i++) {
        struct flight *f = &d->flights[i];
        task_init(&f->task);
        f->task.lane = lane;
        f->task.conn = lane; /* so that a pool's threads share the lanes evenly */
        f->value = malloc(d->plan->value_size);
        if (!f->value) return false;
        memset(f->value, 'v', d->plan->value_size);
        put_back(d, f);
    }
    return d->flights != NULL;
}

struct driver *drivers_create(const struct drive_plan *plan, struct lane *lanes, uint32_t count, uint64_t seed)
{
    assert(plan->value_size >= DRIVE_VALUE_MIN && plan->depth >= 1);
    struct driver *drivers = aligned_alloc(_Alignof(struct driver), count * sizeof *drivers);
    if (drivers == NULL) return NULL;
    memset(drivers, 0, count * sizeof *drivers);
    bool ok = true;
    for (uint32_t i = 0; i < count; i++) {
        struct driver *d = &drivers[i];
        d->plan = plan;
        d->lane = &lanes[i];
        rng_seed(&d->rng, seed, i);
        d->now_ns = clock_ns(plan->clock);
        ok = make_flights(d) && ok;
    }
    if (ok) return drivers;
    drivers_destroy(drivers, count);
    return NULL;
}

void drivers_destroy(struct driver *drivers, uint32_t count)
{
    for (uint32_t i = 0; drivers && i < count; i++) {
        for (uint32_t k = 0; drivers[i].flights && k < drivers[i].plan->depth; k++) {
            if (drivers[i].flights[k].value) task_clear(&drivers[i].flights[k].task);
            free(drivers[i].flights[k].value);
        }
        free(drivers[i].flights);
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
