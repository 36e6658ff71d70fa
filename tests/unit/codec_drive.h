/* Feeds a codec as a connection would: bytes that arrive in pieces, each step in a block of exactly its size, so
 * that a sanitizer sees a read behind it. */
#ifndef TESTS_CODEC_DRIVE_H
#define TESTS_CODEC_DRIVE_H

#include "proto/codec.h"

/* How the bytes arrive: the size of the next piece, given how many are left. 0 counts as 1. */
struct pieces {
    size_t (*next)(struct pieces *pieces, size_t left);
    const unsigned char *sizes; /* for pieces_listed: taken in turn, the last one again and again */
    size_t count;
    size_t at;
    size_t fixed; /* for pieces_fixed and pieces_cut */
};

struct pieces pieces_whole(void);
struct pieces pieces_fixed(size_t size);
struct pieces pieces_cut(size_t at); /* two pieces, the first of `at` bytes */
struct pieces pieces_listed(const unsigned char *sizes, size_t count);

/* What has arrived of some bytes, and what of it is not used yet. */
struct feed {
    const char *in;
    size_t from; /* what the codec has not used yet starts here */
    size_t upto; /* what has arrived ends here */
    size_t len;
};

/* The unused bytes in an allocated block of their own. */
char *feed_copy(const struct feed *feed);

/* More bytes come; false when there are none. */
bool feed_arrive(struct feed *feed, struct pieces *pieces);

/* A call was decoded: DECODE_REQUEST, DECODE_ANSWERED or DECODE_CLOSE. False: that was the last. */
typedef bool drive_event(void *ctx, enum decode_status status, struct call *call);

/*
 * Decodes `in` on the server's side until it ends, the decoder closes or `event` says so. Asserts what every codec
 * promises its caller. decoder.want is heeded.
 */
void codec_drive(const struct codec *codec, const struct codec_limits *limits, const char *in, size_t len,
                 struct pieces pieces, drive_event *event, void *ctx);

#endif
