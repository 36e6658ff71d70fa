/* Numbers with units: sizes in bytes, durations, counts. The one parser of them all. Pure, overflow-checked. */
#ifndef PROTO_UNITS_H
#define PROTO_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct unit {
    char name[4];    /* at most three bytes, filled up with zeros */
    uint64_t factor; /* 0: the end of a table */
};

/* Whoever takes a number in another form than the plain one says so by letting its status pass. */
enum units_status {
    UNITS_OK,
    UNITS_LEADING_ZERO, /* "007m"; *out is set all the same */
    UNITS_FRACTION,     /* "1.5s" or "1,5s"; *out is set, rounded */
    UNITS_NOT_A_NUMBER, /* does not begin with a digit */
    UNITS_NEGATIVE,
    UNITS_OVERFLOW,
    UNITS_UNKNOWN, /* a number, then something that is no unit; *rest is where it begins */
};

/* Units from small to large; the entry named "" is what a number without unit means. */
extern const struct unit units_none[];
extern const struct unit units_size[];        /* bytes: B, KiB, MiB, GiB */
extern const struct unit units_duration[];    /* milliseconds: ms, s, m, h, d */
extern const struct unit units_short[];       /* microseconds: us, ms, s */
extern const struct unit units_nanoseconds[]; /* ns, us, ms, s, m, h */
extern const struct unit units_count[];       /* k or K, M, G: powers of 1000 */

enum units_status units_parse(const struct unit *units, const char *text, size_t len, uint64_t *out, size_t *rest);

#define UNITS_TEXT_MAX 32

/* Written with the largest unit that gives a whole number. Returns out. */
const char *units_format(const struct unit *units, uint64_t value, char out[UNITS_TEXT_MAX]);

#endif
