/*
 * The one table of what can be configured. Defaults, parsing, bounds, --help, the commented file and
 * docs/config.md all come from it.
 *
 * To add a key: one field in settings.h, one row in schema.c (rows of a section stand together). A new section
 * may also get an introduction in schema_sections. Then `config/tools/print` writes the two generated files.
 */
#ifndef CONFIG_SCHEMA_H
#define CONFIG_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCHEMA_KEYS_MAX 128
#define SCHEMA_NAME_MAX 64 /* bytes in a dotted name, NUL included */

enum schema_type {
    SCHEMA_NUMBER,    /* whole number; uint32_t or uint64_t */
    SCHEMA_SIZE,      /* bytes, with units; uint64_t */
    SCHEMA_DURATION,  /* milliseconds, with units; uint64_t */
    SCHEMA_SHORT,     /* microseconds, with units; uint64_t */
    SCHEMA_WORD,      /* one of `words`, the field gets its index; int or an enum */
    SCHEMA_ADDRESSES, /* struct settings_addresses: `off`, one address or a list */
    SCHEMA_CPUS,      /* struct thread_cpus: `any`, or numbers and ranges */
};

#define SCHEMA_SPECIALS_MAX 2

/* A word that may stand in place of a number. Where "off" means 0, a plain 0 is off too. */
struct schema_special {
    const char *word;
    uint64_t value; /* what the field gets */
};

struct schema_key {
    const char *name; /* dotted */
    enum schema_type type;
    size_t offset, size;  /* of the field in struct settings */
    const char *fallback; /* the default, as a user would write it */
    uint64_t min, max;    /* numbers, sizes, durations; both allowed. Words: min is the number of the first */
    struct schema_special special[SCHEMA_SPECIALS_MAX]; /* words in place of a number; the rest are NULL */
    const char *const *words;                           /* SCHEMA_WORD: NULL-terminated, in the order of the enum */
    const char *unit;                                   /* what a number counts, or NULL */
    const char *help;                                   /* one to three sentences for users */
};

struct schema_section {
    const char *name;
    const char *help;
};

extern const struct schema_key schema_keys[];
extern const size_t schema_count;

/* The row of a dotted name, or NULL. */
const struct schema_key *schema_find(const char *name, size_t len);

/* The first row whose name lies in the section `name` ("queue"), or NULL when there is no such section. */
const struct schema_key *schema_find_section(const char *name, size_t len);

/* The introduction of a section, or NULL. */
const char *schema_section_help(const char *name, size_t len);

/*
 * Walks the names directly below a section (prefix_len 0: the top level), each once: "bound", "policy". Start
 * with *row 0; returns the name (length in *len) and whether it is itself a section, or NULL at the end.
 */
const char *schema_next_child(const char *prefix, size_t prefix_len, size_t *row, size_t *len, bool *section);

/* The dotted name of a key or section that `name` was probably meant to be, into out; false when none is near. */
bool schema_suggest(const char *name, size_t len, char out[SCHEMA_NAME_MAX]);

/* The same among the words of a key, its special words included. NULL when none is near. */
const char *schema_suggest_word(const struct schema_key *key, const char *text, size_t len);

#endif
