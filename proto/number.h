/* The one checked parser of numbers and lifetimes. Pure. */
#ifndef PROTO_NUMBER_H
#define PROTO_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/request.h"

/* Digits only, no sign, no blank. False when `text` is empty, not digits, or above `max`. */
bool number_parse(struct slice text, uint64_t max, uint64_t *out);

/*
 * A lifetime: "-" (TTL_DEFAULT), "never" (TTL_NEVER), or an integer with an optional unit ms, s, m, h, d
 * (TTL_RELATIVE; plain = seconds), greater than zero and at most TTL_MAX_MS. False when it is none of these.
 */
bool number_parse_ttl(struct slice text, enum ttl_kind *kind, uint64_t *ms);

#define NUMBER_DIGITS 20 /* the most digits that an unsigned 64-bit number has */

/* Writes n in decimal without NUL into out and returns the number of digits. There must be NUMBER_DIGITS bytes:
 * those behind the digits are undefined. */
size_t number_format(char *out, uint64_t n);

/* The same with a sign where it is negative, into NUMBER_DIGITS + 1 bytes. */
size_t number_format_i64(char *out, int64_t n);

#endif
