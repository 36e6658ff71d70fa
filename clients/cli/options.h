/* The command line: one table of options yields the parser and the help. */
#ifndef CLIENTS_CLI_OPTIONS_H
#define CLIENTS_CLI_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "clients/c/sluice.h"
#include "clients/cli/verbs.h"
#include "proto/address.h"

/* What sluice_parse_ttl takes. */
#define LIFETIMES "a lifetime such as 30m, 12h, 1800 (seconds), never or - (the server's), at most 3650d"

struct options {
    const char *url;
    const char *url_from; /* "--url" or "SLUICE_URL", for messages; NULL without a URL */
    struct address place; /* of SLUICE_URL, if `host` points there: do not copy this struct */
    const char *host;
    const char *socket;
    uint16_t port;
    int timeout_ms; /* 0: the library's default; below 0: none */
    int retries;    /* of a request that was answered OVERLOADED */
    int64_t ttl_ms;
    struct sluice_request_options request;
    bool json;
    bool raw;
    bool verbose;
    bool help;
    bool version;
    int interval_ms;
    uint64_t count;                      /* 0: no end */
    int literal;                         /* how many of the arguments, the last ones, stood behind -- */
    uint32_t not_for;                    /* a bit (1 << verb) for each verb that an option given does not go with */
    const char *last_misfit[VERB_COUNT]; /* and the name of such an option */
};

/* What options_parse says when it cannot go on. */
struct usage_error {
    char text[320];
};

/*
 * Fills `options` (which borrows from argv and the environment) and moves all arguments that are no options to
 * the end of argv; *first is the index of the first of them. False: the command line is wrong, *error says how.
 */
bool options_parse(struct options *options, int argc, char **argv, int *first, struct usage_error *error);

/* True when every option given goes with `verb`; else *error says which does not. */
bool options_fit(const struct options *options, enum verb verb, struct usage_error *error);

/* The table, for --help. */
void options_print(FILE *out);

/* Where to connect. The result borrows from `options`. */
struct sluice_options options_connection(const struct options *options);

void usage_error_set(struct usage_error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
