/* The one checked parser of numbers and lifetimes, and the one formatter. */
#include "proto/number.h"

#include <string.h>

#include "proto/units.h"

#define SAFE_DIGITS 19 /* so many always fit 64 bits */

/* Adds the digits of `text` to n, which the caller knows to have room for them. */
static inline bool add_digits(const char *at, const char *end, uint64_t *n)
{
    for (; at < end; at++) {
        unsigned digit = (unsigned)(unsigned char)*at - '0';
        if (digit > 9) return false;
        *n = *n * 10 + digit;
    }
    return true;
}

/* More digits than are safe: there is room left only behind leading zeros, or for one digit. */
static bool add_long(struct slice text, uint64_t *n)
{
    if (!add_digits(text.ptr, text.ptr + SAFE_DIGITS, n)) return false;
    for (size_t i = SAFE_DIGITS; i < text.len; i++) {
        uint64_t digit = 0;
        if (!add_digits(text.ptr + i, text.ptr + i + 1, &digit) || __builtin_mul_overflow(*n, (uint64_t)10, n) ||
            __builtin_add_overflow(*n, digit, n))
            return false;
    }
    return true;
}

bool number_parse(struct slice text, uint64_t max, uint64_t *out)
{
    uint64_t n = 0;
    if (text.len == 0) return false;
    if (text.len > SAFE_DIGITS ? !add_long(text, &n) : !add_digits(text.ptr, text.ptr + text.len, &n)) return false;
    if (n > max) return false;
    *out = n;
    return true;
}

bool number_parse_ttl(struct slice text, enum ttl_kind *kind, uint64_t *ms)
{
    if (text.len == 0) return false;
    *ms = 0;
    if (text.len == 1 && text.ptr[0] == '-') {
        *kind = TTL_DEFAULT;
        return true;
    }
    if (text.len == 5 && memcmp(text.ptr, "never", 5) == 0) {
        *kind = TTL_NEVER;
        return true;
    }
    uint64_t n = 0;
    size_t rest = 0;
    enum units_status status = units_parse(units_duration, text.ptr, text.len, &n, &rest);
    if ((status != UNITS_OK && status != UNITS_LEADING_ZERO) || n == 0 || n > TTL_MAX_MS) return false;
    *kind = TTL_RELATIVE;
    *ms = n;
    return true;
}

static inline size_t digits_of(uint64_t n)
{
    static const uint64_t powers[NUMBER_DIGITS] = {
        1U,
        10U,
        100U,
        1000U,
        10000U,
        100000U,
        1000000U,
        10000000U,
        100000000U,
        1000000000U,
        10000000000U,
        100000000000U,
        1000000000000U,
        10000000000000U,
        100000000000000U,
        1000000000000000U,
        10000000000000000U,
        100000000000000000U,
        1000000000000000000U,
        10000000000000000000U,
    };
    /* log10 from log2 (Bit Twiddling Hacks): 1233 / 4096 is close to log10(2). Setting bit 0 spares the case of 0
     * and changes no number of digits. */
    n |= 1;
    size_t guess = (size_t)(64 - __builtin_clzll(n)) * 1233 >> 12;
    return guess + (n >= powers[guess]);
}

static const char pairs[] = "0001020304050607080910111213141516171819"
                            "2021222324252627282930313233343536373839"
                            "4041424344454647484950515253545556575859"
                            "6061626364656667686970717273747576777879"
                            "8081828384858687888990919293949596979899";

/* Two digits at a time, from the end. */
static size_t format_long(char *out, uint64_t n)
{
    size_t digits = digits_of(n);
    char *at = out + digits;
    for (; n >= 100; n /= 100) {
        at -= 2;
        memcpy(at, pairs + 2 * (n % 100), 2);
    }
    if (n >= 10)
        memcpy(at - 2, pairs + 2 * n, 2);
    else
        at[-1] = (char)('0' + n);
    return digits;
}

/* Up to three digits: the lengths of keys and values. */
static inline size_t format_short(char *out, unsigned n)
{
    size_t front = 0;
    if (n >= 100) {
        out[front++] = (char)('0' + n / 100);
    } else if (n < 10) {
        *out = (char)('0' + n);
        return 1;
    }
    memcpy(out + front, pairs + 2 * (n % 100), 2);
    return front + 2;
}

/* The eight digits of n, leading zeros included, as the bytes of a word, the first one lowest: halved into numbers
 * of four, two and one digits that are divided side by side (P. Khuong, "How to print integers really fast"). */
static inline uint64_t eight_digits(uint32_t n)
{
    uint64_t fours = n / 10000 | (uint64_t)(n % 10000) << 32;
    uint64_t hundreds = fours * 10486 >> 20 & 0x0000007f0000007f; /* 10486 / 2^20 is 1/100, for four digits */
    uint64_t twos = hundreds | (fours - 100 * hundreds) << 16;
    uint64_t tens = twos * 103 >> 10 & 0x000f000f000f000f; /* 103 / 2^10 is 1/10, for two digits */
    return tens | (twos - 10 * tens) << 8;
}

size_t number_format(char *out, uint64_t n)
{
    if (n < 1000) return format_short(out, (unsigned)n);
    if (n >= 100000000) return format_long(out, n);
    uint64_t digits = eight_digits((uint32_t)n);
    unsigned zeros = (unsigned)__builtin_ctzll(digits) / 8; /* in front */
    digits = (digits | 0x3030303030303030) >> 8 * zeros;
    if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__) digits = __builtin_bswap64(digits);
    memcpy(out, &digits, sizeof digits);
    return 8 - zeros;
}

size_t number_format_i64(char *out, int64_t n)
{
    if (n >= 0) return number_format(out, (uint64_t)n);
    *out = '-';
    return 1 + number_format(out + 1, 0 - (uint64_t)n);
}
