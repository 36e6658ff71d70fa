/*
 * How a log line looks.
 *
 *     ts=2026-01-31T12:00:00.123Z level=info msg="two words" plain=word number=7
 *     {"ts":"2026-01-31T12:00:00.123Z","level":"info","msg":"two words","plain":"word","number":7}
 *
 * Quoted text is escaped as in JSON in both formats, so one reader of strings serves both.
 */
#include "daemon/base/log_line.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "daemon/base/utf8.h"

#define ELLIPSIS "\xE2\x80\xA6"
#define TAIL_MAX 32 /* kept free for the end of a line that was cut */

/* The line being made. Once something did not fit, nothing more is added but the tail. */
struct sink {
    char *out;
    size_t len;
    bool cut;
    bool json;
};

static bool put(struct sink *s, const char *bytes, size_t len)
{
    if (s->cut) return false;
    assert(s->len <= LOG_LINE_MAX - TAIL_MAX);
    if (len > LOG_LINE_MAX - TAIL_MAX - s->len) {
        s->cut = true;
        return false;
    }
    memcpy(s->out + s->len, bytes, len);
    s->len += len;
    return true;
}

static void put_tail(struct sink *s, const char *text)
{
    size_t len = strlen(text);

    assert(len <= LOG_LINE_MAX - s->len);
    memcpy(s->out + s->len, text, len);
    s->len += len;
}

/* Writes the last `width` digits of n. */
static void digits(char *out, uint64_t n, size_t width, unsigned base)
{
    while (width--) {
        out[width] = "0123456789abcdef"[n % base];
        n /= base;
    }
}

static bool put_u64(struct sink *s, uint64_t n)
{
    char text[20];
    size_t width = 1;

    for (uint64_t rest = n / 10; rest; rest /= 10)
        width++;
    digits(text, n, width, 10);
    return put(s, text, width);
}

static bool put_i64(struct sink *s, int64_t n)
{
    if (n >= 0) return put_u64(s, (uint64_t)n);
    return put(s, "-", 1) && put_u64(s, 0 - (uint64_t)n);
}

static bool put_hash(struct sink *s, const struct siphash_key *key, const struct log_field *f)
{
    char text[10] = "\"";

    digits(text + 1, siphash13(key, f->ptr, f->len) >> 32, 8, 16);
    text[9] = '"';
    return s->json ? put(s, text, 10) : put(s, text + 1, 8);
}

/* Characters a terminal or a line reader would act on: controls, line separators, changes of text direction. */
static bool is_control(uint32_t code)
{
    return code < 0x20 || (code >= 0x7F && code < 0xA0) || (code >= 0x2028 && code <= 0x202E) ||
           (code >= 0x2066 && code <= 0x2069);
}

/* Writes the first character of text[0..len) as it stands inside quotes; how many bytes of text that was. */
static size_t put_escaped(struct sink *s, const char *text, size_t len)
{
    uint32_t code;
    size_t used = utf8_decode(text, len, &code);

    if (!used) {
        char bad[5] = "\\\\x"; /* an escaped backslash: JSON has no \x */
        digits(bad + 3, (unsigned char)text[0], 2, 16);
        put(s, bad, sizeof bad);
        return 1;
    }
    if (code == '"' || code == '\\') {
        char escaped[2] = {'\\', (char)code};
        put(s, escaped, sizeof escaped);
    } else if (code == '\n' || code == '\r' || code == '\t') {
        char escaped[2] = {'\\', code == '\n' ? 'n' : code == '\r' ? 'r' : 't'};
        put(s, escaped, sizeof escaped);
    } else if (is_control(code)) {
        char escaped[6] = "\\u";
        digits(escaped + 2, code, 4, 16);
        put(s, escaped, sizeof escaped);
    } else {
        put(s, text, used);
    }
    return used;
}

/* Whether logfmt needs quotes around it. */
static bool needs_quotes(const char *text, size_t len)
{
    if (!len) return true;
    while (len) {
        uint32_t code;
        size_t used = utf8_decode(text, len, &code);
        if (!used || is_control(code) || code == ' ' || code == '"' || code == '=' || code == '\\') return true;
        text += used;
        len -= used;
    }
    return false;
}

/* False when not even its beginning fitted; what fitted only partly ends with an ellipsis. */
static bool put_text(struct sink *s, const char *text, size_t len)
{
    if (len > LOG_LINE_MAX) len = LOG_LINE_MAX; /* more will not fit anyway */

    bool quoted = s->json || needs_quotes(text, len);
    if (quoted && !put(s, "\"", 1)) return false;
    while (len && !s->cut) {
        size_t used = put_escaped(s, text, len);
        text += used;
        len -= used;
    }
    if (quoted) put(s, "\"", 1);
    if (s->cut) put_tail(s, quoted ? ELLIPSIS "\"" : ELLIPSIS);
    return true;
}

static bool put_name(struct sink *s, const char *name)
{
    return put(s, s->json ? ",\"" : " ", s->json ? 2 : 1) && put(s, name, strlen(name)) &&
           put(s, s->json ? "\":" : "=", s->json ? 2 : 1);
}

static bool put_value(struct sink *s, const struct log_line *line, const struct log_field *f)
{
    switch (f->kind) {
    case LOG_FIELD_STR: return put_text(s, f->ptr, f->ptr ? strnlen(f->ptr, LOG_LINE_MAX) : 0);
    case LOG_FIELD_BYTES: return put_text(s, f->ptr, f->len);
    case LOG_FIELD_U64: return put_u64(s, f->number);
    case LOG_FIELD_I64: return put_i64(s, (int64_t)f->number);
    case LOG_FIELD_KEY: return put_hash(s, line->hash_key, f);
    case LOG_FIELD_END: break;
    }
    assert(f->kind != LOG_FIELD_END); /* LOG_AT leaves it out of the count */
    return false;
}

static void put_field(struct sink *s, const struct log_line *line, const struct log_field *f)
{
    size_t before = s->len;

    if (!put_name(s, f->name) || !put_value(s, line, f)) s->len = before;
}

/* ts and level: what always fits. */
static void put_head(struct sink *s, const struct log_line *line)
{
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    char ts[] = "0000-00-00T00:00:00.000Z";
    struct tm t;

    gmtime_r(&line->when.tv_sec, &t);
    digits(ts, (uint64_t)t.tm_year + 1900, 4, 10);
    digits(ts + 5, (uint64_t)t.tm_mon + 1, 2, 10);
    digits(ts + 8, (uint64_t)t.tm_mday, 2, 10);
    digits(ts + 11, (uint64_t)t.tm_hour, 2, 10);
    digits(ts + 14, (uint64_t)t.tm_min, 2, 10);
    digits(ts + 17, (uint64_t)t.tm_sec, 2, 10);
    digits(ts + 20, (uint64_t)line->when.tv_nsec / 1000000U, 3, 10);
    put_tail(s, s->json ? "{\"ts\":\"" : "ts=");
    put_tail(s, ts);
    put_tail(s, s->json ? "\",\"level\":\"" : " level=");
    put_tail(s, levels[line->level]);
    if (s->json) put_tail(s, "\"");
}

size_t log_line_format(char *out, const struct log_line *line)
{
    struct sink s = {.out = out, .json = line->format == LOG_JSON};

    put_head(&s, line);
    put_field(&s, line, &(struct log_field){LOG_FIELD_STR, "msg", line->msg, 0, 0});
    for (size_t i = 0; i < line->count && !s.cut; i++)
        put_field(&s, line, &line->fields[i]);
    if (s.cut) put_tail(&s, s.json ? ",\"truncated\":true" : " truncated=true");
    put_tail(&s, s.json ? "}\n" : "\n");
    return s.len;
}
