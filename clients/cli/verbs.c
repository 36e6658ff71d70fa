/* The table of verbs. */
#include "clients/cli/verbs.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

struct row {
    const char *name;
    const char *arguments;
    int count;
    const char *help;
};

static const struct row rows[VERB_COUNT] = {
    [VERB_NONE] = {"", "", 0, "a prompt on a terminal; else lines of the protocol in, replies out"},
    [VERB_GET] = {"get", "KEY", 1, "write the session's value, byte for byte"},
    [VERB_PUT] = {"put", "KEY [TTL] VALUE", 2, "store a session; VALUE - reads standard input; TTL: or --ttl"},
    [VERB_DELETE] = {"delete", "KEY", 1, "delete a session"},
    [VERB_TOUCH] = {"touch", "KEY TTL", 2, "set a session's lifetime: 30m, 12h, 500ms, never, or - (default)"},
    [VERB_LEN] = {"len", "", 0, "the number of unexpired sessions"},
    [VERB_PING] = {"ping", "", 0, "is the server there?"},
    [VERB_STATS] = {"stats", "", 0, "what the server counts, as JSON"},
    [VERB_CONFIG] = {"config", "", 0, "the server's settings in force, as JSON"},
    [VERB_CONFIG_SET] = {"config set", "KEY VALUE", 2,
                         "change a setting while the server runs: config set queue.bound 64"},
    [VERB_HELP] = {"help", "", 0, "the verbs of the protocol, as the server lists them"},
    [VERB_VERSION] = {"version", "", 0, "the server's version (this program's: --version)"},
    [VERB_WATCH] = {"watch", "", 0, "the server's statistics, live; see --interval, --count"},
};

const char *verb_name(enum verb verb)
{
    assert(verb < VERB_COUNT);
    return rows[verb].name;
}

const char *verb_arguments(enum verb verb)
{
    assert(verb < VERB_COUNT);
    return rows[verb].arguments;
}

int verb_argument_count(enum verb verb)
{
    assert(verb < VERB_COUNT);
    return rows[verb].count;
}

enum verb verb_find(struct slice name)
{
    for (int v = VERB_GET; v < VERB_COUNT; v++)
        if (strlen(rows[v].name) == name.len && strncasecmp(rows[v].name, name.ptr, name.len) == 0)
            return (enum verb)v;
    return VERB_COUNT;
}

void verbs_print(FILE *out)
{
    for (int v = VERB_GET; v < VERB_COUNT; v++)
        fprintf(out, "  %-10s %-15s %s\n", rows[v].name, rows[v].arguments, rows[v].help);
    fprintf(out, "  %-10s %-15s %s\n", "(none)", "", rows[VERB_NONE].help);
}
