/* A borrowed run of bytes: pointer and length, never NUL-terminated, never owned. */
#ifndef PROTO_SLICE_H
#define PROTO_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice {
    const char *ptr; /* may be NULL only when len is 0, or when the bytes are still to come */
    size_t len;
};

static inline struct slice slice_of(const char *ptr, size_t len)
{
    struct slice s = {ptr, len};
    return s;
}

/* The bytes of a NUL-terminated string, without its NUL. */
static inline struct slice slice_text(const char *text)
{
    return slice_of(text, strlen(text));
}

static inline bool slice_equal(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

#endif
