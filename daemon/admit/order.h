/*
 * Order: where a connection's calls may be for several threads of the backend (stations), which of them gets a
 * call.
 *
 *     nothing of the connection is under way      the station that suits the call best
 *     something is                                the same station as that, whatever suits better
 *
 * A station executes in the order in which it is given calls. So the requests of a connection take effect in the
 * order sent, whoever looks on; a client that waits for each reply always gets the station that suits, and a
 * pipeline follows its first request until it has run dry.
 *
 * One I/O thread's.
 */
#ifndef ADMIT_ORDER_H
#define ADMIT_ORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/queue/task.h"

struct order_flow {
    uint32_t out;     /* calls let in and not done */
    uint32_t station; /* where they are */
};

struct order {
    struct order_flow *flows; /* by the connection's slot: the lower half of call->conn */
    uint32_t room;
};

void order_free(struct order *o); /* all zero is an empty one */

/* The station for a call of this connection; `best` suits it best. */
uint32_t order_station(const struct order *o, const struct task *task, uint32_t best);

/* It is let in, for call->wait.station. False: no memory. */
bool order_enter(struct order *o, const struct task *task);

/* It is done: executed and back, answered in the waiting line, or not let in after all. */
void order_leave(struct order *o, const struct task *task);

#endif
