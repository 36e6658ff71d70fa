/* Golden checks of codecs, under every way of cutting the input. Needs cmocka. */
#ifndef TESTS_CODEC_CHECK_H
#define TESTS_CODEC_CHECK_H

#include "tests/unit/codec_events.h"

struct golden {
    const char *in;
    size_t len;
    const char *events; /* as text_events.h or codec_events.h write them, human texts (behind " | ") left out */
};

/* The length of a literal, NULs inside it included. */
#define GOLDEN(in, events)            \
    {                                 \
        (in), sizeof in - 1, (events) \
    }

/* Writes down what becomes of the bytes: text_events, text_reply_events, or codec_events with a codec. */
typedef void golden_events(struct buffer *log, const struct codec_limits *limits, const char *in, size_t len,
                           struct pieces pieces);

/* Fails unless `events` makes golden->events of each sample, whole, byte by byte and cut anywhere. */
void golden_check(golden_events *events, const struct codec_limits *limits, const struct golden *golden,
                  size_t count);

/* The same, with the samples as arguments, made by GOLDEN. */
#define GOLDEN_CHECK(events, limits, ...)                                             \
    do {                                                                              \
        static const struct golden golden_[] = {__VA_ARGS__};                         \
        golden_check(events, &(limits), golden_, sizeof golden_ / sizeof golden_[0]); \
    } while (0)

/* Defines golden_events of a server's codec. */
#define GOLDEN_EVENTS(name, codec)                                                                 \
    static void name(struct buffer *log, const struct codec_limits *l, const char *in, size_t len, \
                     struct pieces pieces)                                                         \
    {                                                                                              \
        codec_events(log, &(codec), l, in, len, pieces);                                           \
    }

/* Fails unless the last request of `commands`, answered by `reply`, becomes exactly `expected`. */
void codec_check_reply(const struct codec *codec, const char *commands, struct reply reply, const char *expected);

#endif
