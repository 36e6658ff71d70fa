#include "bench/load/core.h"

#include <assert.h>
#include <stdlib.h>

#include "bench/load/due_heap.h"

struct lane {
    struct arrivals schedule;
    struct flights flights;
    unsigned holds;         /* bits of enum core_hold */
    bool parked;            /* not in the heap */
    uint64_t held_until_ns; /* requests due before this were held back by the server's side */
};

struct core {
    struct core_options options;
    struct tally *tally;
    struct lane *lanes;
    struct due_heap heap; /* lanes by due instant; held lanes are taken out when they come to the top */
    struct flight *slots; /* of all lanes */
    uint64_t zero_ns, from_ns, until_ns;
    uint64_t remaining; /* measured requests that may still be taken */
    uint64_t in_flight;
};

static uint64_t due_of(const struct core *c, const struct lane *l)
{
    if (!c->options.plan) return c->zero_ns;
    uint64_t at = arrivals_peek(&l->schedule);

    return at == ARRIVALS_NEVER ? ARRIVALS_NEVER : c->zero_ns + at;
}

/* ---- life ---- */

struct core *core_create(const struct core_options *options, struct tally *tally)
{
    assert(options->lanes > 0 && options->depth > 0);
    assert(options->first_lane + options->lanes <= options->all_lanes);
    struct core *c = calloc(1, sizeof *c);
    if (!c) return NULL;
    c->options = *options;
    c->tally = tally;
    c->lanes = calloc(options->lanes, sizeof *c->lanes);
    c->slots = calloc((size_t)options->lanes * options->depth, sizeof *c->slots);
    c->heap = (struct due_heap){calloc(options->lanes, sizeof *c->heap.entries), 0};
    if (!c->lanes || !c->slots || !c->heap.entries) {
        core_destroy(c);
        return NULL;
    }
    for (uint32_t i = 0; i < options->lanes; i++) {
        struct lane *l = &c->lanes[i];
        flights_init(&l->flights, c->slots + (size_t)i * options->depth);
        if (!options->plan) continue;
        arrivals_init(&l->schedule, options->plan, options->first_lane + i, options->all_lanes, options->seed);
    }
    return c;
}

void core_destroy(struct core *c)
{
    if (!c) return;
    free(c->slots);
    free(c->heap.entries);
    free(c->lanes);
    free(c);
}

void core_start(struct core *c, uint64_t zero_ns, uint64_t from_ns, uint64_t until_ns)
{
    assert(zero_ns <= from_ns && from_ns <= until_ns && c->heap.count == 0);
    c->zero_ns = zero_ns;
    c->from_ns = from_ns;
    c->until_ns = until_ns;
    c->remaining = c->options.count ? c->options.count : UINT64_MAX;
    for (uint32_t i = 0; i < c->options.lanes; i++)
        due_heap_push(&c->heap, (struct due){due_of(c, &c->lanes[i]), i});
}

void core_set_end(struct core *c, uint64_t until_ns)
{
    if (until_ns < c->until_ns) c->until_ns = until_ns;
}

/* ---- what is due ---- */

uint64_t core_next_due(struct core *c)
{
    while (c->heap.count > 0) {
        struct lane *l = &c->lanes[c->heap.entries[0].lane];
        if (!l->holds) break;
        l->parked = true;
        due_heap_drop(&c->heap);
    }
    if (c->heap.count == 0 || c->remaining == 0 || c->heap.entries[0].due_ns >= c->until_ns) return ARRIVALS_NEVER;
    return c->heap.entries[0].due_ns;
}

bool core_due(struct core *c, uint64_t now, uint32_t *lane)
{
    uint64_t due = core_next_due(c);
    if (due == ARRIVALS_NEVER || due > now || (!c->options.plan && now >= c->until_ns)) return false;
    *lane = c->heap.entries[0].lane;
    return true;
}

/* The instant at which the lane's next request is due, in the closed loop now; the schedule and the heap go on to
 * the one after it. */
static uint64_t next_instant(struct core *c, struct lane *l, uint64_t now)
{
    if (!c->options.plan) return now;
    assert(c->heap.count > 0 && &c->lanes[c->heap.entries[0].lane] == l);
    uint64_t due = c->heap.entries[0].due_ns;
    arrivals_pop(&l->schedule);
    c->heap.entries[0].due_ns = due_of(c, l);
    due_heap_sift_down(&c->heap);
    return due;
}

uint32_t core_take(struct core *c, uint32_t lane, enum op op, uint32_t key, uint64_t now)
{
    struct lane *l = &c->lanes[lane];
    assert(l->flights.count < c->options.depth && op < TALLY_OPS);

    uint64_t intended = next_instant(c, l, now);
    bool measured = intended >= c->from_ns;
    struct flight flight = {.intended_ns = intended, .key = key, .op = (uint8_t)op, .measured = measured};
    uint32_t number = flights_add(&l->flights, flight);
    c->in_flight++;
    if (measured) {
        counter_add(&c->tally->sent, 1);
        c->remaining--;
    }
    counter_add(&c->tally->live_sent, 1);
    if (l->flights.count == c->options.depth) core_hold(c, lane, CORE_HOLD_FULL);
    return number;
}

void core_flushed(struct core *c, uint32_t lane, uint64_t now)
{
    struct lane *l = &c->lanes[lane];
    struct tally *t = c->tally;
    if (!c->options.plan) return; /* in the closed loop a request is due when it is sent */
    for (const struct flight *f; (f = flights_flush(&l->flights)) != NULL;) {
        if (f->tries > 0) continue; /* it was in time when it was due */
        uint64_t lag = now > f->intended_ns ? now - f->intended_ns : 0;
        if (f->intended_ns < l->held_until_ns) {
            if (f->measured) histogram_record(&t->held, lag);
            continue;
        }
        histogram_record(&t->live_lag, lag);
        if (!f->measured) continue;
        histogram_record(&t->lag, lag);
        if (lag > TALLY_LATE_NS) counter_add(&t->late, 1);
    }
}

/* ---- what became of it ---- */

uint32_t core_in_flight(const struct core *c, uint32_t lane)
{
    return c->lanes[lane].flights.count;
}

uint64_t core_all_in_flight(const struct core *c)
{
    return c->in_flight;
}

bool core_has(const struct core *c, uint32_t lane, uint32_t number)
{
    return flights_has(&c->lanes[lane].flights, number);
}

bool core_is_oldest(const struct core *c, uint32_t lane, uint32_t number)
{
    const struct flights *f = &c->lanes[lane].flights;
    return flights_has(f, number) && TAILQ_FIRST(&f->sent) == &f->slots[number];
}

static struct flight *find(const struct lane *l, uint32_t number)
{
    return number == CORE_OLDEST ? TAILQ_FIRST(&l->flights.sent) : &l->flights.slots[number];
}

static struct flight take_out(struct core *c, struct lane *l, struct flight *flight, enum outcome outcome)
{
    struct flight f = flights_remove(&l->flights, flight);
    c->in_flight--;
    counter_add(&c->tally->live[outcome], 1);
    if (f.measured) {
        counter_add(&c->tally->outcomes[outcome], 1);
        counter_add(&c->tally->by_op[f.op][outcome], 1);
    }
    return f;
}

struct flight core_answered(struct core *c, uint32_t lane, uint32_t number, enum outcome outcome, uint64_t now)
{
    assert(outcome != OUTCOME_UNANSWERED);
    struct lane *l = &c->lanes[lane];
    struct tally *t = c->tally;
    struct flight f = take_out(c, l, find(l, number), outcome);
    uint64_t latency = now > f.intended_ns ? now - f.intended_ns : 0;

    if (now >= c->from_ns && now < c->until_ns) counter_add(&t->in_window[outcome], 1);
    if (outcome_executed(outcome)) {
        histogram_record(&t->live_accepted, latency);
        if (f.measured) histogram_record(&t->accepted, latency);
    } else if (outcome_refused(outcome)) {
        histogram_record(&t->live_refused, latency);
        if (f.measured) histogram_record(&t->refused, latency);
    }
    if (l->holds & CORE_HOLD_FULL) core_release(c, lane, CORE_HOLD_FULL, now);
    return f;
}

bool core_retried(struct core *c, uint32_t lane, uint32_t number, enum outcome outcome, uint64_t now,
                  struct flight *again)
{
    struct lane *l = &c->lanes[lane];
    struct flight *f = find(l, number);
    bool more = f->tries < c->options.retries || c->options.retries == CORE_ALWAYS;
    if (!outcome_refused(outcome) || now >= c->until_ns || !more) return false;
    flights_renew(&l->flights, f);
    if (f->tries < UINT16_MAX) f->tries++;
    *again = *f;
    counter_add(&c->tally->retried, 1);
    return true;
}

void core_lost(struct core *c, uint32_t lane)
{
    struct lane *l = &c->lanes[lane];
    while (l->flights.count > 0)
        if (take_out(c, l, find(l, CORE_OLDEST), OUTCOME_UNANSWERED).measured)
            counter_add(&c->tally->lost_requests, 1);
    l->holds = (l->holds & ~(unsigned)(CORE_HOLD_FULL | CORE_HOLD_OUTPUT)) | CORE_HOLD_DOWN;
}

void core_hold(struct core *c, uint32_t lane, enum core_hold why)
{
    c->lanes[lane].holds |= why;
}

void core_release(struct core *c, uint32_t lane, enum core_hold why, uint64_t now)
{
    struct lane *l = &c->lanes[lane];
    if (!(l->holds & why)) return;
    l->holds &= ~(unsigned)why;
    if (l->holds) return;
    l->held_until_ns = now;
    if (!l->parked) return;
    l->parked = false;
    due_heap_push(&c->heap, (struct due){due_of(c, l), lane});
}

/* ---- the end ---- */

bool core_exhausted(const struct core *c, uint64_t now)
{
    return c->remaining == 0 || now >= c->until_ns;
}

/* Counts the lane's measured requests due before `end` that were never taken. */
static void count_unsent(struct core *c, struct lane *l, uint64_t end)
{
    for (uint64_t due = due_of(c, l); due < end && c->remaining > 0; due = due_of(c, l)) {
        if (due >= c->from_ns) {
            counter_add(&c->tally->unsent, 1);
            c->remaining--;
        }
        arrivals_pop(&l->schedule);
    }
}

void core_finish(struct core *c, uint64_t now)
{
    uint64_t end = now < c->until_ns ? now : c->until_ns;
    for (uint32_t i = 0; i < c->options.lanes; i++) {
        struct lane *l = &c->lanes[i];
        while (l->flights.count > 0)
            take_out(c, l, find(l, CORE_OLDEST), OUTCOME_UNANSWERED);
        if (c->options.plan) count_unsent(c, l, end);
    }
    c->heap.count = 0;
}
