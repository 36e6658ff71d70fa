/* YAML events, checked. Marks of libyaml count from 0, messages from 1. */
#include "config/events.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool events_begin(struct events *e, const char *name, const char *assignment, const char *text, size_t len,
                  struct config_errors *errors)
{
    static const char bom[] = "\xef\xbb\xbf";
    memset(e, 0, sizeof *e);
    if (!yaml_parser_initialize(&e->parser)) {
        config_errors_add(errors, "%s: out of memory", name);
        return false;
    }
    e->errors = errors;
    e->name = name;
    e->assignment = assignment;
    e->text = text;
    e->len = len;
    /* Told the encoding, libyaml does not guess UTF-16, and does not skip the mark either. */
    size_t skip = len >= 3 && memcmp(text, bom, 3) == 0 ? 3 : 0;
    yaml_parser_set_encoding(&e->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&e->parser, (const unsigned char *)text + skip, len - skip);
    e->text += skip;
    e->len -= skip;
    return true;
}

void events_end(struct events *e)
{
    yaml_event_delete(&e->event);
    yaml_parser_delete(&e->parser);
}

void events_error(struct events *e, const yaml_mark_t *mark, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (e->assignment)
        config_errors_add(e->errors, "--set %s: %s", e->assignment, text);
    else
        config_errors_add(e->errors, "%s:%zu:%zu: %s", e->name, mark->line + 1, mark->column + 1, text);
}

/* Where the byte at `offset` is; libyaml gives reading errors no mark. Columns count characters. */
static yaml_mark_t mark_at(const struct events *e, size_t offset)
{
    yaml_mark_t mark = {0, 0, 0};
    for (size_t i = 0; i < offset && i < e->len; i++) {
        if (e->text[i] == '\n') {
            mark.line++;
            mark.column = 0;
        } else if (((unsigned char)e->text[i] & 0xc0) != 0x80) {
            mark.column++;
        }
    }
    return mark;
}

/* The line a mark is in, and its bytes from the mark's column on. */
static const char *line_of(const struct events *e, const yaml_mark_t *mark, size_t *len)
{
    const char *at = e->text, *end = e->text + e->len;
    for (size_t line = 0; line < mark->line && at < end; line++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        at = newline ? newline + 1 : end;
    }
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    *len = (size_t)((newline ? newline : end) - at);
    return at;
}

/* The two slips that YAML's own words explain badly. */
static const char *hint(const struct events *e, const yaml_mark_t *mark)
{
    size_t len;
    const char *line = line_of(e, mark, &len);
    size_t blank = 0;
    while (blank < len && line[blank] == ' ')
        blank++;
    if (blank < len && line[blank] == '\t') return "; indent with spaces, not tabs";
    if (memchr(line, '[', len) && memmem(line, len, "]:", 2))
        return "; an address in brackets needs quotes: \"[::1]:7811\"";
    return "";
}

static void report(struct events *e)
{
    const yaml_parser_t *p = &e->parser;
    yaml_mark_t mark = p->problem_mark;
    switch (p->error) {
    case YAML_MEMORY_ERROR: events_error(e, &p->mark, "out of memory"); break;
    case YAML_READER_ERROR:
        mark = mark_at(e, p->problem_offset);
        events_error(e, &mark, "%s, expected UTF-8 text",
                     strstr(p->problem, "control") ? "control character" : "bytes that are not UTF-8");
        break;
    default:
        if (p->context && p->context_mark.line != mark.line) {
            events_error(e, &mark, "not YAML: %s, %s that begins on line %zu%s", p->problem, p->context,
                         p->context_mark.line + 1, hint(e, &mark));
        } else {
            events_error(e, &mark, "not YAML: %s%s%s%s", p->problem, p->context ? ", " : "",
                         p->context ? p->context : "", hint(e, &mark));
        }
    }
}

/* Anchors and tags say nothing that a configuration needs, and hide what is meant. */
static void refuse_extras(struct events *e)
{
    const yaml_event_t *event = &e->event;
    const yaml_char_t *anchor = NULL, *tag = NULL;
    char clean[CONFIG_CLEAN_SIZE];
    switch (event->type) {
    case YAML_ALIAS_EVENT:
        config_clean(clean, sizeof clean, (const char *)event->data.alias.anchor,
                     strlen((const char *)event->data.alias.anchor));
        events_error(e, &event->start_mark, "alias *%s, expected the value itself", clean);
        return;
    case YAML_SCALAR_EVENT:
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
        break;
    case YAML_SEQUENCE_START_EVENT:
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
        break;
    case YAML_MAPPING_START_EVENT:
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
        break;
    default: return;
    }
    if (anchor) {
        config_clean(clean, sizeof clean, (const char *)anchor, strlen((const char *)anchor));
        events_error(e, &event->start_mark, "anchor &%s, expected only a value", clean);
    }
    if (tag) {
        config_clean(clean, sizeof clean, (const char *)tag, strlen((const char *)tag));
        events_error(e, &event->start_mark, "tag %s, expected only a value", clean);
    }
}

bool events_next(struct events *e)
{
    if (e->dead) return false;
    yaml_event_delete(&e->event);
    if (!yaml_parser_parse(&e->parser, &e->event)) {
        memset(&e->event, 0, sizeof e->event);
        e->dead = true;
        report(e);
        return false;
    }
    switch (e->event.type) {
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT: e->depth++; break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: e->depth--; break;
    default: break;
    }
    if (e->depth > EVENTS_DEPTH_MAX) {
        e->dead = true;
        events_error(e, &e->event.start_mark, "nested too deeply, expected at most %d levels", EVENTS_DEPTH_MAX);
        return false;
    }
    refuse_extras(e);
    return true;
}

void events_skip(struct events *e)
{
    if (e->dead) return;
    bool opens = e->event.type == YAML_SEQUENCE_START_EVENT || e->event.type == YAML_MAPPING_START_EVENT;
    unsigned outside = e->depth - 1;
    while (opens && events_next(e) && e->depth > outside) {
    }
}
