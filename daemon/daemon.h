/* The daemon as a graph of rooms, built from settings, run, and taken down in reverse. */
#ifndef DAEMON_H
#define DAEMON_H

#include "config/settings.h"
#include "daemon/base/clock.h"

/* Where the settings come from, to be read again on SIGHUP. */
struct daemon_source {
    /* False when something is wrong with them: that is logged. */
    bool (*load)(const void *ctx, struct settings *settings);
    const void *ctx;
};

/* Runs until a signal ends it. Returns the process's exit status: 0 after an orderly shutdown, 1 when it could
 * not start (said on standard error). Main thread only. */
int daemon_run(const struct settings *settings, const struct daemon_source *source, const struct clock *clock);

/* What `sluiced` does with its arguments. `clock` is what the daemon lives by. */
int daemon_main(int argc, char **argv, const struct clock *clock);

#endif
