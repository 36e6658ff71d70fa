/*
 * Who is told of every change of the sessions of one struct databases, in the order in which they happen: a mirror
 * that follows them is the same as the tables. Nothing is told when a session moves in memory, nor when the tables
 * end.
 *
 * Everything is told by whoever guards the databases, as part of the change. The entry is complete and valid during
 * the call (retain it to keep its bytes); no table may be changed or looked into meanwhile.
 */
#ifndef STORE_OBSERVER_H
#define STORE_OBSERVER_H

#include "daemon/store/entry.h"

enum removal {
    REMOVED_DELETED, /* on demand, or given a lifetime that is over */
    REMOVED_EXPIRED, /* its deadline has passed; told when it is swept, or in the way of a new one */
    REMOVED_RENAMED, /* it has been stored under another key, which was told before */
};

struct observer {
    /* The session is new, or looks different now: value, flags, marks, version, deadline. */
    void (*stored)(void *ctx, unsigned database, const struct entry *e);
    /* It has another deadline, or other marks. */
    void (*touched)(void *ctx, unsigned database, const struct entry *e);
    /* It goes, and still looks as it did. */
    void (*removed)(void *ctx, unsigned database, const struct entry *e, enum removal why);
    /* All sessions of the database go. */
    void (*flushed)(void *ctx, unsigned database);
};

#endif
