#include "daemon/admin/document.h"

#include <stdio.h>
#include <string.h>

#include "daemon/base/utf8.h"

/* ---- names ---- */

static size_t count_dots(const char *name)
{
    size_t dots = 0;
    for (; *name; name++)
        dots += *name == '.';
    return dots;
}

static void close_objects(struct document *j, size_t count)
{
    for (; count > 0; count--)
        buffer_append_text(j->out, "}");
}

static void put_name(struct document *j, const char *name, size_t len)
{
    buffer_append_text(j->out, "\"");
    buffer_append(j->out, name, len);
    buffer_append_text(j->out, "\":");
}

/* From the latest member to this one: out of the groups that it is not in, and into its own. */
static void begin_member(struct document *j, const char *name)
{
    size_t common = 0;
    const char *dot;
    if (j->last) {
        for (size_t i = 0; j->last[i] == name[i] && name[i]; i++)
            if (name[i] == '.') common = i + 1;
        close_objects(j, count_dots(j->last + common));
        buffer_append_text(j->out, ",");
    }
    j->last = name;
    for (name += common; (dot = strchr(name, '.')) != NULL; name = dot + 1) {
        put_name(j, name, (size_t)(dot - name));
        buffer_append_text(j->out, "{");
    }
    put_name(j, name, strlen(name));
}

struct document document_begin(struct buffer *out)
{
    buffer_append_text(out, "{");
    return (struct document){.out = out};
}

void document_end(struct document *j)
{
    if (j->last) close_objects(j, count_dots(j->last));
    buffer_append_text(j->out, "}");
}

/* ---- values ---- */

void document_number(struct document *j, const char *name, uint64_t n)
{
    begin_member(j, name);
    buffer_append_u64(j->out, n < INT64_MAX ? n : INT64_MAX);
}

void document_real(struct document *j, const char *name, double n)
{
    char text[64];
    int len = snprintf(text, sizeof text, "%.3f", n);
    while (len > 1 && text[len - 1] == '0' && text[len - 2] != '.')
        len--;
    begin_member(j, name);
    buffer_append(j->out, text, (size_t)len);
}

/* A character as it stands between quotes. */
static void put_escaped(struct buffer *out, const char *bytes, size_t len, uint32_t code)
{
    static const char letters[] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    char escaped[8];
    if (code == '"' || code == '\\')
        snprintf(escaped, sizeof escaped, "\\%c", (char)code);
    else if (code < sizeof letters && letters[code])
        snprintf(escaped, sizeof escaped, "\\%c", letters[code]);
    else if (code < 0x20)
        snprintf(escaped, sizeof escaped, "\\u%04X", (unsigned)code);
    else {
        buffer_append(out, bytes, len);
        return;
    }
    buffer_append_text(out, escaped);
}

void document_text(struct document *j, const char *name, const char *text)
{
    size_t left = strlen(text);
    begin_member(j, name);
    buffer_append_text(j->out, "\"");
    while (left > 0) {
        uint32_t code;
        size_t used = utf8_decode(text, left, &code);
        if (used > 0)
            put_escaped(j->out, text, used, code);
        else
            buffer_append_text(j->out, "\xEF\xBF\xBD");
        if (used == 0) used = 1;
        text += used;
        left -= used;
    }
    buffer_append_text(j->out, "\"");
}

void document_literal(struct document *j, const char *name, const char *text)
{
    begin_member(j, name);
    buffer_append_text(j->out, text);
}

struct document document_object(struct document *j, const char *name)
{
    begin_member(j, name);
    return document_begin(j->out);
}
