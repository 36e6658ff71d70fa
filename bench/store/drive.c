#include "bench/store/drive.h"

#include <assert.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#define SERVE_EVERY 8 /* operations, after which a thread that owns a shard looks what others have for it */

const struct drive_answer drive_answers[DRIVE_ANSWERS] = {
    {OP_GET, REPLY_VALUE, "get_found"},
    {OP_GET, REPLY_NOT_FOUND, "get_not_found"},
    {OP_PUT, REPLY_STORED, "put_stored"},
    {OP_DELETE, REPLY_OK, "delete_done"},
    {OP_DELETE, REPLY_NOT_FOUND, "delete_not_found"},
    {OP_TOUCH, REPLY_STORED, "touch_done"},
    {OP_TOUCH, REPLY_NOT_FOUND, "touch_not_found"},
    {OP_LEN, REPLY_LEN, "len"},
};
#define GET_FOUND 0

/* ---- one call ---- */

/* The call borrows key and value: they outlive it. */
static void question(struct driver *d, struct caller *c, enum op op)
{
    struct call *call = &c->task.call;
    c->began_ns = c->task.arrived_ns = d->now_ns;
    call->request.op = op;
    if (op == OP_LEN) return;
    call->request.key = d->plan->names[c->key];
    if (op != OP_PUT) return;
    memcpy(c->value, &c->key, sizeof c->key);
    call->request.value = slice_of(c->value, d->plan->value_size);
}

static bool is_value_of(const struct driver *d, struct slice body, uint64_t key)
{
    return body.len == d->plan->value_size && memcmp(body.ptr, &key, sizeof key) == 0;
}

static void check(struct driver *d, const struct caller *c)
{
    struct drive_tally *t = &d->tally;
    const struct reply *reply = &c->task.call.reply;
    enum op op = c->task.call.request.op;
    size_t i = 0;
    while (i < DRIVE_ANSWERS && (drive_answers[i].op != op || drive_answers[i].kind != reply->kind))
        i++;
    t->served++;
    if (i == DRIVE_ANSWERS || (i == GET_FOUND && !is_value_of(d, reply->body, c->key)))
        t->wrong++;
    else
        t->answers[i]++;
    if (op == OP_LEN) d->counted = reply->number;
}

/* Ready for the next question. What a question sets anew or never sets may stay. */
static void task_reset(struct task *task)
{
    struct call *call = &task->call;
    if (call->reply.release || call->data != call->room) {
        uint32_t lane = task->lane;
        task_clear(task);
        task->lane = lane;
        task->conn = lane;
        return;
    }
    call->reply = (struct reply){0};
    call->request.key = slice_of(NULL, 0);
    call->request.value = slice_of(NULL, 0);
}

static void put_back(struct driver *d, struct caller *c)
{
    task_reset(&c->task);
    c->next_idle = d->idle;
    d->idle = c;
}

/* It has its answer. */
static void finish(struct driver *d, struct caller *c)
{
    check(d, c);
    if (d->measures) histogram_record(&d->latency, d->now_ns - c->began_ns);
    if (d->measures && d->plan->slow && !d->plan->slow[c->key])
        histogram_record(&d->ordinary, d->now_ns - c->began_ns);
    if (d->plan->bound) atomic_fetch_sub_explicit(&d->plan->queued, 1, memory_order_relaxed);
    put_back(d, c);
}

/* Waits for one answer at least. */
static void collect(struct driver *d)
{
    if (d->unrung) station_wake(d->unrung);
    d->unrung = NULL;
    struct mail *mail = lane_answer(d->lane);
    d->now_ns = clock_ns(d->plan->clock);
    while (mail) {
        struct mail *next = mail->next;
        d->under_way--;
        finish(d, (struct caller *)((char *)task_of_mail(mail) - offsetof(struct caller, task)));
        mail = next;
    }
}

/* Is there a place for one more? */
static bool admitted(struct drive_plan *plan)
{
    if (!plan->bound || atomic_fetch_add_explicit(&plan->queued, 1, memory_order_relaxed) < plan->bound)
        return true;
    atomic_fetch_sub_explicit(&plan->queued, 1, memory_order_relaxed);
    return false;
}

/* To the station that has the session; `alone`, to this thread's own where it is one. True: it is done. */
static bool submit(struct driver *d, struct task *task, bool alone)
{
    const struct backend *b = d->plan->backend;
    const struct backend_here *here = &b->here[d->lane->number];
    uint32_t number = 0;
    if ((alone || d->plan->here) && d->lane->owns)
        number = d->lane->number;
    else if (b->station_count > 1)
        number = b->design->station_of(b, task);
    if (here->station && here->number == number) {
        station_run(here->station, &task, 1, d->now_ns);
        return true;
    }
    struct station *station = b->stations[number];
    if (d->unrung && d->unrung != station) station_wake(d->unrung);
    d->unrung = station;
    bool taken = station_submit(station, task);
    assert(taken); /* there is room for all callers in each ring */
    (void)taken;
    return false;
}

/* An idle caller asks; there must be one. Returns false when it was refused. The clock is read once: the end of
 * this call is the beginning of the next. */
static bool operate(struct driver *d, enum op op, uint64_t key, bool alone)
{
    struct caller *c = d->idle;
    d->tally.sent++;
    if (!admitted(d->plan)) {
        d->tally.refused++;
        d->now_ns = clock_ns(d->plan->clock);
        return false;
    }
    d->idle = c->next_idle;
    c->key = key;
    question(d, c, op);
    if (submit(d, &c->task, alone)) {
        d->now_ns = clock_ns(d->plan->clock);
        finish(d, c);
        return true;
    }
    d->under_way++;
    if (d->idle && !alone)
        d->now_ns = clock_ns(d->plan->clock);
    else
        collect(d);
    return true;
}

/* ---- runs ---- */

static uint64_t pick(struct driver *d)
{
    uint64_t key = keys_pick(d->plan->picker, &d->rng);
    /* Its own key in place of any: as popular among its own as that is among all. */
    return d->own_count ? d->own[key * d->own_count / d->plan->picker->count] : key;
}

void driver_run(struct driver *d, uint64_t count, uint64_t end_ns)
{
    d->measures = true;
    d->now_ns = clock_ns(d->plan->clock);
    uint32_t refused = 0; /* in a row */
    for (uint64_t i = 0; i < count && d->now_ns < end_ns; i++) {
        uint64_t key = pick(d);
        refused = operate(d, mix_pick(d->plan->mix, &d->rng), key, false) ? 0 : refused + 1;
        if (refused >= d->count - d->under_way) { /* all that are idle were refused: let others go on */
            refused = 0;
            d->under_way > 0 ? collect(d) : (void)sched_yield();
        }
        if (d->lane->owns && i % SERVE_EVERY == 0) lane_serve(d->lane);
    }
    while (d->under_way > 0)
        collect(d);
    d->measures = false;
}

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
    d->tally = (struct drive_tally){0};
    return good;
}

bool driver_audit(struct driver *d)
{
    struct drive_tally before = d->tally;
    bool good = true;
    for (uint64_t key = 0; key < d->plan->picker->count; key++)
        good = operate_alone(d, OP_GET, key) && good;
    uint64_t found = d->tally.answers[GET_FOUND] - before.answers[GET_FOUND];
    d->counted = -1;
    good = operate_alone(d, OP_LEN, 0) && d->counted == (int64_t)found && good;
    d->tally = before;
    return good;
}

/* ---- life cycle ---- */

static bool make_callers(struct driver *d)
{
    uint32_t lane = d->lane->number;
    d->callers = calloc(d->count, sizeof *d->callers);
    for (uint32_t i = 0; d->callers && i < d->count; i++) {
        struct caller *c = &d->callers[i];
        task_init(&c->task);
        c->task.lane = lane;
        c->task.conn = lane; /* so that a pool's threads share the lanes evenly */
        c->value = malloc(d->plan->value_size);
        if (!c->value) return false;
        memset(c->value, 'v', d->plan->value_size);
        put_back(d, c);
    }
    return d->callers;
}

/* Asks the backend, whose lanes are its owners, about each key. */
static bool find_own_keys(struct driver *d)
{
    struct backend *b = d->plan->backend;
    struct task task;
    if (!d->plan->own_keys) return true;
    d->own = malloc(d->plan->picker->count * sizeof *d->own);
    task_init(&task);
    task.call.request.op = OP_GET;
    for (uint64_t key = 0; d->own && key < d->plan->picker->count; key++) {
        task.call.request.key = d->plan->names[key];
        if (b->design->station_of(b, &task) == d->lane->number) d->own[d->own_count++] = (uint32_t)key;
    }
    return d->own;
}

struct driver *drivers_create(struct drive_plan *plan, struct lane *lanes, uint32_t threads, uint32_t callers,
                              uint64_t seed)
{
    assert(plan->value_size >= DRIVE_VALUE_MIN && callers >= threads);
    struct driver *drivers = aligned_alloc(_Alignof(struct driver), threads * sizeof *drivers);
    bool ok = drivers;
    if (!ok) return NULL;
    memset(drivers, 0, threads * sizeof *drivers);
    for (uint32_t i = 0; i < threads; i++) {
        struct driver *d = &drivers[i];
        d->plan = plan;
        d->lane = &lanes[i];
        d->count = callers / threads + (i < callers % threads);
        rng_seed(&d->rng, seed, i);
        d->now_ns = clock_ns(plan->clock);
        ok = make_callers(d) && find_own_keys(d) && ok;
    }
    if (ok) return drivers;
    drivers_destroy(drivers, threads);
    return NULL;
}

void drivers_destroy(struct driver *drivers, uint32_t threads)
{
    for (uint32_t i = 0; drivers && i < threads; i++) {
        struct driver *d = &drivers[i];
        for (uint32_t k = 0; d->callers && k < d->count; k++) {
            if (d->callers[k].value) task_clear(&d->callers[k].task);
            free(d->callers[k].value);
        }
        free(d->callers);
        free(d->own);
    }
    free(drivers);
}

/* ---- sums ---- */

void drive_tally_add(struct drive_tally *into, const struct drive_tally *from)
{
    into->sent += from->sent;
    into->served += from->served;
    into->refused += from->refused;
    into->wrong += from->wrong;
    for (size_t i = 0; i < DRIVE_ANSWERS; i++)
        into->answers[i] += from->answers[i];
}

bool drive_tally_holds(const struct drive_tally *t)
{
    uint64_t sum = t->wrong;
    for (size_t i = 0; i < DRIVE_ANSWERS; i++)
        sum += t->answers[i];
    return t->sent == t->served + t->refused && t->served == sum && t->wrong == 0;
}
