/* `sluice` without a verb and without a terminal: the protocol, as it is. */
#ifndef CLIENTS_CLI_PIPE_H
#define CLIENTS_CLI_PIPE_H

#include "clients/cli/exit.h"
#include "clients/cli/options.h"

/*
 * Sends standard input to the server and writes its replies to standard output, byte for byte, both at the same
 * time. A missing line end after the last line is added. Returns the highest exit code that a reply stands for.
 */
enum exit_code pipe_run(const struct options *options, struct sluice *s);

#endif
