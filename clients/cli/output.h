/* What the user sees of a result: values and documents on standard output, everything else on standard error. */
#ifndef CLIENTS_CLI_OUTPUT_H
#define CLIENTS_CLI_OUTPUT_H

#include <stdbool.h>
#include <stdio.h>

#include "clients/cli/command.h"
#include "clients/cli/exit.h"

struct output {
    FILE *out;
    FILE *err;
    bool json;
    bool verbose;
    bool escape;      /* values: control bytes, and what is no text, as \xNN */
    bool newline;     /* end values with a line end if they have none: for people */
    bool interactive; /* at the prompt: no advice about the command line */
};

/* Prints the result of `command` over `s` and returns the exit code that it stands for. */
enum exit_code output_result(const struct output *o, const struct command *command,
                             const struct sluice_result *result, const struct sluice *s);

/* Prints that there is no connection, and what to do about it. `url_from`: where a bad URL was given, or NULL. */
enum exit_code output_no_connection(const struct output *o, enum sluice_status status, const struct sluice *s,
                                    const char *url_from);

/* Prints that a line typed at the prompt is no request, and why. */
void output_refused(const struct output *o, const char *why);

/* Appends lines of the protocol as lines of this system: \n at the end, without \r. */
void output_plain_lines(struct buffer *to, struct sluice_bytes lines);

/* Flushes; what was printed may not have arrived: a full disk, say. `what` was printed, for the message. */
enum exit_code output_flush(FILE *out, FILE *err, const char *what);

/* The exit code of a status. */
enum exit_code output_exit_code(enum sluice_status status);

/* "29m 59s", "1.5s", "250ms"; "never" for -1. Returns `to`. */
const char *output_duration(char *to, size_t size, int64_t ms);

#endif
