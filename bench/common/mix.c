#include "bench/common/workload.h"

#include <assert.h>
#include <string.h>

#include "bench/common/options.h"
#include "proto/number.h"

#define WEIGHT_MAX 1000000

static const enum op ops[MIX_OPS] = {OP_GET, OP_PUT, OP_DELETE, OP_LEN, OP_TOUCH};

/* One "name=weight". */
static bool parse_part(char *part, uint32_t weights[])
{
    char *equals = strchr(part, '=');
    uint64_t weight = 0;
    if (!equals || !number_parse(slice_text(equals + 1), WEIGHT_MAX, &weight)) return false;
    *equals = '\0';
    for (unsigned i = 0; i < MIX_OPS; i++) {
        if (strcmp(op_name(ops[i]), part) != 0) continue;
        weights[i] = (uint32_t)weight;
        return true;
    }
    return false;
}

bool mix_parse(const char *text, struct mix *out)
{
    uint32_t weights[MIX_OPS] = {0};
    struct mix m = {0};
    char part[32];
    while (options_item(&text, part, sizeof part))
        if (!parse_part(part, weights)) return false;
    for (unsigned i = 0; i < MIX_OPS; i++) {
        m.total += weights[i];
        m.upto[i] = m.total;
    }
    if (text || m.total == 0) return false;
    *out = m;
    return true;
}

enum op mix_pick(const struct mix *m, struct rng *r)
{
    uint32_t draw = (uint32_t)rng_below(r, m->total);
    unsigned i = 0;
    while (draw >= m->upto[i])
        i++;
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
