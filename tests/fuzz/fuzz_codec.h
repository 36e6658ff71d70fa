/*
 * What the fuzzers of the codecs share: the same bytes, whole and in pieces, must give the same events; nothing is
 * read outside the input.
 *
 * The first byte of the data says how many of the following bytes are piece sizes; the rest is the stream.
 *
 *     libFuzzer:  make fuzz
 *     AFL++, or to replay files:  the same sources with -DFUZZ_MAIN and without `-fsanitize=fuzzer`: the program
 *                                 reads the files named
 */
#ifndef TESTS_FUZZ_CODEC_H
#define TESTS_FUZZ_CODEC_H

#include <stdint.h>

#include "tests/unit/codec_drive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The parts of a fuzzer's data. */
struct fuzz_input {
    struct pieces pieces;
    const char *in;
    size_t len;
};

struct fuzz_input fuzz_input_of(const uint8_t *data, size_t size);

/* Ends the program, with both shown, if they differ. */
void fuzz_assert_same(const struct buffer *whole, const struct buffer *split);

/* The oracle for a server's codec. */
void fuzz_server(const struct codec *codec, const struct codec_limits *limits, struct fuzz_input input);

#endif
