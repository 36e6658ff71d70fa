/*
 * What operations cost: moving averages, told by the thread that executes them to the threads that admit.
 *
 * A batch is timed as a whole. What it took is shared out among its operations in proportion to what was expected
 * of each, so a rare slow operation in a batch of fast ones makes its own average grow most.
 */
#ifndef QUEUE_COSTS_H
#define QUEUE_COSTS_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/base/metrics.h"
#include "daemon/queue/task.h"

#define COSTS_FIRST_NS 50000   /* of an operation, until one was measured */
#define COSTS_PIECE_NS 1000000 /* of one execution of a call that is executed in pieces */

struct costs {                               /* of one executing thread */
    counter mean_ns;                         /* of the operations that came, whatever they were */
    counter operation_ns[OP_TABLE_LAST + 1]; /* 0: not measured yet */
    uint32_t noted;                          /* measurements so far, as long as there are few; executing thread */
};

void costs_init(struct costs *c);

/* The executing thread: these calls took `elapsed_ns` together. */
void costs_note(struct costs *c, struct task *const *tasks, size_t count, uint64_t elapsed_ns);

static inline uint64_t costs_mean(const struct costs *c)
{
    return counter_get(&c->mean_ns);
}

uint64_t costs_of_parts(const struct costs *c, const struct call *call);

/* Any thread: what this call, parts included, is expected to take. */
static inline uint64_t costs_of(const struct costs *c, const struct call *call)
{
    enum op op = call->request.op;
    if (op == OP_BATCH) return costs_of_parts(c, call);
    if (!op_needs_table(op)) return 0;
    uint64_t ns = counter_get(&c->operation_ns[op]);
    return ns ? ns : costs_mean(c);
}

#endif
