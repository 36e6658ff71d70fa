/* One key: --set key=value, parsed as in a file; or from a scalar's text alone. */
#include <string.h>

#include "config/load.h"

#define ORIGIN "--set" /* begins what is said of an assignment */

/* The key of that name; NULL (and a reason) when there is none. */
static const struct schema_key *find_key(const char *name, size_t len, struct config_reason *why)
{
    char near[SCHEMA_NAME_MAX], names[512], clean[CONFIG_CLEAN_SIZE];
    const struct schema_key *key = schema_find(name, len);
    if (key) return key;
    config_clean(clean, sizeof clean, name, len);
    const struct schema_key *inside = schema_find_section(name, len);
    if (inside) {
        config_reason_set(why, "\"%s\" is a section, expected one of its keys, such as %s", clean, inside->name);
    } else if (schema_suggest(name, len, near)) {
        config_reason_set(why, "unknown key \"%s\", did you mean \"%s\"?", clean, near);
    } else {
        struct load_path top = {"", 0};
        config_reason_set(why, "unknown key \"%s\", expected section.key, or one of %s", clean,
                          load_children(&top, names, sizeof names));
    }
    return NULL;
}

bool config_set_scalar(struct settings *settings, const char *name, size_t name_len, const char *text, size_t len,
                       char *error, size_t size)
{
    struct config_reason why;
    const struct schema_key *key = find_key(name, name_len, &why);
    if (key && config_value_parse(settings, key, text, len, &why)) return true;
    snprintf(error, size, "%s", why.text);
    return false;
}

bool config_set(struct settings *settings, const char *assignment, struct config_errors *errors)
{
    uint64_t before = config_errors_total(errors);
    char shown[256];
    config_clean(shown, sizeof shown, assignment, strlen(assignment));
    const char *equal = strchr(assignment, '=');
    if (!equal) {
        config_errors_add(errors, ORIGIN " %s: no \"=\", expected key=value", shown);
        return false;
    }
    struct config_reason why;
    const struct schema_key *key = find_key(assignment, (size_t)(equal - assignment), &why);
    if (!key) {
        config_errors_add(errors, ORIGIN " %s: %s", shown, why.text);
        return false;
    }
    config_errors_note_line(errors, key, 0);

    const char *text = equal + 1;
    size_t len = strlen(text);
    /* [::1]:7811 is an address, although YAML would see a list and then more. */
    bool bare = key->type == SCHEMA_ADDRESSES && text[0] == '[' && text[len - 1] != ']';
    struct load l = {.settings = settings};
    if (bare || len == 0) {
        if (!config_value_parse(settings, key, text, len, &why))
            config_errors_add(errors, ORIGIN " %s: %s", shown, why.text);
    } else if (events_begin(&l.events, ORIGIN, shown, text, len, errors)) {
        if (load_find_node(&l.events)) {
            load_value(&l, key);
            load_expect_end(&l.events);
        } else if (!l.events.dead) {
            config_value_parse(settings, key, "", 0, &why);
            config_errors_add(errors, ORIGIN " %s: %s", shown, why.text);
        }
        events_end(&l.events);
    }
    return config_errors_total(errors) == before;
}
