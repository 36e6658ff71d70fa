/*
 * Framing: where commands begin and end in a stream of bytes.
 *
 *     *3 CRLF $3 CRLF SET CRLF ...   ->  arguments, in place        a command that is not whole yet: DECODE_MORE,
 * and SET key "a value" CRLF         ->  arguments, unescaped       decoder.want says how many bytes it will have
 *
 * A bulk or a command over the limits is skipped in step and refused; what breaks the framing closes.
 */
#include <ctype.h>
#include <stdlib.h>

#include "proto/resp/state.h"

enum {
    COMMAND, /* at a command, or somewhere in it: `scanned` bytes are known, the start of a bulk; `bulks` follow */
    SKIP,    /* in a bulk of a refused command: `skip` bytes to drop, then `bulks` more */
    CLOSED,  /* DECODE_CLOSE was said */
};

#define ARGS_MAX     (1 << 20)   /* as in Redis up to 6 */
#define ARGS_USUAL   32          /* on the stack */
#define INLINE_MAX   (64 * 1024) /* as in Redis, like the next two */
#define NUMBER_MAX   (64 * 1024) /* bytes to look for the end of a length in */
#define BULK_MAX     (512LL << 20)
#define SHORT_NUMBER 6 /* digits */
#define NO_NUMBER    INT64_MIN

struct input {
    const char *in;
    size_t len;
    size_t at; /* read so far */
};

static enum decode_status close_stream(struct decoder *d, struct call *call, const char *text)
{
    d->state = CLOSED;
    resp_fail(call, "ERR Protocol error: %s", text);
    return DECODE_CLOSE;
}

enum line { LINE_MORE, LINE_OK, LINE_TOO_LONG };

/* The number behind the type byte, up to CR and the byte behind it. *text: its digits. */
static enum line take_number(struct input *in, struct slice *text)
{
    size_t left = in->len - in->at;
    const char *from = in->in + in->at;
    const char *cr = memchr(from, '\r', left < NUMBER_MAX ? left : NUMBER_MAX);
    if (!cr) return left < NUMBER_MAX ? LINE_MORE : LINE_TOO_LONG;
    size_t size = (size_t)(cr - from) + 2;
    if (size > left) return LINE_MORE;
    *text = slice_of(from + 1, size - 3);
    in->at += size;
    return LINE_OK;
}

/* The same where the number is what it mostly is, a few digits without a sign and a CR: *n. False: take_number will
 * say what it is. */
static inline bool take_short_number(struct input *in, int64_t *n)
{
    const char *first = in->in + in->at + 1, *p = first;
    size_t left = in->len - in->at;
    if (left < SHORT_NUMBER + 3) return false;
    for (*n = 0; p < first + SHORT_NUMBER && *p >= '0' && *p <= '9'; p++)
        *n = *n * 10 + (*p - '0');
    if (p == first || *p != '\r' || (*first == '0' && p > first + 1)) return false;
    in->at += (size_t)(p - first) + 3;
    return true;
}

/* Either of them. NO_NUMBER in *n: the line is none. */
static inline enum line take_length(struct input *in, int64_t *n)
{
    struct slice text;
    if (take_short_number(in, n)) return LINE_OK;
    enum line line = take_number(in, &text);
    if (line == LINE_OK && !resp_integer(text, n)) *n = NO_NUMBER;
    return line;
}

/* The length of a bulk: $<n> CRLF. DECODE_REQUEST: *size is it. */
static enum decode_status take_size(struct decoder *d, struct input *in, size_t *size, struct call *call)
{
    int64_t n = 0;
    if (in->at == in->len) return DECODE_MORE;
    if (in->in[in->at] != '$') {
        char what[] = "expected '$', got '?'";
        what[sizeof what - 3] = in->in[in->at];
        return close_stream(d, call, what);
    }
    enum line line = take_length(in, &n);
    if (line == LINE_MORE) return DECODE_MORE;
    if (line == LINE_TOO_LONG) return close_stream(d, call, "too big bulk count string");
    if (n < 0 || n > BULK_MAX) return close_stream(d, call, "invalid bulk length");
    *size = (size_t)n;
    return DECODE_REQUEST;
}

/* ---- commands too large ---- */

/* Goes on dropping; when all is dropped the command is refused. */
static enum decode_status skip(struct decoder *d, const char *bytes, size_t len, size_t *used, struct call *call)
{
    struct input in = {bytes, len, 0};
    struct resp_decoder *own = decoder_of(d);
    for (;;) {
        size_t drop = own->skip < in.len - in.at ? (size_t)own->skip : in.len - in.at, size = 0;
        in.at += drop;
        own->skip -= drop;
        *used = in.at;
        if (own->skip > 0) return DECODE_MORE;
        if (own->bulks == 0) break;
        enum decode_status status = take_size(d, &in, &size, call);
        if (status != DECODE_REQUEST) return status;
        own->bulks--;
        own->skip = size + 2;
    }
    d->state = COMMAND;
    resp_abort_transaction(d);
    return resp_fail(call, "ERR %s", own->why);
}

static enum decode_status begin_skip(struct decoder *d, const struct input *in, size_t bulk, size_t bulks_left,
                                     const char *why, size_t *used, struct call *call)
{
    struct resp_decoder *own = decoder_of(d);
    d->state = SKIP;
    d->scanned = 0;
    own->skip = bulk + 2;
    own->bulks = bulks_left;
    own->why = why;
    size_t more = 0;
    enum decode_status status = skip(d, in->in + in->at, in->len - in->at, &more, call);
    *used = in->at + more;
    return status;
}

/* ---- arrays of bulk strings ---- */

/* Takes `count` bulks from where the input is; `argv` NULL: only looks whether they are there. What is not whole
 * yet is gone on with next time. */
static enum decode_status take_bulks(struct decoder *d, const struct codec_limits *limits, struct input *in,
                                     size_t count, struct slice *argv, size_t *used, struct call *call)
{
    for (size_t i = 0; i < count; i++) {
        size_t size = 0, left = count - i - 1;
        d->scanned = in->at;
        decoder_of(d)->bulks = count - i;
        enum decode_status status = take_size(d, in, &size, call);
        if (status != DECODE_REQUEST) return status;
        if (size > limits->value)
            return begin_skip(d, in, size, left, "the value is too large (limits.value)", used, call);
        if (in->at + size + 2 > limits->command)
            return begin_skip(d, in, size, left, "the command is too large (limits.value)", used, call);
        if (in->len - in->at < size + 2) {
            d->want = in->at + size + 2;
            return DECODE_MORE;
        }
        const char *end = in->in + in->at + size;
        if (end[0] != '\r' || end[1] != '\n') return close_stream(d, call, "expected CRLF behind a bulk string");
        if (argv) argv[i] = slice_of(in->in + in->at, size);
        in->at += size + 2;
    }
    d->scanned = 0;
    return DECODE_REQUEST;
}

/* A bulk as it mostly is: whole, its length a few digits, within the limits. False: nothing was taken, and
 * take_bulks will say what is there. */
static inline bool take_usual_bulk(struct input *in, const struct codec_limits *limits, struct slice *bulk)
{
    struct input bytes = *in;
    int64_t size;
    if (bytes.at == bytes.len || bytes.in[bytes.at] != '$' || !take_short_number(&bytes, &size)) return false;
    size_t end = bytes.at + (size_t)size;
    if ((size_t)size > limits->value || end + 2 > limits->command || end + 2 > bytes.len) return false;
    if (bytes.in[end] != '\r' || bytes.in[end + 1] != '\n') return false;
    *bulk = slice_of(bytes.in + bytes.at, (size_t)size);
    in->at = end + 2;
    return true;
}

static enum decode_status take_arguments(struct decoder *d, const struct codec_limits *limits, struct input *in,
                                         size_t count, size_t *used, struct call *call)
{
    struct slice usual[ARGS_USUAL], *argv = usual;
    if (count > ARGS_USUAL) argv = malloc(count * sizeof *argv);
    if (!argv) return close_stream(d, call, "out of memory");
    size_t n = 0;
    while (n < count && take_usual_bulk(in, limits, &argv[n]))
        n++;
    enum decode_status status = DECODE_REQUEST;
    if (n < count) status = take_bulks(d, limits, in, count - n, argv + n, used, call);
    if (status == DECODE_REQUEST) {
        *used = in->at;
        status = resp_command(d, limits, &(struct resp_args){argv, count}, call);
    }
    if (argv != usual) free(argv);
    return status;
}

static enum decode_status take_array(struct decoder *d, const struct codec_limits *limits, const char *bytes,
                                     size_t len, size_t *used, struct call *call)
{
    struct input in = {bytes, len, 0};
    int64_t count = 0;
    if (d->scanned > 0) { /* some were there already: does this make it whole? */
        in.at = d->scanned;
        enum decode_status status = take_bulks(d, limits, &in, decoder_of(d)->bulks, NULL, used, call);
        if (status != DECODE_REQUEST) return status;
        in.at = 0;
    }
    enum line line = take_length(&in, &count);
    if (line == LINE_MORE) return DECODE_MORE;
    if (line == LINE_TOO_LONG) return close_stream(d, call, "too big mbulk count string");
    if (count == NO_NUMBER || count > ARGS_MAX) return close_stream(d, call, "invalid multibulk length");
    if (count > 0) return take_arguments(d, limits, &in, (size_t)count, used, call);
    *used = in.at;
    return DECODE_MORE;
}

/* ---- inline commands ---- */

static int hex(char c)
{
    return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

/* One escaped byte behind a backslash in double quotes. */
static const char *unescape(const char *p, const char *end, char *out)
{
    if (*p == 'x' && end - p >= 3 && isxdigit((unsigned char)p[1]) && isxdigit((unsigned char)p[2])) {
        *out = (char)(hex(p[1]) * 16 + hex(p[2]));
        return p + 3;
    }
    switch (*p) {
    case 'n': *out = '\n'; break;
    case 'r': *out = '\r'; break;
    case 't': *out = '\t'; break;
    case 'b': *out = '\b'; break;
    case 'a': *out = '\a'; break;
    default: *out = *p; break;
    }
    return p + 1;
}

/* One argument at `p`, which is no blank, written to *out; NULL: its quotes do not close, or something follows
 * them. */
static const char *take_word(const char *p, const char *end, char **out)
{
    char quote = 0;
    for (;; p++) {
        if (p == end) return quote ? NULL : p;
        if (!quote) {
            if (isspace((unsigned char)*p)) return p;
            if (*p == '"' || *p == '\'')
                quote = *p;
            else
                *(*out)++ = *p;
            continue;
        }
        if (*p == quote) { /* the end of the argument, too */
            p++;
            return p == end || isspace((unsigned char)*p) ? p : NULL;
        }
        if (*p == '\\' && quote == '"' && end - p >= 2)
            p = unescape(p + 1, end, (*out)++) - 1;
        else if (*p == '\\' && quote == '\'' && end - p >= 2 && p[1] == '\'')
            *(*out)++ = *++p;
        else
            *(*out)++ = *p;
    }
}

/* Splits the line into arguments, whose bytes go to `out`. -1: unbalanced quotes. */
static int split(struct slice line, char *out, struct slice *argv)
{
    const char *p = line.ptr, *end = line.ptr + line.len;
    int argc = 0;
    for (;;) {
        while (p < end && isspace((unsigned char)*p))
            p++;
        if (p == end) return argc;
        char *start = out;
        p = take_word(p, end, &out);
        if (!p) return -1;
        argv[argc++] = slice_of(start, (size_t)(out - start));
    }
}

static enum decode_status take_inline(struct decoder *d, const struct codec_limits *limits, const char *in,
                                      size_t len, size_t *used, struct call *call)
{
    const char *lf = memchr(in, '\n', len < INLINE_MAX ? len : INLINE_MAX);
    if (!lf) return len < INLINE_MAX ? DECODE_MORE : close_stream(d, call, "too big inline request");
    struct slice line = slice_of(in, (size_t)(lf - in));
    *used = line.len + 1;
    if (line.len > 0 && line.ptr[line.len - 1] == '\r') line.len--;
    /* At most every second byte begins an argument. */
    size_t slots = (line.len / 2 + 1) * sizeof(struct slice);
    char *memory = malloc(slots + line.len + 1);
    if (!memory) return close_stream(d, call, "out of memory");
    struct slice *argv = (struct slice *)(void *)memory;
    int argc = split(line, memory + slots, argv);
    enum decode_status status = DECODE_MORE;
    if (argc < 0)
        status = close_stream(d, call, "unbalanced quotes in request");
    else if (argc > 0)
        status = resp_command(d, limits, &(struct resp_args){argv, (size_t)argc}, call);
    if (status == DECODE_REQUEST && !call_own(call)) status = resp_fail(call, "ERR out of memory");
    free(memory);
    return status;
}

enum decode_status resp_decode(struct decoder *d, const struct codec_limits *limits, const char *in, size_t len,
                               size_t *used, struct call *call)
{
    size_t blank = 0;
    *used = 0;
    d->want = 0;
    if (d->state == SKIP) return skip(d, in, len, used, call);
    if (d->state == CLOSED) {
        *used = len;
        return DECODE_MORE;
    }
    /* Nothing is asked by an empty line or an empty array. */
    while (blank < len) {
        size_t step = 0;
        enum decode_status status = in[blank] == '*' ? take_array(d, limits, in + blank, len - blank, &step, call)
                                                     : take_inline(d, limits, in + blank, len - blank, &step, call);
        blank += step;
        *used = blank;
        if (status == DECODE_CLOSE) d->state = CLOSED;
        if (status != DECODE_MORE || step == 0 || d->state != COMMAND) return status;
    }
    return DECODE_MORE;
}

/* Values come with their commands, so there is never one to wait for. */
enum decode_status resp_decode_end(struct decoder *d, const char *in, size_t len, size_t *used, struct call *call)
{
    (void)d, (void)in, (void)len, (void)call;
    *used = 0;
    return DECODE_REQUEST;
}
