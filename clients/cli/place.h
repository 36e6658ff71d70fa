/* Where the server is, out of what the command line and the environment say together. */
#ifndef CLIENTS_CLI_PLACE_H
#define CLIENTS_CLI_PLACE_H

#include "clients/cli/options.h"

/*
 * Checks that --host, --port, --socket and --url go together, and lets SLUICE_URL fill in what they leave open:
 * all of it, or the port (with --host alone), or the host (with --port alone). False: *error says what is wrong.
 */
bool place_settle(struct options *options, struct usage_error *error);

#endif
