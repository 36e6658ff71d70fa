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
    case REPLY_OK:
    case REPLY_STORED:
    case REPLY_VALUE:
    case REPLY_LEN:
    case REPLY_PONG:
    case REPLY_JSON:
    case REPLY_TEXT:
    case REPLY_VERSION:
    case REPLY_META:
    case REPLY_NUMBER:
    case REPLY_KEYS:
    case REPLY_KEY:
    case REPLY_PARTS:
    case REPLY_FACTS:
    case REPLY_TIME:
    case REPLY_OWN: return OUTCOME_SERVED;
    case REPLY_NOT_FOUND: return OUTCOME_NOT_FOUND;
    case REPLY_OVERLOADED: return OUTCOME_OVERLOADED;
    case REPLY_LATE: return OUTCOME_LATE;
    case REPLY_NONE:
    case REPLY_CONFLICT:
    case REPLY_ERROR:
    case REPLY_BYE: break;
    }
    return OUTCOME_ERROR;
}

static void merge_outcomes(counter into[OUTCOME_COUNT], const counter from[OUTCOME_COUNT])
{
    for (unsigned o = 0; o < OUTCOME_COUNT; o++) {
        counter_add(&into[o], counter_get(&from[o]));
    }
}

void tally_merge(struct tally *into, const struct tally *from)
{
    counter_add(&into->sent, counter_get(&from->sent));
    merge_outcomes(into->outcomes, from->outcomes);
    for (unsigned op = 0; op < TALLY_OPS; op++) {
        merge_outcomes(into->by_op[op], from->by_op[op]);
    }
    counter_add(&into->unsent, counter_get(&from->unsent));
    counter_add(&into->late, counter_get(&from->late));
    merge_outcomes(into->in_window, from->in_window);
    histogram_merge(&into->accepted, &from->accepted);
    histogram_merge(&into->refused, &from->refused);
    histogram_merge(&into->lag, &from->lag);
    histogram_merge(&into->held, &from->held);
    counter_add(&into->live_sent, counter_get(&from->live_sent));
    merge_outcomes(into->live, from->live);
    counter_add(&into->retried, counter_get(&from->retried));
    histogram_merge(&into->live_accepted, &from->live_accepted);
    histogram_merge(&into->live_refused, &from->live_refused);
    histogram_merge(&into->live_lag, &from->live_lag);
    counter_add(&into->lost, counter_get(&from->lost));
    counter_add(&into->reconnected, counter_get(&from->reconnected));
    counter_add(&into->nonsense, counter_get(&from->nonsense));
    counter_add(&into->lost_requests, counter_get(&from->lost_requests));
}

uint64_t tally_sum(const counter outcomes[OUTCOME_COUNT])
{
    uint64_t sum = 0;

    for (unsigned o = 0; o < OUTCOME_COUNT; o++) {
        sum += counter_get(&outcomes[o]);
    }
    return sum;
}

bool tally_accounted(const struct tally *t)
{
    for (unsigned o = 0; o < OUTCOME_COUNT; o++) {
        uint64_t sum = 0;
        for (unsigned op = 0; op < TALLY_OPS; op++) {
            sum += counter_get(&t->by_op[op][o]);
        }
        if (sum != counter_get(&t->outcomes[o])) return false;
    }
    uint64_t executed = counter_get(&t->outcomes[OUTCOME_SERVED]) + counter_get(&t->outcomes[OUTCOME_NOT_FOUND]);
    uint64_t refused = counter_get(&t->outcomes[OUTCOME_OVERLOADED]) + counter_get(&t->outcomes[OUTCOME_LATE]);
    return tally_sum(t->outcomes) == counter_get(&t->sent) && histogram_count(&t->accepted) == executed &&
           histogram_count(&t->refused) == refused;
}
