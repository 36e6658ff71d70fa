/* What a reply means to the caller. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "clients/c/client.h"

static enum sluice_error error_of(enum error_code code)
{
    switch (code) {
    case ERR_BAD_REQUEST: return SLUICE_ERROR_BAD_REQUEST;
    case ERR_UNKNOWN_VERB: return SLUICE_ERROR_UNKNOWN_VERB;
    case ERR_BAD_KEY: return SLUICE_ERROR_BAD_KEY;
    case ERR_BAD_TTL: return SLUICE_ERROR_BAD_TTL;
    case ERR_TOO_LARGE: return SLUICE_ERROR_TOO_LARGE;
    case ERR_OUT_OF_MEMORY: return SLUICE_ERROR_OUT_OF_MEMORY;
    case ERR_UNAUTHORIZED: return SLUICE_ERROR_UNAUTHORIZED;
    case ERR_TOO_MANY_CONNECTIONS: return SLUICE_ERROR_TOO_MANY_CONNECTIONS;
    case ERR_TIMEOUT: return SLUICE_ERROR_TIMEOUT;
    case ERR_UNAVAILABLE: return SLUICE_ERROR_UNAVAILABLE;
    case ERR_INTERNAL:
    case ERR_COUNT:
    default: return SLUICE_ERROR_INTERNAL;
    }
}

/* May a server answer `op` with `kind`? */
static bool answers(enum op op, enum reply_kind kind)
{
    bool refused = kind == REPLY_OVERLOADED || kind == REPLY_LATE || kind == REPLY_ERROR;

    if (refused) return true;
    switch (op) {
    case OP_GET: return kind == REPLY_VALUE || kind == REPLY_NOT_FOUND;
    case OP_PUT: return kind == REPLY_STORED || kind == REPLY_CONFLICT;
    case OP_DELETE: return kind == REPLY_OK || kind == REPLY_NOT_FOUND || kind == REPLY_CONFLICT;
    case OP_LEN: return kind == REPLY_LEN;
    case OP_TOUCH: return kind == REPLY_STORED || kind == REPLY_NOT_FOUND || kind == REPLY_CONFLICT;
    case OP_PING: return kind == REPLY_PONG;
    case OP_STATS: return kind == REPLY_JSON;
    case OP_CONFIG: return kind == REPLY_JSON;
    case OP_CONFIG_SET: return kind == REPLY_OK;
    case OP_HELP: return kind == REPLY_TEXT;
    case OP_VERSION: return kind == REPLY_VERSION;
    case OP_QUIT: return kind == REPLY_BYE;
    default: return false; /* not an operation of the text protocol */
    }
}

bool sluice__result_set(struct sluice_result *result, enum op op, const struct reply *reply)
{
    if (!answers(op, reply->kind)) return false;
    result->body = sluice_bytes(reply->body.ptr, reply->body.len);
    result->version = reply->version;
    result->status = SLUICE_OK;
    switch (reply->kind) {
    case REPLY_VALUE: result->ttl_ms = reply->number; break;
    case REPLY_LEN: result->count = (uint64_t)reply->number; break;
    case REPLY_NOT_FOUND: result->status = SLUICE_NOT_FOUND; break;
    case REPLY_CONFLICT: result->status = SLUICE_CONFLICT; break;
    case REPLY_LATE: result->status = SLUICE_LATE; break;
    case REPLY_OVERLOADED:
        result->status = SLUICE_OVERLOADED;
        result->retry_ms = reply->number;
        break;
    case REPLY_ERROR:
        result->status = SLUICE_SERVER_ERROR;
        result->error = error_of(reply->error);
        break;
    default: break;
    }
    return true;
}

enum sluice_status sluice_result_keep(struct sluice_result *result)
{
    char *copy = NULL;

    if (result->kept || result->body.len == 0) return SLUICE_OK;
    copy = malloc(result->body.len);
    if (!copy) return SLUICE_NO_MEMORY;
    memcpy(copy, result->body.data, result->body.len);
    result->kept = copy;
    result->body.data = copy;
    return SLUICE_OK;
}

void sluice_result_free(struct sluice_result *result)
{
    free(result->kept);
    result->kept = NULL;
    result->body = sluice_bytes(NULL, 0);
}

const char *sluice_status_name(enum sluice_status status)
{
    switch (status) {
    case SLUICE_OK: return "ok";
    case SLUICE_NOT_FOUND: return "not-found";
    case SLUICE_CONFLICT: return "conflict";
    case SLUICE_OVERLOADED: return "overloaded";
    case SLUICE_LATE: return "late";
    case SLUICE_SERVER_ERROR: return "server-error";
    case SLUICE_BAD_ARGUMENT: return "bad-argument";
    case SLUICE_NO_MEMORY: return "no-memory";
    case SLUICE_CANNOT_CONNECT: return "cannot-connect";
    case SLUICE_TIMEOUT: return "timeout";
    case SLUICE_DISCONNECTED: return "disconnected";
    case SLUICE_PROTOCOL: return "protocol";
    }
    return "unknown";
}

const char *sluice_error_name(enum sluice_error error)
{
    switch (error) {
    case SLUICE_ERROR_NONE: return "none";
    case SLUICE_ERROR_BAD_REQUEST: return error_code_name(ERR_BAD_REQUEST);
    case SLUICE_ERROR_UNKNOWN_VERB: return error_code_name(ERR_UNKNOWN_VERB);
    case SLUICE_ERROR_BAD_KEY: return error_code_name(ERR_BAD_KEY);
    case SLUICE_ERROR_BAD_TTL: return error_code_name(ERR_BAD_TTL);
    case SLUICE_ERROR_TOO_LARGE: return error_code_name(ERR_TOO_LARGE);
    case SLUICE_ERROR_OUT_OF_MEMORY: return error_code_name(ERR_OUT_OF_MEMORY);
    case SLUICE_ERROR_UNAUTHORIZED: return error_code_name(ERR_UNAUTHORIZED);
    case SLUICE_ERROR_TOO_MANY_CONNECTIONS: return error_code_name(ERR_TOO_MANY_CONNECTIONS);
    case SLUICE_ERROR_TIMEOUT: return error_code_name(ERR_TIMEOUT);
    case SLUICE_ERROR_UNAVAILABLE: return error_code_name(ERR_UNAVAILABLE);
    case SLUICE_ERROR_INTERNAL: return error_code_name(ERR_INTERNAL);
    }
    return "unknown";
}
