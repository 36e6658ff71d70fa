/* Command lines from a table: --name value or --name=value. The table also yields the help, the defaults and what a
 * JSON result tells of the options. Thread-safe. */
#ifndef BENCH_COMMON_OPTIONS_H
#define BENCH_COMMON_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

enum option_kind {
    OPTION_FLAG,     /* bool; takes no value */
    OPTION_TEXT,     /* const char *, borrowed from argv */
    OPTION_COUNT,    /* uint64_t: 1000, 50k, 2M, 1G (thousands) */
    OPTION_REAL,     /* double, not negative; with the same units */
    OPTION_DURATION, /* uint64_t in ns: 10 (seconds), 500ms, 20us, 100ns, 2m */
    OPTION_CUSTOM,   /* `take` */
};

struct option_spec {
    const char *name;     /* without the dashes */
    const char *argument; /* what the help calls the value, NULL for flags */
    const char *preset;   /* the default, as it would be given; NULL: none */
    const char *help;     /* one or more lines' worth */
    enum option_kind kind;
    size_t offset;     /* of the target in the struct given to options_parse */
    uint64_t min, max; /* of OPTION_COUNT and OPTION_DURATION; max 0: no bound */
    /* OPTION_CUSTOM: stores `text` in `into` (the whole struct); false when it is malformed. */
    bool (*take)(void *into, const char *text);
};

/* Entries of a table, once OPTIONS_INTO names the struct. */
#define OPTION_AT(name, argument, preset, kind, field, min, max, help)                             \
    {                                                                                              \
        name, argument, preset, help, OPTION_##kind, offsetof(OPTIONS_INTO, field), min, max, NULL \
    }
#define FLAG(name, field, help)                   OPTION_AT(name, NULL, NULL, FLAG, field, 0, 0, help)
#define TEXT(name, argument, preset, field, help) OPTION_AT(name, argument, preset, TEXT, field, 0, 0, help)
#define REAL(name, argument, preset, field, help) OPTION_AT(name, argument, preset, REAL, field, 0, 0, help)
#define COUNT(name, argument, preset, field, min, max, help) \
    OPTION_AT(name, argument, preset, COUNT, field, min, max, help)
#define DURATION(name, preset, field, min, max, help) \
    OPTION_AT(name, "TIME", preset, DURATION, field, min, max, help)
#define CUSTOM(name, argument, preset, take, help)                 \
    {                                                              \
        name, argument, preset, help, OPTION_CUSTOM, 0, 0, 0, take \
    }

struct option_table {
    const char *purpose; /* of the command, for its help */
    const struct option_spec *specs;
    size_t count;
};

/* Parses argv[1..argc) of the command argv[0] into the struct `into`: the defaults first. Returns every option by
 * name (durations in seconds, as "name_s"), null where there is neither default nor value; the caller owns it. NULL
 * after a complaint on standard error. --help prints the help and ends the process. */
json_t *options_parse(const struct option_table *table, int argc, char **argv, void *into);

/* Complains about the command line of `command` ("tcp") on standard error, and says where to look. Always false. */
bool options_complain(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The parsers behind the kinds, for OPTION_CUSTOM. The whole text must fit; false otherwise. */
bool options_count(const char *text, uint64_t *out);
bool options_real(const char *text, double *out);
bool options_duration(const char *text, uint64_t *out_ns);

/* Cuts the first item off a list separated by commas: copies it into `item` of `size` bytes and moves *text past
 * it. False at the end (*text is NULL), or when it is too long (it is not). */
bool options_item(const char **text, char *item, size_t size);

#endif
