/* One value: from a scalar's text into its field of the settings, and back to text. */
#ifndef CONFIG_VALUE_H
#define CONFIG_VALUE_H

#include "config/errors.h"
#include "config/schema.h"
#include "config/settings.h"

/* Bytes that hold any value as text: a full list of addresses, every byte escaped. */
#define CONFIG_VALUE_MAX (SETTINGS_ADDRESSES_MAX * (2 * 280 + 8))

enum config_value_style {
    CONFIG_VALUE_YAML,  /* as a file has it, quoted where YAML needs it */
    CONFIG_VALUE_PLAIN, /* the same, but a single address is not quoted */
    CONFIG_VALUE_JSON,  /* the same, but addresses are a JSON array, which YAML reads too */
};

/*
 * Parses a scalar into the key's field, replacing what was there. False: *why says what is wrong, and the field
 * is as it was.
 */
bool config_value_parse(struct settings *settings, const struct schema_key *key, const char *text, size_t len,
                        struct config_reason *why);

/* Address keys: replaces the list, empties it, adds one address of a list. */
void config_value_set_addresses(struct settings *settings, const struct schema_key *key,
                                const struct settings_addresses *list);
void config_value_clear_addresses(struct settings *settings, const struct schema_key *key);
bool config_value_add_address(struct settings *settings, const struct schema_key *key, const char *text, size_t len,
                              struct config_reason *why);

/* The key's addresses; key->type is SCHEMA_ADDRESSES. */
const struct settings_addresses *config_value_addresses(const struct settings *settings,
                                                        const struct schema_key *key);

/* The field as text. Returns out. */
const char *config_value_format(const struct settings *settings, const struct schema_key *key,
                                enum config_value_style style, char out[CONFIG_VALUE_MAX]);

/* True when the field holds a plain number (and not a word, a size, a duration, ...). */
bool config_value_is_number(const struct settings *settings, const struct schema_key *key);

/* What may be written: "auto or 1 to 64", "mutex, owner or backpressure", ... Returns out. */
const char *config_value_expected(const struct schema_key *key, char *out, size_t capacity);

#endif
