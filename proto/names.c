/* The stable names of operations and error codes, for metrics, logs and the text protocol. */
#include <assert.h>

#include "proto/reply.h"
#include "proto/request.h"

const char *op_name(enum op op)
{
    static const char *const names[OP_COUNT] = {
        [OP_GET] = "get",         [OP_PUT] = "put",       [OP_DELETE] = "delete",
        [OP_TOUCH] = "touch",     [OP_META] = "meta",     [OP_APPEND] = "append",
        [OP_PREPEND] = "prepend", [OP_ADD] = "add",       [OP_RENAME] = "rename",
        [OP_LEN] = "len",         [OP_SCAN] = "scan",     [OP_RANDOM] = "random",
        [OP_FLUSH] = "flush",     [OP_BATCH] = "batch",   [OP_PING] = "ping",
        [OP_STATS] = "stats",     [OP_CONFIG] = "config", [OP_CONFIG_SET] = "config_set",
        [OP_FACTS] = "facts",     [OP_TIME] = "time",     [OP_HELP] = "help",
        [OP_VERSION] = "version", [OP_QUIT] = "quit",
    };
    assert((unsigned)op < OP_COUNT);
    return names[op];
}

const char *error_code_name(enum error_code code)
{
    static const char *const names[ERR_COUNT] = {
        [ERR_BAD_REQUEST] = "bad-request",   [ERR_UNKNOWN_VERB] = "unknown-verb",
        [ERR_BAD_KEY] = "bad-key",           [ERR_BAD_TTL] = "bad-ttl",
        [ERR_TOO_LARGE] = "too-large",       [ERR_OUT_OF_MEMORY] = "out-of-memory",
        [ERR_UNAUTHORIZED] = "unauthorized", [ERR_TOO_MANY_CONNECTIONS] = "too-many-connections",
        [ERR_TIMEOUT] = "timeout",           [ERR_UNAVAILABLE] = "unavailable",
        [ERR_INTERNAL] = "internal",         [ERR_NOT_A_NUMBER] = "not-a-number",
        [ERR_OVERFLOW] = "overflow",
    };
    assert((unsigned)code < ERR_COUNT);
    return names[code];
}
