/*
 * The index of a table: linear hashing (W. Litwin, 1980) over buckets of one cache line.
 *
 *     directory -> segment of 1024 buckets -> bucket: 11 handles of entries, 11 tags of 8 bits, overflow link
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
#include "daemon/store/slab.h"
#include "daemon/store/table.h"

#define BUCKET_SLOTS         11
#define BUCKET_BYTES         64
#define BUCKETS_SEGMENT_BITS 10
#define BUCKETS_SEGMENT      ((size_t)1 << BUCKETS_SEGMENT_BITS)
#define BUCKETS_MIN          16 /* an empty table's */

/*
 * Entries per bucket above which an insertion splits one, and below which a removal merges one. Halfway through
 * a round of splits, unsplit buckets hold 1.5 times the average. At an average of 8 the index costs 9 to 9.6 bytes
 * a session, overflow buckets included, and 3 to 8 of a hundred entries live behind an overflow link; at 9 it is
 * half a byte less and 5 to 11, at 7 half a byte more and 1 to 5. The gap down to 5 keeps a table whose size swings
 * by a third from splitting and merging all the time.
 */
#define BUCKETS_SPLIT_LOAD 8
#define BUCKETS_MERGE_LOAD 5

struct bucket {
    alignas(BUCKET_BYTES) uint32_t slot[BUCKET_SLOTS]; /* handles, filled from the front; SLAB_NONE: empty */
    uint8_t tag[BUCKET_SLOTS];
    uint8_t used;        /* slots */
    struct bucket *next; /* overflow, only behind a full bucket */
};
_Static_assert(sizeof(struct bucket) == BUCKET_BYTES, "a bucket is one cache line");

struct buckets {
    struct bucket **segments;
    size_t capacity; /* of the directory */
    size_t count;    /* buckets, overflow ones not counted */
    uint64_t mask;   /* 2^k - 1 */
    uint64_t entries;
    struct siphash_key key;
    const struct slab *slab; /* of the entries */
    struct budget *budget;
    struct table_counters *counters; /* keeps bucket_bytes, buckets, splits, merges */
};

/* An entry by both its names; {NULL, SLAB_NONE}: none. */
struct found {
    struct entry *entry;
    uint32_t handle;
};

bool buckets_init(struct buckets *b, const struct siphash_key *key, const struct slab *slab, struct budget *budget,
                  struct table_counters *counters);
/* Frees the buckets, `budget` at a time; *at, 0 before the first time, remembers how far it came. True when all are
 * gone. Nothing else may be called in between. */
bool buckets_dismantle(struct buckets *b, size_t *at, size_t budget);

/* Calls `visit` for the entries of bucket number i, which must leave them where they are. */
void buckets_visit(const struct buckets *b, size_t i, void (*visit)(void *ctx, struct entry *e), void *ctx);
/* The same for the bucket or two at the cursor; returns the next cursor. See table_scan. */
uint64_t buckets_scan(const struct buckets *b, uint64_t cursor, void (*visit)(void *ctx, struct entry *e),
                      void *ctx);

struct found buckets_find(const struct buckets *b, uint64_t hash, const void *key, size_t len);
/* The handle of an entry that is here. */
uint32_t buckets_handle(const struct buckets *b, uint64_t hash, const struct entry *e);

/* False, nothing changed, when an overflow bucket is needed and memory is out. May split one bucket. */
bool buckets_insert(struct buckets *b, uint64_t hash, uint32_t handle);
/* Both want an entry that is here. */
void buckets_replace(struct buckets *b, uint64_t hash, uint32_t old, uint32_t by);
void buckets_remove(struct buckets *b, uint64_t hash, uint32_t handle); /* may merge two buckets */

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
