/*
 * What a session looks like in memory, for the files of this room only.
 *
 *     | next, prev | deadline, marks, refs, key_len | version, value_len | key ... | value ... | tail |
 *     |- 8 bytes --|------------- 8 bytes ----------|------ 8 bytes -----|
 *
 * Every byte of the header is paid once per session. Four facts keep it at 24: links are slab handles. Times are
 * milliseconds since the machine started, below 2^40 (34 years). A version of 48 bits lasts 8 years at a million
 * changes a second, without a pause. And what is rare lives elsewhere: flags that are not zero are in a tail
 * (entry_tail.h); a value that would not fit the slot has one of its own, and with it go a longer key and a
 * larger reference count (struct entry_long).
 *
 * Who may touch what: version, lengths and bytes change only while the table's is the only reference. Links,
 * deadline and marks are the table thread's, and share no memory location with anything that is read without the
 * table's guard. The reference count is atomic. It has 8 bits: what more readers than that want of a small session
 * is copied.
 */
#ifndef STORE_ENTRY_IMPL_H
#define STORE_ENTRY_IMPL_H

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "daemon/store/entry.h"
#include "daemon/store/slab.h"
#include "daemon/store/table.h"

#define ENTRY_NEVER       ((UINT64_C(1) << 40) - 1) /* TABLE_NEVER as stored */
#define ENTRY_TIME_MAX    (ENTRY_NEVER - 1)         /* the last time there is */
#define ENTRY_VERSION_MAX ((UINT64_C(1) << 48) - 1)
#define ENTRY_KEY_MAX     4095U
#define ENTRY_VALUE_MAX   (UINT64_C(1) << 31)
#define ENTRY_USUAL_LINES 5    /* cache lines */
#define ENTRY_REFS_MAX    250U /* for replies; the last few are for entry_hold */

struct entry {
    uint32_t next, prev; /* handles */
    uint32_t due_low;    /* the deadline in milliseconds */
    uint8_t due_high;
    uint8_t level : 3, has_tail : 1, stale : 1, leased : 1, linked : 1; /* linked: the table's */
    _Atomic uint8_t refs;                                               /* of a short one */
    uint8_t key_len;                                                    /* of a short one */
    uint64_t version : 48, value_len : 15, is_long : 1;
    char bytes[]; /* short: the key, the value, a tail if there is one; long: see below */
};
_Static_assert(sizeof(struct entry) == 24, "the entry header has grown");

/*
 * A value that would not fit the entry's slot has one of its own, behind these words, or where none is large (or
 * small) enough a block of the allocator's. The first word is for slab_give.
 */
struct block {
    void *given;
    uint32_t owner; /* the linked entry whose value this is; SLAB_NONE: there is none any more */
    uint32_t handle;
    char bytes[];
};

static inline bool block_is_slot(size_t value_len)
{
    size_t bytes = sizeof(struct block) + value_len;
    return bytes > SLAB_SLOT_MAX && bytes <= SLAB_BLOCK_MAX;
}

/* What the bytes of a long entry begin with; then come the key, and a tail if there is one. */
struct entry_long {
    char *value; /* where it is; NULL when it is empty */
    _Atomic uint32_t refs;
    uint32_t value_len;
    uint32_t key_len;
};

/*
 * Makes an entry, with one reference, linked nowhere: everything but its version and deadline as `item` says.
 * SLAB_NONE when there is no memory or the budget says no; `over_budget`: it is charged but not asked.
 */
uint32_t entry_create(struct slab *slab, struct budget *budget, const struct table_item *item, bool over_budget);
/* Bytes of the entry's slot that entry_create will ask for, and in *block those of the value if it is elsewhere. */
size_t entry_wants(const struct table_item *item, size_t *block);
/* Gives the entry the item's value, marks and what else it has, in place: true if that was possible. Key, deadline
 * and version stay as they are. */
bool entry_overwrite(struct entry *e, const struct table_item *item);
/* Drops the table's reference. The table's thread only; it has given the entry's bytes back (entry_block_bytes). */
void entry_drop(struct slab *slab, uint32_t handle);

/* Bytes of its header, key, value and tail. */
size_t entry_bytes(const struct entry *e);
/* Bytes of that in the slab. */
size_t entry_slot_bytes(const struct entry *e);
/* The block that is a slot; NULL: the value is elsewhere. */
struct block *entry_block(const struct entry *e);
/* Bytes that the allocator spends on the value, if that is not in a slot; charged to the budget by entry_create. */
size_t entry_block_bytes(const struct entry *e);
/* The table's is the only reference. The table's thread only. */
bool entry_is_alone(const struct entry *e);

static inline struct entry *entry_at(const struct slab *slab, uint32_t handle)
{
    return slab_at(slab, handle);
}

static inline struct entry_long *entry_long(const struct entry *e)
{
    return (struct entry_long *)(uintptr_t)e->bytes;
}

static inline const char *key_of(const struct entry *e)
{
    return e->bytes + (e->is_long ? sizeof(struct entry_long) : 0);
}

static inline size_t key_len_of(const struct entry *e)
{
    return e->is_long ? entry_long(e)->key_len : e->key_len;
}

/* ENTRY_NEVER for a session that never expires. */
static inline uint64_t entry_due(const struct entry *e)
{
    return (uint64_t)e->due_high << 32 | e->due_low;
}

static inline void entry_set_due(struct entry *e, uint64_t due)
{
    e->due_low = (uint32_t)due;
    e->due_high = (uint8_t)(due >> 32);
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

/* Asks the cache for header, key and value of a small session. */
static inline void entry_prefetch(const struct entry *e)
{
    for (size_t line = 0; line < ENTRY_USUAL_LINES; line++)
        __builtin_prefetch((const char *)e + line * 64);
}

static inline bool entry_has_key(const struct entry *e, const void *key, size_t len)
{
    return key_len_of(e) == len && memcmp(key_of(e), key, len) == 0;
}

#endif
