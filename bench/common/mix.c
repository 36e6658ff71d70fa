#include "bench/common/workload.h"

#include <assert.h>
#include <string.h>

#include "bench/common/options.h"
#include "proto/number.h"

#define WEIGHT_MAX 1000000

/* One "name=weight". */
static bool parse_part(char *part, uint32_t weights[])
{
    char *equals = strchr(part, '=');
    uint64_t weight = 0;
    if (!equals || !number_parse(slice_text(equals + 1), WEIGHT_MAX, &weight)) return false;
    *equals = '\0';
    for (unsigned op = 0; op <= OP_TOUCH; op++) {
        if (strcmp(op_name((enum op)op), part) != 0) continue;
        weights[op] = (uint32_t)weight;
        return true;
    }
    return false;
}

bool mix_parse(const char *text, struct mix *out)
{
    uint32_t weights[OP_TOUCH + 1] = {0};
    struct mix m = {0};
    char part[32];
    while (options_item(&text, part, sizeof part))
        if (!parse_part(part, weights)) return false;
    for (unsigned op = 0; op <= OP_TOUCH; op++) {
        m.total += weights[op];
        m.upto[op] = m.total;
    }
    if (text || m.total == 0) return false;
    *out = m;
    return true;
}

enum op mix_pick(const struct mix *m, struct rng *r)
{
    uint32_t draw = (uint32_t)rng_below(r, m->total);
    unsigned op = 0;
    while (draw >= m->upto[op])
        op++;
    assert(op <= OP_TOUCH);
    return (enum op)op;
}

double mix_share(const struct mix *m, enum op op)
{
    if (op > OP_TOUCH) return 0;
    uint32_t below = op == 0 ? 0 : m->upto[op - 1];
    return (double)(m->upto[op] - below) / m->total;
}
