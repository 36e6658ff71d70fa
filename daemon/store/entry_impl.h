/*
 * What a session looks like in memory, for the files of this room only.
 *
 *     | next, prev, deadline | version, key_len, marks | refs, level | value_len | key ... | value ... | flags |
 *     |------ 16 bytes ------|-------- 8 bytes -------|-- 4 bytes --|- 4 bytes -|
 *
 * The header is packed into 32 bytes, because every byte here is paid once per session and allocators round
 * up: 32 bytes of key and 256 of value fill a 320-byte block of jemalloc exactly, and one byte more costs 64.
 * Three facts make it fit. Blocks from malloc are 16-byte aligned and user addresses have at most 48 bits, so a
 * link needs 44. Times are milliseconds since the machine started, below 2^40 (34 years). A version of 48 bits
 * lasts 8 years at a million changes a second, without a pause. Flags that are not zero, which are rare, are four
 * more bytes at the end.
 *
 * Who may touch what: version, lengths and bytes never change. Links, deadline and marks are the table thread's,
 * and share no word with anything that is read without the table's guard. The reference count is atomic; the wheel
 * level is in the same word, changed by an atomic addition.
 */
#ifndef STORE_ENTRY_IMPL_H
#define STORE_ENTRY_IMPL_H

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "daemon/store/entry.h"
#include "daemon/store/table.h"

#define ENTRY_LINK_MASK   ((UINT64_C(1) << 44) - 1)
#define ENTRY_HALF_BITS   20 /* of a deadline, in each of two words */
#define ENTRY_HALF_MASK   ((UINT64_C(1) << ENTRY_HALF_BITS) - 1)
#define ENTRY_NEVER       ((UINT64_C(1) << (2 * ENTRY_HALF_BITS)) - 1) /* TABLE_NEVER as stored */
#define ENTRY_TIME_MAX    (ENTRY_NEVER - 1)                            /* the last time there is */
#define ENTRY_VERSION_MAX ((UINT64_C(1) << 48) - 1)
#define ENTRY_KEY_MAX     4095U
#define ENTRY_VALUE_MAX   (UINT64_C(1) << 31)
#define ENTRY_LEVEL_SHIFT 29 /* above it the wheel level, below it up to 2^29-1 references */
#define ENTRY_USUAL_LINES 5  /* cache lines */
#define ENTRY_REFS_MASK   ((1U << ENTRY_LEVEL_SHIFT) - 1)

struct entry {
    uint64_t next : 44, deadline_low : ENTRY_HALF_BITS; /* links: the address without its four zero bits */
    uint64_t prev : 44, deadline_high : ENTRY_HALF_BITS;
    uint64_t : 0; /* neighbouring bit-fields are one memory location, unless this ends it */
    uint64_t version : 48, key_len : 12, has_flags : 1, stale : 1, leased : 1;
    _Atomic uint32_t refs_level;
    uint32_t value_len;
    char bytes[]; /* the key, the value, and the flags if there are any */
};
_Static_assert(sizeof(struct entry) == 32, "the entry header has grown");

/* Memory for an entry, holding one reference and nothing else; NULL when there is none. */
struct entry *entry_alloc(size_t key_len, size_t value_len, bool has_flags);
/* Fills a fresh entry: as many bytes as promised to entry_alloc; value and `more` behind each other. */
void entry_fill(struct entry *e, const struct table_item *item, uint64_t version);
/* What the allocator spends on it. */
size_t entry_bytes(const struct entry *e);

static inline struct entry *entry_next(const struct entry *e)
{
    return (struct entry *)((uintptr_t)e->next << 4);
}

static inline struct entry *entry_prev(const struct entry *e)
{
    return (struct entry *)((uintptr_t)e->prev << 4);
}

static inline void entry_set_next(struct entry *e, const struct entry *next)
{
    e->next = ((uintptr_t)next >> 4) & ENTRY_LINK_MASK;
}

static inline void entry_set_prev(struct entry *e, const struct entry *prev)
{
    e->prev = ((uintptr_t)prev >> 4) & ENTRY_LINK_MASK;
}

/* ENTRY_NEVER for a session that never expires. */
static inline uint64_t entry_due(const struct entry *e)
{
    return (uint64_t)e->deadline_high << ENTRY_HALF_BITS | e->deadline_low;
}

static inline void entry_set_due(struct entry *e, uint64_t due)
{
    e->deadline_low = due & ENTRY_HALF_MASK;
    e->deadline_high = (due >> ENTRY_HALF_BITS) & ENTRY_HALF_MASK;
}

/* A caller's deadline as stored. What lies beyond the last time there is expires then. */
static inline uint64_t entry_due_from(uint64_t deadline_ms)
{
    if (deadline_ms == UINT64_MAX) return ENTRY_NEVER;
    return deadline_ms < ENTRY_TIME_MAX ? deadline_ms : ENTRY_TIME_MAX;
}

static inline bool entry_expired(const struct entry *e, uint64_t now_ms)
{
    uint64_t due = entry_due(e);
    return due <= now_ms && due != ENTRY_NEVER;
}

static inline unsigned entry_level(const struct entry *e)
{
    return atomic_load_explicit(&e->refs_level, memory_order_relaxed) >> ENTRY_LEVEL_SHIFT;
}

static inline void entry_set_level(struct entry *e, unsigned level)
{
    /* Wraps around in the level's bits and leaves the count alone, whoever drops a reference meanwhile. */
    uint32_t change = (level - entry_level(e)) << ENTRY_LEVEL_SHIFT;
    if (change != 0) atomic_fetch_add_explicit(&e->refs_level, change, memory_order_relaxed);
}

/* Asks the cache for header, key and value of a small session. */
static inline void entry_prefetch(const struct entry *e)
{
    for (size_t line = 0; line < ENTRY_USUAL_LINES; line++)
        __builtin_prefetch((const char *)e + line * 64);
}

static inline bool entry_has_key(const struct entry *e, const void *key, size_t len)
{
    return e->key_len == len && memcmp(e->bytes, key, len) == 0;
}

#endif
