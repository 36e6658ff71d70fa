/* What an I/O thread is told when it starts. */
#ifndef NET_OPTIONS_H
#define NET_OPTIONS_H

#include <stdatomic.h>
#include <stdint.h>

#include "daemon/base/clock.h"
#include "daemon/base/thread.h"
#include "daemon/net/service.h"
#include "proto/codec.h"

struct loop_options {
    uint32_t lane; /* this loop's number, from 0 */
    const struct clock *clock;
    struct service service;
    struct codec_limits limits;        /* held: for all connections of all loops together */
    uint32_t connections;              /* most connections on all loops together */
    uint64_t output_soft;              /* bytes held for a connection: at this, it is not read */
    uint64_t output_hard;              /* ... and at this, it must take some of its replies */
    uint64_t idle_timeout_ms;          /* 0: off */
    uint64_t request_timeout_ms;       /* 0: off */
    _Atomic uint64_t *last_connection; /* the number that the latest connection got; the loops count it up */
    _Atomic size_t *held;              /* bytes that large requests hold (io_hold), on all loops; they keep it */
    _Atomic uint64_t *largest_value;   /* the largest value that passed through any loop; the loops keep it */
    _Atomic uint32_t *open;            /* connections open on all loops; the listener adds, the loop subtracts */
    struct thread_cpus cpus;           /* where the thread may run */
    void (*drained)(void *ctx);        /* on the thread, after loop_drain: its last connection is gone */
    /* On the thread: brings a task to the control thread, which answers it and gives it back (loop_answer). */
    void (*ask)(void *ctx, struct task *task);
    void *control_ctx;
};

#endif
