/*
 * What the connections of an I/O thread share: the time, spare tasks, lists, the slots that turn ids into
 * connections, deadlines, the batch, and one input and one output buffer. The lowest part of the network room:
 *
 *     loop      the thread's life
 *     turn      what libuv calls; the one place from which connections are written and closed
 *     conn      a connection's life
 *     conn_read, batch, conn_write      bytes to tasks, tasks that execute here, replies to bytes
 *     io
 *
 * Calls go down only. Upwards there are marks: what happens to a connection puts it on LIST_CHANGED, and the turn
 * comes to it before the turn ends. I/O thread only.
 */
#ifndef NET_IO_H
#define NET_IO_H

#include "daemon/net/deadlines.h"
#include "daemon/net/loop_stats.h"
#include "daemon/net/options.h"
#include "proto/buffer.h"

#define IO_READ_SIZE ((size_t)16 * 1024) /* bytes read from a connection in a turn */
#define IO_BATCH     32                  /* tasks that execute together on this thread */
#define IO_UNWRITTEN 256                 /* tasks that wait for others before their replies are written */
#define IO_QUEUED    256                 /* tasks for other threads before those are told of them */
#define IO_BORROWED  ((size_t)64 * 1024) /* bytes of input that tasks may borrow, one read more or less */

struct conn;

enum conn_list_id {
    LIST_CHANGED, /* have replies to write, or are in another state: the loop is to settle them */
    LIST_READY,   /* have input left over from an earlier turn */
    LIST_HELD,    /* have a task that found no room */
    LIST_COUNT
};

/* Linked by conn->prev and conn->next. */
struct conn_list {
    struct conn *first, *last;
};

struct slot {
    struct conn *conn; /* NULL: free */
    uint32_t generation;
    uint32_t next_free;
};

struct io {
    struct loop_options options;
    size_t held_most; /* by large requests on all loops; options.limits.held is what is left of it */

    struct slot *slots;
    uint32_t slot_count, slot_free; /* slot_free: head of the free list, UINT32_MAX: none */
    uint32_t conn_count;
    struct conn_list lists[LIST_COUNT];
    struct deadlines deadlines;
    uint64_t timer_at_ms; /* when the loop looks at the deadlines; UINT64_MAX: it does not */
    bool timer_is_late;   /* one has been set that is due before that */
    bool draining;        /* no more bytes are taken in than had arrived when that began */

    uint32_t queued; /* tasks that the service has queued since it was told of the end of a batch */
    bool submitted;  /* the service has not been told of the end of this batch */

    /* Tasks that wait to be executed on this thread (batch.c), in the order they came. */
    struct task *batch[IO_BATCH];
    size_t batch_count;
    size_t unwritten;  /* tasks executed since the connections were written last */
    size_t input_used; /* bytes at the front of `input` that all of these borrow */

    /* Used by one connection at a time. */
    char *input;
    size_t input_size; /* behind input_used: the longest unfinished line, its line end, and a read */
    struct buffer output;
    struct conn
        *writer; /* whose replies are in `output`; NULL: it is empty. It is written before another is read */
    struct task *free_tasks;
    uint32_t free_count;

    uint64_t now_ns;        /* 0: not yet read in this turn */
    uint64_t turn_ns;       /* when this turn began, as far as anything happened in it */
    uint64_t last_turn_ns;  /* the same of the turn before; 0: nothing happened in it */
    uint64_t turn_ended_ns; /* when that ended */
    struct loop_stats *stats;
};

/* False when memory is out: io_free all the same. */
bool io_init(struct io *io, const struct loop_options *options);
void io_free(struct io *io);

uint64_t io_read_clock(struct io *io); /* of io_now_ns */

/* The time, read once per turn, and again after what took time. */
static inline uint64_t io_now_ns(struct io *io)
{
    return io->now_ns != 0 ? io->now_ns : io_read_clock(io);
}
static inline uint64_t io_now_ms(struct io *io)
{
    return io_now_ns(io) / 1000000U;
}
/* The earliest time at which bytes can have arrived that this turn found in a socket that had none before. */
uint64_t io_arrival_ns(struct io *io);

/* An empty task of this thread, or NULL when memory is out; and its way back. */
struct task *io_task_new(struct io *io);
void io_task_free(struct io *io, struct task *task);

/* A connection is on each list at most once. */
void io_list_add(struct io *io, enum conn_list_id list, struct conn *c);
void io_list_remove(struct io *io, enum conn_list_id list, struct conn *c);

/* Has the connection looked at (conn_check_deadline) when at_ms has come. */
void io_set_deadline(struct io *io, struct conn *c, uint64_t at_ms);

/* The slot of a new connection, which gives it its id; false when there is none left. */
bool io_slot_take(struct io *io, struct conn *c);
void io_slot_give(struct io *io, struct conn *c);
struct conn *io_find(const struct io *io, uint64_t conn_id); /* NULL: gone */

/* What a task or a decoder holds counts towards the bound on large requests: `after` bytes in place of `before`.
 * What is left for one more is in options.limits.held. */
__attribute__((noinline)) void io_hold(struct io *io, size_t before, size_t after);

/* Remembers how large values get. */
void io_note_value(struct io *io, uint64_t size);

#endif
