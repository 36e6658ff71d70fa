/* `sluice watch`: the server's statistics, live. */
#ifndef CLIENTS_CLI_WATCH_H
#define CLIENTS_CLI_WATCH_H

#include "clients/cli/exit.h"
#include "clients/cli/options.h"

/*
 * Asks for STATS every interval. On a terminal: a screen, until q or Ctrl-C; a connection that is lost is tried
 * again. Elsewhere: one line per reading. Ends after options->count readings if that is not 0.
 */
enum exit_code watch_run(const struct options *options, struct sluice *s);

#endif
