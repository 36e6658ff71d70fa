#include "proto/resp/lifetime.h"

#define CLOCK_MAX_MS (INT64_C(1) << 42)

enum resp_unit resp_unit_of(struct slice word)
{
    if (resp_is(word, "ex")) return RESP_EX;
    if (resp_is(word, "px")) return RESP_PX;
    if (resp_is(word, "exat")) return RESP_EXAT;
    if (resp_is(word, "pxat")) return RESP_PXAT;
    return RESP_UNITS;
}

static bool invalid(const char *name, struct call *call)
{
    resp_fail(call, "ERR invalid expire time in '%s' command", name);
    return false;
}

bool resp_take_any_lifetime(struct slice text, enum resp_unit unit, const char *name, struct call *call)
{
    int64_t n = 0;
    if (!resp_integer(text, &n)) {
        resp_fail(call, NOT_AN_INTEGER);
        return false;
    }
    bool is_seconds = unit == RESP_EX || unit == RESP_EXAT, is_relative = unit == RESP_EX || unit == RESP_PX;
    if (is_seconds && (n > INT64_MAX / 1000 || n < INT64_MIN / 1000)) return invalid(name, call);
    if (is_seconds) n *= 1000;
    if (is_relative && n > INT64_MAX - CLOCK_MAX_MS) return invalid(name, call);
    call->request.ttl_kind = is_relative ? TTL_RELATIVE : TTL_ABSOLUTE;
    call->request.ttl_ms = n > 0 ? (uint64_t)n : 0;
    return true;
}

bool resp_take_lifetime(struct slice text, enum resp_unit unit, const char *name, struct call *call)
{
    int64_t n = 1;
    if (resp_integer(text, &n) && n <= 0) return invalid(name, call);
    return resp_take_any_lifetime(text, unit, name, call);
}
