/* Results as JSON (--json): one object on one line; documents of the server as they are. */
#ifndef CLIENTS_CLI_JSON_H
#define CLIENTS_CLI_JSON_H

#include <stdbool.h>
#include <stdio.h>

#include "clients/cli/command.h"

/* Prints the result. False when memory is out. */
bool json_print_result(FILE *out, const struct command *command, const struct sluice_result *result,
                       const char *error_text);

/* Prints the object of a failure without a request: {"status": ..., "text": ...}. False when memory is out. */
bool json_print_failure(FILE *out, enum sluice_status status, const char *text);

/* Prints a JSON document with indentation for people; as it is if it cannot be read. */
void json_print_indented(FILE *out, struct sluice_bytes document);

#endif
