/* Results for people. */
#include "clients/cli/output.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

#include "clients/cli/json.h"

enum exit_code output_exit_code(enum sluice_status status)
{
    switch (status) {
    case SLUICE_OK: return EXIT_OK;
    case SLUICE_NOT_FOUND: return EXIT_NOT_FOUND;
    case SLUICE_BAD_ARGUMENT: return EXIT_USAGE;
    case SLUICE_CANNOT_CONNECT:
    case SLUICE_TIMEOUT:
    case SLUICE_DISCONNECTED:
    case SLUICE_PROTOCOL: return EXIT_CANNOT_CONNECT;
    case SLUICE_OVERLOADED:
    case SLUICE_LATE: return EXIT_OVERLOADED;
    case SLUICE_CONFLICT: return EXIT_REFUSED;
    case SLUICE_SERVER_ERROR:
    case SLUICE_NO_MEMORY: break;
    }
    return EXIT_SERVER_ERROR;
}

const char *output_duration(char *to, size_t size, int64_t ms)
{
    int64_t s = ms / 1000;

    if (ms < 0)
        snprintf(to, size, "never");
    else if (ms < 1000)
        snprintf(to, size, "%" PRId64 "ms", ms);
    else if (s < 60)
        snprintf(to, size, "%" PRId64 ".%" PRId64 "s", s, ms % 1000 / 100);
    else if (s < 3600)
        snprintf(to, size, "%" PRId64 "m %" PRId64 "s", s / 60, s % 60);
    else if (s < 86400)
        snprintf(to, size, "%" PRId64 "h %" PRId64 "m", s / 3600, s / 60 % 60);
    else
        snprintf(to, size, "%" PRId64 "d %" PRId64 "h", s / 86400, s / 3600 % 24);
    return to;
}

/* What a terminal would take for a command, and what is no text, as \xNN; line ends and tabs stay. */
static void print_escaped(FILE *out, struct sluice_bytes text)
{
    mbstate_t state = {0};

    for (size_t i = 0; i < text.len;) {
        wchar_t c = 0;
        size_t n = mbrtowc(&c, text.data + i, text.len - i, &state);
        if (n == 0 || n > text.len - i) { /* a zero byte, or no character */
            state = (mbstate_t){0};
            n = 1;
            c = 0;
        }
        if (c == '\n' || c == '\t' || (c != 0 && iswprint((wint_t)c)))
            fwrite(text.data + i, 1, n, out);
        else
            for (size_t k = 0; k < n; k++)
                fprintf(out, "\\x%02x", (unsigned)(unsigned char)text.data[i + k]);
        i += n;
    }
}

static void print_value(const struct output *o, const struct sluice_result *r)
{
    char left[48];

    if (o->escape)
        print_escaped(o->out, r->body);
    else
        fwrite(r->body.data, 1, r->body.len, o->out);
    if (o->newline && (r->body.len == 0 || r->body.data[r->body.len - 1] != '\n')) fputc('\n', o->out);
    if (!o->verbose) return;
    fflush(o->out);
    if (r->ttl_ms < 0) {
        fprintf(o->err, "version %" PRIu64 ", never expires\n", r->version);
    } else {
        fprintf(o->err, "version %" PRIu64 ", expires in %s\n", r->version,
                output_duration(left, sizeof left, r->ttl_ms));
    }
}

void output_plain_lines(struct buffer *to, struct sluice_bytes lines)
{
    for (size_t i = 0; i < lines.len; i++) {
        bool ends = lines.data[i] == '\r' && i + 1 < lines.len && lines.data[i + 1] == '\n';
        if (!ends) buffer_append(to, lines.data + i, 1);
    }
}

static void print_text(const struct output *o, struct sluice_bytes text)
{
    struct buffer plain = {0};

    output_plain_lines(&plain, text);
    if (!plain.failed) text = sluice_bytes(plain.data, plain.len);
    fwrite(text.data, 1, text.len, o->out);
    if (text.len == 0 || text.data[text.len - 1] != '\n') fputc('\n', o->out);
    buffer_free(&plain);
}

static void print_success(const struct output *o, const struct command *command, const struct sluice_result *r)
{
    if (o->interactive && r->tag[0] != '\0') fprintf(o->out, "@tag=%s ", r->tag);
    switch (command->verb) {
    case VERB_GET: print_value(o, r); break;
    case VERB_PUT:
    case VERB_TOUCH: fprintf(o->out, "OK %" PRIu64 "\n", r->version); break;
    case VERB_CONFIG_SET:
    case VERB_DELETE: fputs("OK\n", o->out); break;
    case VERB_LEN: fprintf(o->out, "%" PRIu64 "\n", r->count); break;
    case VERB_PING: fputs("PONG\n", o->out); break;
    case VERB_STATS:
    case VERB_CONFIG: json_print_indented(o->out, r->body); break;
    case VERB_HELP:
    case VERB_VERSION: print_text(o, r->body); break;
    case VERB_NONE:
    case VERB_WATCH:
    case VERB_COUNT: break;
    }
}

static void print_conflict(const struct output *o, const struct command *command, const struct sluice_result *r)
{
    if (r->version == 0) {
        fprintf(o->err, "sluice: %s refused: there is no session %.*s\n", verb_name(command->verb),
                (int)command->key.len, command->key.data);
    } else {
        fprintf(o->err, "sluice: %s refused: the session %.*s has version %" PRIu64 "\n", verb_name(command->verb),
                (int)command->key.len, command->key.data, r->version);
    }
}

/* The request may have been executed, or not. */
static void print_unknown(const struct output *o, const struct command *command, const struct sluice *s,
                          const char *advice)
{
    enum verb verb = command->verb;

    if (verb == VERB_PUT || verb == VERB_TOUCH || verb == VERB_DELETE) {
        fprintf(o->err, "sluice: %s; whether it did the %s is unknown: look with get before doing it again%s\n",
                sluice_error_text(s), verb_name(verb), advice);
    } else {
        fprintf(o->err, "sluice: %s; nothing was changed: try again%s\n", sluice_error_text(s), advice);
    }
}

/* What went wrong, where, and what to do. */
static void print_failure(const struct output *o, const struct command *command, const struct sluice_result *r,
                          const struct sluice *s)
{
    if (o->interactive && !o->json && r->tag[0] != '\0') fprintf(o->err, "@tag=%s ", r->tag);
    switch (r->status) {
    case SLUICE_NOT_FOUND:
        fprintf(o->err, "sluice: no session %.*s\n", (int)command->key.len, command->key.data);
        break;
    case SLUICE_CONFLICT: print_conflict(o, command, r); break;
    case SLUICE_OVERLOADED:
        if (r->retry_ms < 0) {
            fprintf(o->err, "sluice: %s is overloaded and asks not to be tried again\n", sluice_address(s));
        } else {
            fprintf(o->err, "sluice: %s is overloaded; try again in %" PRId64 " ms\n", sluice_address(s),
                    r->retry_ms);
        }
        break;
    case SLUICE_LATE:
        fprintf(o->err, "sluice: %s did not get to it before its deadline\n", sluice_address(s));
        break;
    case SLUICE_TIMEOUT: print_unknown(o, command, s, o->interactive ? "" : " (--timeout waits longer)"); break;
    case SLUICE_DISCONNECTED: print_unknown(o, command, s, ""); break;
    default: fprintf(o->err, "sluice: %s\n", sluice_error_text(s)); break;
    }
}

enum exit_code output_flush(FILE *out, FILE *err, const char *what)
{
    if (fflush(out) == 0 && !ferror(out)) return EXIT_OK;
    fprintf(err, "sluice: cannot write %s: %s\n", what, strerror(errno));
    return EXIT_SERVER_ERROR;
}

enum exit_code output_result(const struct output *o, const struct command *command,
                             const struct sluice_result *result, const struct sluice *s)
{
    bool ok = true;

    if (o->json)
        ok = json_print_result(o->out, command, result, sluice_error_text(s));
    else if (result->status == SLUICE_OK)
        print_success(o, command, result);
    if (result->status != SLUICE_OK) print_failure(o, command, result, s);
    if (output_flush(o->out, o->err, "the result") != EXIT_OK) return EXIT_SERVER_ERROR;
    if (!ok) {
        fprintf(o->err, "sluice: no memory for the result as JSON\n");
        return EXIT_SERVER_ERROR;
    }
    return output_exit_code(result->status);
}

void output_refused(const struct output *o, const char *why)
{
    if (o->json) json_print_failure(o->out, SLUICE_BAD_ARGUMENT, why);
    fflush(o->out);
    fprintf(o->err, "sluice: %s\n", why);
}

/* What may help whoever could not connect. */
static const char *connect_advice(const struct sluice *s)
{
    switch (sluice_system_error(s)) {
    case ECONNREFUSED:
    case ENOENT: return "; is sluiced running? Start it with `sluiced`";
    case 0: return "; is the name right?";
    default: return "; is it the right address?";
    }
}

enum exit_code output_no_connection(const struct output *o, enum sluice_status status, const struct sluice *s,
                                    const char *url_from)
{
    const char *where = !url_from ? "" : url_from;

    if (o->json && o->interactive) json_print_failure(o->out, status, sluice_error_text(s));
    fflush(o->out);
    if (status == SLUICE_CANNOT_CONNECT) {
        fprintf(o->err, "sluice: %s%s%s\n", sluice_error_text(s), connect_advice(s),
                o->interactive ? "" : ", or say where it is with --host, --port, --socket or SLUICE_URL");
    } else {
        fprintf(o->err, "sluice: %s%s%s\n", where, *where == '\0' ? "" : ": ", sluice_error_text(s));
    }
    return output_exit_code(status);
}
