/* Growable byte runs: capacity doubles, so appending n bytes costs O(n) over time. */
#include "proto/buffer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "proto/number.h"

enum { FIRST_CAPACITY = 256 };

void buffer_free(struct buffer *b)
{
    free(b->data);
    *b = (struct buffer){0};
}

bool buffer_grow(struct buffer *b, size_t extra)
{
    assert(b->len <= b->capacity);
    /* Once bytes are missing nothing may follow them: what is there stays a whole prefix of what was meant. */
    bool fits = !b->failed && extra <= SIZE_MAX / 2 - b->len;
    b->failed = true;
    if (!fits) return false;
    size_t needed = b->len + extra;
    size_t capacity = b->capacity > 0 ? b->capacity : FIRST_CAPACITY;
    while (capacity < needed)
        capacity *= 2; /* cannot overflow: needed is at most SIZE_MAX / 2 */
    char *data = realloc(b->data, capacity);
    if (!data) return false;
    b->data = data;
    b->capacity = capacity;
    b->failed = false;
    return true;
}

void buffer_append(struct buffer *b, const void *bytes, size_t len)
{
    char *to = buffer_reserve(b, len);
    if (!to || len == 0) return;
    memcpy(to, bytes, len);
    b->len += len;
}

void buffer_append_text(struct buffer *b, const char *text)
{
    buffer_append(b, text, strlen(text));
}

void buffer_append_u64(struct buffer *b, uint64_t n)
{
    char *to = buffer_reserve(b, NUMBER_DIGITS);
    if (to) b->len += number_format(to, n);
}

void buffer_append_i64(struct buffer *b, int64_t n)
{
    char *to = buffer_reserve(b, NUMBER_DIGITS + 1);
    if (to) b->len += number_format_i64(to, n);
}

void buffer_consume(struct buffer *b, size_t len)
{
    assert(len <= b->len);
    b->len -= len;
    if (b->len > 0 && len > 0) memmove(b->data, b->data + len, b->len);
}
