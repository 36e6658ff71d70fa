/*
 * A JSON object, written member by member behind what a buffer holds, without line ends or blanks.
 *
 * Dotted names become nested objects: "operations.get.ok" is {"operations":{"get":{"ok":n}}}. Members of a group
 * must come one after the other, each once, and no name be the beginning of another ("queue" beside "queue.depth").
 * Names are plain ASCII. When memory runs out the buffer is `failed`, as with all it appends.
 */
#ifndef ADMIN_DOCUMENT_H
#define ADMIN_DOCUMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/buffer.h"

struct document {
    struct buffer *out;
    const char *last; /* the latest member's name, borrowed until the next one or the end; NULL: there is none */
};

struct document document_begin(struct buffer *out);
void document_end(struct document *j);

void document_number(struct document *j, const char *name,
                     uint64_t n); /* at most INT64_MAX: larger ones count as that */
void document_real(struct document *j, const char *name, double n); /* 0 or more; with three decimals at most */
void document_text(struct document *j, const char *name,
                   const char *text); /* U+FFFD in place of bytes that are no UTF-8 */
void document_literal(struct document *j, const char *name, const char *text); /* what is JSON already */
/* Begins a member that is an object; to be ended before the next one. */
struct document document_object(struct document *j, const char *name);

#endif
