/* Log lines as bytes: both formats, quoting, any bytes at all, and the cut at the limit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "daemon/base/log_line.h"
#include "daemon/base/utf8.h"

static const struct siphash_key hash_key = {1, 2};

static size_t format_fields(char *out, enum log_format format, const char *msg, const struct log_field *fields,
                            size_t count)
{
    struct log_line line = {.format = format,
                            .level = LOG_WARN,
                            .when = {1769860800, 123999999}, /* 2026-01-31 12:00:00.123999999 UTC */
                            .msg = msg,
                            .fields = fields,
                            .count = count,
                            .hash_key = &hash_key};
    size_t len = log_line_format(out, &line);

    assert_true(len > 0 && len <= LOG_LINE_MAX);
    assert_int_equal(out[len - 1], '\n');
    assert_null(memchr(out, '\n', len - 1));
    return len;
}

static void assert_line(enum log_format format, const char *msg, const struct log_field *fields, size_t count,
                        const char *expected)
{
    char out[LOG_LINE_MAX + 1];

    out[format_fields(out, format, msg, fields, count) - 1] = '\0';
    assert_string_equal(out, expected);
}

static void logfmt_quotes_only_what_needs_it(void **state)
{
    const struct log_field fields[] = {
        LOG_STR("address", "127.0.0.1:7811"),
        LOG_STR("empty", ""),
        LOG_STR("null", NULL),
        LOG_STR("spaced", "a b"),
        LOG_STR("quote", "a\"b"),
        LOG_STR("slash", "a\\b"),
        LOG_STR("equals", "a=b"),
        LOG_STR("word", "\xC3\xA9t\xC3\xA9"),
        LOG_U64("most", UINT64_MAX),
        LOG_U64("none", 0),
        LOG_I64("least", INT64_MIN),
        LOG_I64("positive", 42),
    };

    (void)state;
    assert_line(LOG_LOGFMT, "listener open", fields, sizeof fields / sizeof fields[0],
                "ts=2026-01-31T12:00:00.123Z level=warn msg=\"listener open\" address=127.0.0.1:7811 empty=\"\" "
                "null=\"\" spaced=\"a b\" quote=\"a\\\"b\" slash=\"a\\\\b\" equals=\"a=b\" word=\xC3\xA9t\xC3\xA9 "
                "most=18446744073709551615 none=0 least=-9223372036854775808 positive=42");
}

static void json_has_every_kind_of_field(void **state)
{
    const struct log_field fields[] = {
        LOG_STR("text", "a \"b\""), LOG_STR("null", NULL),   LOG_BYTES("bytes", "x\0y", 3),
        LOG_U64("number", 7),       LOG_I64("negative", -7),
    };

    (void)state;
    assert_line(LOG_JSON, "hello", fields, sizeof fields / sizeof fields[0],
                "{\"ts\":\"2026-01-31T12:00:00.123Z\",\"level\":\"warn\",\"msg\":\"hello\","
                "\"text\":\"a \\\"b\\\"\",\"null\":\"\",\"bytes\":\"x\\u0000y\",\"number\":7,\"negative\":-7}");
}

static void lines_need_no_fields(void **state)
{
    (void)state;
    assert_line(LOG_LOGFMT, "up", NULL, 0, "ts=2026-01-31T12:00:00.123Z level=warn msg=up");
    assert_line(LOG_JSON, "up", NULL, 0, "{\"ts\":\"2026-01-31T12:00:00.123Z\",\"level\":\"warn\",\"msg\":\"up\"}");
}

static void controls_and_bad_bytes_are_escaped(void **state)
{
    static const struct {
        const char *text, *escaped;
    } cases[] = {
        {"a\nb\r\t", "a\\nb\\r\\t"},
        {"\x1B[31m", "\\u001b[31m"},
        {"\x7F", "\\u007f"},
        {"\xC2\x9B", "\\u009b"},                   /* a terminal's control sequence introducer */
        {"\xE2\x80\xA8", "\\u2028"},               /* a line separator */
        {"\xE2\x80\xAE", "\\u202e"},               /* right-to-left override */
        {"\xFF", "\\\\xff"},                       /* never in UTF-8 */
        {"\xC3", "\\\\xc3"},                       /* cut short */
        {"\xC0\x80", "\\\\xc0\\\\x80"},            /* overlong */
        {"\xED\xA0\x80", "\\\\xed\\\\xa0\\\\x80"}, /* a surrogate */
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char expected[200];
        snprintf(expected, sizeof expected, "ts=2026-01-31T12:00:00.123Z level=warn msg=\"%s\"", cases[i].escaped);
        assert_line(LOG_LOGFMT, cases[i].text, NULL, 0, expected);
        snprintf(expected, sizeof expected,
                 "{\"ts\":\"2026-01-31T12:00:00.123Z\",\"level\":\"warn\",\"msg\":\"%s\"}", cases[i].escaped);
        assert_line(LOG_JSON, cases[i].text, NULL, 0, expected);
    }
}

static void keys_are_hashed(void **state)
{
    const struct log_field field = LOG_KEY("session", "alice", 5);
    char expected[200];
    unsigned first = (unsigned)(siphash13(&hash_key, "alice", 5) >> 32);

    (void)state;
    snprintf(expected, sizeof expected, "ts=2026-01-31T12:00:00.123Z level=warn msg=got session=%08x", first);
    assert_line(LOG_LOGFMT, "got", &field, 1, expected);
    snprintf(expected, sizeof expected,
             "{\"ts\":\"2026-01-31T12:00:00.123Z\",\"level\":\"warn\",\"msg\":\"got\",\"session\":\"%08x\"}",
             first);
    assert_line(LOG_JSON, "got", &field, 1, expected);
}

static void levels_and_times_are_right(void **state)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    struct log_line line = {.when = {951782399, 0}, .msg = "m", .hash_key = &hash_key}; /* a leap year's February */
    char out[LOG_LINE_MAX + 1], expected[100];

    (void)state;
    for (int level = LOG_DEBUG; level <= LOG_ERROR; level++) {
        line.level = level;
        out[log_line_format(out, &line)] = '\0';
        snprintf(expected, sizeof expected, "ts=2000-02-28T23:59:59.000Z level=%s msg=m\n", names[level]);
        assert_string_equal(out, expected);
    }
}

/* splitmix64 (S. Vigna): the same numbers in every run. */
static uint64_t next_random(uint64_t *seed)
{
    uint64_t z = *seed += 0x9E3779B97F4A7C15U;

    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31);
}

static json_t *parse(const char *out, size_t len)
{
    json_error_t error;
    json_t *object = json_loadb(out, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY, &error);

    if (!object) print_error("%s in %.*s\n", error.text, (int)len, out);
    assert_non_null(object);
    return object;
}

static bool is_utf8(const char *text, size_t len)
{
    uint32_t code;

    for (size_t used; len; text += used, len -= used) {
        used = utf8_decode(text, len, &code);
        if (!used) return false;
    }
    return true;
}

/* A text as it is meant to be read back: bad bytes became backslash x and two digits. */
static size_t readable(char *out, const char *text, size_t len)
{
    size_t to = 0;

    while (len) {
        uint32_t code;
        size_t used = utf8_decode(text, len, &code);
        if (used) {
            memcpy(out + to, text, used);
            to += used;
        } else {
            to += (size_t)sprintf(out + to, "\\x%02x", (unsigned char)text[0]);
            used = 1;
        }
        text += used;
        len -= used;
    }
    return to;
}

/* Every value is read back by a JSON parser, in logfmt too, whose quoted strings are JSON's. */
static void any_bytes_can_be_read_back(void **state)
{
    uint64_t seed = 7;

    (void)state;
    for (int round = 0; round < 3000; round++) {
        char text[64], expected[5 * sizeof text], out[LOG_LINE_MAX];
        size_t len = next_random(&seed) % sizeof text;
        for (size_t i = 0; i < len; i++) {
            uint64_t r = next_random(&seed);
            /* mostly the bytes that matter: controls, quotes, parts of multi-byte characters */
            text[i] = (char)(r & 1 ? r >> 8 : (unsigned char)"\"\\=\n \xC3\xA9\xE2\x80\xA8"[(r >> 8) % 10]);
        }
        size_t expected_len = readable(expected, text, len);
        const struct log_field field = LOG_BYTES("v", text, len);

        json_t *object = parse(out, format_fields(out, LOG_JSON, "m", &field, 1));
        json_t *value = json_object_get(object, "v");
        assert_int_equal(json_string_length(value), expected_len);
        assert_memory_equal(json_string_value(value), expected, expected_len);
        json_decref(object);

        size_t line_len = format_fields(out, LOG_LOGFMT, "m", &field, 1);
        const char *at = memmem(out, line_len, " v=", 3);
        assert_non_null(at);
        at += 3;
        size_t rest = line_len - (size_t)(at - out) - 1;
        if (at[0] != '"') {
            assert_int_equal(rest, len);
            assert_memory_equal(at, text, len);
            assert_true(is_utf8(text, len));
            continue;
        }
        value = parse(at, rest);
        assert_int_equal(json_string_length(value), expected_len);
        assert_memory_equal(json_string_value(value), expected, expected_len);
        json_decref(value);
    }
}

static bool ends_with(const char *out, size_t len, const char *end)
{
    return len >= strlen(end) && memcmp(out + len - strlen(end), end, strlen(end)) == 0;
}

/* Around the limit, byte by byte: a line is whole, or cut, marked, and still well-formed. */
static void long_lines_are_cut_and_marked(void **state)
{
    static const char *const units[] = {"x", "\xC3\xA9", "\xFF", "\"", "\x01", "\xF0\x9F\x98\x80"};
    static char text[3 * LOG_LINE_MAX];
    char out[LOG_LINE_MAX];

    (void)state;
    for (size_t u = 0; u < sizeof units / sizeof units[0]; u++) {
        size_t unit_len = strlen(units[u]);
        for (size_t i = 0; i + unit_len <= sizeof text; i += unit_len)
            memcpy(text + i, units[u], unit_len);
        bool was_cut = false;
        for (size_t len = 0; len < sizeof text; len += len < 300 ? 7 * unit_len : unit_len) {
            const struct log_field fields[] = {LOG_BYTES("v", text, len), LOG_U64("after", 123456789)};
            json_t *object = parse(out, format_fields(out, LOG_JSON, "m", fields, 2));
            bool cut = json_is_true(json_object_get(object, "truncated"));
            assert_true(cut || !was_cut);
            assert_true(cut == !json_object_get(object, "after"));
            json_decref(object);
            was_cut = cut;

            size_t line_len = format_fields(out, LOG_LOGFMT, "m", fields, 2);
            assert_true(is_utf8(out, line_len));
            assert_true(ends_with(out, line_len, " truncated=true\n") ||
                        ends_with(out, line_len, " after=123456789\n"));
            if (len > LOG_LINE_MAX) assert_non_null(memmem(out, line_len, "\xE2\x80\xA6", 3));
        }
        assert_true(was_cut);
    }
}

/* Whatever piece the limit falls on (a name, a quote, a number, a hash), the line stays well-formed. */
static void limit_may_fall_anywhere(void **state)
{
    static char text[LOG_LINE_MAX];
    char out[LOG_LINE_MAX];

    (void)state;
    memset(text, 'x', sizeof text);
    for (size_t len = LOG_LINE_MAX - 200; len < LOG_LINE_MAX; len++) {
        const struct log_field fields[] = {LOG_BYTES("v", text, len),    LOG_U64("u", 1234567),
                                           LOG_KEY("key", "k", 1),       LOG_I64("i", -1234567),
                                           LOG_STR("text", "two words"), LOG_STR("last", "")};
        size_t got = format_fields(out, LOG_JSON, "m", fields, 6);
        json_t *object = parse(out, got);
        bool cut = json_is_true(json_object_get(object, "truncated"));
        assert_true(cut || json_object_get(object, "last"));
        assert_true(!json_object_get(object, "u") || json_integer_value(json_object_get(object, "u")) == 1234567);
        assert_true(!json_object_get(object, "i") || json_integer_value(json_object_get(object, "i")) == -1234567);
        json_decref(object);
        got = format_fields(out, LOG_LOGFMT, "m", fields, 6);
        assert_true(ends_with(out, got, " last=\"\"\n") || ends_with(out, got, " truncated=true\n"));
    }
}

static void long_messages_are_cut_too(void **state)
{
    static char msg[3 * LOG_LINE_MAX];
    char out[LOG_LINE_MAX];
    const struct log_field after = LOG_U64("after", 1);

    (void)state;
    memset(msg, 'y', sizeof msg - 1);
    json_t *object = parse(out, format_fields(out, LOG_JSON, msg, &after, 1));
    assert_true(json_is_true(json_object_get(object, "truncated")));
    assert_null(json_object_get(object, "after"));
    json_decref(object);
}

static void utf8_is_read_strictly(void **state)
{
    static const struct {
        const char *bytes;
        size_t len, used;
        uint32_t code;
    } cases[] = {
        {"", 0, 0, 0},
        {"\0", 1, 1, 0},
        {"\x7F", 1, 1, 0x7F},
        {"\x80", 1, 0, 0},
        {"\xC1\xBF", 2, 0, 0},
        {"\xC2\x80", 2, 2, 0x80},
        {"\xDF\xBFz", 3, 2, 0x7FF},
        {"\xE0\x9F\xBF", 3, 0, 0},
        {"\xE0\xA0\x80", 3, 3, 0x800},
        {"\xED\x9F\xBF", 3, 3, 0xD7FF},
        {"\xED\xBF\xBF", 3, 0, 0},
        {"\xEE\x80\x80", 3, 3, 0xE000},
        {"\xEF\xBF\xBF", 3, 3, 0xFFFF},
        {"\xEF\xBF\xBF", 2, 0, 0},
        {"\xF0\x8F\xBF\xBF", 4, 0, 0},
        {"\xF0\x90\x80\x80", 4, 4, 0x10000},
        {"\xF4\x8F\xBF\xBF", 4, 4, 0x10FFFF},
        {"\xF4\x90\x80\x80", 4, 0, 0},
        {"\xF5\x80\x80\x80", 4, 0, 0},
        {"\xE2\x28\xA1", 3, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint32_t code = 0;
        assert_int_equal(utf8_decode(cases[i].bytes, cases[i].len, &code), cases[i].used);
        if (cases[i].used) assert_int_equal(code, cases[i].code);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logfmt_quotes_only_what_needs_it),
        cmocka_unit_test(json_has_every_kind_of_field),
        cmocka_unit_test(lines_need_no_fields),
        cmocka_unit_test(controls_and_bad_bytes_are_escaped),
        cmocka_unit_test(keys_are_hashed),
        cmocka_unit_test(levels_and_times_are_right),
        cmocka_unit_test(any_bytes_can_be_read_back),
        cmocka_unit_test(long_lines_are_cut_and_marked),
        cmocka_unit_test(limit_may_fall_anywhere),
        cmocka_unit_test(long_messages_are_cut_too),
        cmocka_unit_test(utf8_is_read_strictly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
