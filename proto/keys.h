/*
 * Many keys in one run of bytes: the body of a KEYS reply.
 *
 *     | length, 2 bytes | key ... | length | key ... |        no alignment; the machine's byte order
 *
 * Pure functions.
 */
#ifndef PROTO_KEYS_H
#define PROTO_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/buffer.h"

static inline void keys_append(struct buffer *out, struct slice key)
{
    uint16_t len = (uint16_t)key.len;
    char *at = buffer_reserve(out, sizeof len + key.len);
    if (!at) return;
    memcpy(at, &len, sizeof len);
    if (key.len > 0) memcpy(at + sizeof len, key.ptr, key.len);
    out->len += sizeof len + key.len;
}

/* Takes the first key off `keys`; false when there is none. */
static inline bool keys_next(struct slice *keys, struct slice *key)
{
    uint16_t len;
    if (keys->len < sizeof len) return false;
    memcpy(&len, keys->ptr, sizeof len);
    *key = slice_of(keys->ptr + sizeof len, len);
    *keys = slice_of(key->ptr + len, keys->len - sizeof len - len);
    return true;
}

#endif
