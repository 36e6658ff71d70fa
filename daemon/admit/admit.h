/*
 * Admission: may this call enter, and if not, what is it told? A policy is a pure function of what the queue
 * looks like; it holds no state and reads no clock, so it is tested without either.
 */
#ifndef ADMIT_ADMIT_H
#define ADMIT_ADMIT_H

#include <stdint.h>

#include "proto/reply.h"

enum admit_verdict {
    ADMIT_ENTER,
    ADMIT_WAIT,   /* keep the call and stop reading its connection until there is room */
    ADMIT_REFUSE, /* answer OVERLOADED */
};

/* What a call would meet. A moment old. */
struct admit_view {
    uint32_t depth;   /* calls waiting */
    uint32_t bound;   /* calls that may wait; 0: there is no queue, nothing is ever full */
    uint64_t cost_ns; /* moving average of one call's service time */
};

struct admit_policy {
    const char *name;
    /* On arrival, when only the header is known. */
    enum admit_verdict (*arrival)(const struct admit_view *view);
    /* When the queue turned out to be full after all. */
    enum admit_verdict full;
};

extern const struct admit_policy admit_wait;   /* backpressure through the connection */
extern const struct admit_policy admit_reject; /* refuse at once when the queue is full */

/* Makes `reply` an OVERLOADED whose hint is the time the backlog needs, 1 to 1000 ms. */
void admit_refuse(const struct admit_view *view, struct reply *reply);

#endif
