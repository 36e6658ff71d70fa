/*
 * What a PUT stores: values of one size, of sizes within a range (evenly), or real documents from a file, one per
 * line. All bytes lie in one block made at the start; picking copies nothing. Immutable after values_open.
 */
#ifndef BENCH_COMMON_VALUES_H
#define BENCH_COMMON_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/common/rng.h"
#include "proto/slice.h"

#define VALUES_SIZE_MAX (16U << 20) /* of one value */

struct values;

/* "256", "100-4000" or "file:PATH". NULL and a text in `error` when it is none of these, the file cannot be read or
 * has no lines, or memory is out. `seed` decides the bytes of made-up values (printable, hard to compress). */
struct values *values_open(const char *text, uint64_t seed, char *error, size_t error_size);
void values_close(struct values *v);

struct slice values_pick(const struct values *v, struct rng *r);

#endif
