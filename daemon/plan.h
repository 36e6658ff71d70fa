/*
 * What the daemon is to be: every number and choice that follows from the settings and the machine together.
 * Pure functions of their arguments, so that tests see every case; daemon.c builds what the plan says.
 */
#ifndef DAEMON_PLAN_H
#define DAEMON_PLAN_H

#include "config/settings.h"
#include "daemon/base/machine.h"

struct plan {
    const char *backend;   /* its name */
    uint32_t threads;      /* I/O threads */
    bool in_place;         /* they own the sessions: there are no other threads for these */
    uint32_t workers;      /* of a mutex pool; 0: the I/O threads take its lock */
    uint32_t ring_bound;   /* calls on the way to the threads of the backend: to each owner, or to all workers */
    bool shares_processor; /* I/O threads and owners run on one processor */
    int receive_buffer; /* bytes that the kernel may hold of one connection's requests; 0: as the system has it */
    uint64_t memory_limit; /* bytes of sessions; 0: none */
};

void plan_make(struct plan *plan, const struct settings *settings, const struct machine *machine);

/* What `queue.policy` means: never POLICY_BY_BACKEND. */
enum policy_id plan_policy(const struct settings *settings);

#endif
