/*
 * An I/O thread: one event loop with its connections, the calls it made and the mailbox they come back to.
 *
 *     listener --loop_adopt--> [conn: read -> decode -> service.submit]          (this thread)
 *     backend  --loop_complete--> mailbox -> [conn: reply in order -> encode -> send]
 *
 * One turn of the loop: sockets are read (bounded per connection), completions are collected, every connection
 * with new replies is written once, and the service is told that the batch is over. While the thread is awake,
 * nobody needs a system call to hand it work.
 */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/base/clock.h"
#include "daemon/base/metrics.h"
#include "daemon/base/thread.h"
#include "daemon/net/service.h"
#include "daemon/net/transport.h"
#include "daemon/queue/mailbox.h"
#include "proto/codec.h"
#include "proto/facts.h"

struct loop;

struct loop_options {
    uint32_t lane; /* this loop's number, from 0 */
    const struct clock *clock;
    struct service service;
    struct codec_limits limits;
    uint32_t connections;              /* most connections on all loops together */
    uint64_t output_soft;              /* bytes held for a connection: at this, it is not read */
    uint64_t output_hard;              /* ... and at this, it is closed */
    uint64_t idle_timeout_ms;          /* 0: off */
    uint64_t request_timeout_ms;       /* 0: off */
    _Atomic uint64_t *last_connection; /* the number that the latest connection got; the loops count it up */
    _Atomic uint64_t *largest_value;   /* the largest value ever put through any loop; the loops keep it */
    _Atomic uint32_t *open;            /* connections open on all loops; the listener adds, the loop subtracts */
    struct thread_cpus cpus;           /* where the thread may run */
    void (*drained)(void *ctx);        /* on the thread, after loop_drain: its last connection is gone */
    void *drained_ctx;
};

/* A socket that was accepted, and how to talk on it. */
struct loop_socket {
    int fd; /* non-blocking; the loop closes it */
    const struct transport *transport;
    const struct codec *codec;
};

/* Starts the thread. NULL on failure, with a text for people in *error (static). */
struct loop *loop_start(const struct loop_options *options, const char **error);

/* Any thread: gives the socket to the loop. */
void loop_adopt(struct loop *loop, const struct loop_socket *socket);

/* Any thread: takes the batch of completed calls and wakes the loop. */
void loop_complete(struct loop *loop, struct mail_batch *batch);

/* Any thread: calls that are held (SERVICE_HOLD) may find room. */
void loop_room(struct loop *loop);

/* Any thread: there is something to `serve`. */
void loop_wake(struct loop *loop);

/*
 * Any thread: no more bytes are read; what was received whole is answered, then each connection is closed, and
 * options.drained called. loop_abort closes at once what is left. Until loop_end the thread goes on serving others.
 */
void loop_drain(struct loop *loop);
void loop_abort(struct loop *loop);
void loop_end(struct loop *loop);

/* Joins the thread, after loop_end. Calls that the backend still holds may come back until loop_free. */
void loop_join(struct loop *loop);
void loop_free(struct loop *loop);

bool loop_register_metrics(struct loop *loop, struct metrics *m);

/* Any thread: adds what this loop counted. */
void loop_add_facts(const struct loop *loop, struct facts *f);

#endif
