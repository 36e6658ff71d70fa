/* What the text codec refuses, and whether the stream stays in step or closes. Each sample is cut at every place.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/codec_check.h"
#include "tests/unit/text_events.h"

static const struct codec_limits limits = {.line = 40, .key = 8, .value = 10};
static const struct codec_limits roomy = {.line = 2000, .key = 512, .value = 2000};

#define CHECK_IN(with, ...) GOLDEN_CHECK(text_events, with, __VA_ARGS__)

#define CHECK(...) CHECK_IN(limits, __VA_ARGS__)

/* In step: the request behind it is understood. */
#define REFUSED(line, code) GOLDEN(line "\r\nPING\r\n", "refused " code "\nping\n")

/* Closed: the request behind it is not. */
#define CLOSED(bytes, code) GOLDEN(bytes "\r\nPING\r\n", "close " code "\n")

static void arguments_missing_or_too_many(void **state)
{
    (void)state;
    CHECK(REFUSED("GET", "bad-request"), REFUSED("GET  ", "bad-request"), REFUSED("GET a b", "bad-request"),
          REFUSED("DELETE", "bad-request"), REFUSED("DELETE a b", "bad-request"), REFUSED("TOUCH", "bad-request"),
          REFUSED("TOUCH a", "bad-request"), REFUSED("TOUCH a ", "bad-request"),
          REFUSED("TOUCH a 5 b", "bad-request"), REFUSED("LEN a", "bad-request"), REFUSED("PING a", "bad-request"),
          REFUSED("STATS a", "bad-request"), REFUSED("CONFIG a", "bad-request"), REFUSED("HELP a", "bad-request"),
          REFUSED("VERSION a", "bad-request"), REFUSED("QUIT a", "bad-request"), REFUSED("PUT", "bad-request"),
          REFUSED("PUT a", "bad-request"), REFUSED("PUT a 5", "bad-request"));
}

static void unknown_verbs(void **state)
{
    (void)state;
    CHECK(REFUSED("SET a b", "unknown-verb"), REFUSED("G", "unknown-verb"), REFUSED("GE a", "unknown-verb"),
          REFUSED("GETS a", "unknown-verb"), REFUSED("GETGETGET", "unknown-verb"),
          REFUSED("VERSIONS", "unknown-verb"), REFUSED("GE\xd4 a", "unknown-verb"),
          REFUSED("[ET a", "unknown-verb"), REFUSED("$5", "unknown-verb"),
          REFUSED("@tag=a NO", "tag=a unknown-verb"), REFUSED("\"GET\"", "unknown-verb"));
}

static void bad_keys(void **state)
{
    (void)state;
    CHECK(GOLDEN("GET 12345678\n", "get key=12345678\n"), REFUSED("GET 123456789", "bad-key"),
          REFUSED("GET a\tb", "bad-key"), REFUSED("GET \x7f", "bad-key"), REFUSED("GET \x01", "bad-key"),
          REFUSED("GET a\x00", "bad-key"), REFUSED("GET \r", "bad-key"), REFUSED("DELETE 123456789", "bad-key"),
          REFUSED("TOUCH a\x1f 5", "bad-key"), REFUSED("PUT 123456789 5 v", "bad-key"),
          REFUSED("PUT \x02 bad v", "bad-key"), REFUSED("@tag=t GET 123456789", "tag=t bad-key"));
}

static void bad_ttls(void **state)
{
    (void)state;
    CHECK(REFUSED("PUT k 0 v", "bad-ttl"), REFUSED("PUT k 5x v", "bad-ttl"), REFUSED("PUT k -1 v", "bad-ttl"),
          REFUSED("PUT k NEVER v", "bad-ttl"), REFUSED("PUT k 3651d v", "bad-ttl"),
          REFUSED("TOUCH k 0s", "bad-ttl"), REFUSED("TOUCH k $5", "bad-ttl"), REFUSED("PUT k $5 ", "bad-ttl"),
          GOLDEN("TOUCH k 3650d\n", "touch key=k ttl=315360000000\n"));
}

static void bad_modifiers(void **state)
{
    (void)state;
    CHECK(REFUSED("@ GET a", "bad-request"), REFUSED("@", "bad-request"), REFUSED("@if=1", "bad-request"),
          REFUSED("@; GET a", "bad-request"), REFUSED("@tag=a; GET a", "tag=a bad-request"),
          REFUSED("@tag GET a", "bad-request"), REFUSED("@tag= GET a", "bad-request"),
          REFUSED("@=a GET a", "bad-request"), REFUSED("@nosuch=1 GET a", "bad-request"),
          REFUSED("@TAG=a GET a", "bad-request"), REFUSED("@tag=a/b GET a", "bad-request"),
          REFUSED("@tag=a;tag=b GET a", "tag=a bad-request"), REFUSED("@tag=\xe4 GET a", "bad-request"),
          REFUSED("@tag=a;nosuch=1 GET a", "tag=a bad-request"),
          REFUSED("@nosuch=1;tag=a GET a", "bad-request"), /* the tag stands behind the mistake */
          REFUSED("@if=0 DELETE a", "bad-request"), REFUSED("@if=x DELETE a", "bad-request"),
          REFUSED("@if=-1 DELETE a", "bad-request"), REFUSED("@if=18446744073709551616 PUT a - v", "bad-request"),
          REFUSED("@if=1;if=1 DELETE a", "bad-request"), REFUSED("@deadline=- GET a", "bad-request"),
          REFUSED("@deadline=never GET a", "bad-request"), REFUSED("@deadline=0 GET a", "bad-request"),
          REFUSED("@class=high GET a", "bad-request"), REFUSED("@class= GET a", "bad-request"),
          REFUSED("@refuse=early GET a", "bad-request"), REFUSED("@tag=a;refuse=late GET a", "tag=a bad-request"),
          REFUSED("@tag=a;refuse= GET a", "tag=a bad-request"), REFUSED("@tag=a;refuse GET a", "tag=a bad-request"),
          REFUSED("@tag=a;refuse=early;refuse=early GET a", "tag=a bad-request"),
          REFUSED("@ if=1 DELETE a", "bad-request"));
    CHECK_IN(roomy, REFUSED("@tag=0123456789abcdef0123456789abcdefX GET a", "bad-request"));
}

static void conditions_where_they_have_no_meaning(void **state)
{
    (void)state;
    CHECK(REFUSED("@if=1 GET a", "bad-request"), REFUSED("@if=absent LEN", "bad-request"),
          REFUSED("@if=present PING", "bad-request"), REFUSED("@if=1 QUIT", "bad-request"),
          REFUSED("@if=1 STATS", "bad-request"), REFUSED("@if=1 NO", "unknown-verb"),
          REFUSED("@tag=a;if=1 GET a", "tag=a bad-request"));
}

static void refused_values_are_skipped(void **state)
{
    (void)state;
    CHECK(GOLDEN("PUT k - $10\r\n0123456789\r\n", "put key=k value=0123456789 ttl=-\n"),
          REFUSED("PUT k - $11\r\nPING\r\nPING\n", "too-large"),
          REFUSED("PUT k - $11\nPING\r\nPING\n", "too-large"),
          REFUSED("@tag=a PUT k - $11\r\n0123456789a", "tag=a too-large"),
          REFUSED("PUT 123456789 - $6\r\nPING\r\n", "bad-key"), REFUSED("PUT k 5x $6\r\nPING\r\n", "bad-ttl"),
          REFUSED("PUT k 5x $0\r\n", "bad-ttl"), REFUSED("@tag=b;x=y PUT k 5 $6\r\nPING\r\n", "tag=b bad-request"),
          REFUSED("@if=0 PUT k 5 $6\r\nPING\r\n", "bad-request"),
          REFUSED("PUT k $6\r\nPING\r\n", "bad-request"), /* the ttl is missing, the bytes are not */
          REFUSED("PUT $6\r\nPING\r\n", "bad-request"),
          GOLDEN("PUT k 5x $6\r\nPING\r\n", ""), /* and the end of the input may come before */
          GOLDEN("PUT k 5x $6\r\nPING\r\nx\r\nPING\n", "close bad-request\n"),
          GOLDEN("@tag=c PUT k 5x $4\r\nPING\rPING\n", "close tag=c bad-request\n"),
          GOLDEN("PUT k 5x $3\r\nPING\r\nPING\n", "close bad-request\n"),
          GOLDEN("PUT k 5x $2147483648\r\nPING\r\nPING\n", ""),
          GOLDEN("PUT 123456789 - cost is $6\r\nPING\n", "refused bad-key\nping\n"), /* typed: nothing is skipped */
          GOLDEN("PUT k - 0123456789\n", "put key=k value=0123456789 ttl=-\n"),
          REFUSED("PUT k - 0123456789a", "too-large"));
}

static void lost_framing_closes(void **state)
{
    (void)state;
    CHECK(CLOSED("PUT k - $", "bad-request"), CLOSED("PUT k - $x", "bad-request"),
          CLOSED("PUT k - $5x", "bad-request"), CLOSED("PUT k - $5 ", "bad-request"),
          CLOSED("PUT k - $-1", "bad-request"), CLOSED("PUT k - $+5", "bad-request"),
          CLOSED("PUT k - $2147483649", "bad-request"), CLOSED("PUT k - $99999999999999999999", "bad-request"),
          CLOSED("PUT k - $HOME", "bad-request"), CLOSED("PUT 123456789 bad $5x", "bad-request"),
          CLOSED("@x=y;tag=a PUT k - $5x", "bad-request"), CLOSED("@tag=a PUT k - $5x", "tag=a bad-request"),
          CLOSED("PUT k - $5\r\nhello!", "bad-request"), /* the value is longer than it was said to be */
          CLOSED("PUT k - $5\r\nabc", "bad-request"), CLOSED("@tag=a PUT k - $0\r\nx", "tag=a bad-request"),
          GOLDEN("PUT k - $2\r\nab\rPING\r\n", "close bad-request\n"));
}

static void http_closes(void **state)
{
    (void)state;
    CHECK(CLOSED("GET / HTTP/1.1", "bad-request"), CLOSED("POST /a HTTP/1.1", "bad-request"),
          CLOSED("PUT /a HTTP/1.1", "bad-request"), CLOSED("PUT /a HTTP/1.1 ", "bad-request"),
          CLOSED("DELETE / HTTP/1.0", "bad-request"), CLOSED("PRI * HTTP/2.0", "bad-request"),
          CLOSED("TOUCH a b HTTP/1.1", "bad-request"), CLOSED("GET  /a  HTTP/1.1  ", "bad-request"),
          REFUSED("GET / http/1.1", "bad-request"));
}

static void binary_noise_closes(void **state)
{
    (void)state;
    CHECK(GOLDEN("\x16\x03\x01", "close bad-request\n"), /* a TLS hello, at its first byte */
          GOLDEN("\x00", "close bad-request\n"), GOLDEN("\x80", "close bad-request\n"),
          GOLDEN("\xff\xfe", "close bad-request\n"), GOLDEN("\x7f", "close bad-request\n"),
          GOLDEN("\t", "close bad-request\n"), GOLDEN("  \x01", "close bad-request\n"),
          GOLDEN("PING\r\n\x1b", "ping\nclose bad-request\n"), CLOSED("\rPING", "bad-request"),
          CLOSED("G\x01T a", "bad-request"), CLOSED("GET\x00 a", "bad-request"), CLOSED("GET\ta", "bad-request"),
          CLOSED("PING\r", "bad-request"), CLOSED("@tag=\x01 GET a", "bad-request"),
          CLOSED("@tag=a;\t GET a", "bad-request"), CLOSED("@tag=a G\x7f", "tag=a bad-request"),
          CLOSED("@x=y G\x7f", "bad-request"));
}

/* `count` times `c`, then `tail`. */
static void check_long(const struct codec_limits *with, const char *head, size_t count, char c, const char *tail,
                       const char *events)
{
    struct buffer in = {0};
    buffer_append_text(&in, head);
    for (size_t i = 0; i < count; i++)
        buffer_append(&in, &c, 1);
    buffer_append_text(&in, tail);
    const struct golden golden = {in.data, in.len, events};
    golden_check(text_events, with, &golden, 1);
    buffer_free(&in);
}

static void lines_have_a_longest(void **state)
{
    const struct codec_limits bounds = {.line = 20, .key = 512, .value = 512};
    const char *value14 = "put key=k value=vvvvvvvvvvvv ttl=-\nping\n";
    (void)state;
    check_long(&bounds, "PUT k - ", 12, 'v', "\nPING\n", value14); /* exactly 20 */
    check_long(&bounds, "PUT k - ", 12, 'v', "\r\nPING\n", value14);
    check_long(&bounds, "PUT k - ", 13, 'v', "\nPING\n", "close too-large\n");
    check_long(&bounds, "PUT k - ", 13, 'v', "\r\nPING\n", "close too-large\n");
    check_long(&bounds, "PUT k - ", 13, 'v', "", ""); /* 21, no line end: it may yet be CR LF's CR */
    check_long(&bounds, "PUT k - ", 14, 'v', "", "close too-large\n"); /* 22, no line end */
    check_long(&bounds, "PUT k - ", 12, 'v', "\r", "");
    check_long(&bounds, "PUT k - ", 12, 'v', "\rx", "close too-large\n");
    check_long(&bounds, "", 300, '\n', "PING\n", "ping\n"); /* empty lines have no limit, spaces in front neither */
    check_long(&bounds, "", 300, ' ', "PING\n", "ping\n");
    check_long(&bounds, "PING", 16, ' ', "\n", "ping\n"); /* behind they count */
    check_long(&bounds, "PING", 17, ' ', "\n", "close too-large\n");
}

static void keys_have_a_longest(void **state)
{
    const struct codec_limits more = {.line = 2000, .key = 600, .value = 10}; /* more than the protocol has */
    char key[TEXT_KEY_MAX + 8] = "get key=";
    (void)state;
    memset(key + 8, 'k', TEXT_KEY_MAX);
    struct buffer expected = {0};
    buffer_append(&expected, key, sizeof key);
    buffer_append(&expected, "\n", 2); /* its NUL too */
    check_long(&more, "GET ", TEXT_KEY_MAX, 'k', "\n", expected.data);
    check_long(&more, "GET ", TEXT_KEY_MAX + 1, 'k', "\n", "refused bad-key\n");
    buffer_free(&expected);
}

static void nothing_follows_a_close(void **state)
{
    struct decoder d = {0};
    struct call call;
    size_t used = 0;
    (void)state;
    call_init(&call);
    assert_int_equal(codec_text.decode(&d, &limits, "\x01PING\r\n", 7, &used, &call), DECODE_CLOSE);
    call_clear(&call);
    assert_int_equal(codec_text.decode(&d, &limits, "PING\r\n", 6, &used, &call), DECODE_MORE);
    assert_int_equal(used, 6);
    call_clear(&call);
}

static void bytes_are_not_scanned_twice(void **state)
{
    struct decoder d = {0};
    struct call call;
    size_t used = 0;
    (void)state;
    call_init(&call);
    assert_int_equal(codec_text.decode(&d, &roomy, "PUT k - abc", 11, &used, &call), DECODE_MORE);
    assert_int_equal(used, 0);
    assert_int_equal(d.scanned, 11);
    assert_int_equal(codec_text.decode(&d, &roomy, "PUT k - abcd\n", 13, &used, &call), DECODE_REQUEST);
    assert_int_equal(used, 13);
    assert_int_equal(d.scanned, 0);
    call_clear(&call);
}

static void everything_of_a_request_is_used(void **state)
{
    static const char in[] = "\r\n PUT k - $2\r\nab\r\nPING\r\n";
    struct decoder d = {0};
    struct call call;
    size_t used = 0;
    (void)state;
    call_init(&call);
    assert_int_equal(codec_text.decode(&d, &roomy, in, sizeof in - 1, &used, &call), DECODE_REQUEST);
    assert_int_equal(used, sizeof in - 1 - 6);
    assert_ptr_equal(call.request.value.ptr, in + 15); /* in place: nothing was copied */
    call_clear(&call);
    assert_int_equal(codec_text.decode(&d, &roomy, in, 16, &used, &call), DECODE_BODY);
    assert_int_equal(used, 15); /* the header only: the value is the caller's to take */
    assert_null(call.request.value.ptr);
    assert_int_equal(call.request.value.len, 2);
    assert_int_equal(codec_text.decode_end(&d, "\r", 1, &used, &call), DECODE_MORE);
    assert_int_equal(used, 0);
    assert_int_equal(codec_text.decode_end(&d, "\r\nPING", 6, &used, &call), DECODE_REQUEST);
    assert_int_equal(used, 2);
    assert_int_equal(d.state, 0);
    call_clear(&call);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arguments_missing_or_too_many),
        cmocka_unit_test(unknown_verbs),
        cmocka_unit_test(bad_keys),
        cmocka_unit_test(bad_ttls),
        cmocka_unit_test(bad_modifiers),
        cmocka_unit_test(conditions_where_they_have_no_meaning),
        cmocka_unit_test(refused_values_are_skipped),
        cmocka_unit_test(lost_framing_closes),
        cmocka_unit_test(http_closes),
        cmocka_unit_test(binary_noise_closes),
        cmocka_unit_test(lines_have_a_longest),
        cmocka_unit_test(keys_have_a_longest),
        cmocka_unit_test(nothing_follows_a_close),
        cmocka_unit_test(bytes_are_not_scanned_twice),
        cmocka_unit_test(everything_of_a_request_is_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
