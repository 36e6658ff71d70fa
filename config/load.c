/*
 * From YAML to settings.
 *
 *     text -> events -> document -> section (a mapping) -> entry -> value -> the key's field
 *
 * A wrong entry is reported and skipped, so that one reading lists every error. Only what breaks the YAML itself
 * ends it. Recursion goes as deep as the schema's sections and no deeper.
 */
#include "config/load.h"

#include <string.h>

static const char *scalar_text(const yaml_event_t *event, size_t *len)
{
    *len = event->data.scalar.length;
    return (const char *)event->data.scalar.value;
}

static bool is_empty_scalar(const yaml_event_t *event)
{
    return event->type == YAML_SCALAR_EVENT && event->data.scalar.length == 0 &&
           event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

/* "a list", "a mapping": what stands where something else was expected. */
static const char *noun(const yaml_event_t *event)
{
    if (event->type == YAML_SEQUENCE_START_EVENT) return "a list";
    return event->type == YAML_MAPPING_START_EVENT ? "a mapping" : "a single value";
}

const char *load_children(const struct load_path *section, char *out, size_t capacity)
{
    size_t row = 0, len, used = 0;
    bool is_section;
    const char *name;
    out[0] = '\0';
    while ((name = schema_next_child(section->text, section->len, &row, &len, &is_section))) {
        int n = snprintf(out + used, capacity - used, "%s%.*s", used ? ", " : "", (int)len, name);
        if ((size_t)n >= capacity - used) break;
        used += (size_t)n;
    }
    return out;
}

static void report_scalar(struct load *l, const struct schema_key *key, bool in_list,
                          const struct config_reason *why)
{
    size_t len;
    const char *text = scalar_text(&l->events.event, &len);
    const yaml_mark_t *mark = &l->events.event.start_mark;
    char clean[CONFIG_CLEAN_SIZE];
    config_clean(clean, sizeof clean, text, len);
    if (!l->events.assignment)
        if (len == 0)
            events_error(&l->events, mark, "%s: %s", key->name, why->text);
        else
            events_error(&l->events, mark, "%s is \"%s\": %s", key->name, clean, why->text);
    else if (in_list)
        events_error(&l->events, mark, "\"%s\": %s", clean, why->text);
    else
        events_error(&l->events, mark, "%s", why->text);
}

/* The current event is a collection where a scalar (or another collection) should be. */
static void report_type(struct load *l, const char *name, const char *expected)
{
    const yaml_event_t *event = &l->events.event;
    if (l->events.assignment)
        events_error(&l->events, &event->start_mark, "%s, expected %s", noun(event), expected);
    else
        events_error(&l->events, &event->start_mark, "%s is %s, expected %s", name, noun(event), expected);
}

/* A list with anything wrong in it leaves the setting as it was. */
static void load_list(struct load *l, const struct schema_key *key)
{
    struct events *e = &l->events;
    struct config_reason why;
    const struct settings_addresses kept = *config_value_addresses(l->settings, key);
    uint64_t before = config_errors_total(e->errors);
    yaml_mark_t start = e->event.start_mark;
    size_t items = 0;
    config_value_clear_addresses(l->settings, key);
    while (events_next(e) && e->event.type != YAML_SEQUENCE_END_EVENT) {
        items++;
        if (e->event.type == YAML_SCALAR_EVENT) {
            size_t len;
            const char *text = scalar_text(&e->event, &len);
            if (!config_value_add_address(l->settings, key, text, len, &why)) report_scalar(l, key, true, &why);
        } else if (e->event.type != YAML_ALIAS_EVENT) {
            report_type(l, "an item of the list", "an address");
            events_skip(e);
        }
    }
    if (!e->dead && items == 0) {
        events_error(e, &start, "%s%san empty list, expected an address, or off", e->assignment ? "" : key->name,
                     e->assignment ? "" : " is ");
    }
    if (config_errors_total(e->errors) != before) config_value_set_addresses(l->settings, key, &kept);
}

void load_value(struct load *l, const struct schema_key *key)
{
    struct events *e = &l->events;
    struct config_reason why;
    char expected[128];
    if (e->event.type == YAML_SCALAR_EVENT) {
        size_t len;
        const char *text = scalar_text(&e->event, &len);
        if (!config_value_parse(l->settings, key, text, len, &why)) report_scalar(l, key, false, &why);
    } else if (e->event.type == YAML_SEQUENCE_START_EVENT && key->type == SCHEMA_ADDRESSES) {
        load_list(l, key);
    } else if (e->event.type != YAML_ALIAS_EVENT) {
        report_type(l, key->name, config_value_expected(key, expected, sizeof expected));
        events_skip(e);
    }
}

static void report_unknown(struct load *l, const struct load_path *section, const char *name, size_t len)
{
    const yaml_mark_t *mark = &l->events.event.start_mark;
    char clean[CONFIG_CLEAN_SIZE], near[SCHEMA_NAME_MAX], names[512], whole[2 * SCHEMA_NAME_MAX];
    config_clean(clean, sizeof clean, name, len);
    const char *dot = section->len > 0 ? "." : "";
    if (section->len == 0 && schema_find(name, len)) {
        int first = (int)strcspn(clean, ".");
        events_error(&l->events, mark, "unknown key \"%s\", expected it nested: %s below %.*s:", clean,
                     clean + first + 1, first, clean);
        return;
    }
    bool found = false;
    if (len < SCHEMA_NAME_MAX) {
        int n = snprintf(whole, sizeof whole, "%s%s%.*s", section->text, dot, (int)len, name);
        found = schema_suggest(whole, (size_t)n, near);
    }
    if (found) {
        events_error(&l->events, mark, "unknown key \"%s%s%s\", did you mean \"%s\"?", section->text, dot, clean,
                     near);
    } else {
        events_error(&l->events, mark, "unknown key \"%s%s%s\", expected one of %s", section->text, dot, clean,
                     load_children(section, names, sizeof names));
    }
}

static void load_section(struct load *l, const struct load_path *section);

/* The current event begins the value of the section `path`. */
static void load_section_value(struct load *l, const struct load_path *path)
{
    char names[512], expected[600];
    if (l->events.event.type == YAML_MAPPING_START_EVENT) {
        load_section(l, path);
    } else if (l->events.event.type != YAML_ALIAS_EVENT && !is_empty_scalar(&l->events.event)) {
        snprintf(expected, sizeof expected, "a mapping with the keys %s", load_children(path, names, sizeof names));
        report_type(l, path->text, expected);
        events_skip(&l->events);
    }
}

/* The current event is an entry's name. lines[row] is where the entry with that first row was given, or 0. */
static void load_entry(struct load *l, const struct load_path *section, size_t lines[SCHEMA_KEYS_MAX])
{
    struct events *e = &l->events;
    size_t len;
    const char *name = scalar_text(&e->event, &len);
    struct load_path path = *section;
    const struct schema_key *key = NULL, *row = NULL;

    if (section->len + 1 + len < sizeof path.text && !memchr(name, '.', len) && !memchr(name, '\0', len)) {
        if (path.len > 0) path.text[path.len++] = '.';
        memcpy(path.text + path.len, name, len);
        path.len += len;
        path.text[path.len] = '\0';
        key = schema_find(path.text, path.len);
        row = key ? key : schema_find_section(path.text, path.len);
    }
    if (!row) {
        report_unknown(l, section, name, len);
    } else if (lines[row - schema_keys]) {
        events_error(e, &e->event.start_mark, "duplicate key \"%s\", first given on line %zu", path.text,
                     lines[row - schema_keys]);
        row = NULL;
    } else {
        lines[row - schema_keys] = e->event.start_mark.line + 1;
    }
    if (!events_next(e)) return;
    if (!row) {
        events_skip(e);
    } else if (key) {
        config_errors_note_line(e->errors, key, lines[row - schema_keys]);
        load_value(l, key);
    } else {
        load_section_value(l, &path);
    }
}

/* The current event begins the mapping of a section (the whole file: an empty path). Ends on its last event. */
static void load_section(struct load *l, const struct load_path *section)
{
    struct events *e = &l->events;
    size_t lines[SCHEMA_KEYS_MAX] = {0};
    while (events_next(e) && e->event.type != YAML_MAPPING_END_EVENT) {
        if (e->event.type == YAML_SCALAR_EVENT) {
            load_entry(l, section, lines);
            /* A full list of errors: reading on would tell nobody anything. */
            if (config_errors_count(e->errors) > CONFIG_ERRORS_SHOWN) e->dead = true;
            continue;
        }
        if (e->event.type != YAML_ALIAS_EVENT)
            events_error(e, &e->event.start_mark, "%s as a key, expected a name", noun(&e->event));
        events_skip(e);
        if (events_next(e)) events_skip(e);
    }
}

bool load_find_node(struct events *e)
{
    while (events_next(e)) {
        if (e->event.type == YAML_STREAM_END_EVENT) return false;
        if (e->event.type != YAML_STREAM_START_EVENT && e->event.type != YAML_DOCUMENT_START_EVENT) return true;
    }
    return false;
}

void load_expect_end(struct events *e)
{
    while (events_next(e) && e->event.type != YAML_STREAM_END_EVENT) {
        if (e->event.type == YAML_DOCUMENT_START_EVENT) {
            events_error(e, &e->event.start_mark, "a second document, expected only one");
            return;
        }
    }
}

bool config_load_text(struct settings *settings, const char *name, const char *text, size_t len,
                      struct config_errors *errors)
{
    static const struct load_path top = {"", 0};
    uint64_t before = config_errors_total(errors);
    struct load l = {.settings = settings};
    if (!events_begin(&l.events, name, NULL, text, len, errors)) return false;
    if (load_find_node(&l.events)) {
        const yaml_event_t *event = &l.events.event;
        if (event->type == YAML_MAPPING_START_EVENT) {
            load_section(&l, &top);
        } else if (event->type != YAML_ALIAS_EVENT && !is_empty_scalar(event)) {
            char names[512];
            events_error(&l.events, &event->start_mark, "the file is %s, expected a mapping with the keys %s",
                         noun(event), load_children(&top, names, sizeof names));
            events_skip(&l.events);
        }
        load_expect_end(&l.events);
    }
    bool whole = !l.events.dead;
    events_end(&l.events);
    return whole && config_errors_total(errors) == before;
}
