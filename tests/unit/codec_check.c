/* Decodes each sample in every way that packets could cut it and compares what comes out. */
#include "tests/unit/codec_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Removes " | text for people" from every line. */
static void drop_texts(struct buffer *log)
{
    size_t to = 0;
    bool text = false;
    for (size_t i = 0; i < log->len; i++) {
        if (log->len - i >= 3 && memcmp(log->data + i, " | ", 3) == 0) text = true;
        if (log->data[i] == '\n') text = false;
        if (!text) log->data[to++] = log->data[i];
    }
    log->len = to;
}

static void check_golden(const struct golden *golden, struct buffer *whole)
{
    drop_texts(whole);
    if (!slice_equal(slice_of(whole->data, whole->len), slice_text(golden->events)))
        fail_msg("\n%.*s\n--- expected\n%s--- came\n%.*s", (int)golden->len, golden->in, golden->events,
                 (int)whole->len, whole->data);
}

static void check_split(golden_events *decode, const struct codec_limits *limits, const struct golden *golden,
                        const struct buffer *whole, struct pieces pieces)
{
    struct buffer split = {0};
    decode(&split, limits, golden->in, golden->len, pieces);
    if (!slice_equal(slice_of(whole->data, whole->len), slice_of(split.data, split.len)))
        fail_msg("\n%.*s\n--- whole\n%.*s--- in pieces (%zu)\n%.*s", (int)golden->len, golden->in, (int)whole->len,
                 whole->data, pieces.fixed, (int)split.len, split.data);
    buffer_free(&split);
}

void golden_check(golden_events *decode, const struct codec_limits *limits, const struct golden *golden,
                  size_t count)
{
    for (size_t i = 0; i < count; i++, golden++) {
        struct buffer whole = {0};
        decode(&whole, limits, golden->in, golden->len, pieces_whole());
        for (size_t size = 1; size < 8; size++)
            check_split(decode, limits, golden, &whole, pieces_fixed(size));
        for (size_t at = 1; at < golden->len; at++)
            check_split(decode, limits, golden, &whole, pieces_cut(at));
        check_golden(golden, &whole);
        buffer_free(&whole);
    }
}

struct answering {
    const struct codec *codec;
    struct reply reply;
    struct buffer out; /* the last request's */
};

static bool answer(void *ctx, enum decode_status status, struct call *call)
{
    struct answering *a = ctx;
    if (status != DECODE_REQUEST) return true;
    bool owned = call_own(call);
    assert_true(owned);
    call->reply = a->reply;
    for (struct call *part = call->parts; part; part = part->part_next)
        part->reply = a->reply;
    if (call->parts && a->reply.kind != REPLY_OVERLOADED && a->reply.kind != REPLY_CONFLICT)
        call->reply.kind = REPLY_PARTS;
    a->out.len = 0;
    while (a->codec->encode(&a->out, call))
        ;
    return true;
}

void codec_check_reply(const struct codec *codec, const char *commands, struct reply reply, const char *expected)
{
    static const struct codec_limits wide = {
        .line = 1000, .key = 250, .value = 1000, .command = 2000, .parts = 1000, .held = 1 << 20};
    struct answering a = {.codec = codec, .reply = reply};
    codec_drive(codec, &wide, commands, strlen(commands), pieces_whole(), answer, &a);
    if (!slice_equal(slice_of(a.out.data, a.out.len), slice_text(expected)))
        fail_msg("\n%s--- expected\n%s--- came\n%.*s", commands, expected, (int)a.out.len, a.out.data);
    buffer_free(&a.out);
}
