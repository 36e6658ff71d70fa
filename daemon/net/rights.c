#include "daemon/net/rights.h"

/* Does it, or a part of it, change the daemon's settings? */
static bool changes_settings(const struct call *call)
{
    if (call->request.op == OP_CONFIG_SET) return true;
    for (const struct call *part = call->parts; part; part = part->part_next)
        if (changes_settings(part)) return true;
    return false;
}

const char *rights_denied(enum peer_kind peer, const struct call *call)
{
    if (peer == PEER_LOCAL || !changes_settings(call)) return NULL;
    return "settings are changed from this machine only: over the loopback address or a Unix socket";
}
