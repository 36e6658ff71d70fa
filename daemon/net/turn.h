/* Inside the network room: an I/O thread, for its turn (turn.c) and its life (loop.c). */
#ifndef NET_TURN_H
#define NET_TURN_H

#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>

#include "daemon/net/conn.h"
#include "daemon/net/io.h"
#include "daemon/queue/bell.h"
#include "daemon/queue/mailbox.h"

/* What other threads tell the loop, once or again and again: bits of loop->orders. */
enum { ORDER_ROOM = 1, ORDER_SETTINGS = 2, ORDER_DRAIN = 4, ORDER_ABORT = 8, ORDER_END = 16 };

struct loop {
    struct io io;
    uv_loop_t uv;
    uv_poll_t bell_poll;
    uv_prepare_t prepare;
    uv_check_t check;
    uv_idle_t idle;   /* runs while there is more to do, so that the poll does not block */
    uv_timer_t timer; /* when a deadline may have passed */
    uv_timer_t wake;  /* when the service wants to be asked again */
    pthread_t thread;

    /* From other threads. */
    struct bell bell;
    struct mailbox mailbox;
    _Atomic uint32_t orders;

    struct mail *arrivals; /* sockets not yet taken in, oldest first */
    struct mail **arrivals_end;
    uint32_t reads;      /* connections read since the clock was looked at */
    uint64_t served_ns;  /* when the backend was served in the middle of a turn */
    uint64_t wake_at_ms; /* when `wake` fires; UINT64_MAX: it is off */
    bool more;           /* the service has work left that it does on this thread */
    bool judges;         /* deadlines may have passed: they are looked at when the sockets have been read */
    bool drained;        /* it has said that its last connection is gone */
};

/* An accepted socket on its way to its loop. */
struct arrival {
    struct mail mail;
    struct conn_socket socket;
};

/* Prepares the turns that uv_run(&loop->uv) then runs. False: out of descriptors or memory. */
bool turn_init(struct loop *loop);

/* Delivers a struct arrival. */
void turn_arrival(struct mail *mail, void *to);

/* Delivers a task that is a message nobody asked for. */
void turn_push(struct mail *mail, void *to);

/* Delivers a task that the control thread has answered. */
void turn_answer(struct mail *mail, void *to);

/* Closes a socket that becomes no connection. */
void turn_forget_socket(struct loop *loop, const struct conn_socket *socket);

/* After the last turn: nobody gets the mail that is left. */
void turn_drop_mail(struct loop *loop);

#endif
