/*
 * What the daemon tells about itself, and settings that change while it runs: STATS, CONFIG, CONFIG SET, and the
 * facts behind INFO and stats. Such answers take milliseconds, so they are made on the control thread, to which all
 * of this belongs; I/O threads have the calls brought there (daemon/net).
 */
#ifndef ADMIN_ADMIN_H
#define ADMIN_ADMIN_H

#include "daemon/admin/live.h"
#include "daemon/base/clock.h"
#include "daemon/base/metrics.h"
#include "proto/call.h"
#include "proto/facts.h"

struct admin;

struct admin_options {
    const struct clock *clock;
    struct metrics *metrics; /* to which nothing is added any more */
    struct live *live;
    struct facts known; /* what stays as it is while the daemon runs */
    /* A setting has changed. */
    void (*changed)(void *ctx);
    void *changed_ctx;
};

/* Borrows what the options point at. NULL when memory is out. */
struct admin *admin_create(const struct admin_options *options);
void admin_destroy(struct admin *a);

/* Answers the call if its operation is the control thread's (op_needs_control); of a batch, all such parts. */
void admin_answer(struct admin *a, struct call *call);

#endif
