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
