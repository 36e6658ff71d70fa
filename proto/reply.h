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
    ERR_COUNT
};

/* The stable name of a code as the text protocol prints it: "bad-request", ... */
const char *error_code_name(enum error_code code);

struct reply {
    enum reply_kind kind;
    enum error_code error;
    uint64_t version;
    int64_t number;
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
