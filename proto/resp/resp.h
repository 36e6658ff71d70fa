/*
 * The Redis serialization protocol (RESP2, and RESP3 after HELLO 3), server side only: commands as arrays of bulk
 * strings or as inline lines, replies, and what a connection remembers (database, protocol version, name, an open
 * transaction). Commands, integer rules and error texts are those of Redis 7.0; what differs is listed in
 * docs/clients.md. See codec.h for the rules of the interface.
 */
#ifndef PROTO_RESP_RESP_H
#define PROTO_RESP_RESP_H

#include "proto/codec.h"

extern const struct codec codec_resp;

#endif
