/* The settings as YAML, with or without comments, and one by one. */
#include <stdbool.h>
#include <string.h>

#include "config/config.h"
#include "config/print.h"
#include "config/schema.h"
#include "config/value.h"

#define WIDTH 100

void config_wrap(FILE *out, const char *prefix, const char *text, int width)
{
    int column = 0;
    while (*text) {
        int len = (int)strcspn(text, " ");
        if (column > 0 && column + 1 + len > width) {
            fputc('\n', out);
            column = 0;
        }
        column += fprintf(out, "%s%.*s", column > 0 ? " " : prefix, len, text);
        text += len;
        text += strspn(text, " ");
    }
    if (column > 0) fputc('\n', out);
}

/* "  # " at a depth. */
static const char *comment_prefix(char out[64], int indent)
{
    snprintf(out, 64, "%*s# ", indent, "");
    return out;
}

static void print_comment(FILE *out, const struct schema_key *key, int indent)
{
    char prefix[64], expected[128], line[512];
    config_wrap(out, comment_prefix(prefix, indent), key->help, WIDTH);
    config_value_expected(key, expected, sizeof expected);
    snprintf(line, sizeof line, "Takes %s%s%s. Default: %s", expected, key->unit ? " " : "",
             key->unit ? key->unit : "", key->fallback);
    config_wrap(out, prefix, line, WIDTH);
}

/* Opens the sections that `name` is in and `previous` was not. Returns the indent of the key itself. */
static int open_sections(FILE *out, const char *previous, const char *name, bool with_comments)
{
    int indent = 0;
    char prefix[64];
    const char *part = name;
    for (const char *dot = strchr(name, '.'); dot; dot = strchr(part, '.')) {
        size_t len = (size_t)(dot - name);
        bool open = strncmp(previous, name, len + 1) == 0;
        const char *help = schema_section_help(name, len);
        if (!open && with_comments && indent == 0) fputc('\n', out);
        if (!open && with_comments && help) config_wrap(out, comment_prefix(prefix, indent), help, WIDTH);
        if (!open) fprintf(out, "%*s%.*s:\n", indent, "", (int)(dot - part), part);
        indent += 2;
        part = dot + 1;
    }
    if (indent == 0 && with_comments) fputc('\n', out);
    return indent;
}

bool config_print_yaml(const struct settings *settings, FILE *out, bool with_comments)
{
    char value[CONFIG_VALUE_MAX];
    const char *previous = "";
    if (with_comments) {
        fputs("# Sluice configuration. Every key may be left out; it then has its default.\n"
              "# Durations take ms, s, m, h, d (a plain number is seconds); sizes take KiB, MiB, GiB (a plain "
              "number\n"
              "# is bytes). On the command line: sluiced --set queue.bound=64\n",
              out);
    }
    for (size_t i = 0; i < schema_count; i++) {
        const struct schema_key *key = &schema_keys[i];
        int indent = open_sections(out, previous, key->name, with_comments);
        if (with_comments) print_comment(out, key, indent);
        const char *dot = strrchr(key->name, '.');
        fprintf(out, "%*s%s: %s\n", indent, "", dot ? dot + 1 : key->name,
                config_value_format(settings, key, CONFIG_VALUE_YAML, value));
        previous = key->name;
    }
    return fflush(out) == 0 && !ferror(out);
}

void config_visit(const struct settings *settings,
                  void (*visit)(void *ctx, const char *key, const char *value, bool is_literal), void *ctx)
{
    char value[CONFIG_VALUE_MAX];
    for (size_t i = 0; i < schema_count; i++) {
        const struct schema_key *key = &schema_keys[i];
        config_value_format(settings, key, CONFIG_VALUE_JSON, value);
        visit(ctx, key->name, value, key->type == SCHEMA_ADDRESSES || config_value_is_number(settings, key));
    }
}
