/*
 * The index of a table: linear hashing (W. Litwin, 1980) over buckets of one cache line.
 *
 *     directory -> segment of 1024 buckets -> bucket: 7 slots (16-bit tag | 48-bit entry address), overflow link
 *
 * A table of n buckets, 2^k <= n < 2^(k+1), keeps an entry in bucket `hash mod 2^(k+1)`, or `hash mod 2^k`
 * where that bucket does not exist yet. Growing adds bucket n and moves some entries of bucket n - 2^k there;
 * shrinking undoes it. So buckets stay addressed by low hash bits, and a cursor counting in reversed bits visits
 * every entry once whatever grows or shrinks meanwhile. The tag is the top of the hash: the middle is free.
 *
 * Not thread-safe, except that lookups may run side by side while nobody changes anything.
 */
#ifndef STORE_BUCKETS_H
#define STORE_BUCKETS_H

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/base/siphash.h"
#include "daemon/store/budget.h"
#include "daemon/store/entry.h"
#include "daemon/store/table.h"

#define BUCKET_SLOTS         7
#define BUCKET_BYTES         64
#define BUCKETS_SEGMENT_BITS 10
#define BUCKETS_SEGMENT      ((size_t)1 << BUCKETS_SEGMENT_BITS)
#define BUCKETS_MIN          16 /* an empty table's */

/*
 * Entries per bucket above which an insertion splits one, and below which a removal merges one. Halfway through
 * a round of splits, unsplit buckets hold 1.5 times the average. At an average of 5 the index costs 15 bytes a
 * session, overflow buckets included, and one entry in twelve lives behind an overflow link; at 4 it is 17 bytes
 * and one in twenty-five, at 6 14 bytes and one in eight. The gap down to 3 keeps a table whose size swings by
 * a third from splitting and merging all the time.
 */
#define BUCKETS_SPLIT_LOAD 5
#define BUCKETS_MERGE_LOAD 3

struct bucket {
    alignas(BUCKET_BYTES) uint64_t slot[BUCKET_SLOTS]; /* filled from the front; 0: empty */
    struct bucket *next;                               /* overflow, only behind a full bucket */
};
_Static_assert(sizeof(struct bucket) == BUCKET_BYTES, "a bucket is one cache line");

struct buckets {
    struct bucket **segments;
    size_t capacity; /* of the directory */
    size_t count;    /* buckets, overflow ones not counted */
    uint64_t mask;   /* 2^k - 1 */
    uint64_t entries;
    struct siphash_key key;
    struct budget *budget;
    struct table_counters *counters; /* keeps bucket_bytes, buckets, splits, merges */
};

bool buckets_init(struct buckets *b, const struct siphash_key *key, struct budget *budget,
                  struct table_counters *counters);
/* Frees the buckets and drops the table's reference to every entry in them, about `budget` entries at a time; *at,
 * 0 before the first time, remembers how far it came. True when all is gone. Nothing else may be called in between.
 */
bool buckets_dismantle(struct buckets *b, size_t *at, size_t budget);

/* Calls `visit` for the entries of bucket number i, which must leave them where they are. */
void buckets_visit(const struct buckets *b, size_t i, void (*visit)(void *ctx, struct entry *e), void *ctx);
/* The same for the bucket or two at the cursor; returns the next cursor. See table_scan. */
uint64_t buckets_scan(const struct buckets *b, uint64_t cursor, void (*visit)(void *ctx, struct entry *e),
                      void *ctx);

struct entry *buckets_find(const struct buckets *b, uint64_t hash, const void *key, size_t len);

/* False, nothing changed, when an overflow bucket is needed and memory is out. May split one bucket. */
bool buckets_insert(struct buckets *b, uint64_t hash, struct entry *e);
/* Both want an entry that is here. */
void buckets_replace(struct buckets *b, uint64_t hash, const struct entry *old, const struct entry *by);
void buckets_remove(struct buckets *b, uint64_t hash, const struct entry *e); /* may merge two buckets */

/* Where the entry's bucket starts. */
static inline struct bucket *buckets_at(const struct buckets *b, uint64_t hash)
{
    uint64_t i = hash & (b->mask * 2 + 1);
    if (i >= b->count) i = hash & b->mask;
    return &b->segments[i >> BUCKETS_SEGMENT_BITS][i & (BUCKETS_SEGMENT - 1)];
}

/* Asks the cache for the entry that `hash` most likely means; wants the bucket in the cache. */
void buckets_prefetch_entry(const struct buckets *b, uint64_t hash);

#endif
