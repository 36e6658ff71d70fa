/* The list of errors of one load. */
#include "config/errors.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct config_errors {
    uint64_t total;
    size_t lines[SCHEMA_KEYS_MAX];        /* of the file, by row of the schema */
    size_t count;                         /* of the texts below */
    char *texts[CONFIG_ERRORS_SHOWN + 1]; /* NULL: memory was out; the last says that there are more */
};

struct config_errors *config_errors_create(void)
{
    return calloc(1, sizeof(struct config_errors));
}

void config_errors_destroy(struct config_errors *errors)
{
    if (!errors) return;
    for (size_t i = 0; i < errors->count; i++)
        free(errors->texts[i]);
    free(errors);
}

size_t config_errors_count(const struct config_errors *errors)
{
    return errors->count;
}

uint64_t config_errors_total(const struct config_errors *errors)
{
    return errors->total;
}

const char *config_errors_at(const struct config_errors *errors, size_t index)
{
    assert(index < errors->count);
    if (index == CONFIG_ERRORS_SHOWN) return "more errors than these, not shown";
    return errors->texts[index] ? errors->texts[index] : "out of memory while reporting a configuration error";
}

void config_errors_add(struct config_errors *errors, const char *format, ...)
{
    errors->total++;
    if (errors->count > CONFIG_ERRORS_SHOWN) return;

    char *text = NULL;
    if (errors->count < CONFIG_ERRORS_SHOWN) {
        va_list args;
        va_start(args, format);
        if (vasprintf(&text, format, args) < 0) text = NULL;
        va_end(args);
    }
    errors->texts[errors->count++] = text;
}

void config_errors_note_line(struct config_errors *errors, const struct schema_key *key, size_t line)
{
    errors->lines[key - schema_keys] = line;
}

size_t config_errors_line(const struct config_errors *errors, const struct schema_key *key)
{
    return errors->lines[key - schema_keys];
}

void config_reason_set(struct config_reason *reason, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(reason->text, sizeof reason->text, format, args);
    va_end(args);
}

const char *config_clean(char *out, size_t capacity, const char *text, size_t len)
{
    static const char more[] = "...";
    assert(capacity > sizeof more + 4);
    size_t used = 0;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        bool hidden = c < 0x20 || c == 0x7f || (c == 0xc2 && i + 1 < len && (unsigned char)text[i + 1] < 0xa0);
        size_t need = hidden ? 4 : 1;
        /* Cut only where a UTF-8 sequence starts, so that what is shown stays UTF-8. */
        bool starts = (c & 0xc0) != 0x80;
        if (used + need + 4 + sizeof more > capacity && (starts || used + need + sizeof more > capacity)) {
            memcpy(out + used, more, sizeof more);
            return out;
        }
        used += (size_t)snprintf(out + used, capacity - used, hidden ? "\\x%02x" : "%c", c);
    }
    out[used] = '\0';
    return out;
}
