/*
 * Dispatch: where a call meets admission and the backend. It gives the network room its `service`, so that the
 * rooms on either side know nothing of each other. Its functions run on I/O threads; it holds no mutable state.
 */
#ifndef DISPATCH_H
#define DISPATCH_H

#include "daemon/admit/admit.h"
#include "daemon/backend/backend.h"
#include "daemon/net/service.h"

struct dispatch {
    struct backend *backend;
    const struct admit_policy *policy;
    struct metrics *metrics; /* for STATS */
    /* For CONFIG: appends the settings in force as a JSON object. */
    bool (*write_config)(const void *ctx, struct buffer *out);
    const void *config_ctx;
    /* For FACTS: fills in all but the asking connection's part. */
    void (*gather_facts)(void *ctx, struct facts *f);
    void *facts_ctx;
    const struct clock *clock;
};

/* The service of this dispatch, which must be complete before the first call comes and outlive the last. */
struct service dispatch_service(struct dispatch *d);

#endif
