#include "daemon/store/databases.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/store/slab.h"

#define ROOM_SLICE 64                                       /* sessions that go between two looks at the budget */
#define ROOM_SPAN  (SLAB_SPAN / SLAB_SLOT_MIN / ROOM_SLICE) /* such slices that empty a span, whatever is in it */

void databases_init(struct databases *d, const struct siphash_key *key, struct budget *budget,
                    const struct observer *observer, void *observer_ctx)
{
    memset(d, 0, sizeof *d);
    d->hash_key = *key;
    d->budget = budget;
    d->observer = observer;
    d->observer_ctx = observer_ctx;
    d->flush_next_ms = UINT64_MAX;
    longest_init(&d->slice, &clock_system);
    for (unsigned i = 0; i < DATABASES; i++)
        d->flush_due_ms[i] = UINT64_MAX;
}

/* Takes down what is leaving, about `budget` sessions of it. True: there is no more. */
static bool dismantle(struct databases *d, size_t budget)
{
    struct leaving *first = d->leaving;
    if (!first) return true;
    if (!table_dismantle(first->table, budget)) return false;
    d->leaving = first->next;
    free(first);
    return !d->leaving;
}

void databases_destroy(struct databases *d)
{
    while (!dismantle(d, SIZE_MAX))
        ;
    for (unsigned i = 0; i < DATABASES; i++)
        table_destroy(d->tables[i]);
}

struct table *databases_make(struct databases *d, unsigned number, uint64_t now_ms)
{
    struct table_options options = {.hash_key = d->hash_key,
                                    .budget = d->budget,
                                    .now_ms = now_ms,
                                    .version = d->versions[number],
                                    .counters = &d->counters[number],
                                    .observer = d->observer,
                                    .observer_ctx = d->observer_ctx,
                                    .database = number};
    if (!d->tables[number]) d->tables[number] = table_create(&options);
    return d->tables[number];
}

/* ---- flushing ---- */

static void find_next_flush(struct databases *d)
{
    d->flush_next_ms = UINT64_MAX;
    for (unsigned i = 0; i < DATABASES; i++)
        if (d->flush_due_ms[i] < d->flush_next_ms) d->flush_next_ms = d->flush_due_ms[i];
}

static void flush_now(struct databases *d, unsigned number)
{
    struct table *t = d->tables[number];
    if (!t) return;
    if (d->observer) d->observer->flushed(d->observer_ctx, number);
    struct leaving *last = malloc(sizeof *last);
    d->versions[number] = table_version(t);
    d->tables[number] = NULL;
    if (!last) { /* no slices, then */
        table_destroy(t);
        return;
    }
    table_retire(t);
    *last = (struct leaving){t, d->leaving};
    d->leaving = last;
}

void databases_flush(struct databases *d, unsigned number, uint64_t at_ms, uint64_t now_ms)
{
    if (at_ms <= now_ms) {
        flush_now(d, number);
        return;
    }
    if (at_ms < d->flush_due_ms[number]) d->flush_due_ms[number] = at_ms;
    find_next_flush(d);
}

void databases_flush_due(struct databases *d, uint64_t now_ms)
{
    for (unsigned i = 0; i < DATABASES; i++) {
        if (d->flush_due_ms[i] > now_ms) continue;
        d->flush_due_ms[i] = UINT64_MAX;
        flush_now(d, i);
    }
    find_next_flush(d);
}

/* ---- housekeeping ---- */

void databases_work_off(struct databases *d, size_t bytes)
{
    const struct budget *b = d->budget;
    size_t spans = 2 + bytes / SLAB_SPAN; /* the one that is begun, and so many as are wanted */
    for (size_t slices = spans * ROOM_SPAN; slices > 0; slices--)
        if (b->limit == 0 || budget_used(b) + bytes <= b->limit || dismantle(d, ROOM_SLICE)) return;
}

bool databases_sweep(struct databases *d, uint64_t now_ms, size_t budget)
{
    databases_catch_up(d, now_ms);
    bool done = dismantle(d, budget);
    for (unsigned i = 0; i < DATABASES; i++)
        if (d->tables[i] && !table_sweep(d->tables[i], now_ms, budget)) done = false;
    return done;
}

uint64_t databases_next_due(const struct databases *d)
{
    uint64_t earliest = d->flush_next_ms;
    for (unsigned i = 0; i < DATABASES; i++) {
        if (!d->tables[i]) continue;
        uint64_t due = table_next_due(d->tables[i]);
        if (due < earliest) earliest = due;
    }
    return earliest;
}
