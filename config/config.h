/*
 * From YAML text and --set overrides to settings, by one schema table (schema.c) that also gives the help, the
 * commented default file and docs/config.md. Single-threaded, used at start.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "config/settings.h"

/* The errors of one load, all of them, in the order of the file. */
struct config_errors;

struct config_errors *config_errors_create(void);
void config_errors_destroy(struct config_errors *errors);
size_t config_errors_count(const struct config_errors *errors);
/* "file:line:column: what is wrong, what was expected", or "--set key=value: ..." */
const char *config_errors_at(const struct config_errors *errors, size_t index);

/* The defaults of the schema. */
void config_defaults(struct settings *settings);

/* Reads a YAML file over the settings. False when an error was added; settings are then half-changed. */
bool config_load_file(struct settings *settings, const char *path, struct config_errors *errors);

/* The same for text in memory, named `name` in messages. */
bool config_load_text(struct settings *settings, const char *name, const char *text, size_t len,
                      struct config_errors *errors);

/* One "key.path=value" override; the value is written as in YAML (flow lists included). */
bool config_set(struct settings *settings, const char *assignment, struct config_errors *errors);

/* One key from the text of one scalar, as it would stand unquoted in a file. False: `error` says what is wrong, and
 * nothing has changed. */
bool config_set_scalar(struct settings *settings, const char *name, size_t name_len, const char *text, size_t len,
                       char *error, size_t size);

/* Checks what concerns several keys (output_hard >= output_soft, ...). Call last, once. */
bool config_validate(const struct settings *settings, const char *name, struct config_errors *errors);

/* Printers, all from the schema. False when writing failed. */
bool config_print_yaml(const struct settings *settings, FILE *out, bool with_comments);
bool config_print_help(FILE *out);     /* the keys' part of `sluiced --help` */
bool config_print_markdown(FILE *out); /* docs/config.md */

/*
 * Calls `visit` for every key, in schema order: dotted name, value as YAML writes it, and whether that value
 * stands for itself in JSON too (is_literal: numbers, arrays of addresses) rather than being a text. For CONFIG
 * over the wire; secrets arrive masked.
 */
void config_visit(const struct settings *settings,
                  void (*visit)(void *ctx, const char *key, const char *value, bool is_literal), void *ctx);

#endif
