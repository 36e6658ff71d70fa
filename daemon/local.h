/* Operations that an I/O thread answers on the spot: they need no session, and no time worth mentioning. */
#ifndef LOCAL_H
#define LOCAL_H

#include "daemon/base/clock.h"
#include "proto/call.h"

/* Who else must answer before a call has its reply. */
enum local_rest {
    LOCAL_NONE,    /* nobody: it has it */
    LOCAL_TABLE,   /* the backend */
    LOCAL_CONTROL, /* the control thread; of a batch perhaps the backend too, afterwards */
};

/* Answers what it can of the call, of its parts if it is a batch. Any thread. */
enum local_rest local_answer(const struct clock *clock, struct call *call);

#endif
