/*
 * YAML events one by one, with the checks that every place needs: syntax, depth, and that no anchors, aliases
 * or tags are used. Sole includer of yaml.h.
 */
#ifndef CONFIG_EVENTS_H
#define CONFIG_EVENTS_H

#include <yaml.h>

#include "config/errors.h"

#define EVENTS_DEPTH_MAX 32 /* nested lists and mappings; deeper ends the reading */

struct events {
    yaml_parser_t parser;
    yaml_event_t event; /* the current one; YAML_NO_EVENT before the first and after an error */
    struct config_errors *errors;
    const char *name;       /* of the file, for messages */
    const char *assignment; /* instead of a file: the --set that the text is the value of, else NULL */
    const char *text;
    size_t len;
    unsigned depth;
    bool dead; /* nothing more can be read; an error was added */
};

/* `text` must stay. False (and an error added) when memory is out; then events_end is not due. */
bool events_begin(struct events *e, const char *name, const char *assignment, const char *text, size_t len,
                  struct config_errors *errors);
void events_end(struct events *e);

/* Goes to the next event. False when dead. */
bool events_next(struct events *e);

/* Goes to the end of the node that begins with the current event. */
void events_skip(struct events *e);

/* Adds an error at a mark: "name:line:column: text", or "--set assignment: text". */
void events_error(struct events *e, const yaml_mark_t *mark, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
