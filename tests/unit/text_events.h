/* Drives the text codec as a connection would and writes down what came out, for tests and fuzzers. */
#ifndef TESTS_TEXT_EVENTS_H
#define TESTS_TEXT_EVENTS_H

#include "proto/text/text.h"
#include "tests/unit/codec_drive.h"

/*
 * Decodes `in` on the server's side until it ends, the decoder closes or QUIT came, and appends one line for
 * each event to `log`:
 *
 *     put key=k value=abc ttl=30000 if=absent tag=a deadline=5 class=normal
 *     refused tag=a bad-key | text
 *     close bad-request | text
 */
void text_events(struct buffer *log, const struct codec_limits *limits, const char *in, size_t len,
                 struct pieces pieces);

/* The same for the client's side: one line for each reply, "close" where it is none. */
void text_reply_events(struct buffer *log, const struct codec_limits *limits, const char *in, size_t len,
                       struct pieces pieces);

/* One event line, as above. */
void text_log_request(struct buffer *log, const struct request *request);
void text_log_reply(struct buffer *log, const struct reply *reply, struct slice tag);

#endif
