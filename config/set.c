/* --set key=value: the same parsing as in a file, for one value. */
#include <string.h>

#include "config/load.h"

/* The key that an assignment names; NULL (and an error added) when there is none. */
static const struct schema_key *assigned_key(const char *origin, const char *shown, const char *assignment,
                                             size_t name_len, struct config_errors *errors)
{
    char near[SCHEMA_NAME_MAX], names[512], clean[CONFIG_CLEAN_SIZE];
    const struct schema_key *key = schema_find(assignment, name_len);
    if (key) return key;
    config_clean(clean, sizeof clean, assignment, name_len);
    const struct schema_key *inside = schema_find_section(assignment, name_len);
    if (inside) {
        config_errors_add(errors, "%s %s: \"%s\" is a section, expected one of its keys, such as %s", origin, shown,
                          clean, inside->name);
    } else if (schema_suggest(assignment, name_len, near)) {
        config_errors_add(errors, "%s %s: unknown key \"%s\", did you mean \"%s\"?", origin, shown, clean, near);
    } else {
        struct load_path top = {"", 0};
        config_errors_add(errors, "%s %s: unknown key \"%s\", expected section.key, or one of %s", origin, shown,
                          clean, load_children(&top, names, sizeof names));
    }
    return NULL;
}

bool config_set_from(struct settings *settings, const char *origin, const char *assignment,
                     struct config_errors *errors)
{
    uint64_t before = config_errors_total(errors);
    char shown[256];
    config_clean(shown, sizeof shown, assignment, strlen(assignment));
    const char *equal = strchr(assignment, '=');
    if (!equal) {
        config_errors_add(errors, "%s %s: no \"=\", expected key=value", origin, shown);
        return false;
    }
    const struct schema_key *key = assigned_key(origin, shown, assignment, (size_t)(equal - assignment), errors);
    if (!key) return false;

    const char *text = equal + 1;
    size_t len = strlen(text);
    struct config_reason why;
    /* [::1]:7811 is an address, although YAML would see a list and then more. */
    bool bare = key->type == SCHEMA_ADDRESSES && text[0] == '[' && text[len - 1] != ']';
    struct load l = {.settings = settings};
    if (bare || len == 0) {
        if (!config_value_parse(settings, key, text, len, &why)) {
            config_errors_add(errors, "%s %s: %s", origin, shown, why.text);
        }
    } else if (events_begin(&l.events, origin, shown, text, len, errors)) {
        if (load_find_node(&l.events)) {
            load_value(&l, key);
            load_expect_end(&l.events);
        } else if (!l.events.dead) {
            config_value_parse(settings, key, "", 0, &why);
            config_errors_add(errors, "%s %s: %s", origin, shown, why.text);
        }
        events_end(&l.events);
    }
    return config_errors_total(errors) == before;
}

bool config_set(struct settings *settings, const char *assignment, struct config_errors *errors)
{
    return config_set_from(settings, "--set", assignment, errors);
}
