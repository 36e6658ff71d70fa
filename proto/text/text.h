/* The text protocol, version 1 (docs/protocol.md). */
#ifndef PROTO_TEXT_H
#define PROTO_TEXT_H

#include "proto/codec.h"

#define TEXT_PROTOCOL_VERSION 1
#define TEXT_KEY_MAX          512         /* the protocol's own bound on keys */
#define TEXT_COUNT_MAX        2147483648U /* a counted value announced larger than this ends the connection */

extern const struct codec codec_text;

/* True for 1 to TEXT_KEY_MAX bytes without spaces or control bytes (0x00-0x20, 0x7f). */
bool text_key_valid(struct slice key);

/* True for 1 to TAG_MAX letters, digits, '-' or '_'. */
bool text_tag_valid(struct slice tag);

/* The body of the HELP reply: every verb on one line. Static. */
struct slice text_help(void);

#endif
