/* Golden checks of codecs, under every way of cutting the input. Needs cmocka. */
#ifndef TESTS_CODEC_CHECK_H
#define TESTS_CODEC_CHECK_H

#include "tests/unit/codec_drive.h"

struct golden {
    const char *in;
    size_t len;
    const char *events; /* as text_events.h or codec_events.h write them, human texts (behind " | ") left out */
};

/* The length of a literal, NULs inside it included. */
#define GOLDEN(in, events)             \
    {                                  \
        (in), sizeof(in) - 1, (events) \
    }

/* Writes down what becomes of the bytes: text_events, text_reply_events, or codec_events with a codec. */
typedef void golden_events(struct buffer *log, const struct codec_limits *limits, const char *in, size_t len,
                           struct pieces pieces);

/* Fails unless `events` makes golden->events of each sample, whole, byte by byte and cut anywhere. */
void golden_check(golden_events *events, const struct codec_limits *limits, const struct golden *golden,
                  size_t count);

/* Fails unless the last request of `commands`, answered by `reply`, becomes exactly `expected`. */
void codec_check_reply(const struct codec *codec, const char *commands, struct reply reply, const char *expected);

#endif
