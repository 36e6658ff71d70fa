/* The null server's framing: every request is answered once, however the bytes are split. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "bench/null/framing.h"
#include "proto/text/text.h"

/* 'V' for each GET, 'O' for each other request, '!' at the end where the bytes are bad. Hands out `chunk` bytes at
 * a time. */
static void answers(const char *in, size_t len, size_t chunk, char *out)
{
    struct framing f = {0};
    size_t at = 0, end = 0;

    for (;;) {
        size_t used = 0;
        enum framing_found found = framing_next(&f, in + at, end - at, &used);
        at += used;
        if (found == FRAMING_GET) *out++ = 'V';
        if (found == FRAMING_OTHER) *out++ = 'O';
        if (found == FRAMING_BAD) *out++ = '!';
        if (found == FRAMING_BAD || (found == FRAMING_MORE && end == len)) break;
        if (found == FRAMING_MORE) end = len - end < chunk ? len : end + chunk;
    }
    *out = '\0';
}

static void expect(const char *in, const char *want)
{
    char out[64];

    for (size_t chunk = 1; chunk <= strlen(in) + 1; chunk++) {
        answers(in, strlen(in), chunk, out);
        assert_string_equal(out, want);
    }
}

static void requests_are_counted_by_their_line_ends(void **state)
{
    (void)state;
    expect("GET a\r\n", "V");
    expect("get a\n\nLEN\r\n\r\nDELETE a\n", "VOO");
    expect("GET a", "");
    expect("", "");
}

static void counted_values_are_skipped(void **state)
{
    (void)state;
    expect("PUT a - $5\r\nGET b\r\nGET c\r\n", "OV");
    expect("PUT a - $0\r\n\r\nGET c\r\n", "OV");
    expect("PUT a - $12\nGET x\nGET y\n\nLEN\n", "OO");
    expect("PUT a - $4\r\n", "O");
}

static void other_ends_of_a_line_are_no_counts(void **state)
{
    (void)state;
    expect("PUT a - 12\r\nGET c\r\n", "OV");
    expect("PUT a - x$12\r\nGET c\r\n", "OV");
    expect("PUT a - $\r\nGET c\r\n", "OV");
    expect("$12\r\nGET c\r\n", "OV");
    expect("PUT a - $99999999999999999999\r\nGET c\r\n", "OV");
}

static void what_the_codec_writes_is_framed(void **state)
{
    struct buffer b = {0};
    char value[300], out[16];
    struct request request = {.op = OP_PUT, .key = slice_text("key"), .value = slice_of(value, sizeof(value))};

    (void)state;
    memset(value, '\n', sizeof(value));
    codec_text.encode_request(&b, &request);
    request.op = OP_GET;
    codec_text.encode_request(&b, &request);
    request.op = OP_TOUCH;
    codec_text.encode_request(&b, &request);
    assert_false(b.failed);
    for (size_t chunk = 1; chunk < 50; chunk++) {
        answers(b.data, b.len, chunk, out);
        assert_string_equal(out, "OVO");
    }
    buffer_free(&b);
}

static void an_endless_line_is_bad_just_above_the_limit(void **state)
{
    char *line = malloc(FRAMING_LINE_MAX + 1), out[8];

    (void)state;
    memset(line, 'x', FRAMING_LINE_MAX + 1);
    answers(line, FRAMING_LINE_MAX, 1000, out);
    assert_string_equal(out, "");
    answers(line, FRAMING_LINE_MAX + 1, 1000, out);
    assert_string_equal(out, "!");
    free(line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_counted_by_their_line_ends),
        cmocka_unit_test(counted_values_are_skipped),
        cmocka_unit_test(other_ends_of_a_line_are_no_counts),
        cmocka_unit_test(what_the_codec_writes_is_framed),
        cmocka_unit_test(an_endless_line_is_bad_just_above_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
