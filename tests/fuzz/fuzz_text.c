/* Fuzzes the text codec, both sides of it: see fuzz_codec.h. And a request that was understood survives being
 * encoded and decoded again. */
#include "tests/fuzz/fuzz_codec.h"
#include "tests/unit/text_events.h"

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
            fuzz_assert_same(&before, &after);
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
    struct fuzz_input input = fuzz_input_of(data, size);
    struct buffer whole = {0};
    struct buffer split = {0};
    text_events(&whole, &limits, input.in, input.len, pieces_whole());
    text_events(&split, &limits, input.in, input.len, input.pieces);
    fuzz_assert_same(&whole, &split);
    whole.len = 0;
    split.len = 0;
    text_reply_events(&whole, &limits, input.in, input.len, pieces_whole());
    text_reply_events(&split, &limits, input.in, input.len, input.pieces);
    fuzz_assert_same(&whole, &split);
    check_round_trip(&limits, input.in, input.len);
    buffer_free(&whole);
    buffer_free(&split);
    return 0;
}
