/*
 * The client's half of the RESP codec, as far as a load tester needs it: GET, PUT (SET with PX), DELETE, TOUCH, LEN
 * and PING, and what any Redis answers to these. Signatures as in codec.h.
 *
 * A reply does not say what it answers, so of an integer reply 0 counts as NOT_FOUND (nothing deleted, nothing
 * touched), any other as LEN.
 */
#ifndef PROTO_RESP_CLIENT_H
#define PROTO_RESP_CLIENT_H

#include "proto/codec.h"

void resp_encode_request(struct buffer *out, const struct request *request);
enum decode_status resp_decode_reply(struct reply_decoder *d, const struct codec_limits *limits, const char *in,
                                     size_t len, size_t *used, struct reply *reply, struct slice *tag);

#endif
