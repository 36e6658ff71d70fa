/*
 * What the network room asks of the rest of the daemon, and knows of it. Implemented by dispatch.c, so that
 * this room knows neither admission nor backends. Called on I/O threads; `call->lane` says which.
 */
#ifndef NET_SERVICE_H
#define NET_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/queue/task.h"
#include "proto/buffer.h"

enum service_verdict {
    SERVICE_ANSWERED, /* the reply is in the call */
    SERVICE_HERE,     /* it executes on this thread: give it to `run`, with others that came at the same time */
    SERVICE_QUEUED,   /* it will come back: through loop_complete, or from flush */
    SERVICE_HOLD,     /* no room: keep the call, read no more from its connection, try again later */
    SERVICE_CONTROL,  /* the control thread answers it, or parts of it: it is to go there when all before it on its
                       * connection are answered. If it comes back without a reply, submit it again */
    SERVICE_ADMITTED, /* (admit only) nothing speaks against it now */
};

/* What the end of a batch brings. */
struct service_batch {
    struct task *answered; /* queued calls that have their reply now, linked by call->next */
    bool room;             /* held calls may find room now */
    uint64_t wake_ms;      /* flush again at this time at the latest; UINT64_MAX: never */
    bool more;             /* there is work left for this thread: flush again, after a look at the sockets */
};

struct service {
    void *ctx;
    /* May this call enter? Asked when only its header is here, before its value is copied. SERVICE_ANSWERED:
     * refused; SERVICE_ADMITTED otherwise: then submit gets it once its value is whole, and asks again, as that may
     * have taken long. */
    enum service_verdict (*admit)(void *ctx, struct task *task, uint64_t now_ns);
    /* Executes or queues it; an operation that needs no table is answered at once. */
    enum service_verdict (*submit)(void *ctx, struct task *task, uint64_t now_ns);
    /* Executes tasks of which submit said SERVICE_HERE, in this order: then their replies are in them. Until then
     * their bytes must stay where they are. All of them, before the next flush. Returns how many are done, at the
     * front of the array: the others are parked, own their bytes, and come back through loop_complete. */
    size_t (*run)(void *ctx, struct task **tasks, size_t count, uint64_t now_ns);
    /* A queued call has come back through loop_complete. It is only looked at. */
    void (*returned)(void *ctx, struct task *task, uint64_t now_ns);
    /* Executes a batch of what other lanes have for this one's thread; they are told. True: there was some. Asked
     * for whenever the thread collects what came from others, and woken for (server_wake). NULL: there never is
     * any. */
    bool (*serve)(void *ctx, uint32_t lane);
    /* The end of a lane's batch of submits, runs and returns. */
    struct service_batch (*flush)(void *ctx, uint32_t lane, uint64_t now_ns);
};

#endif
