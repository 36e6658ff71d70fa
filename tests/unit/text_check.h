/* Golden checks of the text codec, under every way of cutting the input. Needs cmocka. */
#ifndef TESTS_TEXT_CHECK_H
#define TESTS_TEXT_CHECK_H

#include "proto/text/text.h"

struct text_golden {
    const char *in;
    size_t len;
    const char *events; /* as text_events.h writes them, human texts left out */
};

/* The length of a literal, NULs inside it included. */
#define GOLDEN(in, events)             \
    {                                  \
        (in), sizeof(in) - 1, (events) \
    }

/* Fails unless the server's side understands `in` as `golden->events`, whole, byte by byte and cut anywhere. */
void text_check(const struct codec_limits *limits, const struct text_golden *golden, size_t count);

/* The same for the client's side. */
void text_check_replies(const struct codec_limits *limits, const struct text_golden *golden, size_t count);

#endif
