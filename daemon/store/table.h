/*
 * The session table: keys to sessions, with versions and deadlines. One thread at a time (the caller locks, or
 * owns it). All times are milliseconds on one monotonic clock that the caller passes in; a session whose
 * deadline is at or before `now_ms` does not exist for any function here, swept or not. Times lie below 2^40 ms
 * (34 years after the machine started); a later deadline counts as the last of them.
 *
 * Hashing: SipHash-1-3 under a key from the kernel. Growth and shrinking: linear hashing (W. Litwin, 1980), one
 * bucket split or merged per insertion or removal, so no operation pays for a whole rehash. Expiry: a
 * hierarchical timing wheel (G. Varghese, T. Lauck, 1987) of 1 ms resolution, swept in bounded slices.
 */
#ifndef STORE_TABLE_H
#define STORE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/base/metrics.h"
#include "daemon/base/siphash.h"
#include "daemon/store/budget.h"
#include "daemon/store/entry.h"
#include "daemon/store/observer.h"

#define TABLE_NEVER UINT64_MAX /* the deadline of a session that never expires */

struct table;

/* Numbers the table's thread writes and any thread may read. */
struct table_counters {
    counter sessions;     /* linked entries, expired but not yet swept ones included */
    counter mortal;       /* of these, those that have a deadline */
    counter expired;      /* entries removed because their deadline passed */
    counter entry_bytes;  /* of linked entries: header, key, value */
    counter slab_bytes;   /* memory behind them: what it is more is waste, or held by replies, or free for others */
    counter bucket_bytes; /* memory of the index */
    counter buckets;
    counter splits; /* buckets split so far (growth) */
    counter merges; /* buckets merged so far (shrinking) */
};

struct table_options {
    struct siphash_key hash_key;     /* all tables of a daemon share one, so that a key is hashed once */
    struct budget *budget;           /* borrowed; outlives the table. Counts memory as the system sees it */
    uint64_t now_ms;                 /* where the wheel starts */
    uint64_t version;                /* versions start behind this one */
    struct table_counters *counters; /* borrowed, outlives the table; NULL: the table's own. Tables may share them
                                      * that belong to the same thread */
    const struct observer *observer; /* is told of every change; borrowed, outlives the table. NULL: nobody is */
    void *observer_ctx;
    unsigned database; /* what the observer knows the table by */
};

struct table *table_create(const struct table_options *options); /* NULL when memory is out */

/* Unlinks every session. References held elsewhere (entry_retain) stay valid. */
void table_destroy(struct table *t);

uint64_t table_hash(const struct table *t, const void *key, size_t len);

/* Asks the cache for the bucket of `hash`: call for a whole batch, then look up. */
void table_prefetch(const struct table *t, uint64_t hash);
/* Asks the cache for the session itself; a second pass over the batch, before the lookups. */
void table_prefetch_entry(const struct table *t, uint64_t hash);

/*
 * The live session under this key, or NULL. Valid until the next call that changes the table, unless retained.
 * Changes nothing, an expired entry included: any number of threads may find (and retain) at once while none
 * changes the table. The same holds for table_len.
 */
struct entry *table_find(const struct table *t, uint64_t hash, const void *key, size_t len, uint64_t now_ms);

enum table_status { TABLE_OK, TABLE_NO_MEMORY };

/* The highest version that may be set: behind it the table has as many of its own, 4 years at a million changes a
 * second. */
#define TABLE_SET_MAX ((UINT64_C(1) << 47) - 1)

/* What is to be stored. */
struct table_item {
    const void *key;
    size_t key_len;
    const void *value;
    size_t value_len;
    const void *more; /* bytes behind the value, so that a value can be put together as it is stored */
    size_t more_len;
    uint64_t deadline_ms;
    uint64_t version; /* 0: the next one of the table; else this (TABLE_SET_MAX at most), whatever is there now */
    uint32_t flags;
    bool stale, leased; /* its marks, see entry.h */
};

/*
 * Creates or replaces the session: an entry with the next version of this table (versions start at 1 and only grow,
 * across deletes too). `value` and `more` may lie in the live entry that is there, even if that has expired for
 * the sweep by now: its bytes stay until the new entry has them. TABLE_NO_MEMORY, table unchanged, when the
 * allocator or the budget says no; a replacement no larger than what it replaces never meets the budget. When the
 * budget is short, expired sessions are swept (a bounded slice) before the answer is no. `*stored` is valid as with
 * table_find.
 */
enum table_status table_store(struct table *t, uint64_t hash, const struct table_item *item, uint64_t now_ms,
                              struct entry **stored);

/* At most what table_store will ask the budget for, were `before` others stored first. `t` NULL: a new table. */
size_t table_price(const struct table *t, const struct table_item *item, size_t before);

/* The version given out last. */
uint64_t table_version(const struct table *t);

/*
 * Calls `visit` for every live session in some buckets, and returns the cursor to go on from; 0: that was the last.
 * From cursor 0 to cursor 0, every session that is there all the time is visited at least once, whatever else comes
 * and goes in between. `visit` must not change the table. The cursor counts buckets in reversed bits, as Redis's
 * does (P. Noordhuis, 2012), so that growing and shrinking only splits or joins what lies ahead or behind. It stays
 * below 2^48.
 */
uint64_t table_scan(const struct table *t, uint64_t cursor, uint64_t now_ms,
                    void (*visit)(void *ctx, const struct entry *e), void *ctx);

/* Some live session, or NULL if there is none; `dice` is a random number. All have about the same chance. */
struct entry *table_random(const struct table *t, uint64_t dice, uint64_t now_ms);

/* table_destroy in slices, for a table that nobody uses any more: first its sessions count no longer, then they go,
 * `budget` at a time, and what memory they filled comes back as they go: true when the table is gone. */
void table_retire(struct table *t);
bool table_dismantle(struct table *t, size_t budget);

/* Sets the deadline of a live entry of this table; value and version stay. */
void table_set_deadline(struct table *t, struct entry *e, uint64_t deadline_ms);

/* Marks a live entry of this table as leased; value, version and deadline stay. */
void table_set_leased(struct table *t, struct entry *e);

/* Unlinks a live entry of this table and drops the table's reference. */
void table_remove(struct table *t, struct entry *e, enum removal why);

/* Sessions not expired at now_ms, exact. Costs O(wheel slots) while sweeping keeps up; behind a wheel that lags
 * it also walks the sessions of the few slots that now_ms falls into. */
uint64_t table_len(const struct table *t, uint64_t now_ms);

/*
 * Moves the wheel towards now_ms, frees expired sessions and those that others released, and moves sparse memory
 * together: at most `budget` entry movements in this call. True when there is nothing left to do for now_ms.
 */
bool table_sweep(struct table *t, uint64_t now_ms, size_t budget);

/* A time before which table_sweep has nothing to do (TABLE_NEVER: no session has a deadline). O(wheel slots). */
uint64_t table_next_due(const struct table *t);

const struct table_counters *table_counters(const struct table *t);

#endif
