/* What HELP answers: every verb on one line. The reply's own line end closes the last one. */
#include "proto/text/text.h"

static const char help[] =
    "GET key              -> VALUE ttl_ms version $n, n bytes; or NOT_FOUND\r\n"
    "PUT key ttl value    -> OK version (value: the rest of the line, or $n and then n bytes)\r\n"
    "DELETE key           -> OK; or NOT_FOUND\r\n"
    "LEN                  -> LEN sessions\r\n"
    "TOUCH key ttl        -> OK version; or NOT_FOUND\r\n"
    "PING                 -> PONG\r\n"
    "STATS                -> JSON $n, n bytes\r\n"
    "CONFIG               -> JSON $n, n bytes\r\n"
    "CONFIG SET key value -> OK (keys: queue.policy, queue.bound, queue.target)\r\n"
    "HELP                 -> this\r\n"
    "VERSION              -> VERSION sluice x.y.z protocol 1\r\n"
    "QUIT                 -> BYE\r\n"
    "ttl: - (the default), never, or a number with ms, s, m, h or d (no unit: seconds)\r\n"
    "in front of a verb: "
    "@if=version|absent|present;tag=a1;deadline=50ms;class=critical|normal|sheddable;refuse=early";

struct slice text_help(void)
{
    return slice_of(help, sizeof help - 1);
}
