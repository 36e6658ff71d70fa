/* What the server answers, in words that no wire protocol owns. */
#ifndef PROTO_REPLY_H
#define PROTO_REPLY_H

#include <stdint.h>

#include "proto/slice.h"

enum reply_kind {
    REPLY_NONE,       /* not answered yet */
    REPLY_OK,         /* executed */
    REPLY_STORED,     /* executed; version = the session's version now */
    REPLY_VALUE,      /* body = the value; version; number = remaining lifetime in ms, -1: never expires */
    REPLY_NOT_FOUND,  /* executed; no such session */
    REPLY_LEN,        /* number = unexpired sessions */
    REPLY_CONFLICT,   /* not executed; version = the current one, 0 if absent */
    REPLY_OVERLOADED, /* not executed; number = ms after which a retry is worth it, -1: do not retry */
    REPLY_LATE,       /* not executed; its deadline had passed */
    REPLY_ERROR,      /* not executed; error, body = text for people */
    REPLY_PONG,
    REPLY_JSON,    /* body = a JSON document */
    REPLY_TEXT,    /* body = text for people */
    REPLY_VERSION, /* body = "sluice <semver> protocol <n>" */
    REPLY_BYE,     /* the server closes after this */
    REPLY_META,    /* what VALUE says, without the body: version, number, flags, size, marks */
    REPLY_NUMBER,  /* number = what ADD made of it (EFFECT_WRAP: as unsigned); version, left_ms */
    REPLY_KEYS,    /* body = `count` keys, packed (keys.h); cursor = where to go on, 0: that was all */
    REPLY_KEY,     /* body = a key */
    REPLY_PARTS,   /* a batch was executed: each part of the call has its own reply */
    REPLY_FACTS,   /* held = a struct facts */
    REPLY_TIME,    /* number = microseconds since 1970-01-01 UTC */
    REPLY_OWN,     /* the codec's own: it answered while decoding, and the call's `form` says what */
};

enum error_code {
    ERR_BAD_REQUEST,
    ERR_UNKNOWN_VERB,
    ERR_BAD_KEY,
    ERR_BAD_TTL,
    ERR_TOO_LARGE,
    ERR_OUT_OF_MEMORY,
    ERR_UNAUTHORIZED,
    ERR_TOO_MANY_CONNECTIONS,
    ERR_TIMEOUT,
    ERR_UNAVAILABLE,
    ERR_INTERNAL,
    ERR_NOT_A_NUMBER, /* ADD: the value is no decimal number of 64 bits */
    ERR_OVERFLOW,     /* ADD: the result is none */
    ERR_COUNT
};

/* What is special about a session that was read: bits of reply.marks. */
enum mark {
    MARK_STALE = 1 << 0,  /* it was invalidated and not stored anew since */
    MARK_WON = 1 << 1,    /* this client has the lease: it should store the session anew */
    MARK_LEASED = 1 << 2, /* another client has it */
};

/* The stable name of a code as the text protocol prints it: "bad-request", ... */
const char *error_code_name(enum error_code code);

struct reply {
    enum reply_kind kind;
    enum error_code error;
    uint8_t marks;  /* enum mark */
    bool stored;    /* with EFFECT_RETURN_OLD: whether the PUT took place */
    uint32_t flags; /* VALUE, META: the session's */
    uint32_t count; /* KEYS */
    uint64_t version;
    int64_t number;
    uint64_t cursor;          /* KEYS */
    uint64_t size;            /* META, and STORED after APPEND and PREPEND: bytes of the value */
    int64_t left_ms;          /* NUMBER: remaining lifetime, -1: never expires */
    uint64_t expires_unix_ms; /* META: when it expires, UINT64_MAX: never */
    struct slice body;
    /* Where body is a counted reference and not a copy: release(held) gives it back, from any thread. */
    void *held;
    void (*release)(void *held);
};

/* Makes `reply` an ERROR. `text` must outlive the reply (a string literal). */
static inline void reply_error(struct reply *reply, enum error_code code, const char *text)
{
    reply->kind = REPLY_ERROR;
    reply->error = code;
    reply->body = slice_text(text);
}

#endif
