/* The server's own decoder does the work; values are passed over. */
#include "clients/cli/counter.h"

#include "proto/text/text.h"

/* Longer than any sensible limits.line; the server's answer to a longer line ends the connection anyway. */
#define LINE_LIMIT ((size_t)16 << 20)

static enum decode_status decode(struct counter *c, struct slice rest, size_t *used, struct call *call)
{
    static const struct codec_limits limits = {.line = LINE_LIMIT, .key = TEXT_KEY_MAX, .value = TEXT_COUNT_MAX};

    if (!c->in_value) return codec_text.decode(&c->decoder, &limits, rest.ptr, rest.len, used, call);
    if (c->value_left > 0) {
        *used = rest.len < c->value_left ? rest.len : (size_t)c->value_left;
        c->value_left -= *used;
        return DECODE_MORE;
    }
    return codec_text.decode_end(&c->decoder, rest.ptr, rest.len, used, call);
}

static void note(struct counter *c, enum decode_status status, const struct call *call)
{
    switch (status) {
    case DECODE_MORE: break;
    case DECODE_BODY:
        c->in_value = true;
        c->value_left = call->request.value.len;
        break;
    case DECODE_REQUEST:
        c->requests++;
        c->over = !c->in_value && call->request.op == OP_QUIT;
        c->in_value = false;
        break;
    case DECODE_ANSWERED:
        c->requests++;
        c->in_value = false;
        break;
    case DECODE_CLOSE:
        c->requests++;
        c->over = true;
        break;
    }
}

bool counter_feed(struct counter *c, const char *bytes, size_t len)
{
    enum decode_status status = DECODE_REQUEST;
    size_t done = 0;
    size_t used = 1;

    buffer_append(&c->bytes, bytes, len);
    if (c->bytes.failed) return false;
    while (!c->over && done < c->bytes.len && (status != DECODE_MORE || used > 0)) {
        struct call call;
        call_init(&call);
        used = 0;
        status = decode(c, slice_of(c->bytes.data + done, c->bytes.len - done), &used, &call);
        done += used;
        note(c, status, &call);
        call_clear(&call);
    }
    buffer_consume(&c->bytes, c->over ? c->bytes.len : done);
    return true;
}

bool counter_unfinished(const struct counter *c)
{
    return !c->over && (c->bytes.len > 0 || c->in_value || c->decoder.state != 0);
}

void counter_free(struct counter *c)
{
    buffer_free(&c->bytes);
}
