/*
 * Fuzzes the text codec: the same bytes, whole and in pieces, must give the same events; nothing is read outside
 * the input; a request that was understood survives being encoded and decoded again.
 *
 * The first byte says how many of the following bytes are piece sizes; the rest is the stream.
 *
 *     libFuzzer:  clang -fsanitize=fuzzer,address,undefined -I. tests/fuzz/fuzz_text.c \
 *                     tests/unit/text_events.c proto/{buffer,call,names,number,text_*}.c
 *     AFL++, or to replay files:  the same with -DFUZZ_MAIN and without `fuzzer`; it reads the files named
 */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/text_events.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void assert_same(const struct buffer *a, const struct buffer *b)
{
    if (slice_equal(slice_of(a->data, a->len), slice_of(b->data, b->len))) return;
    fprintf(stderr, "--- whole\n%.*s--- in pieces\n%.*s", (int)a->len, a->data, (int)b->len, b->data);
    abort();
}

/* Every request of the stream, encoded by the client's side and decoded again, is the same request. */
static void check_round_trip(const struct codec_limits *limits, const char *in, size_t len)
{
    struct decoder d = {0};
    size_t at = 0;
    for (;;) {
        struct call call;
        size_t used = 0;
        call_init(&call);
        enum decode_status status = codec_text.decode(&d, limits, in + at, len - at, &used, &call);
        at += used;
        if (status == DECODE_REQUEST && call.request.op != OP_QUIT) {
            struct buffer bytes = {0};
            struct buffer before = {0};
            struct buffer after = {0};
            const struct codec_limits wide = {limits->line + 512, limits->key, limits->value + limits->line};
            codec_text.encode_request(&bytes, &call.request);
            text_log_request(&before, &call.request);
            text_events(&after, &wide, bytes.data, bytes.len, pieces_whole());
            assert_same(&before, &after);
            buffer_free(&bytes);
            buffer_free(&before);
            buffer_free(&after);
        }
        bool going = (status == DECODE_REQUEST && call.request.op != OP_QUIT) || status == DECODE_ANSWERED;
        call_clear(&call);
        if (!going) return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct codec_limits limits = {.line = 96, .key = 20, .value = 48};
    if (size < 1) return 0;
    size_t count = data[0] % 16;
    if (count > size - 1) count = size - 1;
    struct text_pieces listed = pieces_listed(data + 1, count);
    const char *in = (const char *)data + 1 + count;
    size_t len = size - 1 - count;

    struct buffer whole = {0};
    struct buffer split = {0};
    text_events(&whole, &limits, in, len, pieces_whole());
    text_events(&split, &limits, in, len, listed);
    assert_same(&whole, &split);
    whole.len = 0;
    split.len = 0;
    text_reply_events(&whole, &limits, in, len, pieces_whole());
    text_reply_events(&split, &limits, in, len, listed);
    assert_same(&whole, &split);
    check_round_trip(&limits, in, len);
    buffer_free(&whole);
    buffer_free(&split);
    return 0;
}

#ifdef FUZZ_MAIN
int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        static uint8_t data[1 << 20]; /* mutable on purpose: too large for the stack, a test program's own */
        FILE *file = fopen(argv[i], "rb");
        if (file == NULL) {
            perror(argv[i]);
            return 1;
        }
        size_t size = fread(data, 1, sizeof(data), file);
        fclose(file);
        LLVMFuzzerTestOneInput(data, size);
    }
    return 0;
}
#endif
