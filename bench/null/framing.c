#include "bench/null/framing.h"

#include <string.h>

#define DIGITS_MAX 10 /* of a count: the protocol's counts stay below 2^31 */

/* The n of a line that ends in " $n", 0 when it does not. `end` is where the line end begins. */
static uint64_t count_at_end(const char *line, const char *end)
{
    const char *p = end;
    uint64_t n = 0, unit = 1;

    for (; p > line && end - p < DIGITS_MAX && p[-1] >= '0' && p[-1] <= '9'; p--) {
        n += (uint64_t)(p[-1] - '0') * unit;
        unit *= 10;
    }
    return p < end && p - line >= 2 && p[-1] == '$' && p[-2] == ' ' ? n : 0;
}

enum framing_found framing_next(struct framing *f, const char *in, size_t len, size_t *used)
{
    *used = 0;
    if (f->skip > 0) {
        *used = f->skip < len ? (size_t)f->skip : len;
        f->skip -= *used;
        return f->skip > 0 ? FRAMING_MORE : FRAMING_EMPTY;
    }
    const char *lf = len ? memchr(in, '\n', len) : NULL;
    if (!lf) return len > FRAMING_LINE_MAX ? FRAMING_BAD : FRAMING_MORE;

    const char *end = lf > in && lf[-1] == '\r' ? lf - 1 : lf;
    *used = (size_t)(lf - in) + 1;
    if (end == in) return FRAMING_EMPTY; /* also the line end after a counted value */
    f->skip = count_at_end(in, end);
    return *in == 'G' || *in == 'g' ? FRAMING_GET : FRAMING_OTHER;
}
