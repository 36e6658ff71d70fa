/*
 * What one generator thread counted. Written by that thread only; any thread may read at any time.
 *
 * A request belongs to the measured ones by the instant at which it was due. The `live` numbers hold all requests,
 * those of the warm-up too: the time line is made from them.
 */
#ifndef BENCH_LOAD_TALLY_H
#define BENCH_LOAD_TALLY_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/base/histogram.h"
#include "daemon/base/metrics.h"
#include "proto/reply.h"
#include "proto/request.h"

/* What became of a request that was sent. Every one ends in exactly one of these. */
enum outcome {
    OUTCOME_SERVED,     /* executed */
    OUTCOME_NOT_FOUND,  /* executed: there is no such session */
    OUTCOME_OVERLOADED, /* refused */
    OUTCOME_LATE,       /* refused: its deadline had passed */
    OUTCOME_ERROR,      /* any other answer */
    OUTCOME_UNANSWERED, /* no answer by the end, or its connection was lost */
    OUTCOME_COUNT
};

#define TALLY_OPS     (OP_TABLE_LAST + 1)
#define TALLY_LATE_NS 50000 /* a send that is later than this counts as late */

/* Counters first, then histograms: tally_merge relies on it. */
struct tally {
    /* The measured requests. */
    counter sent;
    counter outcomes[OUTCOME_COUNT];
    counter by_op[TALLY_OPS][OUTCOME_COUNT];
    counter unsent; /* due, but never sent: their connection took no more until the end */
    counter late;   /* sent more than TALLY_LATE_NS after they were due, by the generator's own fault */
    /* Answers that arrived within the measured time, whenever their requests were due. */
    counter in_window[OUTCOME_COUNT];
    /* All requests. */
    counter live_sent;
    counter live[OUTCOME_COUNT];
    counter retried; /* refusals upon which a request was sent once more; they are in no class */
    /* Connections. */
    counter lost;          /* connections that ended while in use */
    counter reconnected;   /* and were made anew */
    counter nonsense;      /* of the lost ones: for bytes that are no reply, or an answer to nothing */
    counter lost_requests; /* measured requests that went unanswered with their connection */
    /* Of the measured requests. */
    struct histogram accepted; /* ns from the intended instant to the answer: executed requests */
    struct histogram refused;  /* the same: OVERLOADED and LATE */
    struct histogram lag;      /* ns from the intended instant to the send */
    struct histogram held;     /* the same of those that the server's side held back: its socket or answers */
    /* Of all. */
    struct histogram live_accepted, live_refused, live_lag;
};

const char *outcome_name(enum outcome o); /* "served", "not_found", ... */

static inline bool outcome_executed(enum outcome o)
{
    return o == OUTCOME_SERVED || o == OUTCOME_NOT_FOUND;
}

static inline bool outcome_refused(enum outcome o)
{
    return o == OUTCOME_OVERLOADED || o == OUTCOME_LATE;
}

enum outcome outcome_of(const struct reply *reply);

/* Adds what `from` holds to `into`, which only the caller may be writing. */
void tally_merge(struct tally *into, const struct tally *from);

/* True when every measured request that was sent is in exactly one class, by operation and in all. */
bool tally_accounted(const struct tally *t);

uint64_t tally_sum(const counter outcomes[OUTCOME_COUNT]);

#endif
