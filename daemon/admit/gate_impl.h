/*
 * Inside the gate: gate.c (what it looks like, answers), gate_door.c (who is let in) and gate_serve.c (to the
 * backend and back). See gate.h.
 */
#ifndef ADMIT_GATE_IMPL_H
#define ADMIT_GATE_IMPL_H

#include "daemon/admit/gate.h"

#define UNIT         4096 /* of stretch and excess */
#define WINDOW_LEAST 2    /* tasks: one that is run, one that is next */
#define PATIENCE     4    /* a critical call may wait so many times as long as others, where it has to */

static inline uint64_t gate_waited(const struct task *task, uint64_t now_ns)
{
    return now_ns > task->arrived_ns ? now_ns - task->arrived_ns : 0;
}

/* Takes a call out of the line. */
void gate_leave(struct gate *g, struct task *task, bool served);

/* Does the backend want a call of this class? */
bool gate_wants_more(const struct gate *g, enum priority priority);

/* By what has been estimated and how that turned out. */
uint64_t gate_wait_of(const struct gate *g, uint64_t backlog_ns);

/* The work before `call` as it looks now. */
uint64_t gate_ahead_ns(const struct gate *g, const struct task *task);

/* What the policy is shown; `call`: who wants to enter, NULL: nobody. */
struct admit_view gate_view(const struct gate *g, const struct task *task, uint64_t now_ns);

void gate_count_rates(struct gate *g, uint64_t now_ns);

/* Makes the call's reply OVERLOADED. */
void gate_overloaded(const struct gate *g, struct task *task, uint64_t now_ns);

/* A call that has its reply without having been executed: for gate_answered. */
void gate_set_aside(struct gate *g, struct task *task);

#endif
