/* Numbers with units. */
#include "config/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const struct unit units_none[] = {{"", 1}, {NULL, 0}};

const struct unit units_size[] = {
    {"B", 1}, {"", 1}, {"KiB", 1ULL << 10}, {"MiB", 1ULL << 20}, {"GiB", 1ULL << 30}, {NULL, 0},
};

/* "" stands before "s", so that formatting, which takes the last that fits, writes the unit. */
const struct unit units_duration[] = {
    {"ms", 1}, {"", 1000}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}, {NULL, 0},
};

const struct unit units_short[] = {{"us", 1}, {"ms", 1000}, {"", 1000000}, {"s", 1000000}, {NULL, 0}};

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

enum units_status units_parse(const struct unit *units, const char *text, size_t len, uint64_t *out, size_t *rest)
{
    if (len > 1 && text[0] == '-' && digit(text[1])) return UNITS_NEGATIVE;
    if (len == 0 || !digit(text[0])) return UNITS_NOT_A_NUMBER;
    if (len > 1 && text[0] == '0' && digit(text[1])) return UNITS_LEADING_ZERO;

    uint64_t n = 0;
    bool overflow = false;
    size_t i = 0;
    for (; i < len && digit(text[i]); i++) {
        overflow |= __builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, (uint64_t)(text[i] - '0'), &n);
    }
    if (i + 1 < len && (text[i] == '.' || text[i] == ',') && digit(text[i + 1])) return UNITS_FRACTION;

    for (; units->name; units++) {
        if (strlen(units->name) != len - i || memcmp(units->name, text + i, len - i) != 0) continue;
        overflow |= __builtin_mul_overflow(n, units->factor, &n);
        if (overflow) return UNITS_OVERFLOW;
        *out = n;
        return UNITS_OK;
    }
    *rest = i;
    return UNITS_UNKNOWN;
}

const char *units_format(const struct unit *units, uint64_t value, char out[UNITS_TEXT_MAX])
{
    const struct unit *best = units;
    for (const struct unit *u = units; u->name; u++) {
        /* A zero takes the unit that every other amount could take too: "0", "0s". */
        bool fits = value == 0 ? u->factor == 1 || u->factor == 1000 : value % u->factor == 0;
        if (fits) best = u;
    }
    snprintf(out, UNITS_TEXT_MAX, "%" PRIu64 "%s", value / best->factor, best->name);
    return out;
}
