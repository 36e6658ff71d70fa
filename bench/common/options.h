/*
 * Command lines from a table: --name value or --name=value. The table also yields the help.
 * Plain functions of their arguments, thread-safe.
 */
#ifndef BENCH_COMMON_OPTIONS_H
#define BENCH_COMMON_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum option_kind {
    OPTION_FLAG,     /* bool; takes no value */
    OPTION_TEXT,     /* const char *, borrowed from argv */
    OPTION_COUNT,    /* uint64_t: 1000, 50k, 2M, 1G (thousands) */
    OPTION_REAL,     /* double, not negative */
    OPTION_DURATION, /* uint64_t in ns: 10 (seconds), 500ms, 20us, 100ns, 2m */
    OPTION_CUSTOM,   /* `take` */
};

struct option_spec {
    const char *name;     /* without the dashes */
    const char *argument; /* what the help calls the value, NULL for flags */
    const char *help;     /* one or more lines' worth; says the default */
    enum option_kind kind;
    size_t offset;     /* of the target in the struct given to options_parse */
    uint64_t min, max; /* of OPTION_COUNT and OPTION_DURATION; max 0: no bound */
    /* OPTION_CUSTOM: stores `text` in `into` (the whole struct); false when it is malformed. */
    bool (*take)(void *into, const char *text);
};

/*
 * Parses argv[1..argc) into the struct `into`, which holds the defaults. False: a complaint that names the option
 * was printed to standard error. Arguments that are no options are complained about.
 */
bool options_parse(const struct option_spec *specs, size_t count, int argc, char **argv, void *into);

/* Complains about the command line of `command` ("tcp") on standard error, and says where to look. Always false. */
bool options_complain(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* True when one of argv[1..argc) is --help or -h. */
bool options_want_help(int argc, char **argv);

/* Prints every option with its help, wrapped. */
void options_print_help(FILE *out, const struct option_spec *specs, size_t count);

/* The parsers behind the kinds, for OPTION_CUSTOM. The whole text must fit; false otherwise. */
bool options_count(const char *text, uint64_t *out);
bool options_real(const char *text, double *out);
bool options_duration(const char *text, uint64_t *out_ns);

#endif
