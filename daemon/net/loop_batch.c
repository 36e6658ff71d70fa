/*
 * The batch: calls that execute on this thread.
 *
 *     conn_readable, several connections -> batch -> service.run -> replies -> every connection written once
 *
 * One by one, each call would wait for the table's memory: together they wait once. And receiving and sending would
 * throw each other out of the processor's caches, and wake the peer for every reply: so connections are written
 * when the turn has read all of them, or LOOP_UNWRITTEN calls. Until then calls borrow their bytes from
 * loop->input, each read behind the ones before it, so nothing is copied; a connection's calls are in its pipeline
 * as well, like those that another thread has.
 */
#include <assert.h>

#include "daemon/net/loop_impl.h"

#define WRITES_PER_LOOK \
    8 /* connections written between two looks at the clock: replies leave when they are written */

void loop_call_back(struct loop *loop, struct task *task)
{
    struct conn *c = loop_find(loop, task->conn);
    if (c)
        conn_answered(c, task);
    else
        loop_call_free(loop, task);
}

void loop_batch_add(struct loop *loop, struct task *task)
{
    assert(loop->batch_count < LOOP_BATCH);
    loop->batch[loop->batch_count++] = task;
}

void loop_batch_run(struct loop *loop)
{
    const struct service *service = &loop->options.service;
    size_t count = loop->batch_count;
    if (count == 0) return;
    loop->batch_count = 0;
    loop->unwritten += count;
    count = service->run(service->ctx, loop->batch, count, loop_now_ns(loop));
    loop->now_ns = 0; /* it took its time */
    loop->submitted = true;
    for (size_t i = 0; i < count; i++)
        loop_call_back(loop, loop->batch[i]);
}

void loop_settle(struct loop *loop)
{
    struct conn *c;
    loop_batch_run(loop);
    for (int written = 1; (c = loop->lists[LIST_DIRTY].first) != NULL; written++) {
        conn_flush(c); /* takes it off the list */
        if (written % WRITES_PER_LOOK == 0) loop->now_ns = 0;
    }
    loop->input_used = 0;
    loop->unwritten = 0;
}
