/*
 * What few sessions have, behind the key and the value (of a long one: behind the key) of those that have any of
 * it:
 *
 *     | which fields there are, 1 byte | field | field ... in the order of their numbers
 *
 * A new field is a number and a size here, its bit in tail_fields, its bytes in tail_put, and an accessor in
 * entry.h.
 */
#ifndef STORE_ENTRY_TAIL_H
#define STORE_ENTRY_TAIL_H

#include "daemon/store/entry_impl.h"

enum tail_field { TAIL_FLAGS, TAIL_FIELDS };

static const uint8_t tail_sizes[TAIL_FIELDS] = {[TAIL_FLAGS] = sizeof(uint32_t)};

/* The fields that the item has, a bit each; 0: no tail. */
static inline unsigned tail_fields(const struct table_item *item)
{
    return (unsigned)(item->flags != 0) << TAIL_FLAGS;
}

/* Bytes of all `fields` below number `end`, with the byte that names them. */
static inline size_t tail_bytes(unsigned fields, unsigned end)
{
    size_t bytes = 1;
    for (unsigned i = 0; i < end; i++)
        if (fields >> i & 1) bytes += tail_sizes[i];
    return bytes;
}

static inline size_t tail_bytes_of_item(const struct table_item *item)
{
    unsigned fields = tail_fields(item);
    return fields != 0 ? tail_bytes(fields, TAIL_FIELDS) : 0;
}

static inline char *tail_of(const struct entry *e)
{
    return (char *)(uintptr_t)key_of(e) + key_len_of(e) + e->value_len; /* value_len: 0 in a long one */
}

static inline size_t tail_bytes_of(const struct entry *e)
{
    return e->has_tail ? tail_bytes((uint8_t)*tail_of(e), TAIL_FIELDS) : 0;
}

/* Where the field is; NULL: the session does not have it. */
static inline char *tail_find(const struct entry *e, enum tail_field field)
{
    if (!e->has_tail) return NULL;
    char *tail = tail_of(e);
    unsigned fields = (uint8_t)*tail;
    return fields >> field & 1 ? tail + tail_bytes(fields, field) : NULL;
}

/* Writes what the item has, where the entry's key and value say. */
static inline void tail_put(struct entry *e, const struct table_item *item)
{
    unsigned fields = tail_fields(item);
    e->has_tail = fields != 0;
    if (fields == 0) return;
    *tail_of(e) = (char)fields;
    if (item->flags != 0) memcpy(tail_find(e, TAIL_FLAGS), &item->flags, sizeof item->flags);
}

#endif
