/* Where requests of the text protocol end, and nothing more about them. Pure. */
#ifndef BENCH_NULL_FRAMING_H
#define BENCH_NULL_FRAMING_H

#include <stddef.h>
#include <stdint.h>

#define FRAMING_LINE_MAX 65536 /* a longer line is no request of ours */

enum framing_found {
    FRAMING_MORE,  /* the bytes end before the request does */
    FRAMING_GET,   /* a request that begins with G */
    FRAMING_OTHER, /* any other request */
    FRAMING_EMPTY, /* an empty line, or the end of a value: nothing to answer */
    FRAMING_BAD,   /* a line longer than FRAMING_LINE_MAX */
};

/* All zero is the start. */
struct framing {
    uint64_t skip; /* bytes of a counted value that are still to come */
};

/*
 * Looks at in[0..len) and sets *used: drop that many bytes. A request is found at the end of its line; the counted
 * value after it is skipped by the following calls.
 */
enum framing_found framing_next(struct framing *f, const char *in, size_t len, size_t *used);

#endif
