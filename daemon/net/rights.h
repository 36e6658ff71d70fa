/* Who may ask for what. Pure: of the kind of peer and the request alone. */
#ifndef NET_RIGHTS_H
#define NET_RIGHTS_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/call.h"

enum peer_kind {
    PEER_LOCAL,  /* on this machine: over a Unix socket or the loopback address */
    PEER_REMOTE, /* anywhere else, or nobody knows */
};

/* NULL: the peer may ask for this, with all its parts. Else why not, as the text of an ERR_UNAUTHORIZED (static).
 */
const char *rights_denied(enum peer_kind peer, const struct call *call);

#endif
