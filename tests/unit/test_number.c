/* Numbers and lifetimes at their bounds and one past. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/number.h"

/* Parses a copy of exact size, so that a sanitizer sees a read behind it. */
static bool parse(const char *text, uint64_t max, uint64_t *out)
{
    size_t len = strlen(text);
    char *copy = malloc(len > 0 ? len : 1);
    assert_non_null(copy);
    memcpy(copy, text, len);
    bool ok = number_parse(slice_of(copy, len), max, out);
    free(copy);
    return ok;
}

static void numbers_are_parsed(void **state)
{
    static const struct {
        const char *text;
        uint64_t n;
    } good[] = {
        {"0", 0},
        {"7", 7},
        {"007", 7},
        {"1234567890123456789", 1234567890123456789U},
        {"9999999999999999999", 9999999999999999999U},
        {"18446744073709551615", UINT64_MAX},
        {"0000000000000000000000000018446744073709551615", UINT64_MAX},
        {"00000000000000000000000000000000000000000000", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        uint64_t n = 42;
        assert_true(parse(good[i].text, UINT64_MAX, &n));
        assert_int_equal(n, good[i].n);
    }
}

static void what_is_no_number_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "-",
        "-1",
        "+1",
        " 1",
        "1 ",
        "1a",
        "a1",
        "1.0",
        "0x10",
        "1_000",
        "\xb2",
        "1\n",
        "/",
        ":",
        "18446744073709551616",  /* 2^64 */
        "99999999999999999999",  /* 20 digits that do not fit */
        "184467440737095516150", /* 21 digits */
        "000018446744073709551616",
        "1234567890123456789x",
        "12345678901234567890x",
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint64_t n = 42;
        assert_false(parse(bad[i], UINT64_MAX, &n));
        assert_int_equal(n, 42); /* untouched */
    }
}

static void the_maximum_is_the_callers(void **state)
{
    uint64_t n = 0;
    (void)state;
    assert_true(parse("2147483648", 2147483648U, &n));
    assert_false(parse("2147483649", 2147483648U, &n));
    assert_true(parse("0", 0, &n));
    assert_false(parse("1", 0, &n));
    assert_false(number_parse(slice_of(NULL, 0), 5, &n));
}

static void lifetimes_are_parsed(void **state)
{
    static const struct {
        const char *text;
        enum ttl_kind kind;
        uint64_t ms;
    } good[] = {
        {"-", TTL_DEFAULT, 0},
        {"never", TTL_NEVER, 0},
        {"1ms", TTL_RELATIVE, 1},
        {"1", TTL_RELATIVE, 1000},
        {"1s", TTL_RELATIVE, 1000},
        {"30m", TTL_RELATIVE, 1800000},
        {"2h", TTL_RELATIVE, 7200000},
        {"1d", TTL_RELATIVE, 86400000},
        {"3650d", TTL_RELATIVE, TTL_MAX_MS},
        {"87600h", TTL_RELATIVE, TTL_MAX_MS},
        {"315360000", TTL_RELATIVE, TTL_MAX_MS},
        {"315360000s", TTL_RELATIVE, TTL_MAX_MS},
        {"315360000000ms", TTL_RELATIVE, TTL_MAX_MS},
        {"0030m", TTL_RELATIVE, 1800000},
    };
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        enum ttl_kind kind = TTL_DEFAULT;
        uint64_t ms = 42;
        assert_true(number_parse_ttl(slice_text(good[i].text), &kind, &ms));
        assert_int_equal(kind, good[i].kind);
        assert_int_equal(ms, good[i].ms);
    }
}

static void what_is_no_lifetime_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "0",
        "0ms",
        "0d",
        "-1",
        "--",
        "Never",
        "nevers",
        "m",
        "ms",
        "s",
        "5x",
        "5M",
        "5mm",
        "5sm",
        "5 m",
        "5min",
        "1.5h",
        "1e3",
        "3651d",
        "87601h",
        "5256001m",
        "315360001",
        "315360001s",
        "5dd",
        "d5",
        "+5s",
        "315360000001ms",
        "18446744073709551615d",
        "99999999999999999999ms",
        "s5",
        "neve",
        "213503982335d", /* this one wraps around 64 bits */
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        enum ttl_kind kind;
        uint64_t ms;
        if (number_parse_ttl(slice_text(bad[i]), &kind, &ms)) fail_msg("accepted: %s", bad[i]);
    }
    enum ttl_kind kind;
    uint64_t ms;
    assert_false(number_parse_ttl(slice_of("5\0m", 3), &kind, &ms));
    assert_false(number_parse_ttl(slice_of(NULL, 0), &kind, &ms));
}

static void formats(uint64_t n)
{
    char expected[32];
    char out[NUMBER_DIGITS + 1];
    memset(out, '#', sizeof out);
    int len = snprintf(expected, sizeof expected, "%llu", (unsigned long long)n);
    assert_int_equal(number_format(out, n), len);
    assert_memory_equal(out, expected, (size_t)len);
    assert_int_equal(out[NUMBER_DIGITS], '#');
}

static void numbers_are_formatted(void **state)
{
    (void)state;
    for (uint64_t n = 0; n < 2000; n++)
        formats(n);
    for (uint64_t power = 1; power <= UINT64_MAX / 10; power *= 10) {
        formats(power * 10 - 1);
        formats(power * 10);
        formats(power * 10 + 1);
    }
    for (unsigned bit = 0; bit < 64; bit++) {
        formats((1ULL << bit) - 1);
        formats(1ULL << bit);
    }
    formats(UINT64_MAX);
    for (uint64_t n = 1; n < 200000000; n += 9973 + n / 5000)
        formats(n);
}

static void signed_numbers_are_formatted(void **state)
{
    static const int64_t numbers[] = {0, 1, -1, 99, -100, INT64_MAX, INT64_MIN};
    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        char expected[32];
        char out[NUMBER_DIGITS + 1];
        int len = snprintf(expected, sizeof expected, "%lld", (long long)numbers[i]);
        assert_int_equal(number_format_i64(out, numbers[i]), len);
        assert_memory_equal(out, expected, (size_t)len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_parsed),
        cmocka_unit_test(what_is_no_number_is_refused),
        cmocka_unit_test(the_maximum_is_the_callers),
        cmocka_unit_test(lifetimes_are_parsed),
        cmocka_unit_test(what_is_no_lifetime_is_refused),
        cmocka_unit_test(numbers_are_formatted),
        cmocka_unit_test(signed_numbers_are_formatted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
