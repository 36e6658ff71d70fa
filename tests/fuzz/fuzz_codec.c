#include "tests/fuzz/fuzz_codec.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/codec_events.h"

struct fuzz_input fuzz_input_of(const uint8_t *data, size_t size)
{
    if (size < 1) return (struct fuzz_input){pieces_whole(), "", 0};
    size_t count = data[0] % 16;
    if (count > size - 1) count = size - 1;
    return (struct fuzz_input){pieces_listed(data + 1, count), (const char *)data + 1 + count, size - 1 - count};
}

void fuzz_assert_same(const struct buffer *whole, const struct buffer *split)
{
    if (slice_equal(slice_of(whole->data, whole->len), slice_of(split->data, split->len))) return;
    fprintf(stderr, "--- whole\n%.*s--- in pieces\n%.*s", (int)whole->len, whole->data, (int)split->len,
            split->data);
    abort();
}

void fuzz_server(const struct codec *codec, const struct codec_limits *limits, struct fuzz_input input)
{
    struct buffer whole = {0}, split = {0};
    codec_events_answered(&whole, codec, limits, input.in, input.len, pieces_whole());
    codec_events_answered(&split, codec, limits, input.in, input.len, input.pieces);
    fuzz_assert_same(&whole, &split);
    buffer_free(&whole);
    buffer_free(&split);
}

#ifdef FUZZ_MAIN
int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        static uint8_t data[1 << 20]; /* mutable on purpose: too large for the stack, a test program's own */
        FILE *file = fopen(argv[i], "rb");
        if (!file) {
            perror(argv[i]);
            return 1;
        }
        size_t size = fread(data, 1, sizeof data, file);
        fclose(file);
        LLVMFuzzerTestOneInput(data, size);
    }
    return 0;
}
#endif
