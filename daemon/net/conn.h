/*
 * A connection: bytes in, calls out, replies back in order. Inside the network room; I/O thread only.
 *
 *     OPEN      reads and decodes. Three things may pause it: a call that found no room (PAUSE_HELD), too many
 *               bytes held for it (PAUSE_OUTPUT), its share of this turn used up (PAUSE_TURN).
 *     FINISHING takes no more requests (end of file, QUIT, a fatal error, shutdown); answers what it accepted.
 *     LINGERING all is written and our side is shut; input is dropped until the peer closes too, so that unread
 *               bytes do not reset the connection under the last replies.
 *     CLOSED    the handle is closing; memory goes in its callback.
 */
#ifndef NET_CONN_H
#define NET_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "daemon/net/deadlines.h"
#include "daemon/net/loop.h"
#include "daemon/net/loop_stats.h"
#include "daemon/queue/task.h"
#include "proto/buffer.h"
#include "proto/codec.h"

enum conn_state { CONN_OPEN, CONN_FINISHING, CONN_LINGERING, CONN_CLOSED };

enum { PAUSE_HELD = 1, PAUSE_OUTPUT = 2, PAUSE_TURN = 4 };

struct conn {
    uv_poll_t poll;
    struct loop *loop;
    uint64_t id; /* generation << 32 | slot */
    int fd;
    uint8_t state;  /* enum conn_state */
    uint8_t pauses; /* PAUSE_* */
    uint8_t lists;  /* bit per enum conn_list_id it is on */
    uint8_t events; /* what the poll waits for */
    bool blocked;   /* the socket takes no more for now */
    bool ended;     /* the peer, or a shutdown, ended the input */
    bool undrained; /* the last read may have left bytes in the socket */
    bool borrows;   /* calls of its pipeline may borrow from loop->input or `in` */
    uint8_t reason; /* enum close_reason: why it closes, once it does */
    const struct transport *transport;
    const struct codec *codec;
    struct decoder decoder;

    struct task *receiving; /* its value is on the way */
    size_t body_left;       /* bytes of that value still to come */
    struct task *held;      /* found no room; not in the pipeline yet */
    struct task *first; /* the pipeline: calls not yet encoded, in request order behind refusals that overtake */
    struct task *last;

    struct buffer in;  /* received, not decoded */
    struct buffer out; /* encoded, not sent: only when the socket would not take it */
    size_t out_sent;   /* bytes at the front of `out` that are sent already */
    size_t charge;     /* bytes that the pipeline's calls hold or will hold */
    size_t answered;   /* of these, what the answered ones hold */
    size_t gets;       /* requests in the backend that bring back a value; those in batches count one by one */

    struct conn *prev[3], *next[3]; /* per enum conn_list_id */
    struct deadline deadline;
    uint64_t opened_ms;
    uint64_t active_ms;  /* last progress in either direction */
    uint64_t read_ns;    /* when it was read last */
    uint64_t arrived_ns; /* when what was read then had arrived, at the earliest */
    uint64_t request_ms; /* when the unfinished request began; 0: there is none */
};

/* Takes a socket; closes it when there is no memory. */
void conn_open(struct loop *loop, const struct loop_socket *socket);

/* Closes at once: replies not yet sent are lost, calls in the backend come back to nobody. */
void conn_close(struct conn *c, enum close_reason reason);

/* No more input will be read; what was received whole is answered, then the connection is closed. */
void conn_end_input(struct conn *c);

/* Goes on to what its state asks for: waiting for the right events, lingering, closing. */
void conn_update(struct conn *c);

/* The deadline in ms at which to look again; closes and returns 0 when the time has come. */
uint64_t conn_check_deadline(struct conn *c, uint64_t now_ms);

/* conn_read.c */
void conn_readable(struct conn *c);
void conn_resume(struct conn *c);     /* decodes what was left over */
bool conn_retry_held(struct conn *c); /* false: still no room */

/* conn_submit.c: executes or queues it (service.submit), unless this peer may not ask for it; tells facts about
 * this connection if the reply wants them. */
enum service_verdict conn_submit(struct conn *c, struct task *task);

/* conn_write.c */
void conn_pipeline_add(struct conn *c, struct task *task); /* answered or not */
void conn_answered(struct conn *c, struct task *task);     /* a call of the pipeline came back */
void conn_reply_now(struct conn *c, struct task *task);    /* encodes and frees it: empty pipeline, or overtaking */
bool conn_waits(const struct conn *c);                     /* nothing to write: its first call is not answered */
void conn_encode(struct conn *c);                          /* encodes what is answered */
void conn_write(struct conn *c);                           /* encodes what is answered, sends; may close */
void conn_flush(struct conn *c);                           /* the same, and goes on with what that unblocks */
bool conn_choked(const struct conn *c);                    /* too many bytes held: stop decoding */

#endif
