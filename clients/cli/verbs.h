/* What `sluice` can be told to do, as one table: names, arguments, help. */
#ifndef CLIENTS_CLI_VERBS_H
#define CLIENTS_CLI_VERBS_H

#include <stdio.h>

#include "proto/slice.h"

enum verb {
    VERB_NONE, /* interactive, or a pipe */
    VERB_GET,
    VERB_PUT,
    VERB_DELETE,
    VERB_TOUCH,
    VERB_LEN,
    VERB_PING,
    VERB_STATS,
    VERB_CONFIG,
    VERB_CONFIG_SET,
    VERB_HELP,
    VERB_VERSION,
    VERB_WATCH,
    VERB_COUNT
};

/* In lower case, as typed; "" for VERB_NONE. */
const char *verb_name(enum verb verb);

/* The arguments in words ("KEY TTL"), and how many there must be. */
const char *verb_arguments(enum verb verb);
int verb_argument_count(enum verb verb);

/* The verb of a name of any case, or VERB_COUNT. */
enum verb verb_find(struct slice name);

/* The table, for --help. */
void verbs_print(FILE *out);

#endif
