/*
 * Glob patterns as Redis's KEYS and SCAN take them: `*` any run of bytes, `?` one byte, `[abc]`, `[^abc]`, `[a-z]`
 * one byte of a set, `\x` the byte x itself; matched as bytes. As there, an empty text is matched by `*` and the
 * empty pattern, and by no other.
 *
 * The cost of a match depends on lengths alone: a pattern is an automaton with a state per element, whose states
 * are the bits of a few words, and each byte of a text moves all of them at once (Baeza-Yates and Gonnet, 1992).
 */
#ifndef PROTO_GLOB_H
#define PROTO_GLOB_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/slice.h"

#define GLOB_MAX   512 /* longest pattern in bytes */
#define GLOB_WORDS (GLOB_MAX / 64 + 1)

/* A pattern, ready to match. State n: its first n elements, stars not counted, have matched. */
struct glob {
    size_t words;                   /* in use */
    size_t elements;                /* which is the number of the last state */
    bool takes_empty;               /* matches the empty text */
    uint64_t stays[GLOB_WORDS];     /* a star follows: any byte leaves the state as it is */
    uint64_t next[GLOB_WORDS][256]; /* by byte: it is the state's next element */
};

/* The pattern has at most GLOB_MAX bytes. Pure. */
void glob_compile(struct glob *g, struct slice pattern);

/* Pure. */
bool glob_match(const struct glob *g, struct slice text);

#endif
