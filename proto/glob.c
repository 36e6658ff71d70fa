#include "proto/glob.h"

#include <assert.h>
#include <string.h>

/* The pattern, as far as it is not read yet. */
struct rest {
    const unsigned char *at, *end;
};

/* State n goes on with any byte from `from` to `to`. */
static void add_range(struct glob *g, size_t n, unsigned from, unsigned to)
{
    for (unsigned c = from; c <= to; c++)
        g->next[n / 64][c] |= UINT64_C(1) << (n % 64);
}

/* The set in brackets behind the bracket; without an end it ends with the pattern. */
static void add_set(struct glob *g, size_t n, struct rest *p)
{
    bool negated = p->at < p->end && *p->at == '^';
    for (p->at += negated; p->at < p->end && *p->at != ']'; p->at++) {
        bool escaped = *p->at == '\\' && p->end - p->at >= 2;
        p->at += escaped;
        unsigned char from = *p->at, to = *p->at;
        if (!escaped && p->end - p->at >= 3 && p->at[1] == '-') {
            to = p->at[2];
            p->at += 2;
        }
        add_range(g, n, from < to ? from : to, from < to ? to : from);
    }
    if (p->at < p->end) p->at++;
    for (unsigned c = 0; negated && c < 256; c++)
        g->next[n / 64][c] ^= UINT64_C(1) << (n % 64);
}

/* The next element, which is no star. */
static void add_element(struct glob *g, size_t n, struct rest *p)
{
    unsigned char c = *p->at++;
    if (c == '?') {
        add_range(g, n, 0, 255);
    } else if (c == '[') {
        add_set(g, n, p);
    } else {
        if (c == '\\' && p->at < p->end) c = *p->at++;
        add_range(g, n, c, c);
    }
}

void glob_compile(struct glob *g, struct slice pattern)
{
    struct rest p = {(const unsigned char *)pattern.ptr, (const unsigned char *)pattern.ptr + pattern.len};
    assert(pattern.len <= GLOB_MAX);
    g->words = pattern.len / 64 + 1;
    g->elements = 0;
    g->takes_empty = pattern.len == 0 || slice_equal(pattern, slice_text("*")); /* more stars match nothing */
    memset(g->stays, 0, sizeof g->stays);
    memset(g->next, 0, g->words * sizeof g->next[0]);
    while (p.at < p.end) {
        if (*p.at != '*') {
            add_element(g, g->elements++, &p);
            continue;
        }
        g->stays[g->elements / 64] |= UINT64_C(1) << (g->elements % 64);
        p.at++;
    }
}

bool glob_match(const struct glob *g, struct slice text)
{
    uint64_t states[GLOB_WORDS] = {1};
    if (text.len == 0) return g->takes_empty;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        uint64_t carry = 0, any = 0;
        for (size_t w = 0; w < g->words; w++) {
            uint64_t moved = states[w] & g->next[w][c];
            states[w] = (states[w] & g->stays[w]) | moved << 1 | carry;
            carry = moved >> 63;
            any |= states[w];
        }
        if (any == 0) return false;
    }
    return states[g->elements / 64] >> (g->elements % 64) & 1;
}
