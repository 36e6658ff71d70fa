/*
 * Dispatch: where a call meets admission and the backend. It gives the network room its `service`, so that the
 * rooms on either side know nothing of each other.
 *
 *     service.submit --> gate (per I/O thread and station) --pass--> station of the backend
 *     service.flush  --> gate: who is next? --------------------------^
 *
 * Its functions run on I/O threads. What it keeps belongs to one I/O thread each; the tuning is read by all.
 */
#ifndef DISPATCH_H
#define DISPATCH_H

#include "daemon/admit/tuning.h"
#include "daemon/backend/backend.h"
#include "daemon/net/service.h"

struct dispatch;

struct dispatch_options {
    struct backend *backend;
    uint32_t lanes; /* I/O threads */
    const struct clock *clock;
    const struct tuning *tuning;
    enum priority classes[OP_CLASSES]; /* of requests that name none, by what they do */
    /* An I/O thread that holds calls may find room for them. Called on other I/O threads. */
    void (*room)(void *ctx, uint32_t lane);
    void *room_ctx;
};

/* NULL when memory is out. */
struct dispatch *dispatch_create(const struct dispatch_options *options);

/* After the I/O threads have ended, and after the backend has completed its last call. */
void dispatch_destroy(struct dispatch *d);

/* Of a dispatch that lives as long as the service is used. */
struct service dispatch_service(struct dispatch *d);

bool dispatch_register_metrics(struct dispatch *d, struct metrics *m);

#endif
