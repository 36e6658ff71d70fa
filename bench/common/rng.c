#include "bench/common/rng.h"

#include <math.h>

static uint64_t splitmix64(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);

    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

void rng_seed(struct rng *r, uint64_t seed, uint64_t stream)
{
    /* Seed and stream are each mixed before they meet, so that neighbouring numbers give unrelated states. */
    uint64_t state = splitmix64(&seed) ^ rng_rotate(splitmix64(&stream), 32);

    for (int i = 0; i < 4; i++) {
        r->s[i] = splitmix64(&state);
    }
}

double rng_exponential(struct rng *r)
{
    return -log1p(-rng_unit(r));
}
