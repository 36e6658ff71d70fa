/*
 * Inside the RESP codec: what a command is, and the shapes of replies.
 *
 *     decode.c      framing: bytes -> arguments            (arrays of bulk strings, inline lines)
 *     command.c     the table: name, arity, what takes it; unknown commands, wrong arity, MULTI's queue
 *     strings.c     GET, SET, ... : arguments -> request   keys.c: DEL, EXPIRE, SCAN, ...     script.c: EVAL, ...
 *     connection.c  HELLO, SELECT, ... : answered here     transaction.c: MULTI, EXEC, DISCARD
 *     client_command.c  CLIENT                             introspect.c: INFO, CONFIG, COMMAND
 *     encode.c      reply + form -> bytes                  info.c: struct facts -> INFO, CONFIG GET, CLIENT LIST
 *     glob.c        (in proto/) the patterns of SCAN and KEYS
 */
#ifndef PROTO_RESP_COMMAND_H
#define PROTO_RESP_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/codec.h"

struct resp_state;

/* What a connection's decoder keeps. */
struct __attribute__((may_alias)) resp_decoder {
    struct resp_state *memory; /* what few connections have; NULL: nothing (state.h) */
    uint8_t database;          /* that the connection has chosen */
    uint8_t version;           /* of the protocol that it has agreed on; 0: none yet, which is 2 */
    size_t bulks;              /* of the command at hand still to come */
    uint64_t skip;             /* bytes of a refused bulk still to drop */
    const char *why;           /* it was refused */
};

DECODER_OWN(struct resp_decoder)

static inline bool resp_is_3(struct decoder *d)
{
    return decoder_of(d)->version == 3;
}

/* A command with its arguments; argv[0] is the name as the client wrote it. Borrowed from the input. */
struct resp_args {
    const struct slice *argv;
    size_t argc;
};

/*
 * How a reply is rendered: the low byte of call->form; above it FORM_ bits. Unless a row says otherwise, ERROR,
 * OVERLOADED and LATE are rendered the same everywhere.
 */
enum resp_form {
    RESP_STATUS,    /* STORED, OK -> +OK; CONFLICT, NOT_FOUND -> nil (SET NX) */
    RESP_BULK,      /* VALUE, KEY -> the body; NOT_FOUND, CONFLICT -> nil */
    RESP_TRUTH,     /* STORED, OK, VALUE, META -> :1; NOT_FOUND, CONFLICT -> :0 */
    RESP_INTEGER,   /* NUMBER, LEN -> number; PARTS -> how many parts were not NOT_FOUND or CONFLICT */
    RESP_LENGTH,    /* META, STORED (of APPEND: reply.size) -> size; NOT_FOUND -> :0 */
    RESP_TTL_S,     /* META -> seconds left, rounded as Redis does; never -> :-1; NOT_FOUND -> :-2 */
    RESP_TTL_MS,    /* ... milliseconds */
    RESP_EXPIRES_S, /* META -> the time of day it expires (expires_unix_ms), as Redis rounds */
    RESP_EXPIRES_MS,
    RESP_TYPE,          /* META -> +string; NOT_FOUND -> +none */
    RESP_RENAMED,       /* OK, STORED -> +OK; NOT_FOUND -> -ERR no such key */
    RESP_RENAMED_TRUTH, /* OK, STORED -> :1; CONFLICT -> :0; NOT_FOUND -> -ERR no such key */
    RESP_LIST,          /* PARTS -> an array of the parts' replies, each in its own form */
    RESP_ALL_TRUTH,     /* PARTS -> :1; CONFLICT -> :0 (MSETNX) */
    RESP_ALL_OK,        /* PARTS -> +OK, or the first part's error (MSET) */
    RESP_SCAN,          /* KEYS -> [cursor, [keys]]; META -> the empty key */
    RESP_KEYS,          /* KEYS -> [keys]; META -> the empty key */
    RESP_TIME,          /* TIME -> [seconds, microseconds] */
    RESP_INFO,          /* FACTS -> INFO's text; sections from the tag */
    RESP_CONFIG,        /* FACTS -> CONFIG GET's map; pattern from the tag */
    RESP_CLIENT,        /* FACTS -> CLIENT LIST's or INFO's line; the connection's own words from the tag */
    RESP_REFCOUNT,      /* META -> :1; NOT_FOUND -> nil */
    RESP_FAILURE,       /* META -> the error line in the tag; NOT_FOUND -> nil */
    RESP_ENCODING,      /* VALUE -> OBJECT ENCODING's word; NOT_FOUND -> nil */
    RESP_RAW,           /* OWN -> the body is the reply's bytes, rendered already */
};

#define NOT_AN_INTEGER "ERR value is not an integer or out of range"

#define RESP_FORM_MASK 0xffU
#define RESP_FORM_3    0x100U /* the connection speaks RESP3 */
#define RESP_BEGUN     0x200U /* a slice of the reply has been encoded */

/*
 * Fills call->request and call->form, or answers: DECODE_REQUEST, DECODE_ANSWERED, DECODE_CLOSE. The arity is right
 * already; call->request.database is set. Slices of the arguments may be used as they are.
 */
typedef enum decode_status resp_take(struct decoder *d, const struct codec_limits *limits,
                                     const struct resp_args *args, struct call *call);

struct resp_subcommand {
    const char *name; /* lower case; NULL: the end */
    int arity;        /* as Redis counts it: with both names; negative: at least */
    resp_take *take;
};

#define RESP_COMMAND_MAX 16 /* above the longest name */

struct resp_command {
    char name[RESP_COMMAND_MAX];          /* lower case; zeros behind it */
    const char *flags;                    /* for COMMAND: "write denyoom fast", "readonly fast", ... */
    int arity;                            /* as Redis counts it: with the name; negative: at least */
    int8_t first_key, last_key, key_step; /* for COMMAND; 0: no keys */
    resp_take *take;                      /* NULL: it does not stand alone */
    const struct resp_subcommand *subs;   /* NULL: none */
};

/* Answers with an error line: `text` without "-" and CRLF, as in "ERR syntax error"; formatted, at most 512 bytes.
 * The bytes become the call's own. */
enum decode_status resp_fail(struct call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Answers with these rendered bytes, CRLF included, as in "+OK\r\n". resp_own copies, resp_literal borrows a
 * literal. */
enum decode_status resp_own(struct call *call, const char *bytes, size_t len);
enum decode_status resp_literal(struct call *call, const char *bytes);

/* Case-insensitive: is this argument the word? `word` in lower case. */
bool resp_is(struct slice argument, const char *word);

/* Redis's string2ll: the whole argument as a signed 64-bit decimal; no sign but '-', no leading zeros or spaces. */
bool resp_integer(struct slice argument, int64_t *n);

/* Asks for an operation on a session that must be there: of a key that is too long, it is not. */
enum decode_status resp_ask_key(const struct codec_limits *limits, struct slice key, enum op op,
                                enum resp_form form, struct call *call);

/* Refuses keys and values over the limits (DECODE_ANSWERED with the error in the call); true when they fit. */
bool resp_key_fits(const struct codec_limits *limits, struct slice key, struct call *call);
bool resp_value_fits(const struct codec_limits *limits, size_t len, struct call *call);

/* The commands, sorted by name; strings.c and keys.c and the others have a take function for each, declared here.
 */
const struct resp_command *resp_command_find(struct slice name); /* NULL: unknown */

#define RESP_TAKE(name_)                                                                       \
    enum decode_status resp_take_##name_(struct decoder *d, const struct codec_limits *limits, \
                                         const struct resp_args *args, struct call *call)

/* strings.c: get set setex psetex setnx getset getdel getex mget mset msetnx append strlen incr decr incrby decrby,
 * and put of our own. */
RESP_TAKE(get);
RESP_TAKE(set);
RESP_TAKE(setex);
RESP_TAKE(psetex);
RESP_TAKE(setnx);
RESP_TAKE(getset);
RESP_TAKE(getdel);
RESP_TAKE(getex);
RESP_TAKE(mget);
RESP_TAKE(mset);
RESP_TAKE(msetnx);
RESP_TAKE(append);
RESP_TAKE(strlen);
RESP_TAKE(incr);
RESP_TAKE(decr);
RESP_TAKE(incrby);
RESP_TAKE(decrby);
RESP_TAKE(put); /* PUT key ttl value, with the text protocol's ttl words; ttl "-": the default lifetime */

/* keys.c */
RESP_TAKE(del); /* also unlink, and delete of our own */
RESP_TAKE(exists);
RESP_TAKE(touch);
RESP_TAKE(type);
RESP_TAKE(expire); /* also pexpire, expireat, pexpireat: told apart by argv[0] */
RESP_TAKE(ttl);    /* also pttl, expiretime, pexpiretime */
RESP_TAKE(persist);
RESP_TAKE(rename); /* also renamenx */
RESP_TAKE(scan);
RESP_TAKE(keys);
RESP_TAKE(randomkey);
RESP_TAKE(dbsize); /* also len of our own */
RESP_TAKE(flush);  /* flushdb, flushall */
RESP_TAKE(object_encoding);
RESP_TAKE(object_refcount);
RESP_TAKE(object_freq);
RESP_TAKE(object_idletime);
RESP_TAKE(object_help);

/* script.c */
RESP_TAKE(eval); /* also evalsha: the one script that compares and deletes */
RESP_TAKE(script_exists);
RESP_TAKE(script_flush);
RESP_TAKE(script_load);
RESP_TAKE(function_flush);

/* connection.c */
RESP_TAKE(hello);
RESP_TAKE(auth);
RESP_TAKE(select);
RESP_TAKE(ping);
RESP_TAKE(echo);
RESP_TAKE(quit);
RESP_TAKE(reset);
RESP_TAKE(time);

/* client_command.c */
RESP_TAKE(client_setname);
RESP_TAKE(client_getname);
RESP_TAKE(client_id);
RESP_TAKE(client_info);
RESP_TAKE(client_list);
RESP_TAKE(client_setinfo);
RESP_TAKE(client_switch); /* no-evict, no-touch */

/* introspect.c */
RESP_TAKE(info);
RESP_TAKE(command);
RESP_TAKE(command_count);
RESP_TAKE(command_info);
RESP_TAKE(command_list);
RESP_TAKE(command_docs);
RESP_TAKE(config_get);
RESP_TAKE(config_set);
RESP_TAKE(config_change);

/* transaction.c */
RESP_TAKE(multi);
RESP_TAKE(exec);
RESP_TAKE(discard);

#endif
