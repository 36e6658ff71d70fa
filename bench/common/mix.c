#include "bench/common/mix.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define WEIGHT_MAX 1000000

static const enum op ops[MIX_OPS] = {OP_GET, OP_PUT, OP_DELETE, OP_LEN, OP_TOUCH};

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
    for (unsigned i = 0; i < MIX_OPS; i++) {
        const char *name = op_name(ops[i]);
        if (strlen(name) == (size_t)(equals - part) && memcmp(name, part, strlen(name)) == 0) {
            weights[i] = weight;
            return true;
        }
    }
    return false;
}

bool mix_parse(const char *text, struct mix *out)
{
    uint32_t weights[MIX_OPS] = {0};

    for (;;) {
        size_t len = strcspn(text, ",");
        if (!parse_part(text, len, weights)) return false;
        if (text[len] == '\0') break;
        text += len + 1;
    }
    struct mix m = {0};
    for (unsigned i = 0; i < MIX_OPS; i++) {
        m.total += weights[i];
        m.upto[i] = m.total;
    }
    if (m.total == 0) return false;
    *out = m;
    return true;
}

enum op mix_pick(const struct mix *m, struct rng *r)
{
    uint32_t draw = (uint32_t)rng_below(r, m->total);
    unsigned i = 0;

    while (draw >= m->upto[i]) {
        i++;
    }
    assert(i < MIX_OPS);
    return ops[i];
}

double mix_share(const struct mix *m, enum op op)
{
    uint32_t below = 0;
    for (unsigned i = 0; i < MIX_OPS; below = m->upto[i++])
        if (ops[i] == op) return (double)(m->upto[i] - below) / m->total;
    return 0;
}
