/* `sluice` without a verb on a terminal: a prompt with history and completion. */
#ifndef CLIENTS_CLI_REPL_H
#define CLIENTS_CLI_REPL_H

#include "clients/cli/exit.h"
#include "clients/cli/options.h"

/*
 * Reads lines in the syntax of the protocol (typed values only) and shows the replies readably, until Ctrl-D,
 * quit or exit. A connection that was lost is made anew for the next line; no request is repeated by itself.
 */
enum exit_code repl_run(const struct options *options, struct sluice *s);

#endif
