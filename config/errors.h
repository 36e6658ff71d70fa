/* How the parts of config/ report what is wrong. Bounded: after CONFIG_ERRORS_SHOWN only the number grows. */
#ifndef CONFIG_ERRORS_H
#define CONFIG_ERRORS_H

#include <stdint.h>

#include "config/config.h"
#include "config/schema.h"

#define CONFIG_ERRORS_SHOWN 100

/* What is wrong with one value and what was expected, without where it stands. */
struct config_reason {
    char text[640];
};

void config_errors_add(struct config_errors *errors, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Where a key was given last: a line of the file, or 0: elsewhere. For errors that concern several keys. */
void config_errors_note_line(struct config_errors *errors, const struct schema_key *key, size_t line);
size_t config_errors_line(const struct config_errors *errors, const struct schema_key *key);

/* All errors ever added, those not shown included. */
uint64_t config_errors_total(const struct config_errors *errors);

void config_reason_set(struct config_reason *reason, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Text of a user for a message: cut to fit, control bytes as \xNN. No quotes added. Returns out. */
const char *config_clean(char *out, size_t capacity, const char *text, size_t len);

#define CONFIG_CLEAN_SIZE 80

#endif
