/*
 * The real network room with a service under the test's control, and clients that talk to it over sockets.
 *
 *     client --TCP--> server (control thread, I/O loops) --service--> by key: answered, queued, held, or stuck
 *     test:  net_complete(...) --server_complete--> reply --> client
 *
 * What the service does with an operation, by the first letter of its key:
 *     n...  answers at once
 *     o...  refuses at once: OVERLOADED 7
 *     q<n>  queues; the test completes it, as number n
 *     h<n>  has no room while `full`, else queues as q<n>
 *     b<n>  executes on the I/O thread, with others of its turn
 *     p<n>  the same, but is parked when it executes; the test completes it, as number n
 *     s...  stands still on the I/O thread until net_unstick, then answers
 * STATS is left to the control thread, which says LEN and how many were completed by then; of CONFIG, that is the
 * first half, and then it queues as q0. Stored replies have n (0 without one) for their version, so "OK n" tells
 * which request was answered; a GET is answered with `value_size` bytes.
 */
#ifndef TESTS_NET_FIXTURE_H
#define TESTS_NET_FIXTURE_H

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/net/server.h"
#include "tests/unit/fake_clock.h"

#define NET_HANG_S     100
#define NET_QUEUED_MAX 4096

/* 0: the usual. */
struct net_options {
    uint32_t threads;             /* 1 */
    uint32_t connections;         /* 100 */
    uint64_t soft, hard;          /* 1 MiB, 16 MiB */
    uint64_t idle_ms, request_ms; /* off */
    uint64_t grace_ms;            /* a minute */
    bool on_unix;
    const struct codec *codec;             /* text */
    const struct transport_ops *transport; /* plain */
};

struct net {
    struct server *server;
    struct metrics *metrics;
    struct fake_clock clock;
    struct net_options options;
    uint16_t port;
    char path[64];
    pthread_t control;
    sem_t ready, ended, may_free;
    bool running, terminated;
    const char *failure;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct task *queued[NET_QUEUED_MAX]; /* [n]: the call whose key says n */
    size_t queued_count;
    uint64_t submits; /* of all kinds, tries included */
    unsigned holds;
    unsigned stuck;
    unsigned completed;
    unsigned asked; /* calls that the control thread was to answer */
    bool control_sticks;
    unsigned control_passes;
    bool config_asked;
    bool full, sticks, refuses;
    char order[256]; /* keys in the order in which they were queued, each with a blank behind it */
    size_t value_size;
    unsigned flushes;
    unsigned runs; /* batches executed on the I/O thread */
};

struct net *net_open(const struct net_options *options);
/* SIGTERM; waits until server_run has returned; then frees. Queued calls are completed to nobody. */
void net_close(struct net *n);
/* The same in steps. */
void net_terminate(struct net *n);
void net_await_end(struct net *n);

/* ---- the service ---- */

void net_await_queued(struct net *n, size_t count);
size_t net_queued(struct net *n);
unsigned net_flushes(struct net *n);
unsigned net_runs(struct net *n);
void net_await_holds(struct net *n, unsigned count);
void net_await_stuck(struct net *n);
void net_unstick(struct net *n);
void net_set_sticks(struct net *n);          /* the next one stands still again */
void net_set_full(struct net *n, bool full); /* with false, also says so to the loops */
void net_set_refuses(struct net *n, bool refuses);

/* ---- the control thread ---- */

/* Whether it stands still when it is to answer. */
void net_set_control_sticks(struct net *n, bool sticks);
/* Lets it answer one call though it sticks. */
void net_pass_control(struct net *n);
/* Waits until it was to answer `count` calls, one it stands still with included. */
void net_await_asked(struct net *n, unsigned count);
unsigned net_asked(struct net *n);
void net_set_value_size(struct net *n, size_t size);
/* Completes these calls, in this order, as one batch. */
void net_complete(struct net *n, const int *numbers, size_t count);
/* The same, refused: OVERLOADED and its number, or LATE. */
void net_refuse(struct net *n, enum reply_kind kind, const int *numbers, size_t count);
/* Completes from..to (to may be less than from), one batch. */
void net_complete_range(struct net *n, int from, int to);

uint64_t net_metric(struct net *n, const char *name);
void net_await_metric(struct net *n, const char *name, uint64_t value);

#endif
