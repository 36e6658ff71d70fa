#include "bench/common/workload.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define WEIGHT_MAX 1000000

/* One "name=weight" of `len` bytes. */
static bool parse_part(const char *part, size_t len, uint32_t weights[])
{
    const char *equals = memchr(part, '=', len);
    uint32_t weight = 0;

    if (!equals || equals + 1 == part + len) return false;
    for (const char *p = equals + 1; p < part + len; p++) {
        if (*p < '0' || *p > '9') return false;
        weight = weight * 10 + (uint32_t)(*p - '0');
        if (weight > WEIGHT_MAX) return false;
    }
    for (unsigned op = 0; op <= OP_TOUCH; op++) {
        const char *name = op_name((enum op)op);
        if (strlen(name) == (size_t)(equals - part) && memcmp(name, part, strlen(name)) == 0) {
            weights[op] = weight;
            return true;
        }
    }
    return false;
}

bool mix_parse(const char *text, struct mix *out)
{
    uint32_t weights[OP_TOUCH + 1] = {0};

    for (;;) {
        size_t len = strcspn(text, ",");
        if (!parse_part(text, len, weights)) return false;
        if (text[len] == '\0') break;
        text += len + 1;
    }
    struct mix m = {0};
    for (unsigned op = 0; op <= OP_TOUCH; op++) {
        m.total += weights[op];
        m.upto[op] = m.total;
    }
    if (m.total == 0) return false;
    *out = m;
    return true;
}

enum op mix_pick(const struct mix *m, struct rng *r)
{
    uint32_t draw = (uint32_t)rng_below(r, m->total);
    unsigned op = 0;

    while (draw >= m->upto[op]) {
        op++;
    }
    assert(op <= OP_TOUCH);
    return (enum op)op;
}

double mix_share(const struct mix *m, enum op op)
{
    if (op > OP_TOUCH) return 0;
    uint32_t below = op == 0 ? 0 : m->upto[op - 1];
    return (double)(m->upto[op] - below) / m->total;
}
