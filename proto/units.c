#include "proto/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SAFE_DIGITS 19 /* so many always fit 64 bits */

const struct unit units_none[] = {{"", 1}, {"", 0}};

const struct unit units_size[] = {
    {"B", 1}, {"", 1}, {"KiB", 1ULL << 10}, {"MiB", 1ULL << 20}, {"GiB", 1ULL << 30}, {"", 0},
};

/* "" stands before "s", so that formatting, which takes the last that fits, writes the unit. */
const struct unit units_duration[] = {
    {"ms", 1}, {"", 1000}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}, {"", 0},
};

const struct unit units_short[] = {{"us", 1}, {"ms", 1000}, {"", 1000000}, {"s", 1000000}, {"", 0}};

const struct unit units_nanoseconds[] = {
    {"ns", 1},         {"us", 1000},          {"ms", 1000000},         {"", 1000000000},
    {"s", 1000000000}, {"m", 60000000000ULL}, {"h", 3600000000000ULL}, {"", 0},
};

const struct unit units_count[] = {{"", 1}, {"k", 1000}, {"K", 1000}, {"M", 1000000}, {"G", 1000000000}, {"", 0}};

static inline bool digit(char c)
{
    return (unsigned)(unsigned char)c - '0' <= 9;
}

/* The digits at the start of `text` into *n, by as much of them as fits; returns how many there are. */
static inline size_t take_digits(const char *text, size_t len, uint64_t *n, bool *overflow)
{
    uint64_t sum = 0;
    size_t i = 0;
    for (; i < len && digit(text[i]); i++)
        if (__builtin_expect(i >= SAFE_DIGITS, 0))
            *overflow |= __builtin_mul_overflow(sum, (uint64_t)10, &sum) ||
                         __builtin_add_overflow(sum, (uint64_t)(text[i] - '0'), &sum);
        else
            sum = sum * 10 + (unsigned)(text[i] - '0');
    *n = sum;
    return i;
}

/* The unit of this name, or NULL. */
static inline const struct unit *find(const struct unit *units, const char *name, size_t len)
{
    if (len >= sizeof units->name) return NULL;
    char first = len > 0 ? name[0] : '\0', second = len > 1 ? name[1] : '\0', third = len > 2 ? name[2] : '\0';
    for (; units->factor; units++)
        if (units->name[0] == first && units->name[1] == second && units->name[2] == third) return units;
    return NULL;
}

/* factor times 0.<digits>, rounded. More digits than are safe would not change it. */
static uint64_t fraction_of(uint64_t factor, const char *digits, size_t len)
{
    uint64_t n = 0, scale = 1;
    bool overflow = false;
    if (len > SAFE_DIGITS - 1) len = SAFE_DIGITS - 1;
    take_digits(digits, len, &n, &overflow);
    for (size_t i = 0; i < len; i++)
        scale *= 10;
    return (uint64_t)(((unsigned __int128)n * factor + scale / 2) / scale);
}

enum units_status units_parse(const struct unit *units, const char *text, size_t len, uint64_t *out, size_t *rest)
{
    if (len == 0 || !digit(text[0]))
        return len > 1 && text[0] == '-' && digit(text[1]) ? UNITS_NEGATIVE : UNITS_NOT_A_NUMBER;
    uint64_t n = 0;
    bool overflow = false;
    size_t digits = take_digits(text, len, &n, &overflow), end = digits;
    bool fraction = end + 1 < len && (text[end] == '.' || text[end] == ',') && digit(text[end + 1]);
    for (end += fraction; fraction && end < len && digit(text[end]);)
        end++;
    const struct unit *unit = find(units, text + end, len - end);
    if (!unit) {
        *rest = end;
        return UNITS_UNKNOWN;
    }
    overflow |= __builtin_mul_overflow(n, unit->factor, &n);
    if (fraction) {
        uint64_t part = fraction_of(unit->factor, text + digits + 1, end - digits - 1);
        overflow |= __builtin_add_overflow(n, part, &n);
    }
    if (overflow) return UNITS_OVERFLOW;
    *out = n;
    if (fraction) return UNITS_FRACTION;
    return text[0] == '0' && digits > 1 ? UNITS_LEADING_ZERO : UNITS_OK;
}

const char *units_format(const struct unit *units, uint64_t value, char out[UNITS_TEXT_MAX])
{
    const struct unit *best = units;
    for (const struct unit *u = units; u->factor; u++) {
        /* A zero takes the unit that every other amount could take too: "0", "0s". */
        bool fits = value == 0 ? u->factor == 1 || u->factor == 1000 : value % u->factor == 0;
        if (fits) best = u;
    }
    snprintf(out, UNITS_TEXT_MAX, "%" PRIu64 "%.3s", value / best->factor, best->name);
    return out;
}
