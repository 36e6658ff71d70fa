/*
 * What the network room asks of the rest of the daemon, and knows of it. Implemented by dispatch.c, so that
 * this room knows neither admission nor backends. Called on I/O threads; `call->lane` says which.
 */
#ifndef NET_SERVICE_H
#define NET_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/buffer.h"
#include "proto/call.h"

enum service_verdict {
    SERVICE_ANSWERED, /* the reply is in the call */
    SERVICE_QUEUED,   /* it will come back through loop_complete */
    SERVICE_HOLD,     /* no room: keep the call, read no more from its connection, try again on loop_room */
    SERVICE_ADMITTED, /* (admit only) nothing speaks against it now */
};

struct service {
    void *ctx;
    /* May this call enter? Asked when only its header is here, before its value is copied. SERVICE_ANSWERED:
     * refused; SERVICE_ADMITTED otherwise. */
    enum service_verdict (*admit)(void *ctx, struct call *call);
    /* Executes or queues it; an operation that needs no table is answered at once. */
    enum service_verdict (*submit)(void *ctx, struct call *call);
    /* The end of a lane's batch of submits. */
    void (*flush)(void *ctx, uint32_t lane);
};

#endif
