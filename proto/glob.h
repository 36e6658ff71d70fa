/*
 * Glob patterns as Redis's KEYS and SCAN take them: `*` any run of bytes, `?` one byte, `[abc]`, `[^abc]`, `[a-z]`
 * one byte of a set, `\x` the byte x itself; matched as bytes. As there, an empty text is matched by `*` and the
 * empty pattern, and by no other. Never exponential: a star only ever goes back to itself, not to stars before it,
 * so the cost is at most the product of both lengths.
 */
#ifndef PROTO_GLOB_H
#define PROTO_GLOB_H

#include <stdbool.h>

#include "proto/slice.h"

/* Pure. */
bool glob_match(struct slice pattern, struct slice text);

#endif
