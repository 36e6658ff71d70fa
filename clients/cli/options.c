/* The table of options, and getopt_long fed from it. */
#include "clients/cli/options.h"

#include <assert.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "clients/cli/place.h"
#include "proto/number.h"
#include "proto/text/grammar.h"
#include "proto/text/text.h"

enum {
    NO_OPTION = 1, /* what getopt_long says of other arguments */
    ID_HOST = 'H',
    ID_PORT = 'P',
    ID_SOCKET = 's',
    ID_URL = 'u',
    ID_TTL = 't',
    ID_IF = 'i',
    ID_JSON = 'j',
    ID_TIMEOUT = 'T',
    ID_INTERVAL = 'n',
    ID_COUNT = 'c',
    ID_VERBOSE = 'v',
    ID_HELP = 'h',
    ID_VERSION = 'V',
    ID_TAG = 256,
    ID_CLASS,
    ID_DEADLINE,
    ID_RETRIES,
    ID_RAW
};

#define FOR(verb)    (1U << (verb))
#define FOR_ALL      (~0U)
#define FOR_CHANGES  (FOR(VERB_PUT) | FOR(VERB_TOUCH) | FOR(VERB_DELETE))
#define FOR_REQUESTS (FOR_ALL & ~FOR(VERB_NONE) & ~FOR(VERB_WATCH))

struct row {
    int id; /* the short option, or above 255 where there is none */
    const char *name;
    const char *argument; /* NULL: takes none */
    uint32_t verbs;       /* which it goes with */
    const char *help;
};

static const struct row rows[] = {
    {ID_HOST, "host", "HOST", FOR_ALL, "name or address of the server (default: 127.0.0.1)"},
    {ID_PORT, "port", "PORT", FOR_ALL, "its TCP port (default: 7811)"},
    {ID_SOCKET, "socket", "PATH", FOR_ALL, "connect to a Unix socket instead"},
    {ID_URL, "url", "URL", FOR_ALL, "all of that in one: sluice://host:port or unix:/path"},
    {ID_TTL, "ttl", "TTL", FOR(VERB_PUT),
     "lifetime: 30m, 12h, 1800 (seconds), never, at most 3650d; default -: the server's"},
    {ID_IF, "if", "CONDITION", FOR_CHANGES, "do it only if: absent, present, or the session has this version"},
    {ID_DEADLINE, "deadline", "TIME", FOR_REQUESTS, "the server is not to start it later than this"},
    {ID_CLASS, "class", "CLASS", FOR_REQUESTS, "under overload: critical, normal or sheddable"},
    {ID_TAG, "tag", "TAG", FOR_REQUESTS, "a mark for the request, echoed in --json"},
    {ID_TIMEOUT, "timeout", "TIME", FOR_ALL, "wait this long to connect, and for a reply (default: 5s, 10s)"},
    {ID_RETRIES, "retries", "N", FOR_ALL, "if the server is overloaded, try again up to N times (default: 2)"},
    {ID_JSON, "json", NULL, FOR_ALL & ~FOR(VERB_WATCH), "results as JSON"},
    {ID_RAW, "raw", NULL, FOR_ALL & ~FOR(VERB_WATCH),
     "on a terminal too, values as they are, bytes that control it included"},
    {ID_VERBOSE, "verbose", NULL, FOR_ALL & ~FOR(VERB_WATCH), "get: version and lifetime on standard error"},
    {ID_INTERVAL, "interval", "TIME", FOR(VERB_WATCH), "time between two readings (default: 1s)"},
    {ID_COUNT, "count", "N", FOR(VERB_WATCH), "end after N readings"},
    {ID_HELP, "help", NULL, FOR_ALL, "this text"},
    {ID_VERSION, "version", NULL, FOR_ALL, "this program's version"},
};

enum { ROWS = sizeof rows / sizeof rows[0] };

void usage_error_set(struct usage_error *error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(error->text, sizeof error->text, format, args);
    va_end(args);
}

static const struct row *find(int id)
{
    for (size_t i = 0; i < ROWS; i++)
        if (rows[i].id == id) return &rows[i];
    return NULL;
}

/* Expected something else. */
static bool refuse(struct usage_error *error, const struct row *row, const char *expected, const char *got)
{
    usage_error_set(error, "--%s: expected %s, got '%.100s'", row->name, expected, got);
    return false;
}

static bool parse_time(struct usage_error *error, const struct row *row, const char *text, uint64_t max,
                       uint64_t *ms)
{
    enum ttl_kind kind = TTL_DEFAULT;

    if (!number_parse_ttl(slice_text(text), &kind, ms) || kind != TTL_RELATIVE || *ms > max)
        return refuse(error, row, "a time such as 500ms, 5s or 2m", text);
    return true;
}

static bool parse_condition(struct sluice_request_options *request, const char *text)
{
    if (strcmp(text, "absent") == 0)
        request->condition = SLUICE_IF_ABSENT;
    else if (strcmp(text, "present") == 0)
        request->condition = SLUICE_IF_PRESENT;
    else if (number_parse(slice_text(text), UINT64_MAX, &request->version) && request->version > 0)
        request->condition = SLUICE_IF_VERSION;
    else
        return false;
    return true;
}

static bool parse_class(struct sluice_request_options *request, const char *text)
{
    request->priority = (enum sluice_priority)text_class_find(slice_text(text));
    return request->priority != SLUICE_PRIORITY_DEFAULT;
}

/* The options that say how a request is to be done. */
static bool set_request(struct options *o, const struct row *row, const char *text, struct usage_error *error)
{
    switch (row->id) {
    case ID_TTL:
        if (sluice_parse_ttl(text, &o->ttl_ms) == SLUICE_OK) return true;
        return refuse(error, row, LIFETIMES, text);
    case ID_IF:
        if (parse_condition(&o->request, text)) return true;
        return refuse(error, row, "absent, present or a version number", text);
    case ID_CLASS:
        if (parse_class(&o->request, text)) return true;
        return refuse(error, row, "critical, normal or sheddable", text);
    case ID_TAG:
        o->request.tag = text;
        if (text_tag_valid(slice_text(text))) return true;
        return refuse(error, row, "1 to 32 letters, digits, '-' or '_'", text);
    case ID_DEADLINE: return parse_time(error, row, text, TTL_MAX_MS, &o->request.deadline_ms);
    default: assert(false); return false;
    }
}

static bool set(struct options *o, const struct row *row, const char *text, struct usage_error *error)
{
    uint64_t n = 0;

    switch (row->id) {
    case ID_HOST: o->host = text; return true;
    case ID_SOCKET: o->socket = text; return true;
    case ID_URL:
        o->url = text;
        o->url_from = "--url";
        return true;
    case ID_PORT:
        if (!number_parse(slice_text(text), UINT16_MAX, &n) || n == 0)
            return refuse(error, row, "1 to 65535", text);
        o->port = (uint16_t)n;
        return true;
    case ID_TIMEOUT:
        if (!parse_time(error, row, text, INT_MAX, &n)) return false;
        o->timeout_ms = (int)n;
        return true;
    case ID_RETRIES:
        if (!number_parse(slice_text(text), 100, &n)) return refuse(error, row, "0 to 100", text);
        o->retries = (int)n;
        return true;
    case ID_INTERVAL:
        if (!parse_time(error, row, text, INT_MAX, &n)) return false;
        o->interval_ms = (int)n;
        return true;
    case ID_COUNT:
        if (number_parse(slice_text(text), UINT64_MAX, &o->count) && o->count > 0) return true;
        return refuse(error, row, "a positive number", text);
    case ID_JSON: o->json = true; return true;
    case ID_RAW: o->raw = true; return true;
    case ID_VERBOSE: o->verbose = true; return true;
    case ID_HELP: o->help = true; return true;
    case ID_VERSION: o->version = true; return true;
    default: return set_request(o, row, text, error);
    }
}

/* What getopt_long wants, made of the table. */
static void make_getopt(struct option *longs, char *shorts)
{
    *shorts++ = '-'; /* arguments in their order, each as NO_OPTION: who counts them knows which stood behind -- */
    *shorts++ = ':';
    for (size_t i = 0; i < ROWS; i++) {
        longs[i] = (struct option){
            .name = rows[i].name, .has_arg = rows[i].argument ? required_argument : no_argument, .val = rows[i].id};
        if (rows[i].id > UCHAR_MAX) continue;
        *shorts++ = (char)rows[i].id;
        if (rows[i].argument) *shorts++ = ':';
    }
    longs[ROWS] = (struct option){0};
    *shorts = '\0';
}

static void note_misfits(struct options *o, const struct row *row)
{
    for (int v = 0; v < VERB_COUNT; v++) {
        if ((row->verbs & FOR(v)) != 0) continue;
        o->not_for |= FOR(v);
        o->last_misfit[v] = row->name;
    }
}

/* getopt_long has met something that it does not know; optopt is 0 if it was a long option. */
static void set_unknown(struct usage_error *error, const char *argument)
{
    const struct row *row = optopt == 0 ? NULL : find(optopt);

    if (row)
        usage_error_set(error, "--%s takes no value", row->name);
    else if (optopt == 0)
        usage_error_set(error, "unknown or ambiguous option %.100s", argument);
    else
        usage_error_set(error, "unknown option -%c (write -- in front of a value that begins with -)", optopt);
}

/* The option that getopt_long has found, optarg its value; `argument` holds it. */
static bool take(struct options *o, int id, const char *argument, struct usage_error *error)
{
    const struct row *row = find(id);

    if (id == ':') {
        usage_error_set(error, "%.100s needs a value", argument);
    } else if (!row) {
        set_unknown(error, argument);
    } else if (set(o, row, optarg, error)) {
        note_misfits(o, row);
        return true;
    }
    return false;
}

bool options_parse(struct options *options, int argc, char **argv, int *first, struct usage_error *error)
{
    struct option longs[ROWS + 1];
    char shorts[2 * ROWS + 3];
    int id = 0;

    int arguments = 0;

    *options = (struct options){.ttl_ms = SLUICE_TTL_DEFAULT, .interval_ms = 1000, .retries = 2};
    make_getopt(longs, shorts);
    opterr = 0;
    while ((id = getopt_long(argc, argv, shorts, longs, NULL)) != -1)
        if (id == NO_OPTION)
            argv[++arguments] = optarg; /* over what has been read */
        else if (!take(options, id, argv[optind - 1], error))
            return false;
    options->literal = argc - optind;
    *first = optind - arguments;
    memmove(argv + *first, argv + 1, (size_t)arguments * sizeof *argv);
    return place_settle(options, error);
}

bool options_fit(const struct options *options, enum verb verb, struct usage_error *error)
{
    if ((options->not_for & FOR(verb)) == 0) return true;
    if (verb == VERB_TOUCH && strcmp(options->last_misfit[verb], "ttl") == 0)
        usage_error_set(error, "the lifetime is an argument of touch, not an option: sluice touch KEY TTL");
    else if (verb == VERB_NONE)
        usage_error_set(error, "--%s needs a verb to go with", options->last_misfit[verb]);
    else
        usage_error_set(error, "--%s does not go with %s", options->last_misfit[verb], verb_name(verb));
    return false;
}

void options_print(FILE *out)
{
    for (size_t i = 0; i < ROWS; i++) {
        char left[64];
        int n = rows[i].id <= UCHAR_MAX ? snprintf(left, sizeof left, "-%c, ", rows[i].id)
                                        : snprintf(left, sizeof left, "    ");
        snprintf(left + n, sizeof left - (size_t)n, "--%s %s", rows[i].name,
                 rows[i].argument ? rows[i].argument : "");
        fprintf(out, "  %-22s %s\n", left, rows[i].help);
    }
}

struct sluice_options options_connection(const struct options *options)
{
    return (struct sluice_options){
        .url = options->url,
        .host = options->host,
        .port = options->port,
        .unix_path = options->socket,
        .connect_timeout_ms = options->timeout_ms,
        .request_timeout_ms = options->timeout_ms,
        .reply_max = TEXT_COUNT_MAX,
        /* A person's few requests: always sent, so that what is seen is what the server says. */
        .retry = {.attempts = options->retries + 1, .throttle = -1},
    };
}
