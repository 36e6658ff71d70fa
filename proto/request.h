/* What a client asks, in words that no wire protocol owns. A request borrows its bytes (see call.h). */
#ifndef PROTO_REQUEST_H
#define PROTO_REQUEST_H

#include <stdint.h>

#include "proto/ops.h"
#include "proto/slice.h"

/* What EFFECT_SET_VERSION may set. Versions have 48 bits: whatever clients set, half of them are still to come. */
#define VERSION_SET_MAX ((UINT64_C(1) << 47) - 1)

#define DATABASES 16 /* keyspaces apart from each other, by number from 0 */

/*
 * The condition that an operation on one session may carry; it is checked where the operation executes. Where it
 * does not hold the reply is CONFLICT, and nothing has changed. An operation other than PUT, APPEND, PREPEND and
 * ADD answers NOT_FOUND where it needs a session and there is none, after the condition.
 */
enum condition {
    COND_NONE,
    COND_ABSENT,
    COND_PRESENT,
    COND_VERSION, /* request.if_version must be the session's version */
    COND_VALUE,   /* DELETE: request.value must be the session's value */
    /* TOUCH, by the session's present lifetime against the wanted one; never is longer than any other: */
    COND_ENDLESS,        /* it never expires now */
    COND_MORTAL,         /* it expires now */
    COND_LONGER,         /* the wanted one is longer */
    COND_SHORTER,        /* the wanted one is shorter */
    COND_MORTAL_SHORTER, /* both */
};

enum ttl_kind {
    TTL_DEFAULT,  /* ttl.default of the configuration */
    TTL_NEVER,    /* no deadline */
    TTL_RELATIVE, /* ttl_ms from the moment of execution; 0: expired at once */
    TTL_ABSOLUTE, /* ttl_ms after 1970-01-01 UTC; in the past: expired at once */
    TTL_KEEP,     /* as it is; of a session that the operation creates: `create` says */
};

/* More that an operation does: bits of request.effects. */
enum effect {
    EFFECT_RETURN_OLD = 1 << 0, /* PUT, met condition or not: the reply is VALUE with what was there before, or
                                 * NOT_FOUND where nothing was (stored or not: see reply.stored) */
    EFFECT_TOUCH = 1 << 1,      /* GET, META: then set the lifetime. ADD: of an existing session too */
    EFFECT_DELETE = 1 << 2,     /* GET: then remove the session */
    EFFECT_LEASE = 1 << 3,      /* GET, META: hand out the right to renew (see below) */
    EFFECT_INVALIDATE = 1 << 4, /* DELETE: keep the session, but mark it MARK_STALE, with a new version and, with
                                 * EFFECT_TOUCH, a new lifetime. PUT with COND_VERSION: a version lower than the
                                 * session's stores too, and marks what is stored MARK_STALE; the lifetime and a
                                 * lease stay as they were */
    EFFECT_WRAP = 1 << 5,       /* ADD: on unsigned 64 bits; additions wrap around, subtractions stop at 0 and the
                                 * text keeps its length, padded with spaces (up to 64 bytes). What stands around
                                 * the number is ignored: blanks, a plus in front, anything behind a blank. Else:
                                 * signed, overflow is an error */
    EFFECT_ALL = 1 << 6,        /* BATCH: nothing is executed unless the conditions of all parts hold beforehand */
    EFFECT_ALL_DATABASES = 1 << 7, /* FLUSH */
    EFFECT_SET_VERSION = 1 << 8,   /* PUT, APPEND, PREPEND, ADD, stale DELETE: the version becomes set_version */
    EFFECT_AGE_FIRST = 1 << 9,     /* LEASE with TOUCH: recache_ms is about the lifetime before the touch */
    EFFECT_PIECEWISE = 1 << 10,    /* BATCH: its parts need not be executed together. It takes as many executions as
                                    * it takes: until the last one, the reply is NONE */
};

/*
 * Leases keep a crowd of clients from renewing the same session together. With EFFECT_LEASE, GET and META
 * - create an absent session with an empty value and the lifetime `create`, if that is not TTL_DEFAULT, and answer
 *   MARK_WON;
 * - answer MARK_WON to the first who asks for a session that is stale, or that has less than recache_ms to live
 * (with EFFECT_TOUCH: of its new lifetime, unless EFFECT_AGE_FIRST);
 * - answer MARK_LEASED to those who come after, until the session is stored anew.
 */

/* Who is turned away first under overload. */
enum priority {
    PRIORITY_DEFAULT, /* by verb */
    PRIORITY_CRITICAL,
    PRIORITY_NORMAL,
    PRIORITY_SHEDDABLE,
};

/* Longest lifetime that the text protocol lets a request ask for: 10 years of 365 days. */
#define TTL_MAX_MS (10ULL * 365 * 24 * 3600 * 1000)

#define TAG_MAX 32 /* bytes in a tag that a client sent */

struct lifetime {
    enum ttl_kind kind;
    uint64_t ms;
};

struct request {
    enum op op;
    enum condition condition;
    enum ttl_kind ttl_kind;
    enum priority priority;
    uint16_t effects;     /* enum effect */
    uint8_t database;     /* 0 to DATABASES - 1 */
    bool overtakes;       /* its refusal may be sent ahead of the answers to earlier requests (call_overtakes) */
    uint32_t flags;       /* PUT: opaque to us, kept with the value. Also of what APPEND, ADD and leases create */
    uint64_t if_version;  /* with COND_VERSION */
    uint64_t ttl_ms;      /* with TTL_RELATIVE and TTL_ABSOLUTE */
    uint64_t deadline_ms; /* do not start later than this after it was sent; 0: no such wish */
    struct slice key;     /* empty for operations without a key */
    struct slice value;   /* PUT, APPEND, PREPEND: the value; ptr is NULL while the bytes are still on their way.
                           * ADD: the text to create an absent session with; empty: 0 + number.
                           * RENAME: the new key. SCAN: a glob pattern (glob.h); empty: all. COND_VALUE: the value */
    struct slice
        tag;        /* what the codec wants back beside the reply, such as the client's own name for the request */
    int64_t number; /* ADD: what to add; EFFECT_WRAP: as unsigned, subtracted if `subtract`. SCAN: how many
                     * sessions to look at, about; INT64_MAX: all. That takes as many executions as it takes:
                     * until the last one, the reply is NONE and the cursor where the next one goes on */
    bool subtract;
    bool alone;             /* what is behind it on its connection is decoded when it has been answered */
    uint64_t cursor;        /* SCAN: from an earlier reply; 0: from the start */
    uint64_t set_version;   /* with EFFECT_SET_VERSION; at most VERSION_SET_MAX, 0: the next one after all */
    uint64_t recache_ms;    /* with EFFECT_LEASE; 0: not by age */
    struct lifetime create; /* of a session that APPEND, PREPEND, ADD or a lease creates */
};

/* The class that the request's priority goes by where it names none. */
static inline enum op_class request_class(const struct request *r)
{
    return r->effects & EFFECT_DELETE ? OP_CLASS_DELETE : (enum op_class)op_rows[r->op].op_class;
}

/* True when the request leaves all sessions as they are; of a batch, its parts say. */
static inline bool request_reads_only(const struct request *r)
{
    return !op_rows[r->op].writes && !(r->effects & op_rows[r->op].writes_with);
}

/* True when the operation may have the request's effects and condition: no codec makes a request that is not. */
bool request_is_allowed(const struct request *r);

#endif
