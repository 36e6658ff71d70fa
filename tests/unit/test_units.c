/* Numbers with units: every form, every table, at their edges. */
#include "proto/units.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void forms(void **state)
{
    (void)state;
    static const struct {
        const struct unit *units;
        const char *text;
        enum units_status status;
        uint64_t value;
    } cases[] = {
        {units_none, "0", UNITS_OK, 0},
        {units_none, "18446744073709551615", UNITS_OK, UINT64_MAX},
        {units_none, "18446744073709551616", UNITS_OVERFLOW, 0},
        {units_none, "99999999999999999999999999999", UNITS_OVERFLOW, 0},
        {units_none, "00000000000000000000000000012", UNITS_LEADING_ZERO, 12},
        {units_none, "", UNITS_NOT_A_NUMBER, 0},
        {units_none, "x", UNITS_NOT_A_NUMBER, 0},
        {units_none, " 1", UNITS_NOT_A_NUMBER, 0},
        {units_none, "+1", UNITS_NOT_A_NUMBER, 0},
        {units_none, ".5", UNITS_NOT_A_NUMBER, 0},
        {units_none, "-", UNITS_NOT_A_NUMBER, 0},
        {units_none, "-1", UNITS_NEGATIVE, 0},
        {units_none, "1s", UNITS_UNKNOWN, 1},
        {units_size, "3KiB", UNITS_OK, 3072},
        {units_size, "3B", UNITS_OK, 3},
        {units_size, "3", UNITS_OK, 3},
        {units_size, "3kib", UNITS_UNKNOWN, 1},
        {units_size, "3KiBs", UNITS_UNKNOWN, 1},
        {units_size, "17179869183GiB", UNITS_OK, 18446744072635809792U},
        {units_size, "17179869184GiB", UNITS_OVERFLOW, 0},
        {units_size, "1.5KiB", UNITS_FRACTION, 1536},
        {units_duration, "90", UNITS_OK, 90000},
        {units_duration, "500ms", UNITS_OK, 500},
        {units_duration, "2m", UNITS_OK, 120000},
        {units_duration, "1d", UNITS_OK, 86400000},
        {units_duration, "1m ", UNITS_UNKNOWN, 1},
        {units_duration, "007s", UNITS_LEADING_ZERO, 7000},
        {units_duration, "1,5h", UNITS_FRACTION, 5400000},
        {units_duration, "1.5x", UNITS_UNKNOWN, 3},
        {units_duration, "1.s", UNITS_UNKNOWN, 1},
        {units_short, "7us", UNITS_OK, 7},
        {units_short, "7", UNITS_OK, 7000000},
        {units_short, "1m", UNITS_UNKNOWN, 1},
        {units_nanoseconds, "100ns", UNITS_OK, 100},
        {units_nanoseconds, "0.5us", UNITS_FRACTION, 500},
        {units_nanoseconds, "2h", UNITS_OK, 7200000000000U},
        {units_nanoseconds, "0.0000000004", UNITS_FRACTION, 0},
        {units_nanoseconds, "0.0000000005", UNITS_FRACTION, 1},
        {units_nanoseconds, "0.99999999999999999999999999", UNITS_FRACTION, 1000000000},
        {units_count, "50k", UNITS_OK, 50000},
        {units_count, "50K", UNITS_OK, 50000},
        {units_count, "1.25M", UNITS_FRACTION, 1250000},
        {units_count, "18446744073709551615.9", UNITS_OVERFLOW, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t value = 0;
        size_t rest = 0;
        enum units_status status = units_parse(cases[i].units, cases[i].text, strlen(cases[i].text), &value, &rest);
        bool right = status == cases[i].status && (status == UNITS_UNKNOWN ? rest : value) == cases[i].value;
        if (!right)
            fail_msg("'%s': status %d, value %llu, rest %zu", cases[i].text, (int)status, (unsigned long long)value,
                     rest);
    }
}

/* What is formatted is read as what it was. */
static void there_and_back(void **state)
{
    (void)state;
    static const struct unit *const tables[] = {units_none,  units_size,        units_duration,
                                                units_short, units_nanoseconds, units_count};
    static const uint64_t values[] = {0, 1, 999, 1000, 1024, 60000, 86400000, 1 << 30, UINT64_MAX};
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++) {
        for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
            char text[UNITS_TEXT_MAX];
            uint64_t value = 1;
            size_t rest = 0;
            units_format(tables[t], values[i], text);
            assert_int_equal(units_parse(tables[t], text, strlen(text), &value, &rest), UNITS_OK);
            assert_true(value == values[i]);
        }
    }
    char text[UNITS_TEXT_MAX];
    assert_string_equal(units_format(units_size, 64 << 10, text), "64KiB");
    assert_string_equal(units_format(units_duration, 1800000, text), "30m");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(forms), cmocka_unit_test(there_and_back)};
    return cmocka_run_group_tests_name("units", tests, NULL, NULL);
}
