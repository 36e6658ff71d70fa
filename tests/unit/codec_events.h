/* Writes down what a server's codec makes of some bytes: requests with all their fields, the codec's own answers as
 * bytes, and the bytes that replies become. For tests and fuzzers. */
#ifndef TESTS_CODEC_EVENTS_H
#define TESTS_CODEC_EVENTS_H

#include "tests/unit/codec_drive.h"

/*
 * One line for each event, appended to `log`; bytes that are not plain are \x..:
 *
 *     put key=k value=v ttl=1000 if=absent effects=1 flags=3 db=2     fields that are 0 or empty are left out
 *     batch { get key=a } { get key=b }
 *     answered +OK\x0d\x0a
 *     close -ERR ...\x0d\x0a
 */
void codec_events(struct buffer *log, const struct codec *codec, const struct codec_limits *limits, const char *in,
                  size_t len, struct pieces pieces);

/* The same, and behind each request the bytes of a reply that a backend could give: every kind comes up. */
void codec_events_answered(struct buffer *log, const struct codec *codec, const struct codec_limits *limits,
                           const char *in, size_t len, struct pieces pieces);

/* Gives the call, and its parts, a reply that fits its operation; which one follows from the request. */
void codec_reply_somehow(struct call *call);

#endif
