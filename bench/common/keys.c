/*
 * Zipf by rejection-inversion (W. Hoermann, G. Derflinger, "Rejection-inversion to generate variates from monotone
 * discrete distributions", 1996): no table, exact for any number of keys and any theta, and nearly every draw is
 * accepted at once.
 *
 *     h(x) = x^-theta       the weight, continued to real x
 *     H(x)                  its integral from 1, so that H(1) = 0
 *     u in (H(n + 1/2), H(3/2) - h(1)]  ->  x = H^-1(u)  ->  k = x rounded, kept if u >= H(k + 1/2) - h(k)
 */
#include "bench/common/workload.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "bench/common/options.h"

#define PREFIX "session:"
#define DIGITS 9

_Static_assert(sizeof PREFIX - 1 + DIGITS == KEYS_SIZE_MIN, "the shortest key holds the largest number");

/* (exp(x) - 1) / x and log(1 + x) / x, also near 0, where theta = 1 leads. */
static double expm1_over(double x)
{
    return fabs(x) > 1e-8 ? expm1(x) / x : 1 + x / 2;
}

static double log1p_over(double x)
{
    return fabs(x) > 1e-8 ? log1p(x) / x : 1 - x / 2;
}

static double weight(double theta, double x)
{
    return exp(-theta * log(x));
}

static double integral(double theta, double x)
{
    double l = log(x);
    return expm1_over((1 - theta) * l) * l;
}

static double integral_inverse(double theta, double y)
{
    double t = y * (1 - theta);
    if (t < -1) t = -1; /* only by rounding */
    return exp(log1p_over(t) * y);
}

void keys_init(struct keys *k, uint64_t count, double theta, size_t size)
{
    assert(count >= 1 && count <= KEYS_COUNT_MAX);
    assert(size >= KEYS_SIZE_MIN && size <= KEYS_SIZE_MAX);
    *k = (struct keys){.count = count, .theta = theta, .size = size};
    if (theta <= 0) return;
    k->h_first = integral(theta, 1.5) - 1;
    k->h_last = integral(theta, (double)count + 0.5);
    k->shortcut = 2 - integral_inverse(theta, integral(theta, 2.5) - weight(theta, 2));
}

bool keys_parse_law(const char *text, double *theta)
{
    bool uniform = strcmp(text, "uniform") == 0;
    *theta = uniform ? 0 : KEYS_ZIPF_THETA;
    if (uniform || strcmp(text, "zipf") == 0) return true;
    return strncmp(text, "zipf:", 5) == 0 && options_real(text + 5, theta) && *theta > 0 && *theta <= 10;
}

static uint64_t pick_zipf(const struct keys *k, struct rng *r)
{
    for (;;) {
        double u = k->h_last + rng_unit(r) * (k->h_first - k->h_last);
        double x = integral_inverse(k->theta, u);
        double rank = floor(x + 0.5);

        if (rank < 1) rank = 1;
        if (rank > (double)k->count) rank = (double)k->count;
        if (rank - x <= k->shortcut || u >= integral(k->theta, rank + 0.5) - weight(k->theta, rank))
            return (uint64_t)rank - 1;
    }
}

uint64_t keys_pick(const struct keys *k, struct rng *r)
{
    return k->theta > 0 ? pick_zipf(k, r) : rng_below(r, k->count);
}

void keys_format(const struct keys *k, char *out, uint64_t index)
{
    assert(index < k->count);
    memcpy(out, PREFIX, sizeof PREFIX - 1);
    for (size_t at = k->size; at > sizeof PREFIX - 1; at--) {
        out[at - 1] = (char)('0' + index % 10);
        index /= 10;
    }
}
