/*
 * A task: a call on its way through the daemon.
 *
 *     decode -> [task] -> admission -> queue -> backend -> mailbox -> encode -> freed where it was made
 *
 * Made and freed on the I/O thread that read the request. Between a successful submit and its completion the
 * backend owns it; only the fields marked as the I/O thread's stay with that. It names its connection by id, never
 * by pointer.
 */
#ifndef QUEUE_TASK_H
#define QUEUE_TASK_H

#include <stddef.h>
#include <string.h>

#include "daemon/queue/mailbox.h"
#include "proto/call.h"

/* Of a task that waits to be executed: its places in the waiting line, and what is expected of it (daemon/admit).
 */
struct task_wait {
    struct task *flow_next, *flow_prev;   /* among the tasks of its connection, oldest first */
    struct task *class_next, *class_prev; /* among the tasks of its class, oldest first */
    uint64_t ticket;                      /* its number in order of entry */
    uint64_t cost_ns;                     /* what it will cost, as estimated on entry */
    uint64_t entered_ns;                  /* when that was */
    uint64_t estimate_ns;                 /* how long it was expected to wait from then on */
    bool overtaken;                       /* those of others that came later did, or may have */
    uint32_t station;                     /* which thread of the backend it is for */
};

struct task {
    struct mail mail;       /* how it comes back to its I/O thread */
    struct task *next;      /* for whoever holds the task: a free list, a list of answered ones */
    struct task *pipe_next; /* the connection's next task in request order; I/O thread only */
    struct task *pipe_prev; /* and the one before it; of the first, it means nothing */
    uint64_t conn;          /* connection id; meaningful on the I/O thread `lane` */
    uint32_t lane;          /* index of the I/O thread that made it */
    bool answered;          /* the reply is final; I/O thread only */
    bool followed;          /* bytes of its connection's next request have arrived; I/O thread only */
    size_t charge;          /* bytes booked on the connection for this task; I/O thread only */
    size_t held;            /* of these, bytes that count towards limits.requests; I/O thread only */
    uint64_t arrived_ns;    /* monotonic: when its bytes arrived, as far as can be told */
    uint64_t taken_ns;      /* when its execution began; 0: it was not executed, or is parked */
    uint64_t done_ns;       /* when that ended, or its batch's did */
    struct task_wait wait;  /* the I/O thread's */
    struct call call;       /* last: its inline storage is large and seldom read whole */
};

/* The task that this mail is. */
static inline struct task *task_of_mail(struct mail *mail)
{
    return (struct task *)mail; /* its first member */
}

/* Makes `task` empty. Use once on raw memory. */
static inline void task_init(struct task *task)
{
    memset(task, 0, offsetof(struct task, call));
    call_init(&task->call);
}

/* Gives back what the call holds and makes the task empty again. */
static inline void task_clear(struct task *task)
{
    memset(task, 0, offsetof(struct task, call));
    call_clear(&task->call);
}

/* Bytes of memory that the task is and holds; not what its replies refer to. */
static inline size_t task_bytes(const struct task *task)
{
    return offsetof(struct task, call) + call_bytes(&task->call);
}

#endif
