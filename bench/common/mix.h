/* Which operations a workload consists of: "get=70,put=25,delete=5". Immutable after parsing. */
#ifndef BENCH_COMMON_MIX_H
#define BENCH_COMMON_MIX_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/common/rng.h"
#include "proto/request.h"

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

#endif
