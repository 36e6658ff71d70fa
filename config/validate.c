/* What concerns several keys at once. */
#include <inttypes.h>
#include <string.h>

#include "config/errors.h"
#include "config/schema.h"
#include "config/value.h"

#define REPLY_HEADER 256  /* more than what stands around a value in a reply */
#define WHERE_MAX    4200 /* bytes of a file's name and a line */
#define LINE_EXTRA   256  /* modifiers, verb, lifetime and a counted value's length around a key */

struct check {
    const struct settings *settings;
    const char *name;
    struct config_errors *errors;
};

/* "file:7", the line of the first key if the file has it, else of the second; else only the file. */
static const char *where(const struct check *c, const char *one, const char *two, char out[WHERE_MAX])
{
    size_t line = config_errors_line(c->errors, schema_find(one, strlen(one)));
    if (line == 0) line = config_errors_line(c->errors, schema_find(two, strlen(two)));
    if (line == 0) return c->name;
    snprintf(out, WHERE_MAX, "%s:%zu", c->name, line);
    return out;
}

static void complain(const struct check *c, const char *text)
{
    config_errors_add(c->errors, "%s: %s", c->name, text);
}

static uint64_t listeners(const struct settings *settings)
{
    uint64_t count = 0;
    for (size_t i = 0; i < schema_count; i++)
        if (schema_keys[i].type == SCHEMA_ADDRESSES)
            count += config_value_addresses(settings, &schema_keys[i])->count;
    return count;
}

/* Compares one address with all that come after it, over all keys. */
static void check_address(const struct check *c, size_t row, size_t index)
{
    char at[WHERE_MAX];
    const struct address *a = &config_value_addresses(c->settings, &schema_keys[row])->at[index];
    for (size_t i = row; i < schema_count; i++) {
        if (schema_keys[i].type != SCHEMA_ADDRESSES) continue;
        const struct settings_addresses *list = config_value_addresses(c->settings, &schema_keys[i]);
        for (size_t j = i == row ? index + 1 : 0; j < list->count; j++) {
            if (!address_same(a, &list->at[j])) continue;
            if (i == row) {
                config_errors_add(c->errors, "%s: %s names %s twice, expected each address once",
                                  where(c, schema_keys[row].name, schema_keys[row].name, at), schema_keys[row].name,
                                  list->at[j].text);
                continue;
            }
            config_errors_add(c->errors, "%s: %s and %s both listen on %s, expected each address once",
                              where(c, schema_keys[i].name, schema_keys[row].name, at), schema_keys[row].name,
                              schema_keys[i].name, list->at[j].text);
        }
    }
}

static void check_listeners(const struct check *c)
{
    if (listeners(c->settings) == 0)
        complain(c, "every listener is off, expected at least one address, such as listen.text: 127.0.0.1:7811");
    for (size_t i = 0; i < schema_count; i++) {
        if (schema_keys[i].type != SCHEMA_ADDRESSES) continue;
        for (size_t j = 0; j < config_value_addresses(c->settings, &schema_keys[i])->count; j++)
            check_address(c, i, j);
    }
}

/* "limits.value is 1MiB": a key and its value, for messages that compare two. */
static const char *shown(const struct check *c, const char *name, char out[128])
{
    char value[CONFIG_VALUE_MAX];
    const struct schema_key *key = schema_find(name, strlen(name));
    snprintf(out, 128, "%s is %.60s", name, config_value_format(c->settings, key, CONFIG_VALUE_PLAIN, value));
    return out;
}

static void check_sizes(const struct check *c)
{
    const struct settings *s = c->settings;
    char a[128], b[128], at[WHERE_MAX];
    if (s->limits.output_hard < s->limits.output_soft) {
        config_errors_add(c->errors, "%s: %s, but %s, expected output_hard to be at least output_soft",
                          where(c, "limits.output_hard", "limits.output_soft", at),
                          shown(c, "limits.output_hard", a), shown(c, "limits.output_soft", b));
    }
    if (s->limits.output_hard < s->limits.value + REPLY_HEADER) {
        config_errors_add(
            c->errors, "%s: %s, but %s, expected output_hard to be at least %" PRIu64 " (one value and its header)",
            where(c, "limits.output_hard", "limits.value", at), shown(c, "limits.output_hard", a),
            shown(c, "limits.value", b), s->limits.value + REPLY_HEADER);
    }
    if (s->limits.line < s->limits.key + LINE_EXTRA) {
        config_errors_add(
            c->errors, "%s: %s, but %s, expected line to be at least %" PRIu64 " (a key and what stands around it)",
            where(c, "limits.line", "limits.key", at), shown(c, "limits.line", a), shown(c, "limits.key", b),
            s->limits.key + LINE_EXTRA);
    }
}

static void check_shards(const struct check *c)
{
    const struct settings *s = c->settings;
    char a[128], b[128], at[WHERE_MAX];
    if (s->shards > 1 && s->backend == BACKEND_MUTEX) {
        config_errors_add(c->errors, "%s: %s, but %s, expected shards to be 1: a mutex pool has mutex.stripes",
                          where(c, "shards", "backend", at), shown(c, "shards", a), shown(c, "backend", b));
    } else if (s->owner.placement == PLACEMENT_LOOP && s->threads != 0 && s->threads != s->shards) {
        config_errors_add(c->errors,
                          "%s: owner.placement is loop, %s, and %s, expected as many threads as shards: each I/O "
                          "thread owns one",
                          where(c, "threads", "shards", at), shown(c, "threads", a), shown(c, "shards", b));
    }
}

bool config_validate(const struct settings *settings, const char *name, struct config_errors *errors)
{
    uint64_t before = config_errors_total(errors);
    struct check c = {settings, name ? name : "configuration", errors};
    char a[128], b[128], at[WHERE_MAX];
    check_listeners(&c);
    if (settings->ttl.default_ms > settings->ttl.max_lifetime_ms) {
        config_errors_add(errors, "%s: %s, but %s, expected default to be at most max_lifetime",
                          where(&c, "ttl.default", "ttl.max_lifetime", at), shown(&c, "ttl.default", a),
                          shown(&c, "ttl.max_lifetime", b));
    }
    if (settings->work.where == WORK_OUTSIDE && settings->backend != BACKEND_MUTEX) {
        config_errors_add(errors, "%s: %s, but %s, expected inside: only the mutex backend can work outside",
                          where(&c, "work.where", "backend", at), shown(&c, "work.where", a),
                          shown(&c, "backend", b));
    }
    check_shards(&c);
    check_sizes(&c);
    return config_errors_total(errors) == before;
}
