/*
 * The operations, and one row of facts about each.
 *
 * A new operation is an enum value here, a row in ops.c, a function in the backend's execute (or in local.c), and a
 * verb in each codec that shall have it. Pure functions.
 */
#ifndef PROTO_OPS_H
#define PROTO_OPS_H

#include <stdbool.h>
#include <stdint.h>

/* In groups by the sessions they concern (enum op_keys), so that hot paths tell groups apart by one comparison. */
enum op {
    /* on one session */
    OP_GET,     /* the value; see EFFECT_TOUCH, EFFECT_DELETE, EFFECT_LEASE */
    OP_PUT,     /* creates or replaces; see EFFECT_RETURN_OLD */
    OP_DELETE,  /* removes */
    OP_TOUCH,   /* sets the lifetime */
    OP_META,    /* what GET says without the value: lifetime, size, flags, version; takes GET's effects */
    OP_APPEND,  /* puts request.value behind the value; creates, unless a condition forbids */
    OP_PREPEND, /* puts it in front */
    OP_ADD,     /* adds request.number to a value that is a decimal number; creates, unless a condition forbids */
    OP_ONE_KEY_LAST = OP_ADD,
    /* on two */
    OP_RENAME, /* gives the session the key request.value, replacing what is there; the condition is on that key:
                * COND_ABSENT or none */
    OP_KEYS_LAST = OP_RENAME,
    /* on any */
    OP_LEN,    /* how many sessions the database has */
    OP_SCAN,   /* some of the database's keys, and a cursor to go on from */
    OP_RANDOM, /* some session's key */
    OP_FLUSH, /* removes all: of request.database, or of every one with EFFECT_ALL_DATABASES; at once, or at the end
               * of a lifetime of TTL_RELATIVE or TTL_ABSOLUTE */
    OP_SINGLE_LAST = OP_FLUSH,
    OP_BATCH, /* the parts of the call (call.h), atomically and in order */
    OP_TABLE_LAST = OP_BATCH,
    /* on none: answered on the I/O thread, or by the control thread (op_needs_control) */
    OP_PING,
    OP_STATS,
    OP_CONFIG,
    OP_CONFIG_SET, /* changes the setting request.key to request.value */
    OP_FACTS,      /* a struct facts (facts.h) about the daemon */
    OP_TIME,       /* the time of day */
    OP_HELP,
    OP_VERSION,
    OP_QUIT,
    OP_COUNT
};

/* The sessions that an operation concerns. */
enum op_keys {
    OP_KEYS_ONE,   /* that of request.key */
    OP_KEYS_TWO,   /* those of request.key and request.value */
    OP_KEYS_ALL,   /* any of the database */
    OP_KEYS_PARTS, /* those of the call's parts */
    OP_KEYS_NONE,
};

/* Operations that share a setting of their priority. */
enum op_class { OP_CLASS_OTHER, OP_CLASS_GET, OP_CLASS_PUT, OP_CLASS_DELETE, OP_CLASS_TOUCH, OP_CLASSES };

struct op_row {
    const char *name;     /* in lower case, as metrics, logs and the text protocol know it: "get", "put", ... */
    uint8_t keys;         /* enum op_keys */
    uint8_t op_class;     /* enum op_class; with EFFECT_DELETE it is another (request_class) */
    bool writes;          /* changes sessions, whatever its effects; what a batch does, its parts say */
    uint16_t writes_with; /* effects (enum effect) with which it changes sessions though it else does not */
    uint16_t effects;     /* that it may have */
    uint16_t conditions;  /* that it may have: a bit per enum condition, 1 << COND_ABSENT, ... */
};

extern const struct op_row op_rows[OP_COUNT];

static inline const char *op_name(enum op op)
{
    return op_rows[op].name;
}

/* True for operations that a backend executes. */
static inline bool op_needs_table(enum op op)
{
    return op <= OP_TABLE_LAST;
}

/* True for operations that the control thread answers; those that no backend executes either are answered on the
 * I/O thread. */
static inline bool op_needs_control(enum op op)
{
    return op >= OP_STATS && op <= OP_FACTS;
}

/* True for operations that name one session by request.key and touch no other. */
static inline bool op_has_one_key(enum op op)
{
    return op <= OP_ONE_KEY_LAST;
}

/* True for operations that name a session by request.key. */
static inline bool op_has_key(enum op op)
{
    return op <= OP_KEYS_LAST;
}

/* True for operations that concern sessions, and nothing else: a batch may also have parts that a backend does not
 * execute. */
static inline bool op_is_single(enum op op)
{
    return op <= OP_SINGLE_LAST;
}

/* May an operation of this kind have that condition (enum condition)? */
static inline bool op_allows_condition(enum op op, unsigned condition)
{
    return op_rows[op].conditions >> condition & 1;
}

#endif
