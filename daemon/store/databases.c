#include "daemon/store/databases.h"

#include <string.h>

void databases_init(struct databases *d, const struct siphash_key *key, struct budget *budget)
{
    memset(d, 0, sizeof *d);
    d->hash_key = *key;
    d->budget = budget;
    d->flush_next_ms = UINT64_MAX;
    for (unsigned i = 0; i < DATABASES_COUNT; i++)
        d->flush_due_ms[i] = UINT64_MAX;
}

void databases_destroy(struct databases *d)
{
    for (unsigned i = 0; i < DATABASES_COUNT; i++) {
        if (d->leaving[i] != NULL)
            while (!table_dismantle(d->leaving[i], SIZE_MAX))
                ;
        table_destroy(d->tables[i]);
    }
}

struct table *databases_make(struct databases *d, unsigned number, uint64_t now_ms)
{
    struct table_options options = {.hash_key = d->hash_key,
                                    .budget = d->budget,
                                    .now_ms = now_ms,
                                    .version = d->versions[number],
                                    .counters = &d->counters[number]};
    if (d->tables[number] == NULL) d->tables[number] = table_create(&options);
    return d->tables[number];
}

/* ---- flushing ---- */

static void find_next_flush(struct databases *d)
{
    d->flush_next_ms = UINT64_MAX;
    for (unsigned i = 0; i < DATABASES_COUNT; i++)
        if (d->flush_due_ms[i] < d->flush_next_ms) d->flush_next_ms = d->flush_due_ms[i];
}

static void flush_now(struct databases *d, unsigned number)
{
    struct table *t = d->tables[number];
    if (t == NULL) return;
    d->versions[number] = table_version(t);
    d->tables[number] = NULL;
    if (d->leaving[number] == NULL)
        d->leaving[number] = t;
    else
        table_destroy(t); /* flushed again before the last one was gone: then there is little in it, mostly */
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
    for (unsigned i = 0; i < DATABASES_COUNT; i++) {
        if (d->flush_due_ms[i] > now_ms) continue;
        d->flush_due_ms[i] = UINT64_MAX;
        flush_now(d, i);
    }
    find_next_flush(d);
}

/* ---- housekeeping ---- */

bool databases_sweep(struct databases *d, uint64_t now_ms, size_t budget)
{
    bool done = true;
    databases_catch_up(d, now_ms);
    for (unsigned i = 0; i < DATABASES_COUNT; i++) {
        if (d->leaving[i] != NULL) {
            if (table_dismantle(d->leaving[i], budget))
                d->leaving[i] = NULL;
            else
                done = false;
        }
        if (d->tables[i] != NULL && !table_sweep(d->tables[i], now_ms, budget)) done = false;
    }
    return done;
}

uint64_t databases_next_due(const struct databases *d)
{
    uint64_t earliest = d->flush_next_ms;
    for (unsigned i = 0; i < DATABASES_COUNT; i++) {
        if (d->tables[i] == NULL) continue;
        uint64_t due = table_next_due(d->tables[i]);
        if (due < earliest) earliest = due;
    }
    return earliest;
}
