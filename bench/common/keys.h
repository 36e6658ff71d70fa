/*
 * Which key a request names: uniform, or Zipf (the k-th most popular key is asked for in proportion to
 * 1 / k^theta). Keys are numbers from 0; key 0 is the most popular one. The picker is immutable after keys_init
 * and may be shared between threads; the random numbers are the caller's.
 */
#ifndef BENCH_COMMON_KEYS_H
#define BENCH_COMMON_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/common/rng.h"

#define KEYS_COUNT_MAX  UINT64_C(1000000000) /* keys are numbered with nine digits */
#define KEYS_SIZE_MIN   17                   /* bytes of a key: "session:" and nine digits */
#define KEYS_SIZE_MAX   512
#define KEYS_ZIPF_THETA 0.99 /* when none is given: as in the YCSB benchmark */

enum key_law { KEYS_UNIFORM, KEYS_ZIPF };

struct keys {
    uint64_t count;
    enum key_law law;
    double theta;
    size_t size; /* bytes of every key */
    /* Of the rejection-inversion method (keys.c). */
    double h_first, h_last, shortcut;
};

/* 1 <= count <= KEYS_COUNT_MAX, theta > 0 for Zipf, KEYS_SIZE_MIN <= size <= KEYS_SIZE_MAX: asserted. */
void keys_init(struct keys *k, uint64_t count, enum key_law law, double theta, size_t size);

/* "uniform", "zipf" or "zipf:THETA" with 0 < THETA <= 10. False: it is none of these. */
bool keys_parse_law(const char *text, enum key_law *law, double *theta);

uint64_t keys_pick(const struct keys *k, struct rng *r);

/* Writes the k->size bytes of key number `index`, without NUL. */
void keys_format(const struct keys *k, char *out, uint64_t index);

#endif
