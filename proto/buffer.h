/* A growable run of bytes that its holder owns. Codecs write into it. Not thread-safe. */
#ifndef PROTO_BUFFER_H
#define PROTO_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/slice.h"

struct buffer {
    char *data; /* NULL while capacity is 0 */
    size_t len;
    size_t capacity;
    bool failed; /* an allocation failed: what was appended since is missing; sticky until buffer_free */
};

/* All fields zero is an empty buffer. */
void buffer_free(struct buffer *b);

bool buffer_grow(struct buffer *b, size_t extra); /* of buffer_reserve */

/* Makes room for `extra` more bytes and returns where they go, or NULL (and failed) when memory is out. */
static inline char *buffer_reserve(struct buffer *b, size_t extra)
{
    bool fits = extra <= b->capacity - b->len && b->data && !b->failed;
    return fits || buffer_grow(b, extra) ? b->data + b->len : NULL;
}

/* Appends; on failure the buffer is unchanged and `failed` is set. */
void buffer_append(struct buffer *b, const void *bytes, size_t len);
void buffer_append_text(struct buffer *b, const char *text);
void buffer_append_u64(struct buffer *b, uint64_t n); /* decimal */
void buffer_append_i64(struct buffer *b, int64_t n);  /* decimal */

/* Drops the first `len` bytes. */
void buffer_consume(struct buffer *b, size_t len);

#endif
