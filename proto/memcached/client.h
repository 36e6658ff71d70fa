/*
 * The client's half of the memcached text codec, as far as a load tester needs it: GET, PUT (set), DELETE, TOUCH,
 * and PING (mn), and what any memcached answers to these. LEN has no command there. Lifetimes are whole seconds,
 * rounded up. Signatures as in codec.h.
 */
#ifndef PROTO_MEMCACHED_CLIENT_H
#define PROTO_MEMCACHED_CLIENT_H

#include "proto/codec.h"

void memcached_encode_request(struct buffer *out, const struct request *request);
enum decode_status memcached_decode_reply(struct reply_decoder *d, const struct codec_limits *limits,
                                          const char *in, size_t len, size_t *used, struct reply *reply,
                                          struct slice *tag);

#endif
