/* One value: parsing with bounds, and formatting, by the type of its key. */
#include "config/value.h"

#include <assert.h>
#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "config/cpus.h"
#include "proto/address.h"
#include "proto/units.h"

static const struct unit *units_of(const struct schema_key *key)
{
    if (key->type == SCHEMA_SIZE) return units_size;
    if (key->type == SCHEMA_SHORT) return units_short;
    return key->type == SCHEMA_DURATION ? units_duration : units_none;
}

static void store(struct settings *settings, const struct schema_key *key, uint64_t value)
{
    char *field = (char *)settings + key->offset;
    if (key->size == sizeof(uint32_t)) {
        uint32_t narrow = (uint32_t)value;
        assert(narrow == value);
        memcpy(field, &narrow, sizeof narrow);
    } else {
        assert(key->size == sizeof value);
        memcpy(field, &value, sizeof value);
    }
}

static uint64_t fetch(const struct settings *settings, const struct schema_key *key)
{
    const char *field = (const char *)settings + key->offset;
    uint64_t value = 0;
    if (key->size == sizeof(uint32_t)) {
        uint32_t narrow;
        memcpy(&narrow, field, sizeof narrow);
        return narrow;
    }
    assert(key->size == sizeof value);
    memcpy(&value, field, sizeof value);
    return value;
}

static bool equals(const char *word, const char *text, size_t len)
{
    return strlen(word) == len && memcmp(word, text, len) == 0;
}

/* The special word for a value of the field, or NULL. */
static const char *special_of(const struct schema_key *key, uint64_t value)
{
    for (size_t i = 0; i < SCHEMA_SPECIALS_MAX && key->special[i].word; i++)
        if (key->special[i].value == value) return key->special[i].word;
    return NULL;
}

static bool parse_word(struct settings *settings, const struct schema_key *key, const char *text, size_t len,
                       struct config_reason *why)
{
    for (size_t i = 0; key->words[i]; i++) {
        if (!equals(key->words[i], text, len)) continue;
        store(settings, key, key->min + i);
        return true;
    }
    char expected[128];
    config_value_expected(key, expected, sizeof expected);
    const char *near = schema_suggest_word(key, text, len);
    if (near)
        config_reason_set(why, "unknown word, expected %s; did you mean \"%s\"?", expected, near);
    else
        config_reason_set(why, "unknown word, expected %s", expected);
    return false;
}

/* Units of powers of ten, and the short forms that some take for 1000 and others for 1024. */
static bool decimal_unit(const char *unit, size_t len)
{
    static const char *const names[] = {"k",  "K", "kB", "KB", "kb", "m",   "M",   "MB",
                                        "mb", "g", "G",  "GB", "gb", "kib", "mib", "gib"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (equals(names[i], unit, len)) return true;
    return false;
}

static void explain_unit(const struct schema_key *key, const char *unit, size_t len, const char *expected,
                         struct config_reason *why)
{
    char clean[CONFIG_CLEAN_SIZE];
    config_clean(clean, sizeof clean, unit, len);
    if (key->type == SCHEMA_NUMBER) {
        config_reason_set(why, "not a whole number, expected %s", expected);
    } else if (key->type == SCHEMA_SIZE && decimal_unit(unit, len)) {
        config_reason_set(why, "unit \"%s\" is not taken, use KiB, MiB or GiB; expected %s", clean, expected);
    } else if (key->type == SCHEMA_SIZE) {
        config_reason_set(why, "unknown unit \"%s\", sizes take KiB, MiB, GiB or no unit (bytes); expected %s",
                          clean, expected);
    } else if (key->type == SCHEMA_SHORT) {
        config_reason_set(why,
                          "unknown unit \"%s\", short durations take us, ms, s or no unit (seconds); expected %s",
                          clean, expected);
    } else {
        config_reason_set(why,
                          "unknown unit \"%s\", durations take ms, s, m, h, d or no unit (seconds); expected %s",
                          clean, expected);
    }
}

/* A duration of digits only? */
static bool bare_seconds(const struct schema_key *key, const char *text, size_t len)
{
    return (key->type == SCHEMA_DURATION || key->type == SCHEMA_SHORT) && isdigit((unsigned char)text[len - 1]);
}

static bool parse_amount(struct settings *settings, const struct schema_key *key, const char *text, size_t len,
                         struct config_reason *why)
{
    for (size_t i = 0; i < SCHEMA_SPECIALS_MAX && key->special[i].word; i++) {
        if (!equals(key->special[i].word, text, len)) continue;
        store(settings, key, key->special[i].value);
        return true;
    }
    uint64_t value = 0;
    size_t rest = 0;
    enum units_status status = units_parse(units_of(key), text, len, &value, &rest);
    const char *zero = special_of(key, 0);
    bool off = value == 0 && zero && strcmp(zero, "off") == 0;
    if (status == UNITS_OK && (off || (value >= key->min && value <= key->max))) {
        store(settings, key, value);
        return true;
    }
    static const char *const nouns[] = {[SCHEMA_NUMBER] = "whole number",
                                        [SCHEMA_SIZE] = "size",
                                        [SCHEMA_DURATION] = "duration",
                                        [SCHEMA_SHORT] = "duration"};
    char expected[128];
    config_value_expected(key, expected, sizeof expected);
    const char *near = schema_suggest_word(key, text, len);
    switch (status) {
    case UNITS_OK:
    case UNITS_OVERFLOW:
        config_reason_set(why, "too %s%s, expected %s", status == UNITS_OK && value < key->min ? "small" : "large",
                          bare_seconds(key, text, len) ? " (a number without unit is seconds)" : "", expected);
        break;
    case UNITS_NEGATIVE: config_reason_set(why, "negative, expected %s", expected); break;
    case UNITS_FRACTION: config_reason_set(why, "not a whole number, expected %s", expected); break;
    case UNITS_LEADING_ZERO: config_reason_set(why, "begins with a needless 0, expected %s", expected); break;
    case UNITS_UNKNOWN: explain_unit(key, text + rest, len - rest, expected, why); break;
    case UNITS_NOT_A_NUMBER:
        config_reason_set(why, near ? "not a %s, expected %s; did you mean \"%s\"?" : "not a %s, expected %s",
                          nouns[key->type], expected, near);
        break;
    }
    return false;
}

static struct settings_addresses *addresses_of(struct settings *settings, const struct schema_key *key)
{
    assert(key->type == SCHEMA_ADDRESSES && key->size == sizeof(struct settings_addresses));
    return (struct settings_addresses *)(void *)((char *)settings + key->offset);
}

const struct settings_addresses *config_value_addresses(const struct settings *settings,
                                                        const struct schema_key *key)
{
    assert(key->type == SCHEMA_ADDRESSES && key->size == sizeof(struct settings_addresses));
    return (const struct settings_addresses *)(const void *)((const char *)settings + key->offset);
}

void config_value_set_addresses(struct settings *settings, const struct schema_key *key,
                                const struct settings_addresses *list)
{
    *addresses_of(settings, key) = *list;
}

void config_value_clear_addresses(struct settings *settings, const struct schema_key *key)
{
    memset(addresses_of(settings, key), 0, sizeof(struct settings_addresses));
}

static bool parse_address(const struct schema_key *key, struct address *out, const char *text, size_t len,
                          struct config_reason *why)
{
    const char *wrong = address_parse(out, slice_of(text, len));
    if (!wrong) return true;
    const char *near = schema_suggest_word(key, text, len);
    config_reason_set(why, near ? "%s; did you mean \"%s\"?" : "%s", wrong, near);
    return false;
}

bool config_value_add_address(struct settings *settings, const struct schema_key *key, const char *text, size_t len,
                              struct config_reason *why)
{
    struct settings_addresses *list = addresses_of(settings, key);
    if (equals("off", text, len)) {
        config_reason_set(why, "off cannot stand in a list, expected an address");
        return false;
    }
    if (list->count == SETTINGS_ADDRESSES_MAX) {
        config_reason_set(why, "too many addresses, expected at most %d", SETTINGS_ADDRESSES_MAX);
        return false;
    }
    if (!parse_address(key, &list->at[list->count], text, len, why)) return false;
    list->count++;
    return true;
}

/* One address or off. A wrong one leaves the list as it was. */
static bool parse_addresses(struct settings *settings, const struct schema_key *key, const char *text, size_t len,
                            struct config_reason *why)
{
    struct address one;
    bool off = equals("off", text, len);
    if (!off && !parse_address(key, &one, text, len, why)) return false;
    config_value_clear_addresses(settings, key);
    if (!off) {
        struct settings_addresses *list = addresses_of(settings, key);
        list->at[0] = one;
        list->count = 1;
    }
    return true;
}

static struct thread_cpus *cpus_of(struct settings *settings, const struct schema_key *key)
{
    assert(key->type == SCHEMA_CPUS && key->size == sizeof(struct thread_cpus));
    return (struct thread_cpus *)(void *)((char *)settings + key->offset);
}

bool config_value_parse(struct settings *settings, const struct schema_key *key, const char *text, size_t len,
                        struct config_reason *why)
{
    if (len == 0) {
        char expected[128];
        config_reason_set(why, "no value, expected %s", config_value_expected(key, expected, sizeof expected));
        return false;
    }
    switch (key->type) {
    case SCHEMA_NUMBER:
    case SCHEMA_SIZE:
    case SCHEMA_DURATION:
    case SCHEMA_SHORT: return parse_amount(settings, key, text, len, why);
    case SCHEMA_WORD: return parse_word(settings, key, text, len, why);
    case SCHEMA_ADDRESSES: return parse_addresses(settings, key, text, len, why);
    case SCHEMA_CPUS: return config_cpus_parse(cpus_of(settings, key), text, len, why);
    }
    return false;
}

static size_t quote(const char *text, char *out)
{
    size_t used = 0;
    out[used++] = '"';
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') out[used++] = '\\';
        out[used++] = *text;
    }
    out[used++] = '"';
    return used;
}

/* Writes an address so that YAML reads it back, quoted if need be; no NUL. Returns the length. */
static size_t quote_address(const char *text, bool always, char *out)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:/?=-";
    size_t len = strlen(text);
    if (!always && isalnum((unsigned char)text[0]) && strspn(text, plain) == len) {
        memcpy(out, text, len);
        return len;
    }
    return quote(text, out);
}

static const char *format_addresses(const struct settings_addresses *list, enum config_value_style style, char *out)
{
    bool json = style == CONFIG_VALUE_JSON, brackets = json || list->count > 1;
    if (list->count == 0) return strcpy(out, json ? "[]" : "off");
    if (list->count == 1 && style == CONFIG_VALUE_PLAIN) return strcpy(out, list->at[0].text);
    size_t used = 0;
    if (brackets) out[used++] = '[';
    for (size_t i = 0; i < list->count; i++) {
        if (i > 0) used += (size_t)sprintf(out + used, ", ");
        used += quote_address(list->at[i].text, json, out + used);
    }
    if (brackets) out[used++] = ']';
    assert(used < CONFIG_VALUE_MAX);
    out[used] = '\0';
    return out;
}

const char *config_value_format(const struct settings *settings, const struct schema_key *key,
                                enum config_value_style style, char out[CONFIG_VALUE_MAX])
{
    if (key->type == SCHEMA_ADDRESSES) return format_addresses(config_value_addresses(settings, key), style, out);
    if (key->type == SCHEMA_CPUS) {
        const char *field = (const char *)settings + key->offset;
        return config_cpus_format((const struct thread_cpus *)(const void *)field, out);
    }
    uint64_t value = fetch(settings, key);
    if (key->type == SCHEMA_WORD) return strcpy(out, key->words[value - key->min]);
    const char *special = special_of(key, value);
    if (special) return strcpy(out, special);
    return units_format(units_of(key), value, out);
}

bool config_value_is_number(const struct settings *settings, const struct schema_key *key)
{
    return key->type == SCHEMA_NUMBER && !special_of(key, fetch(settings, key));
}

const char *config_value_expected(const struct schema_key *key, char *out, size_t capacity)
{
    if (key->type == SCHEMA_ADDRESSES) {
        snprintf(out, capacity, "host:port, [v6]:port, unix:/path, a list of these, or off");
        return out;
    }
    if (key->type == SCHEMA_CPUS) {
        snprintf(out, capacity, "any, or numbers and ranges below %d, as in 0-3,6", THREAD_CPUS_MAX);
        return out;
    }
    if (key->type == SCHEMA_WORD) {
        size_t used = 0;
        for (size_t i = 0; key->words[i]; i++) {
            const char *joint = i == 0 ? "" : key->words[i + 1] ? ", " : " or ";
            used += (size_t)snprintf(out + used, capacity - used, "%s%s", joint, key->words[i]);
            assert(used < capacity);
        }
        return out;
    }
    char min[UNITS_TEXT_MAX], max[UNITS_TEXT_MAX];
    const char *one = key->special[0].word, *two = key->special[1].word;
    snprintf(out, capacity, "%s%s%s%s%s to %s", one ? one : "", two ? ", " : "", two ? two : "", one ? " or " : "",
             units_format(units_of(key), key->min, min), units_format(units_of(key), key->max, max));
    return out;
}
