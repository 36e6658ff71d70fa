#include "bench/common/options.h"

#include <assert.h>
#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "proto/units.h"

#define HELP_COLUMN 28
#define HELP_WIDTH  110

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

    if (!isdigit((unsigned char)*text) && *text != '.') return false;
    double n = strtod(text, &end);
    if (*end != '\0' || !isfinite(n)) return false;
    *out = n;
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

static bool store_number(const struct option_spec *spec, uint64_t n, void *target)
{
    if (n < spec->min || (spec->max && n > spec->max)) return false;
    memcpy(target, &n, sizeof(n));
    return true;
}

static bool store(const struct option_spec *spec, const char *text, void *into)
{
    void *target = (char *)into + spec->offset;
    uint64_t n = 0;
    double real = 0;

    switch (spec->kind) {
    case OPTION_FLAG: memcpy(target, &(bool){true}, sizeof(bool)); return true;
    case OPTION_TEXT: memcpy(target, &text, sizeof(text)); return true;
    case OPTION_COUNT: return options_count(text, &n) && store_number(spec, n, target);
    case OPTION_DURATION: return options_duration(text, &n) && store_number(spec, n, target);
    case OPTION_REAL:
        if (!options_real(text, &real)) return false;
        memcpy(target, &real, sizeof(real));
        return true;
    case OPTION_CUSTOM: return spec->take(into, text);
    }
    return false;
}

static const struct option_spec *find(const struct option_spec *specs, size_t count, const char *name, size_t len)
{
    for (size_t i = 0; i < count; i++) {
        if (strlen(specs[i].name) == len && memcmp(specs[i].name, name, len) == 0) return &specs[i];
    }
    return NULL;
}

/* Takes argv[i] and perhaps its value after it; returns how many arguments were taken, 0 after a complaint. */
static int take(const struct option_spec *specs, size_t count, int argc, char **argv, int i, void *into)
{
    const char *name = argv[i] + 2;
    size_t len = strncmp(argv[i], "--", 2) == 0 ? strcspn(name, "=") : 0;
    const struct option_spec *spec = len ? find(specs, count, name, len) : NULL;

    if (!spec) {
        options_complain(argv[0], "no such option: %s", argv[i]);
        return 0;
    }
    const char *text = name[len] == '=' ? name + len + 1 : NULL;
    int taken = 1;
    if (spec->kind == OPTION_FLAG) {
        if (text) {
            options_complain(argv[0], "--%s takes no value", spec->name);
            return 0;
        }
    } else if (!text) {
        if (i + 1 >= argc) {
            options_complain(argv[0], "--%s lacks its value: %s", spec->name, spec->argument);
            return 0;
        }
        text = argv[i + 1];
        taken = 2;
    }
    if (!store(spec, text, into)) {
        options_complain(argv[0], "--%s cannot be '%s': %s", spec->name, text, spec->help);
        return 0;
    }
    return taken;
}

bool options_parse(const struct option_spec *specs, size_t count, int argc, char **argv, void *into)
{
    for (int i = 1; i < argc;) {
        int taken = take(specs, count, argc, argv, i, into);
        if (!taken) return false;
        i += taken;
    }
    return true;
}

bool options_want_help(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) return true;
    }
    return false;
}

static void print_wrapped(FILE *out, const char *text, int column)
{
    while (*text) {
        size_t word = strcspn(text, " ");
        if (column > HELP_COLUMN && column + 1 + (int)word > HELP_WIDTH) {
            fprintf(out, "\n%*s", HELP_COLUMN, "");
            column = HELP_COLUMN;
        }
        fprintf(out, "%s%.*s", column > HELP_COLUMN ? " " : "", (int)word, text);
        column += (int)word + (column > HELP_COLUMN);
        text += word;
        text += strspn(text, " ");
    }
    fputc('\n', out);
}

void options_print_help(FILE *out, const struct option_spec *specs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int width = fprintf(out, "  --%s%s%s", specs[i].name, specs[i].argument ? " " : "",
                            specs[i].argument ? specs[i].argument : "");
        if (width >= HELP_COLUMN) {
            fputc('\n', out);
            width = 0;
        }
        fprintf(out, "%*s", HELP_COLUMN - width, "");
        print_wrapped(out, specs[i].help, HELP_COLUMN);
    }
}
