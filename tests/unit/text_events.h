/* Drives the text codec as a connection would and writes down what came out, for tests and fuzzers. */
#ifndef TESTS_TEXT_EVENTS_H
#define TESTS_TEXT_EVENTS_H

#include "proto/text/text.h"

/* How the bytes arrive: the size of the next piece, given how many are left. 0 counts as 1. */
struct text_pieces {
    size_t (*next)(struct text_pieces *pieces, size_t left);
    const unsigned char *sizes; /* for pieces_listed: taken in turn, the last one again and again */
    size_t count;
    size_t at;
    size_t fixed; /* for pieces_fixed and pieces_cut */
};

struct text_pieces pieces_whole(void);
struct text_pieces pieces_fixed(size_t size);
struct text_pieces pieces_cut(size_t at); /* two pieces, the first of `at` bytes */
struct text_pieces pieces_listed(const unsigned char *sizes, size_t count);

/*
 * Decodes `in` on the server's side until it ends, the decoder closes or QUIT came, and appends one line for
 * each event to `log`:
 *
 *     put key=k value=abc ttl=30000 if=absent tag=a deadline=5 class=normal
 *     refused tag=a bad-key | text
 *     close bad-request | text
 */
void text_events(struct buffer *log, const struct codec_limits *limits, const char *in, size_t len,
                 struct text_pieces pieces);

/* The same for the client's side: one line for each reply, "close" where it is none. */
void text_reply_events(struct buffer *log, const struct codec_limits *limits, const char *in, size_t len,
                       struct text_pieces pieces);

/* One event line, as above. */
void text_log_request(struct buffer *log, const struct request *request);
void text_log_reply(struct buffer *log, const struct reply *reply, struct slice tag);

#endif
