#include "proto/reply.h"

#include <assert.h>

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
