/*
 * Random numbers for workloads: xoshiro256** (D. Blackman, S. Vigna, "Scrambled linear pseudorandom number
 * generators", 2018), seeded through splitmix64 (S. Vigna). The same seed gives the same run. One thread each.
 */
#ifndef BENCH_COMMON_RNG_H
#define BENCH_COMMON_RNG_H

#include <math.h>
#include <stdint.h>

struct rng {
    uint64_t s[4];
};

static inline uint64_t rng_rotate(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

static inline uint64_t rng_splitmix64(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* Streams of one seed are independent of each other: give each thread or connection its own. */
static inline void rng_seed(struct rng *r, uint64_t seed, uint64_t stream)
{
    /* Seed and stream are each mixed before they meet, so that neighbouring numbers give unrelated states. */
    uint64_t state = rng_splitmix64(&seed) ^ rng_rotate(rng_splitmix64(&stream), 32);

    for (int i = 0; i < 4; i++)
        r->s[i] = rng_splitmix64(&state);
}

static inline uint64_t rng_next(struct rng *r)
{
    uint64_t result = rng_rotate(r->s[1] * 5, 7) * 9, t = r->s[1] << 17;
    r->s[2] ^= r->s[0];
    r->s[3] ^= r->s[1];
    r->s[1] ^= r->s[2];
    r->s[0] ^= r->s[3];
    r->s[2] ^= t;
    r->s[3] = rng_rotate(r->s[3], 45);
    return result;
}

/* 0 to n - 1, n > 0; the bias of the multiplication is below n / 2^64. */
static inline uint64_t rng_below(struct rng *r, uint64_t n)
{
    return (uint64_t)(((unsigned __int128)rng_next(r) * n) >> 64);
}

/* 0 <= x < 1, in steps of 2^-53. */
static inline double rng_unit(struct rng *r)
{
    return (double)(rng_next(r) >> 11) * 0x1.0p-53;
}

/* Exponentially distributed with mean 1. */
static inline double rng_exponential(struct rng *r)
{
    return -log1p(-rng_unit(r));
}

#endif
