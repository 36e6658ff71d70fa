/*
 * The batch: tasks that execute on this thread.
 *
 *     conn_read of several connections -> batch -> service.run -> replies -> every connection written once
 *
 * One by one, each task would wait for the table's memory: together they wait once. And receiving and sending would
 * throw each other out of the processor's caches, and wake the peer for every reply: so connections are written
 * when the turn has read all of them, or IO_UNWRITTEN tasks. Until then tasks borrow their bytes from io->input,
 * each read behind the ones before it, so nothing is copied; a connection's tasks are in its pipeline as well, like
 * those that another thread has.
 */
#include <assert.h>

#include "daemon/net/conn.h"

void batch_add(struct io *io, struct task *task)
{
    assert(io->batch_count < IO_BATCH);
    io->batch[io->batch_count++] = task;
}

void batch_run(struct io *io)
{
    const struct service *service = &io->options.service;
    size_t count = io->batch_count;
    io->batch_count = 0;
    io->unwritten += count;
    count = service->run(service->ctx, io->batch, count, io_now_ns(io)); /* the others are parked */
    io->now_ns = 0;                                                      /* it took its time */
    io->submitted = true;
    for (size_t i = 0; i < count; i++)
        task_back(io, io->batch[i]);
}

void task_back(struct io *io, struct task *task)
{
    struct conn *c = io_find(io, task->conn);
    if (c)
        conn_answered(c, task);
    else
        io_task_free(io, task);
}
