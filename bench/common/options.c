#include "bench/common/options.h"

#include <assert.h>
#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/units.h"

bool options_complain(const char *command, const char *format, ...)
{
    va_list args;
    fprintf(stderr, "sluice-bench %s: ", command);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, " (see sluice-bench %s --help)\n", command);
    return false;
}

bool options_real(const char *text, double *out)
{
    char *end = NULL;
    uint64_t n = 0;
    if (!isdigit((unsigned char)*text) && *text != '.') return false;
    *out = strtod(text, &end);
    if (*end == '\0' && isfinite(*out)) return true;
    if (!options_count(text, &n)) return false;
    *out = (double)n;
    return true;
}

static bool with_unit(const struct unit *units, const char *text, uint64_t *out)
{
    size_t rest = 0;
    enum units_status status = units_parse(units, text, strlen(text), out, &rest);
    return status == UNITS_OK || status == UNITS_LEADING_ZERO || (status == UNITS_FRACTION && !strchr(text, ','));
}

bool options_count(const char *text, uint64_t *out)
{
    return with_unit(units_count, text, out);
}

bool options_duration(const char *text, uint64_t *out_ns)
{
    return with_unit(units_nanoseconds, text, out_ns);
}

bool options_item(const char **text, char *item, size_t size)
{
    size_t len = *text ? strcspn(*text, ",") : size;
    if (len >= size) return false;
    memcpy(item, *text, len);
    item[len] = '\0';
    *text = (*text)[len] == ',' ? *text + len + 1 : NULL;
    return true;
}

static json_t *store_number(const struct option_spec *spec, const char *text, void *target)
{
    uint64_t n = 0;
    bool count = spec->kind == OPTION_COUNT;
    if (!(count ? options_count(text, &n) : options_duration(text, &n))) return NULL;
    if (n < spec->min || (spec->max && n > spec->max)) return NULL;
    memcpy(target, &n, sizeof n);
    return count ? json_integer((json_int_t)n) : json_real((double)n / 1e9);
}

static json_t *text_json(const char *text)
{
    json_t *json = json_string(text);
    return json ? json : json_string("(not UTF-8)");
}

/* Stores the value and returns it as JSON; NULL when it is malformed. */
static json_t *store(const struct option_spec *spec, const char *text, void *into)
{
    void *target = (char *)into + spec->offset;
    double real = 0;
    switch (spec->kind) {
    case OPTION_FLAG: memcpy(target, &(bool){true}, sizeof(bool)); return json_true();
    case OPTION_TEXT: memcpy(target, &text, sizeof text); return text_json(text);
    case OPTION_COUNT:
    case OPTION_DURATION: return store_number(spec, text, target);
    case OPTION_REAL:
        if (!options_real(text, &real)) return NULL;
        memcpy(target, &real, sizeof real);
        return json_real(real);
    case OPTION_CUSTOM: return spec->take(into, text) ? text_json(text) : NULL;
    }
    return NULL;
}

/* Sets the option's member of `found`; takes over `value`. */
static void tell(json_t *found, const struct option_spec *spec, json_t *value)
{
    char name[64];
    snprintf(name, sizeof name, "%s%s", spec->name, spec->kind == OPTION_DURATION ? "_s" : "");
    for (char *dash = name; (dash = strchr(dash, '-'));)
        *dash = '_';
    json_object_set_new(found, name, value);
}

static const struct option_spec *find(const struct option_table *table, const char *name, size_t len)
{
    for (size_t i = 0; i < table->count; i++) {
        const char *known = table->specs[i].name;
        if (strlen(known) == len && memcmp(known, name, len) == 0) return &table->specs[i];
    }
    return NULL;
}

/* Takes argv[i] and perhaps its value after it; returns how many arguments were taken, 0 after a complaint. */
static int take(const struct option_table *table, int argc, char **argv, int i, void *into, json_t *found)
{
    const char *name = argv[i] + 2;
    size_t len = strncmp(argv[i], "--", 2) == 0 ? strcspn(name, "=") : 0;
    const struct option_spec *spec = len ? find(table, name, len) : NULL;
    if (!spec) return options_complain(argv[0], "no such option: %s", argv[i]);
    const char *text = name[len] == '=' ? name + len + 1 : NULL;
    bool flag = spec->kind == OPTION_FLAG, next = !text && !flag;
    if (flag && text) return options_complain(argv[0], "--%s takes no value", spec->name);
    if (next && i + 1 >= argc)
        return options_complain(argv[0], "--%s lacks its value: %s", spec->name, spec->argument);
    if (next) text = argv[i + 1];
    json_t *value = store(spec, text, into);
    if (!value) return options_complain(argv[0], "--%s cannot be '%s': %s", spec->name, text, spec->help);
    tell(found, spec, value);
    return 1 + next;
}

static void print_help(const struct option_table *table, const char *command)
{
    printf("usage: sluice-bench %s [options]\n\n%s\n\n", command, table->purpose);
    for (size_t i = 0; i < table->count; i++) {
        const struct option_spec *spec = &table->specs[i];
        char left[64];
        snprintf(left, sizeof left, "--%s %s", spec->name, spec->argument ? spec->argument : "");
        printf("  %-25s %s%s%s\n", left, spec->help, spec->preset ? "; default " : "",
               spec->preset ? spec->preset : "");
    }
}

json_t *options_parse(const struct option_table *table, int argc, char **argv, void *into)
{
    json_t *found = json_object();
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") != 0 && strcmp(argv[i], "-h") != 0) continue;
        print_help(table, argv[0]);
        exit(0);
    }
    for (size_t i = 0; i < table->count; i++) {
        const struct option_spec *spec = &table->specs[i];
        json_t *value = spec->preset ? store(spec, spec->preset, into) : json_null();
        assert(value);
        tell(found, spec, spec->kind == OPTION_FLAG ? json_false() : value);
    }
    for (int i = 1, taken = 0; i < argc; i += taken) {
        taken = take(table, argc, argv, i, into, found);
        if (taken) continue;
        json_decref(found);
        return NULL;
    }
    return found;
}
