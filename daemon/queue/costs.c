#include "daemon/queue/costs.h"

#define WEIGHT       32 /* a new measurement counts for a part in so many: where times vary, few tell of little; ... */
#define WEIGHT_FIRST 8  /* ... but at first for this, */
#define FIRST        64 /* for so many measurements */
#define OUTLIER      16 /* no measurement counts for more than this many times the average: the thread was held up */

void costs_init(struct costs *c)
{
    c->noted = 0;
    counter_set(&c->mean_ns, COSTS_FIRST_NS);
    for (int op = 0; op <= OP_TABLE_LAST; op++)
        counter_set(&c->operation_ns[op], 0);
}

uint64_t costs_of_parts(const struct costs *c, const struct call *call)
{
    uint64_t sum = 0;
    if (call->request.effects & EFFECT_PIECEWISE) return COSTS_PIECE_NS;
    for (const struct call *part = call->parts; part; part = part->part_next)
        sum += costs_of(c, part);
    return sum;
}

/* By a nanosecond at least: a difference that is smaller than the weight would count for nothing. */
static uint64_t blend(const struct costs *c, uint64_t average, uint64_t sample)
{
    uint64_t weight = c->noted < FIRST ? WEIGHT_FIRST : WEIGHT;
    if (sample > average * OUTLIER) sample = average * OUTLIER;
    if (sample >= average) return average + (sample - average + weight - 1) / weight;
    average -= (average - sample + weight - 1) / weight;
    return average > 0 ? average : 1;
}

/* A batch took `elapsed_ns` where `expected_ns` had been expected. */
struct outcome {
    uint64_t elapsed_ns, expected_ns;
    uint32_t seen; /* bit per operation whose average is up to date: one of a kind speaks for all of its kind */
};
_Static_assert(OP_TABLE_LAST < 32, "a bit per operation");

static void note_one(struct costs *c, const struct call *call, struct outcome *o)
{
    for (const struct call *part = call->parts; part; part = part->part_next)
        note_one(c, part, o);
    enum op op = call->request.op;
    if (!op_is_single(op) || (o->seen >> op & 1)) return;
    o->seen |= 1U << op;
    uint64_t expected = costs_of(c, call);
    uint64_t share = (uint64_t)((double)o->elapsed_ns * (double)expected / (double)o->expected_ns);
    counter_set(&c->operation_ns[op], counter_get(&c->operation_ns[op]) ? blend(c, expected, share) : share + 1);
}

void costs_note(struct costs *c, struct task *const *tasks, size_t count, uint64_t elapsed_ns)
{
    struct outcome o = {.elapsed_ns = elapsed_ns, .expected_ns = 1};
    for (size_t i = 0; i < count; i++) /* how much of it a piece was is not known */
        if (tasks[i]->call.request.effects & EFFECT_PIECEWISE) return;
    for (size_t i = 0; i < count; i++)
        o.expected_ns += costs_of(c, &tasks[i]->call);
    for (size_t i = 0; i < count; i++)
        note_one(c, &tasks[i]->call, &o);
    counter_set(&c->mean_ns, blend(c, costs_mean(c), elapsed_ns / count + 1));
    if (c->noted < FIRST) c->noted++;
}
