/*
 * memcached's text protocol, server side only: the classic commands and the meta commands, as memcached's own
 * protocol document has them; what differs is listed in docs/clients.md. See codec.h for the rules of the
 * interface.
 */
#ifndef PROTO_MEMCACHED_MEMCACHED_H
#define PROTO_MEMCACHED_MEMCACHED_H

#include "proto/codec.h"

extern const struct codec codec_memcached;

#endif
