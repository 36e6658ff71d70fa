/* One request as the user gave it, and its execution. */
#ifndef CLIENTS_CLI_COMMAND_H
#define CLIENTS_CLI_COMMAND_H

#include <stdbool.h>

#include "clients/c/sluice.h"
#include "clients/cli/options.h"
#include "clients/cli/verbs.h"
#include "proto/buffer.h"

struct command {
    enum verb verb;
    struct sluice_bytes key;   /* borrowed */
    struct sluice_bytes value; /* borrowed, from `input` if it came from there */
    bool value_from_input;     /* the value is still to be read from standard input */
    int64_t ttl_ms;
    struct sluice_request_options options;
    char tag[SLUICE_TAG_MAX + 1]; /* what options.tag points to if the command was typed at the prompt */
    struct buffer input;
};

/* From the arguments behind the options, the verb first. Borrows from them. False: *error says what is wrong. */
bool command_parse(struct command *command, const struct options *options, int argc, char **argv,
                   struct usage_error *error);

/* From one line in the syntax of the protocol. False: *error says what is wrong. Borrows from the line. */
bool command_parse_line(struct command *command, struct slice line, struct usage_error *error);

/* Reads what is to come from standard input. False when that failed; *error says how. */
bool command_read_input(struct command *command, int fd, struct usage_error *error);

/* Does it, over the connection. Not for VERB_NONE and VERB_WATCH. */
enum sluice_status command_run(const struct command *command, struct sluice *s, struct sluice_result *result);

void command_clear(struct command *command);

#endif
