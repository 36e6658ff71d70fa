/*
 * A connection: bytes in, tasks out, replies back in order. Inside the network room; I/O thread only.
 *
 *     OPEN      reads and decodes. Five things may pause it: a task that found no room (PAUSE_HELD), too many
 *               bytes held for it (PAUSE_OUTPUT), its share of this turn used up (PAUSE_TURN), a task that the
 *               control thread answers (PAUSE_CONTROL), one that is not answered and `alone` (PAUSE_ALONE).
 *     FINISHING takes no more requests (end of file, QUIT, a fatal error, shutdown); answers what it accepted.
 *     LINGERING all is written and our side is shut; input is dropped until the peer closes too, so that unread
 *               bytes do not reset the connection under the last replies.
 *     DOOMED    something ended it: nothing is read, executed or written any more. The loop closes it in this turn.
 *     CLOSED    the handle is closing; memory goes in its callback.
 */
#ifndef NET_CONN_H
#define NET_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "daemon/net/deadlines.h"
#include "daemon/net/io.h"
#include "daemon/net/loop_stats.h"
#include "daemon/net/rights.h"
#include "daemon/net/transport.h"
#include "daemon/queue/task.h"
#include "proto/buffer.h"
#include "proto/codec.h"

enum conn_state { CONN_OPEN, CONN_FINISHING, CONN_LINGERING, CONN_DOOMED, CONN_CLOSED };

enum { PAUSE_HELD = 1, PAUSE_OUTPUT = 2, PAUSE_TURN = 4, PAUSE_CONTROL = 8, PAUSE_ALONE = 16 };

struct conn {
    uv_poll_t poll; /* the loop's */
    struct io *io;
    uint64_t id;    /* generation << 32 | slot */
    uint8_t state;  /* enum conn_state */
    uint8_t pauses; /* PAUSE_* */
    uint8_t lists;  /* bit per enum conn_list_id it is on */
    uint8_t events; /* what the poll waits for */
    uint8_t peer;   /* enum peer_kind */
    bool blocked;   /* the socket takes no more for now */
    bool ended;     /* the peer, or a shutdown, ended the input */
    bool undrained; /* the last read may have left bytes in the socket */
    bool borrows;   /* tasks of its pipeline may borrow from io->input or `in` */
    uint8_t reason; /* enum close_reason: why it closes, once it does */
    struct transport transport;
    const struct codec *codec;
    struct decoder decoder;
    size_t decoder_holds; /* bytes, as of codec->held */

    struct task *receiving; /* its value is on the way */
    size_t body_left;       /* bytes of that value still to come */
    size_t drain_left;      /* io->draining: bytes that had arrived when that began, and are not read yet */
    struct task *held;  /* found no room, waits to be asked of the control thread, or has a turn's part of its work
                         * behind it; not in the pipeline */
    struct task *first; /* the pipeline: tasks not yet encoded, in request order behind refusals that overtake */
    struct task *last;

    struct buffer in;  /* received, not decoded */
    struct buffer out; /* encoded, not sent: only when the socket would not take it */
    size_t out_sent;   /* bytes at the front of `out` that are sent already */
    size_t charge;     /* bytes that the pipeline's tasks hold or will hold */
    size_t answered;   /* of these, what the answered ones hold */
    size_t gets;       /* requests in the backend that bring back a value; those in batches count one by one */

    struct conn *prev[LIST_COUNT], *next[LIST_COUNT];
    struct deadline deadline;
    uint64_t opened_ms;
    uint64_t active_ms;  /* last progress in either direction */
    uint64_t read_ns;    /* when it was read last */
    uint64_t arrived_ns; /* when what was read then had arrived, at the earliest */
    uint64_t request_ms; /* when the unfinished request, or the lingering, began; 0: there is none */
};

/* A socket that was accepted, and how to talk on it. */
struct conn_socket {
    int fd; /* non-blocking */
    const struct transport_ops *transport;
    const struct codec *codec;
};

/* ---- conn_write.c ---- */

void conn_doom(struct conn *c, enum close_reason reason);   /* replies not yet sent are lost; see DOOMED */
void conn_pipeline_add(struct conn *c, struct task *task);  /* answered or not */
void conn_answered(struct conn *c, struct task *task);      /* a task of the pipeline came back */
void conn_enqueue_owned(struct conn *c, struct task *task); /* answered, and may borrow from the input */
void conn_reply_now(struct conn *c, struct task *task); /* encodes and frees it: empty pipeline, or overtaking */
bool conn_goes_on(struct conn *c, struct task *task);   /* it has more to do (request.number), in later turns */
void conn_encode(struct conn *c);                       /* encodes what is answered */
void conn_write(struct conn *c);                        /* the same, and sends what the socket takes */
bool conn_choked(const struct conn *c);                 /* too many bytes held: stop decoding */
bool conn_eased(const struct conn *c);     /* go on: some way below, so that not every reply stops and starts it */
bool conn_over_hard(const struct conn *c); /* its peer must take some of its replies soon */

/* ---- batch.c ---- */

/* The batch must not be full (IO_BATCH) to be added to, nor empty to be run. */
void batch_add(struct io *io, struct task *task);
/* Executes the batch: its tasks are answered, or parked; their connections on LIST_CHANGED. */
void batch_run(struct io *io);
/* A task has its reply: back to its connection, or nowhere if that has gone. */
void task_back(struct io *io, struct task *task);

/* ---- conn_read.c ---- */

/* The socket is readable. True: the loop is to settle before it reads another connection. */
bool conn_read(struct conn *c);
void conn_resume(struct conn *c);     /* goes on with what was left over in an earlier turn */
void conn_retry_held(struct conn *c); /* tries the held task again; c->held says whether there still is no room */
void conn_told(struct conn *c, struct task *task); /* the control thread has answered it, or what it had to */
void conn_end_input(struct conn *c); /* what was received whole is answered, then the connection is closed */

/* ---- conn.c ---- */

/* A connection for the socket, or NULL when there is no memory. The loop has yet to poll it. */
struct conn *conn_open(struct io *io, const struct conn_socket *socket);

/* Writes what is answered, and goes on to what the state asks for: CLOSED when it is over. */
void conn_settle(struct conn *c);

/* The UV_READABLE and UV_WRITABLE that it waits for. */
int conn_events(const struct conn *c);

/* The deadline in ms at which to look again; dooms it and returns 0 when the time has come. */
uint64_t conn_check_deadline(struct conn *c, uint64_t now_ms);

/* Shutdown: what has arrived by now is the last input. */
void conn_drain(struct conn *c);

/* The poll is closed: gives back the socket and the memory. */
void conn_free(struct conn *c);

#endif
