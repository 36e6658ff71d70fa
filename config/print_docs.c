/* The keys for people: the part of --help, and docs/config.md. */
#include <string.h>

#include "config/config.h"
#include "config/print.h"
#include "config/schema.h"
#include "config/value.h"

#define HELP_WIDTH 80
#define PAGE_WIDTH 116

static const char intro[] =
    "# Configuration\n"
    "\n"
    "<!-- Generated from config/schema.c. Do not edit. -->\n"
    "\n"
    "`sluiced` reads one YAML file. Every key may be left out and then has its default, so an empty file is fine.\n"
    "\n"
    "| command | what it does |\n"
    "|---|---|\n"
    "| `sluiced --config FILE` | runs with that file |\n"
    "| `sluiced --config FILE --set queue.bound=64` | the same, with one key overridden; may be repeated |\n"
    "| `sluiced --check-config FILE` | says what is wrong with the file, all of it, and exits |\n"
    "| `sluiced --print-config` | prints the settings in force, as a commented file |\n"
    "\n"
    "A mistake is reported as `file:line:column: what is wrong, what was expected`, and the daemon does not "
    "start.\n"
    "Unknown keys, duplicate keys, anchors, aliases, tags and second documents are mistakes.\n"
    "\n"
    "## Values\n"
    "\n"
    "- **Durations**: a whole number with `ms`, `s`, `m`, `h` or `d`; a plain number is seconds. `30m`, `500ms`, "
    "`90`.\n"
    "- **Short durations**: the same with `us`, `ms` or `s`. `800us`, `5ms`.\n"
    "- **Processors**: `any`, or numbers and ranges: `0-3,6`.\n"
    "- **Sizes**: a whole number with `KiB`, `MiB` or `GiB` (powers of 1024); a plain number is bytes. `64KiB`, "
    "`512`.\n"
    "- **Addresses**: one address, a list of up to 16, or `off`.\n"
    "  - `host:port`, such as `127.0.0.1:7811`. Port 0 takes any free port.\n"
    "  - `\"[v6]:port\"`, such as `\"[::1]:7811\"`. YAML needs the quotes; a single one after `--set` does not.\n"
    "  - `unix:/path`, a Unix socket. Its permission bits are 0660, or what the address says:\n"
    "    `unix:/run/sluice.sock?mode=0600`.\n"
    "  - For every interface, write `0.0.0.0:port` or `\"[::]:port\"`; a bare `:port` is refused.\n"
    "- **Lists** after `--set` are written as in YAML: `--set "
    "listen.text=[127.0.0.1:7811,unix:/run/sluice.sock]`.\n"
    "\n";

static const char example[] =
    "## An example\n"
    "\n"
    "A daemon for applications on the same machine and in one private network, with short sessions and a small\n"
    "queue:\n"
    "\n"
    "```yaml\n"
    "listen:\n"
    "  text: [10.0.0.5:7811, \"unix:/run/sluice/sluice.sock?mode=0660\"]\n"
    "threads: 2\n"
    "queue:\n"
    "  bound: 256\n"
    "ttl:\n"
    "  default: 15m\n"
    "  max_lifetime: 12h\n"
    "limits:\n"
    "  value: 256KiB\n"
    "  memory: 2GiB\n"
    "  idle_timeout: 10m\n"
    "log:\n"
    "  format: json\n"
    "```\n"
    "\n";

static const char *type_text(const struct schema_key *key)
{
    static const char *const names[] = {
        [SCHEMA_NUMBER] = "whole number",  [SCHEMA_SIZE] = "size", [SCHEMA_DURATION] = "duration",
        [SCHEMA_SHORT] = "short duration", [SCHEMA_WORD] = "word", [SCHEMA_ADDRESSES] = "addresses",
        [SCHEMA_CPUS] = "processors"};
    return names[key->type];
}

static void print_row(FILE *out, const struct schema_key *key)
{
    const char *sentence = strstr(key->help, ". ");
    int len = sentence ? (int)(sentence - key->help) + 1 : (int)strlen(key->help);
    /* An anchor of a heading is its text without dots. */
    fprintf(out, "| [`%s`](#", key->name);
    for (const char *c = key->name; *c; c++)
        if (*c != '.') fputc(*c, out);
    fprintf(out, ") | `%s` | %.*s |\n", key->fallback, len, key->help);
}

static void print_key(FILE *out, const struct schema_key *key)
{
    char expected[128];
    config_value_expected(key, expected, sizeof expected);
    fprintf(out, "### `%s`\n\n", key->name);
    config_wrap(out, "", key->help, PAGE_WIDTH);
    fprintf(out, "\n| type | default | allowed |\n|---|---|---|\n| %s | `%s` | %s%s%s |\n\n", type_text(key),
            key->fallback, expected, key->unit ? " " : "", key->unit ? key->unit : "");
}

/* A heading for the section that `name` is in, when `previous` was in another. */
static void print_heading(FILE *out, const char *previous, const char *name)
{
    const char *dot = strrchr(name, '.');
    size_t len = dot ? (size_t)(dot - name) : 0;
    const char *last = strrchr(previous, '.');
    size_t last_len = last ? (size_t)(last - previous) : 0;
    if (*previous && len == last_len && memcmp(name, previous, len) == 0) return;
    if (!dot) {
        fputs("## Top level\n\n", out);
        return;
    }
    fprintf(out, "## `%.*s`\n\n", (int)len, name);
    const char *help = schema_section_help(name, len);
    if (help) {
        config_wrap(out, "", help, PAGE_WIDTH);
        fputc('\n', out);
    }
}

bool config_print_markdown(FILE *out)
{
    struct settings defaults;
    config_defaults(&defaults);
    fputs(intro, out);
    fputs("## All keys\n\n| key | default | in short |\n|---|---|---|\n", out);
    for (size_t i = 0; i < schema_count; i++)
        print_row(out, &schema_keys[i]);
    fputc('\n', out);
    const char *previous = "";
    for (size_t i = 0; i < schema_count; i++) {
        print_heading(out, previous, schema_keys[i].name);
        print_key(out, &schema_keys[i]);
        previous = schema_keys[i].name;
    }
    fputs(example, out);
    fputs("## The default file\n\n`config/sluice.yaml` says the same with comments.\n\n```yaml\n", out);
    bool ok = config_print_yaml(&defaults, out, false);
    fputs("```\n", out);
    return ok && fflush(out) == 0 && !ferror(out);
}

bool config_print_help(FILE *out)
{
    char expected[128], line[512];
    fputs("Keys, in the file or as --set KEY=VALUE:\n", out);
    for (size_t i = 0; i < schema_count; i++) {
        const struct schema_key *key = &schema_keys[i];
        fprintf(out, "  %s=%s\n", key->name, key->fallback);
        config_wrap(out, "      ", key->help, HELP_WIDTH);
        config_value_expected(key, expected, sizeof expected);
        snprintf(line, sizeof line, "Takes %s%s%s.", expected, key->unit ? " " : "", key->unit ? key->unit : "");
        config_wrap(out, "      ", line, HELP_WIDTH);
    }
    fputs("Durations take ms, s, m, h, d (a plain number is seconds); sizes take KiB, MiB,\n"
          "GiB (a plain number is bytes). An address is host:port, [v6]:port or unix:/path,\n"
          "a Unix socket with permission bits 0660 unless it ends in ?mode= and others.\n",
          out);
    return fflush(out) == 0 && !ferror(out);
}
