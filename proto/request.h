/* What a client asks, in words that no wire protocol owns. A request borrows its bytes (see call.h). */
#ifndef PROTO_REQUEST_H
#define PROTO_REQUEST_H

#include <stdint.h>

#include "proto/slice.h"

enum op {
    OP_GET,
    OP_PUT,
    OP_DELETE,
    OP_LEN,
    OP_TOUCH, /* the last operation that needs the session table */
    OP_PING,
    OP_STATS,
    OP_CONFIG,
    OP_HELP,
    OP_VERSION,
    OP_QUIT,
    OP_COUNT
};

/* True for operations that a backend executes; the others are answered on the I/O thread. */
static inline bool op_needs_table(enum op op)
{
    return op <= OP_TOUCH;
}

/* The operation's name in lower case, as metrics and logs print it: "get", "put", ... */
const char *op_name(enum op op);

/* The condition that PUT, TOUCH and DELETE may carry; it is checked where the operation executes. */
enum condition {
    COND_NONE,
    COND_ABSENT,
    COND_PRESENT,
    COND_VERSION, /* request.if_version must be the session's version */
};

enum ttl_kind {
    TTL_DEFAULT,  /* ttl.default of the configuration */
    TTL_NEVER,    /* no deadline */
    TTL_RELATIVE, /* request.ttl_ms from the moment of execution */
};

/* Who is turned away first under overload. */
enum priority {
    PRIORITY_DEFAULT, /* by verb */
    PRIORITY_CRITICAL,
    PRIORITY_NORMAL,
    PRIORITY_SHEDDABLE,
};

/* Longest lifetime a request may ask for: 10 years of 365 days. */
#define TTL_MAX_MS (10ULL * 365 * 24 * 3600 * 1000)

#define TAG_MAX 32 /* bytes in a tag */

struct request {
    enum op op;
    enum condition condition;
    enum ttl_kind ttl_kind;
    enum priority priority;
    uint64_t if_version;  /* with COND_VERSION */
    uint64_t ttl_ms;      /* with TTL_RELATIVE: 1 to TTL_MAX_MS */
    uint64_t deadline_ms; /* do not start later than this after it was sent; 0: no such wish */
    struct slice key;     /* empty for operations without a key */
    struct slice value;   /* PUT only; ptr is NULL while the bytes are still on their way */
    struct slice tag;     /* echoed in front of the reply; empty: none */
};

#endif
