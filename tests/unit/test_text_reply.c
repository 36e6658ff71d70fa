/* Replies of the text codec, written and read back. Each sample is cut at every place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/text/grammar.h"
#include "tests/unit/codec_check.h"
#include "tests/unit/text_events.h"

static const struct codec_limits limits = {.line = 100, .key = 512, .value = 64};

/* `reply` is written as `bytes`, and these are read as the same reply. */
static void check_written(struct reply reply, const char *tag, const char *bytes)
{
    struct call call;
    struct buffer out = {0};
    struct buffer events = {0};
    call_init(&call);
    call.reply = reply;
    call.request.tag = slice_text(tag);
    codec_text.encode(&out, &call);
    assert_false(out.failed);
    if (!slice_equal(slice_of(out.data, out.len), slice_text(bytes)))
        fail_msg("--- expected\n%s--- came\n%.*s", bytes, (int)out.len, out.data);
    text_log_reply(&events, &reply, slice_text(tag));
    buffer_append(&events, "", 1);
    const struct golden golden = {out.data, out.len, events.data};
    golden_check(text_reply_events, &limits, &golden, 1);
    buffer_free(&events);
    buffer_free(&out);
    call_clear(&call);
}

static void every_reply_without_body(void **state)
{
    (void)state;
    check_written((struct reply){.kind = REPLY_OK}, "", "OK\r\n");
    check_written((struct reply){.kind = REPLY_STORED, .version = 1}, "", "OK 1\r\n");
    check_written((struct reply){.kind = REPLY_STORED, .version = UINT64_MAX}, "", "OK 18446744073709551615\r\n");
    check_written((struct reply){.kind = REPLY_NOT_FOUND}, "", "NOT_FOUND\r\n");
    check_written((struct reply){.kind = REPLY_LEN, .number = 0}, "", "LEN 0\r\n");
    check_written((struct reply){.kind = REPLY_LEN, .number = INT64_MAX}, "", "LEN 9223372036854775807\r\n");
    check_written((struct reply){.kind = REPLY_CONFLICT, .version = 0}, "", "CONFLICT 0\r\n");
    check_written((struct reply){.kind = REPLY_CONFLICT, .version = 9}, "", "CONFLICT 9\r\n");
    check_written((struct reply){.kind = REPLY_OVERLOADED, .number = 25}, "", "OVERLOADED 25\r\n");
    check_written((struct reply){.kind = REPLY_OVERLOADED, .number = -1}, "", "OVERLOADED -1\r\n");
    check_written((struct reply){.kind = REPLY_LATE}, "", "LATE\r\n");
    check_written((struct reply){.kind = REPLY_PONG}, "", "PONG\r\n");
    check_written((struct reply){.kind = REPLY_BYE}, "", "BYE\r\n");
    check_written((struct reply){.kind = REPLY_VERSION, .body = slice_text("sluice 1.2.3 protocol 1")}, "",
                  "VERSION sluice 1.2.3 protocol 1\r\n");
    check_written((struct reply){.kind = REPLY_PONG}, "a-1", "@tag=a-1 PONG\r\n");
    check_written((struct reply){.kind = REPLY_PONG}, "0123456789abcdef0123456789abcdef",
                  "@tag=0123456789abcdef0123456789abcdef PONG\r\n");
}

static void every_reply_with_a_body(void **state)
{
    struct slice body = slice_text("a\r\n b");
    (void)state;
    check_written((struct reply){.kind = REPLY_VALUE, .number = 17, .version = 3, .body = body}, "",
                  "VALUE 17 3 $5\r\na\r\n b\r\n");
    check_written((struct reply){.kind = REPLY_VALUE, .number = -1, .version = 3, .body = body}, "t",
                  "@tag=t VALUE -1 3 $5\r\na\r\n b\r\n");
    check_written((struct reply){.kind = REPLY_VALUE, .number = INT64_MAX, .version = UINT64_MAX}, "",
                  "VALUE 9223372036854775807 18446744073709551615 $0\r\n\r\n");
    check_written((struct reply){.kind = REPLY_JSON, .body = slice_text("{}")}, "", "JSON $2\r\n{}\r\n");
    check_written((struct reply){.kind = REPLY_TEXT, .body = body}, "t", "@tag=t TEXT $5\r\na\r\n b\r\n");
    check_written((struct reply){.kind = REPLY_TEXT}, "", "TEXT $0\r\n\r\n");
}

static void every_error(void **state)
{
    (void)state;
    for (int code = 0; code < ERR_COUNT; code++) {
        struct buffer expected = {0};
        struct reply reply = {0};
        reply_error(&reply, (enum error_code)code, "a text: for people");
        buffer_append_text(&expected, "ERROR ");
        buffer_append_text(&expected, error_code_name((enum error_code)code));
        buffer_append(&expected, " a text: for people\r\n", 22); /* with its NUL */
        check_written(reply, "", expected.data);
        buffer_free(&expected);
    }
}

static void a_missing_answer_is_an_error_not_a_gap(void **state)
{
    struct call call;
    struct buffer out = {0};
    (void)state;
    call_init(&call);
    codec_text.encode(&out, &call);
    assert_memory_equal(out.data, "ERROR internal ", 15);
    assert_int_equal(out.data[out.len - 1], '\n');
    buffer_free(&out);
}

static void replies_follow_each_other(void **state)
{
    static const struct golden golden[] = {
        GOLDEN("OK\r\nVALUE 5 6 $4\r\nOK\r\n\r\n@tag=a NOT_FOUND\r\nOK 7\r\nBY",
               "ok number=0 version=0 body=\nvalue number=5 version=6 body=OK\\x0d\\x0a\n"
               "not_found tag=a number=0 version=0 body=\nstored number=0 version=7 body=\n"),
    };
    (void)state;
    golden_check(text_reply_events, &limits, golden, 1);
}

static void incomplete_replies_wait(void **state)
{
    static const struct golden golden[] = {
        GOLDEN("", ""),
        GOLDEN("OK", ""),
        GOLDEN("OK\r", ""),
        GOLDEN("VALUE 5 6 $4\r\n", ""),
        GOLDEN("VALUE 5 6 $4\r\nabcd", ""),
        GOLDEN("VALUE 5 6 $4\r\nabcd\r", ""),
    };
    (void)state;
    golden_check(text_reply_events, &limits, golden, sizeof golden / sizeof golden[0]);
}

static const char *const bad[] = {
    "\r\n",
    "\n",
    "OK\n",
    "ok\r\n",
    " OK\r\n",
    "OK \r\n",
    "OK  1\r\n",
    "OK 0\r\n",
    "OK -1\r\n",
    "OK 1 \r\n",
    "OK 1 2\r\n",
    "OK 18446744073709551616\r\n",
    "OKAY\r\n",
    "O\r\n",
    "HTTP/1.1 200 OK\r\n",
    "NOT_FOUND 1\r\n",
    "LEN\r\n",
    "LEN -1\r\n",
    "LEN x\r\n",
    "LEN 9223372036854775808\r\n",
    "LEN 1 2\r\n",
    "LEN 12\n",
    "OK!\n",
    "CONFLICT\r\n",
    "CONFLICT -1\r\n",
    "OVERLOADED\r\n",
    "OVERLOADED -2\r\n",
    "OVERLOADED --1\r\n",
    "LATE 1\r\n",
    "ERROR\r\n",
    "ERROR bad-key\r\n",
    "ERROR no-such-code text\r\n",
    "ERROR  bad-key x\r\n",
    "ERROR bad-ke x\r\n",
    "PONG x\r\n",
    "BYE BYE\r\n",
    "VERSION\r\n",
    "VERSION \r\n",
    "VALUE\r\n",
    "VALUE 5\r\n",
    "VALUE 5 6\r\n",
    "VALUE 5 6 7\r\n",
    "VALUE 5 0 $1\r\na\r\n",
    "VALUE -2 6 $1\r\na\r\n",
    "VALUE 5 6 $1 \r\na\r\n",
    "VALUE 5 6 $\r\n\r\n",
    "VALUE 5 6 $-1\r\n",
    "VALUE 5 6 $65\r\n",
    "VALUE 5 6 $4\r\nabcde\r\n",
    "VALUE 5 6 $4\r\nabcd\n",
    "VALUE 5 6 $4\r\nabcd\rx",
    "VALUE 5 6 $4\nabcd\r\n",
    "JSON\r\n",
    "JSON 2\r\n{}\r\n",
    "JSON $2\r\n{}x",
    "TEXT $2147483649\r\n",
    "@tag= OK\r\n",
    "@tag=a\r\n",
    "@tag=a  OK\r\n",
    "@tag=a/ OK\r\n",
    "@tag=0123456789abcdef0123456789abcdefX OK\r\n",
    "@if=1 OK\r\n",
    "\x15\x03\x01\r\n",
};

static void what_is_no_reply_closes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const struct golden golden = {bad[i], strlen(bad[i]), "close\n"};
        golden_check(text_reply_events, &limits, &golden, 1);
    }
}

static void bodies_are_bounded_by_the_caller(void **state)
{
    const struct codec_limits none = {.line = 100};
    static const struct golden small[] = {
        GOLDEN("VALUE 1 1 $64\r\n", ""),
        GOLDEN("VALUE 1 1 $65\r\n", "close\n"),
        GOLDEN("JSON $65\r\n", "close\n"),
    };
    static const struct golden large[] = {
        GOLDEN("VALUE 1 1 $2147483648\r\n", ""), /* 0 is no limit; the protocol's own remains */
        GOLDEN("VALUE 1 1 $2147483649\r\n", "close\n"),
    };
    (void)state;
    golden_check(text_reply_events, &limits, small, sizeof small / sizeof small[0]);
    golden_check(text_reply_events, &none, large, sizeof large / sizeof large[0]);
}

static void check_error_line(size_t text_len, bool line_end, const char *events)
{
    struct buffer in = {0};
    buffer_append_text(&in, "ERROR internal ");
    for (size_t i = 0; i < text_len; i++)
        buffer_append(&in, "x", 1);
    if (line_end) buffer_append_text(&in, "\r\n");
    const struct golden golden = {in.data, in.len, events};
    golden_check(text_reply_events, &limits, &golden, 1);
    buffer_free(&in);
}

static void lines_are_bounded_by_the_caller(void **state)
{
    (void)state;
    check_error_line(85, true,
                     "error internal number=0 version=0 body="
                     "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n");
    check_error_line(86, true, "close\n");
    check_error_line(86, false, "");
    check_error_line(87, false, "close\n");
}

static void writing_without_memory_leaves_whole_replies(void **state)
{
    struct call call;
    struct buffer out = {0};
    (void)state;
    call_init(&call);
    call.reply.kind = REPLY_PONG;
    codec_text.encode(&out, &call);
    call.reply.kind = REPLY_VALUE;
    call.reply.body = slice_of("x", SIZE_MAX / 2);
    codec_text.encode(&out, &call);
    assert_true(out.failed);
    assert_int_equal(out.len, 6);
    assert_memory_equal(out.data, "PONG\r\n", 6);
    buffer_free(&out);
}

static void help_names_every_verb_on_a_line_of_its_own(void **state)
{
    (void)state;
    struct buffer help = {0};
    buffer_append_text(&help, "\r\n");
    buffer_append(&help, text_help().ptr, text_help().len);
    for (int op = 0; op < OP_COUNT; op++) {
        if (text_verb((enum op)op).len == 0) continue; /* not an operation of this protocol */
        char verb[16] = "\r\n";
        size_t len = strlen(op_name((enum op)op));
        for (size_t i = 0; i < len; i++)
            verb[2 + i] = (char)(op_name((enum op)op)[i] == '_' ? ' ' : op_name((enum op)op)[i] - 'a' + 'A');
        verb[2 + len] = ' ';
        assert_non_null(memmem(help.data, help.len, verb, len + 3));
    }
    assert_int_not_equal(help.data[help.len - 1], '\n'); /* the reply's own line end comes behind it */
    buffer_free(&help);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_reply_without_body),
        cmocka_unit_test(every_reply_with_a_body),
        cmocka_unit_test(every_error),
        cmocka_unit_test(a_missing_answer_is_an_error_not_a_gap),
        cmocka_unit_test(replies_follow_each_other),
        cmocka_unit_test(incomplete_replies_wait),
        cmocka_unit_test(what_is_no_reply_closes),
        cmocka_unit_test(bodies_are_bounded_by_the_caller),
        cmocka_unit_test(lines_are_bounded_by_the_caller),
        cmocka_unit_test(writing_without_memory_leaves_whole_replies),
        cmocka_unit_test(help_names_every_verb_on_a_line_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
