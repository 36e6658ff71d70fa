/* Who is at the other end of a socket. */
#ifndef NET_PEER_H
#define NET_PEER_H

#include "daemon/net/rights.h"
#include "proto/facts.h"

enum peer_kind peer_kind_of(int fd);

/* Fills in both addresses of the connection, the port and the descriptor. */
void peer_describe(int fd, struct facts *f);

#endif
