/*
 * Sixteen numbered tables that one thread (or lock) guards, as one: a shard of the sessions of all databases.
 *
 *     number -> table (made when something is first stored in it), NULL: empty
 *     flush:  table -> leaving, dismantled in slices          the next one's versions go on where it ended
 *
 * Not thread-safe, but for the counters.
 */
#ifndef STORE_DATABASES_H
#define STORE_DATABASES_H

#include "daemon/base/longest.h"
#include "daemon/store/table.h"
#include "proto/request.h"

/* A flushed table on its way out. */
struct leaving {
    struct table *table;
    struct leaving *next;
};

struct databases {
    struct table *tables[DATABASES];
    struct leaving *leaving;          /* the last one flushed first */
    uint64_t versions[DATABASES];     /* of the table that left last */
    uint64_t flush_due_ms[DATABASES]; /* UINT64_MAX: no flush is due */
    uint64_t flush_next_ms;           /* the earliest of them */
    struct siphash_key hash_key;
    struct budget *budget;
    const struct observer *observer;
    void *observer_ctx;
    struct table_counters counters[DATABASES]; /* any thread may read them */
    struct longest slice; /* a turn of databases_sweep, noted by its caller; any thread may read it */
};

/* `budget` and `observer` (NULL: nobody is told of changes) are borrowed. */
void databases_init(struct databases *d, const struct siphash_key *key, struct budget *budget,
                    const struct observer *observer, void *observer_ctx);
void databases_destroy(struct databases *d);

static inline uint64_t databases_hash(const struct databases *d, const void *key, size_t len)
{
    return siphash13(&d->hash_key, key, len);
}

/* The table, or NULL if nothing was ever stored in it. */
static inline struct table *databases_table(const struct databases *d, unsigned number)
{
    return d->tables[number];
}

/* The table, made if need be; NULL when memory is out. */
struct table *databases_make(struct databases *d, unsigned number, uint64_t now_ms);

/* Removes all sessions of a database, now or at a later time; the earlier of two such times counts. The memory
 * comes back by and by (databases_sweep). */
void databases_flush(struct databases *d, unsigned number, uint64_t at_ms, uint64_t now_ms);

/*
 * Before something is stored: what was flushed goes first, until so many bytes fit into the budget, but no more of
 * it than a fixed number of sessions and those that held about as many bytes.
 */
void databases_work_off(struct databases *d, size_t bytes);
static inline void databases_make_room(struct databases *d, const struct table *t, const struct table_item *item)
{
    if (__builtin_expect(!!d->leaving, 0)) databases_work_off(d, table_price(t, item, 0));
}

/* Does the flushes whose time has come. Before anything is executed at now_ms. */
void databases_flush_due(struct databases *d, uint64_t now_ms);
static inline void databases_catch_up(struct databases *d, uint64_t now_ms)
{
    if (__builtin_expect(d->flush_next_ms <= now_ms, 0)) databases_flush_due(d, now_ms);
}

/* As table_sweep, over all databases; flushed ones are dismantled. */
bool databases_sweep(struct databases *d, uint64_t now_ms, size_t budget);
/* As table_next_due. */
uint64_t databases_next_due(const struct databases *d);

#endif
