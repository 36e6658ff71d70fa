/* What reading a file (load.c) and one --set (set.c) share. */
#ifndef CONFIG_LOAD_H
#define CONFIG_LOAD_H

#include "config/events.h"
#include "config/schema.h"
#include "config/value.h"

struct load {
    struct events events;
    struct settings *settings;
};

/* A dotted name. */
struct load_path {
    char text[SCHEMA_NAME_MAX];
    size_t len;
};

/* From the start of the stream to the first document's node; false when there is none, or an error. */
bool load_find_node(struct events *e);

/* The current event begins the value of `key`: into the settings with it. */
void load_value(struct load *l, const struct schema_key *key);

/* After the node: there must be nothing more. */
void load_expect_end(struct events *e);

/* "bound, policy": the names directly below a section. Returns out. */
const char *load_children(const struct load_path *section, char *out, size_t capacity);

#endif
