/*
 * Framing on the server's side: where requests begin and end in a stream of bytes.
 *
 *              +--------------------------------- whole request ----> REQUEST
 *              |        +- refused, no count -----------------------> REFUSED
 *     LINE ----+--------+
 *              |        +- refused, count --> SKIP --> SKIP_END ----> REFUSED
 *              +- value still to come ------> BODY --(decode_end)---> REQUEST
 *
 *     any of these -- framing lost --> CLOSED, where every byte is dropped
 */
#include <assert.h>

#include "proto/text/grammar.h"

enum {
    LINE,     /* at a request line, or somewhere in it */
    BODY,     /* the caller takes the value's bytes, then comes to text_decode_end */
    SKIP,     /* in the value of a refused request: refusal.skip bytes to drop */
    SKIP_END, /* at the line end behind a skipped value */
    CLOSED,   /* DECODE_CLOSE was said */
};

/* Of a refused request whose value is being skipped. */
struct __attribute__((may_alias)) refusal {
    uint64_t skip; /* value bytes still to drop */
    const char *text;
    uint8_t error; /* enum error_code */
    uint8_t tag_len;
    char tag[TAG_MAX];
};

DECODER_OWN(struct refusal)

#define VALUE_END_TEXT "the value is not followed by a line end: its length is wrong"

static enum decode_status close_stream(struct decoder *d, struct call *call, enum error_code code, const char *text)
{
    call->request.key = slice_of(NULL, 0);
    call->request.value = slice_of(NULL, 0);
    reply_error(&call->reply, code, text);
    d->state = CLOSED;
    return DECODE_CLOSE;
}

/* Length of the line end in front: 1 or 2, 0 when there is none, -1 when more bytes are needed to tell. */
static int line_end(const char *in, size_t len)
{
    if (len == 0) return -1;
    if (in[0] == '\n') return 1;
    if (in[0] != '\r') return 0;
    if (len == 1) return -1;
    return in[1] == '\n' ? 2 : 0;
}

enum decode_status text_decode_end(struct decoder *d, const char *in, size_t len, size_t *used, struct call *call)
{
    assert(d->state == BODY);
    *used = 0;
    int end = line_end(in, len);
    if (end < 0) return DECODE_MORE;
    if (end == 0) return close_stream(d, call, ERR_BAD_REQUEST, VALUE_END_TEXT);
    *used = (size_t)end;
    d->state = LINE;
    return DECODE_REQUEST;
}

/* Goes on dropping a refused request's value, and refuses it when that is done. */
static enum decode_status skip_value(struct decoder *d, const char *in, size_t len, size_t *used, struct call *call)
{
    struct refusal *r = decoder_of(d);
    size_t take = r->skip < len ? (size_t)r->skip : len;
    r->skip -= take;
    *used += take;
    if (r->skip > 0) return DECODE_MORE;
    d->state = SKIP_END;
    int end = line_end(in + take, len - take);
    if (end < 0) return DECODE_MORE;
    /* `in` may no longer hold the line, so what the reply needs of it was kept. */
    if (r->tag_len > 0) call->request.tag = slice_of(r->tag, r->tag_len);
    call->request.op = OP_PUT;
    if (end == 0) return close_stream(d, call, ERR_BAD_REQUEST, VALUE_END_TEXT);
    *used += (size_t)end;
    d->state = LINE;
    reply_error(&call->reply, (enum error_code)r->error, r->text);
    return DECODE_ANSWERED;
}

/* Keeps of a refused request what its reply needs, and leaves the call empty until then. */
static void keep_refusal(struct decoder *d, uint64_t count, struct call *call)
{
    struct slice tag = call->request.tag;
    struct refusal *r = decoder_of(d);
    assert(tag.len <= TAG_MAX);
    d->state = SKIP;
    r->skip = count;
    r->error = (uint8_t)call->reply.error;
    r->text = call->reply.body.ptr; /* a string literal of ours */
    r->tag_len = (uint8_t)tag.len;
    if (tag.len > 0) memcpy(r->tag, tag.ptr, tag.len);
    call->request = (struct request){0};
    call->reply = (struct reply){0};
}

/* The line was fine and announced a value; `in` is what follows it. */
static enum decode_status take_value(struct decoder *d, const char *in, size_t len, size_t *used, struct call *call)
{
    size_t size = call->request.value.len;
    if (size <= len) {
        int end = line_end(in + size, len - size);
        if (end == 0) return close_stream(d, call, ERR_BAD_REQUEST, VALUE_END_TEXT);
        if (end > 0) {
            call->request.value.ptr = in;
            *used += size + (size_t)end;
            return DECODE_REQUEST;
        }
    }
    d->state = BODY;
    return DECODE_BODY;
}

/* The line between `in` and `lf` is whole; *used is already behind it. */
static enum decode_status take_line(struct decoder *d, const struct codec_limits *limits, struct slice text,
                                    const char *in, size_t len, size_t *used, struct call *call)
{
    struct text_line line = text_parse_line(limits, text, call);
    if (!line.refused && !line.counted) return DECODE_REQUEST;
    if (!line.refused) return take_value(d, in, len, used, call);
    if (line.closes) {
        d->state = CLOSED;
    } else if (line.counted) {
        keep_refusal(d, line.count, call);
        return skip_value(d, in, len, used, call);
    }
    call->request.key = slice_of(NULL, 0);
    call->request.value = slice_of(NULL, 0);
    return line.closes ? DECODE_CLOSE : DECODE_ANSWERED;
}

/* How many bytes of spaces and empty lines are in front. */
static size_t blanks(const char *in, size_t len)
{
    size_t at = 0;
    while (at < len && (in[at] == ' ' || in[at] == '\n' || in[at] == '\r')) {
        if (in[at] == '\r' && (at + 1 == len || in[at + 1] != '\n')) break;
        at++;
    }
    return at;
}

enum decode_status text_decode(struct decoder *d, const struct codec_limits *limits, const char *in, size_t len,
                               size_t *used, struct call *call)
{
    *used = 0;
    if (d->state != LINE) {
        assert(d->state != BODY);
        if (d->state != CLOSED) return skip_value(d, in, len, used, call);
        *used = len;
        return DECODE_MORE;
    }
    size_t skipped = d->scanned == 0 ? blanks(in, len) : 0;
    *used = skipped;
    in += skipped;
    len -= skipped;
    if (len == 0) return DECODE_MORE;
    if ((text_is_control(*in) || (unsigned char)*in >= 0x80) && (*in != '\r' || len > 1))
        return close_stream(d, call, ERR_BAD_REQUEST, "this is no request line; HELP lists the verbs");

    assert(limits->line < SIZE_MAX / 2);
    size_t window = len < limits->line + 2 ? len : limits->line + 2;
    const char *lf = NULL;
    if (window > d->scanned) lf = memchr(in + d->scanned, '\n', window - d->scanned);
    if (!lf && window < limits->line + 2) {
        d->scanned = *in == '\r' ? 0 : window; /* a lone CR may yet turn out to be an empty line */
        return DECODE_MORE;
    }
    size_t length = lf ? (size_t)(lf - in) : 0;
    if (length > 0 && in[length - 1] == '\r') length--;
    if (!lf || length > limits->line)
        return close_stream(d, call, ERR_TOO_LARGE, "the line is longer than limits.line; count the value: $n");
    size_t whole = (size_t)(lf - in) + 1;
    d->scanned = 0;
    *used += whole;
    return take_line(d, limits, slice_of(in, length), in + whole, len - whole, used, call);
}
