/* Inside the network room: what the loop and its connections share. I/O thread only, unless said otherwise. */
#ifndef NET_LOOP_IMPL_H
#define NET_LOOP_IMPL_H

#include <pthread.h>
#include <uv.h>

#include "daemon/net/conn.h"
#include "daemon/net/deadlines.h"
#include "daemon/net/inbox.h"
#include "daemon/net/loop.h"
#include "daemon/net/loop_stats.h"
#include "daemon/queue/bell.h"

#define LOOP_READ_SIZE ((size_t)16 * 1024) /* bytes read from a connection in a turn */
#define LOOP_BATCH     32                  /* calls that execute together on this thread */
#define LOOP_UNWRITTEN 256                 /* calls that wait for others before their replies are written */
#define LOOP_QUEUED    256                 /* calls for other threads before those are told of them */
#define LOOP_BORROWED  ((size_t)64 * 1024) /* bytes of input that calls may borrow, one read more or less */

/* Connections waiting for something, linked by conn->prev and conn->next. */
struct conn_list {
    struct conn *first, *last;
};

struct slot {
    struct conn *conn; /* NULL: free */
    uint32_t generation;
    uint32_t next_free;
};

struct loop {
    struct loop_options options;
    uv_loop_t uv;
    uv_poll_t bell_poll;
    uv_prepare_t prepare;
    uv_check_t check;
    uv_idle_t idle; /* runs while `ready` holds connections, so that the poll does not block */
    uv_timer_t timer;
    uv_timer_t wake; /* when the service wants to be asked again */
    pthread_t thread;

    /* From other threads. */
    struct bell bell;
    struct mailbox mailbox;
    struct inbox inbox;
    _Atomic bool room;
    _Atomic bool drain;
    _Atomic bool abort;
    _Atomic bool end;

    /* Connections. */
    struct slot *slots;
    uint32_t slot_count, slot_free; /* slot_free: head of the free list, UINT32_MAX: none */
    uint32_t conn_count;
    uint32_t reads;            /* connections read since the clock was looked at */
    uint32_t queued;           /* calls that the service has queued and not been told the end of */
    uint64_t served_ns;        /* when the backend was served in the middle of a turn */
    struct conn_list lists[3]; /* per enum conn_list_id */
    struct deadlines deadlines;
    uv_timer_cb on_timer;
    uint64_t timer_at_ms; /* when the timer fires; UINT64_MAX: it is off */
    bool draining;
    bool drained;        /* ... and it has said that its last connection is gone */
    bool submitted;      /* the service has not been told of the end of this batch */
    uint64_t wake_at_ms; /* when `wake` fires; UINT64_MAX: it is off */
    bool more;           /* the service has work left that it does on this thread */

    /* Calls that wait to be executed on this thread (loop_batch.c), in the order they came. */
    struct task *batch[LOOP_BATCH];
    size_t batch_count;
    size_t unwritten;  /* calls executed since the connections were written last */
    size_t input_used; /* bytes at the front of `input` that all of these borrow */

    /* Shared by the connections, used by one at a time. */
    char *input;
    size_t input_size; /* behind input_used: the longest unfinished line, its line end, and a read */
    struct buffer output;
    struct task *free_calls;
    uint32_t free_count;

    uint64_t now_ns;        /* 0: not yet read in this turn */
    uint64_t turn_ns;       /* when this turn began, as far as anything happened in it */
    uint64_t last_turn_ns;  /* the same of the turn before; 0: nothing happened in it */
    uint64_t turn_ended_ns; /* when that ended */
    struct loop_stats *stats;
};

uint64_t loop_read_clock(struct loop *loop); /* of loop_now_ns */

/* The time, read once per turn. */
static inline uint64_t loop_now_ns(struct loop *loop)
{
    return loop->now_ns != 0 ? loop->now_ns : loop_read_clock(loop);
}
/* The earliest time at which bytes can have arrived that this turn found in a socket that had none before. */
uint64_t loop_arrival_ns(struct loop *loop);
static inline uint64_t loop_now_ms(struct loop *loop)
{
    return loop_now_ns(loop) / 1000000U;
}

/* An empty call of this loop, or NULL when memory is out; and its way back. */
struct task *loop_call_new(struct loop *loop);
void loop_call_free(struct loop *loop, struct task *task);

/*
 * A connection was read. When many calls were, or for long, the backend is given them now and what has come back
 * from it is handed on: so that it does not idle until the turn is over, and calls are still in the processor's
 * caches wherever they pass by.
 */
void loop_was_read(struct loop *loop);

/* A call has its reply: back to its connection, or nowhere if that has gone. */
void loop_call_back(struct loop *loop, struct task *task);

/* The batch must not be full (LOOP_BATCH): loop_batch_run first. */
void loop_batch_add(struct loop *loop, struct task *task);
/* Executes the batch: its calls are answered, their connections on LIST_DIRTY. */
void loop_batch_run(struct loop *loop);
/* The same, and writes every connection of LIST_DIRTY. loop->output must be empty. */
void loop_settle(struct loop *loop);

enum conn_list_id {
    LIST_DIRTY, /* have replies to write */
    LIST_READY, /* have input left over from an earlier turn */
    LIST_HELD,  /* have a call that found no room */
};

/* A connection is on each list at most once. */
void loop_list_add(struct loop *loop, enum conn_list_id list, struct conn *conn);
void loop_list_remove(struct loop *loop, enum conn_list_id list, struct conn *conn);

/* Starts the timer for the earliest deadline, if there is one. */
void loop_schedule_timer(struct loop *loop);

/* Has the connection looked at (conn_check_deadline) when at_ms has come. */
void loop_set_deadline(struct loop *loop, struct conn *conn, uint64_t at_ms);

/* The slot of a new connection; false when there is none left. */
bool loop_slot_take(struct loop *loop, struct conn *conn);
void loop_slot_give(struct loop *loop, struct conn *conn);
struct conn *loop_find(struct loop *loop, uint64_t conn_id); /* NULL: gone */

/* Called when a connection's handle is closed and its memory about to go. */
void loop_conn_closed(struct loop *loop);

/* Says so when it is draining and its last connection has gone. */
void loop_note_drained(struct loop *loop);

#endif
