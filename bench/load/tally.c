#include "bench/load/tally.h"

#include <assert.h>

const char *outcome_name(enum outcome o)
{
    static const char *const names[OUTCOME_COUNT] = {"served", "not_found", "overloaded",
                                                     "late",   "error",     "unanswered"};
    assert((unsigned)o < OUTCOME_COUNT);
    return names[o];
}

enum outcome outcome_of(const struct reply *reply)
{
    switch (reply->kind) {
    case REPLY_NOT_FOUND: return OUTCOME_NOT_FOUND;
    case REPLY_OVERLOADED: return OUTCOME_OVERLOADED;
    case REPLY_LATE: return OUTCOME_LATE;
    case REPLY_NONE:
    case REPLY_CONFLICT:
    case REPLY_ERROR:
    case REPLY_BYE: return OUTCOME_ERROR;
    default: return OUTCOME_SERVED;
    }
}

void tally_merge(struct tally *into, const struct tally *from)
{
    counter *to = &into->sent, *counters_end = (counter *)&into->accepted;
    struct histogram *h = &into->accepted;
    const counter *more = &from->sent;
    const struct histogram *more_h = &from->accepted;
    while (to < counters_end)
        counter_add(to++, counter_get(more++));
    while (h <= &into->live_lag)
        histogram_merge(h++, more_h++);
}

uint64_t tally_sum(const counter outcomes[OUTCOME_COUNT])
{
    uint64_t sum = 0;
    for (unsigned o = 0; o < OUTCOME_COUNT; o++)
        sum += counter_get(&outcomes[o]);
    return sum;
}

bool tally_accounted(const struct tally *t)
{
    for (unsigned o = 0; o < OUTCOME_COUNT; o++) {
        uint64_t sum = 0;
        for (unsigned op = 0; op < TALLY_OPS; op++)
            sum += counter_get(&t->by_op[op][o]);
        if (sum != counter_get(&t->outcomes[o])) return false;
    }
    uint64_t executed = counter_get(&t->outcomes[OUTCOME_SERVED]) + counter_get(&t->outcomes[OUTCOME_NOT_FOUND]);
    uint64_t refused = counter_get(&t->outcomes[OUTCOME_OVERLOADED]) + counter_get(&t->outcomes[OUTCOME_LATE]);
    return tally_sum(t->outcomes) == counter_get(&t->sent) && histogram_count(&t->accepted) == executed &&
           histogram_count(&t->refused) == refused;
}
