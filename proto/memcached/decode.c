/*
 * Framing: lines that end in LF, and the data blocks behind some of them.
 *
 *     LINE --- a request ----------------------------------> REQUEST
 *       |  \-- refused, data follows --> SKIP -------------> ANSWERED
 *       |  \-- a delete, as the value is too large ---------> REQUEST --> SKIP --> LINE
 *       +----- a value follows -------> BODY --decode_end--> REQUEST, or ANSWERED: no CRLF behind it
 */
#include "proto/memcached/impl.h"
#include "proto/memcached/memcached.h"

#define BINARY        0x80 /* the first byte of a request of the binary protocol, */
#define BINARY_REPLY  0x81 /* of a reply, */
#define BINARY_HEADER 24   /* and how many bytes are in front of each one's body */

enum { LINE, BODY, SKIP, CLOSED };

/* Of a request whose data block is being skipped. */
struct __attribute__((may_alias)) refusal {
    uint64_t skip;    /* bytes still to drop */
    const char *line; /* the answer, a literal; NULL: it was given */
    bool quiet;
};

DECODER_OWN(struct refusal)

struct mc_line mc_answer(struct call *call, const char *line)
{
    call_drop_parts(call);
    call->request.key = call->request.value = slice_of(NULL, 0);
    call->request.op = OP_PING;
    call->request.tag = slice_of(NULL, 0);
    call->reply = (struct reply){.kind = REPLY_OWN, .body = slice_text(line)};
    call->form = (call->form & MC_QUIET) | MC_LINE;
    return (struct mc_line){DECODE_ANSWERED, 0};
}

static enum decode_status close_stream(struct decoder *d, struct call *call, const char *line)
{
    mc_answer(call, line);
    d->state = CLOSED;
    return DECODE_CLOSE;
}

/* Drops the data block of a request. DECODE_REQUEST: it is over, and there is nothing more to say about it. */
static enum decode_status skip(struct decoder *d, size_t len, size_t *used, struct call *call)
{
    struct refusal *r = decoder_of(d);
    size_t drop = r->skip < len ? (size_t)r->skip : len;
    r->skip -= drop;
    *used += drop;
    if (r->skip > 0) return DECODE_MORE;
    d->state = LINE;
    if (!r->line) return DECODE_REQUEST;
    mc_answer(call, r->line);
    if (r->quiet) call->form |= MC_QUIET;
    return DECODE_ANSWERED;
}

static enum decode_status memcached_decode_end(struct decoder *d, const char *in, size_t len, size_t *used,
                                               struct call *call)
{
    *used = 0;
    if (len < 2) return DECODE_MORE;
    *used = 2;
    d->state = LINE;
    if (in[0] == '\r' && in[1] == '\n') return DECODE_REQUEST;
    if ((call->form & MC_FORM_MASK) == MC_META_SET) call->form &= ~MC_QUIET; /* errors are always told */
    mc_answer(call, "CLIENT_ERROR bad data chunk");
    return DECODE_ANSWERED;
}

static enum decode_status take_line(struct decoder *d, const struct codec_limits *limits, struct slice text,
                                    const char *in, size_t len, size_t *used, struct call *call)
{
    struct mc_line line = mc_classic(limits, text, call);
    size_t size = call->request.value.len, end_used = 0;
    switch (line.status) {
    case DECODE_ANSWERED:
        if (line.skip == 0) break;
        d->state = SKIP;
        *decoder_of(d) = (struct refusal){line.skip, call->reply.body.ptr, (call->form & MC_QUIET) != 0};
        call->reply = (struct reply){0};
        return skip(d, len, used, call);
    case DECODE_BODY:
        d->state = BODY;
        if (len < size + 2) return DECODE_BODY;
        call->request.value.ptr = in;
        line.status = memcached_decode_end(d, in + size, len - size, &end_used, call);
        *used += size + end_used;
        break;
    case DECODE_REQUEST:
        if (line.skip == 0) break;
        d->state = SKIP;
        *decoder_of(d) = (struct refusal){.skip = line.skip};
        break;
    case DECODE_CLOSE: d->state = CLOSED; break;
    default: break;
    }
    return line.status;
}

/* The binary protocol is not spoken here, and who speaks it is told so in it: by the opaque value of the request,
 * and a status (bytes 6 and 7) that means an unknown command. */
static enum decode_status refuse_binary(struct decoder *d, const char *in, size_t len, struct call *call)
{
    static const char text[] = "Unknown command: the binary protocol is not spoken here, switch the client to text";
    unsigned char header[BINARY_HEADER] = {BINARY_REPLY,
                                           (unsigned char)in[len > 1], [7] = 0x81, [11] = sizeof text - 1};
    if (len < sizeof header) return DECODE_MORE;
    close_stream(d, call, "SERVER_ERROR out of memory");
    if (!call_reserve(call, sizeof header + sizeof text)) return DECODE_CLOSE;
    memcpy(header + 12, in + 12, 4);
    memcpy(call->data, header, sizeof header);
    memcpy(call->data + sizeof header, text, sizeof text);
    call->reply.body = slice_of(call->data, sizeof header + sizeof text - 1);
    call->form = MC_RAW;
    return DECODE_CLOSE;
}

/* A get may name many keys. */
static size_t longest_line(const struct codec_limits *limits, const char *in)
{
    struct slice line = slice_of(in, limits->line), name;
    bool many = mc_token(&line, &name) && name.len <= 4 &&
                (memcmp(name.ptr, "get", 3) == 0 || memcmp(name.ptr, "gat", 3) == 0);
    return many ? limits->command : limits->line;
}

static enum decode_status memcached_decode(struct decoder *d, const struct codec_limits *limits, const char *in,
                                           size_t len, size_t *used, struct call *call)
{
    *used = 0;
    if (d->state == SKIP) {
        enum decode_status status = skip(d, len, used, call);
        if (status != DECODE_REQUEST) return status;
        in += *used;
        len -= *used;
    }
    if (d->state == CLOSED) {
        *used = len;
        return DECODE_MORE;
    }
    if (len == 0) return DECODE_MORE;
    if ((unsigned char)in[0] == BINARY) return refuse_binary(d, in, len, call);
    size_t most = len < limits->line ? limits->line : longest_line(limits, in);
    size_t window = len < most ? len : most;
    const char *lf = window > d->scanned ? memchr(in + d->scanned, '\n', window - d->scanned) : NULL;
    if (!lf) {
        d->scanned = window;
        if (window >= most) return close_stream(d, call, "CLIENT_ERROR line too long");
        return DECODE_MORE;
    }
    size_t length = (size_t)(lf - in), whole = length + 1;
    if (length > 0 && in[length - 1] == '\r') length--;
    d->scanned = 0;
    *used += whole;
    return take_line(d, limits, slice_of(in, length), in + whole, len - whole, used, call);
}

const struct codec codec_memcached = {
    .name = "memcached",
    .decode = memcached_decode,
    .decode_end = memcached_decode_end,
    .encode = mc_encode,
};
