#include "proto/glob.h"

/* The set in brackets at `p` (behind the bracket): does it hold `c`? *p goes behind it; a set without an end ends
 * with the pattern. */
static bool in_set(const unsigned char **p, const unsigned char *end, unsigned char c)
{
    const unsigned char *at = *p;
    bool negated = at < end && *at == '^', found = false;
    at += negated;
    for (; at < end && *at != ']'; at++) {
        bool escaped = *at == '\\' && end - at >= 2;
        at += escaped;
        unsigned char from = *at, to = *at;
        if (!escaped && end - at >= 3 && at[1] == '-') {
            to = at[2];
            at += 2;
        }
        if (from > to) {
            unsigned char swap = from;
            from = to;
            to = swap;
        }
        if (c >= from && c <= to) found = true;
    }
    *p = at < end ? at + 1 : end;
    return found != negated;
}

/* Does one element of the pattern match `c`? *p goes behind the element. */
static bool match_one(const unsigned char **p, const unsigned char *end, unsigned char c)
{
    unsigned char element = *(*p)++;
    if (element == '?') return true;
    if (element == '[') return in_set(p, end, c);
    if (element == '\\' && *p < end) element = *(*p)++;
    return element == c;
}

/*
 * Matches from left to right. When an element does not fit, the latest star takes one byte more: what an earlier
 * star took can stay as it is, because the latest one can take whatever that would give back.
 */
bool glob_match(struct slice pattern, struct slice text)
{
    const unsigned char *p = (const unsigned char *)pattern.ptr, *p_end = p + pattern.len;
    const unsigned char *t = (const unsigned char *)text.ptr, *t_end = t + text.len;
    const unsigned char *star = NULL, *star_text = NULL; /* behind the latest star, and where its match ends now */
    if (text.len == 0)
        return pattern.len == 0 || slice_equal(pattern, slice_text("*")); /* more stars match nothing */
    for (;;) {
        if (p < p_end && *p == '*') {
            star = ++p;
            star_text = t;
            if (p == p_end) return true;
            continue;
        }
        if (t == t_end) return p == p_end;
        if (p < p_end && match_one(&p, p_end, *t)) {
            t++;
            continue;
        }
        if (!star) return false;
        p = star;
        t = ++star_text;
    }
}
