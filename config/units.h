/* Numbers with units: sizes in bytes and durations in milliseconds. Overflow-checked. */
#ifndef CONFIG_UNITS_H
#define CONFIG_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct unit {
    const char *name;
    uint64_t factor;
};

enum units_status {
    UNITS_OK,
    UNITS_NOT_A_NUMBER, /* does not begin with a digit */
    UNITS_NEGATIVE,
    UNITS_FRACTION,
    UNITS_LEADING_ZERO,
    UNITS_OVERFLOW,
    UNITS_UNKNOWN, /* a number, then something that is no unit; *rest is where it begins */
};

/* Units from small to large; the entry named "" is what a number without unit means. Ends with a NULL name. */
extern const struct unit units_none[];
extern const struct unit units_size[];
extern const struct unit units_duration[];
extern const struct unit units_short[]; /* durations in microseconds */

enum units_status units_parse(const struct unit *units, const char *text, size_t len, uint64_t *out, size_t *rest);

#define UNITS_TEXT_MAX 32

/* Written with the largest unit that gives a whole number. Returns out. */
const char *units_format(const struct unit *units, uint64_t value, char out[UNITS_TEXT_MAX]);

#endif
