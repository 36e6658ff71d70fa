/* How `watch` shows its readings. */
#ifndef CLIENTS_CLI_SCREEN_H
#define CLIENTS_CLI_SCREEN_H

#include <stdio.h>

#include "clients/cli/reading.h"

/* One screenful, at most 80 columns; rates are those between `before` and `now`. */
void screen_print(FILE *out, const char *address, const struct reading *before, const struct reading *now);

/* The same on one line of name=value pairs. */
void screen_print_line(FILE *out, const struct reading *before, const struct reading *now);

#endif
