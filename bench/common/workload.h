/* What requests are made of, and when they are due. */
#ifndef BENCH_COMMON_WORKLOAD_H
#define BENCH_COMMON_WORKLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/common/rng.h"
#include "proto/request.h"
#include "proto/slice.h"

/* Which key a request names: uniform, or Zipf (the k-th most popular key is asked for in proportion to 1 /
 * k^theta). Keys are numbers from 0; key 0 is the most popular one. Immutable after keys_init. */

#define KEYS_COUNT_MAX  UINT64_C(1000000000) /* keys are numbered with nine digits */
#define KEYS_SIZE_MIN   17                   /* bytes of a key: "session:" and nine digits */
#define KEYS_SIZE_MAX   512
#define KEYS_ZIPF_THETA 0.99 /* when none is given: as in the YCSB benchmark */

struct keys {
    uint64_t count;
    double theta; /* 0: uniform */
    size_t size;  /* bytes of every key */
    /* Of the rejection-inversion method (keys.c). */
    double h_first, h_last, shortcut;
};

/* 1 <= count <= KEYS_COUNT_MAX, KEYS_SIZE_MIN <= size <= KEYS_SIZE_MAX: asserted. */
void keys_init(struct keys *k, uint64_t count, double theta, size_t size);

/* "uniform", "zipf" or "zipf:THETA" with 0 < THETA <= 10. False: it is none of these. */
bool keys_parse_law(const char *text, double *theta);

uint64_t keys_pick(const struct keys *k, struct rng *r);

/* Writes the k->size bytes of key number `index`, without NUL. */
void keys_format(const struct keys *k, char *out, uint64_t index);

/* Which operations a workload consists of: "get=70,put=25,delete=5". Immutable after parsing. */

#define MIX_DEFAULT "get=70,put=25,delete=5"

#define MIX_OPS 5 /* get, put, delete, len, touch */

struct mix {
    uint32_t upto[MIX_OPS]; /* a draw from [0, total) below one (and not below the one before) is its operation */
    uint32_t total;
};

/* The operations that all protocols of the load tester have, with weights of 0 to 1000000; the sum is not 0.
 * False: the text is no mix. */
bool mix_parse(const char *text, struct mix *out);

enum op mix_pick(const struct mix *m, struct rng *r);

/* The share of requests that are `op`, 0 to 1. */
double mix_share(const struct mix *m, enum op op);

/* What a PUT stores. Picking copies nothing. Immutable after values_open. */
struct values;

#define VALUES_SIZE_MAX (16U << 20) /* of one value */

/* "256", "100-4000" (evenly) or "file:PATH" (a document per line). NULL after a complaint when it is none of these,
 * the file cannot be read or has no lines, or memory is out. `seed` decides the bytes of made-up values. */
struct values *values_open(const char *text, uint64_t seed);
void values_close(struct values *v);

struct slice values_pick(const struct values *v, struct rng *r);

/*
 * When requests are due: an endless, deterministic schedule, in nanoseconds from its own zero. Requests that are
 * due but cannot be sent yet need no memory: they are simply not yet taken. The rate may change in steps. The next
 * arrival is where the integral of the rate since the last one reaches 1 (constant) or an exponential draw of mean
 * 1 (Poisson).
 */

#define ARRIVALS_STEPS_MAX 64
#define ARRIVALS_NEVER     UINT64_MAX

enum arrival_law { ARRIVALS_POISSON, ARRIVALS_CONSTANT };

struct arrival_step {
    uint64_t at_ns; /* from here on ... */
    double rate;    /* ... this many per second, 0: none */
};

/* The rate over time, shared by all schedules of a run. */
struct arrival_plan {
    enum arrival_law law;
    size_t count;                                  /* 1 or more */
    struct arrival_step steps[ARRIVALS_STEPS_MAX]; /* ascending; the first stands at 0 */
};

struct arrivals {
    const struct arrival_plan *plan; /* borrowed */
    double share;                    /* the part of the plan's rate that this schedule makes */
    double at;                       /* ns: the next arrival; INFINITY when there is none */
    size_t step;                     /* the step that `at` lies in */
    struct rng rng;
};

/* One of `shares` equal schedules that together make the plan's rate; constant ones are evenly staggered. */
void arrivals_init(struct arrivals *a, const struct arrival_plan *plan, uint32_t index, uint32_t shares,
                   uint64_t seed);

/* The instant of the next arrival, or ARRIVALS_NEVER. */
uint64_t arrivals_peek(const struct arrivals *a);

/* Goes on to the one after it. */
void arrivals_pop(struct arrivals *a);

#endif
