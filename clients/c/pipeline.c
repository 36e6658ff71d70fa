/* Explicit pipelining: append, flush, receive in order, early refusals apart. The synchronous calls are made of
 * these. */
#include <string.h>

#include "clients/c/client.h"
#include "proto/text/text.h"

enum sluice_status sluice_send_get(struct sluice *s, struct sluice_bytes key,
                                   const struct sluice_request_options *options)
{
    struct request request = {.op = OP_GET, .key = sluice__slice(key)};

    return sluice__append(s, &request, SLUICE_TTL_DEFAULT, options);
}

enum sluice_status sluice_send_put(struct sluice *s, struct sluice_bytes key, struct sluice_bytes value,
                                   int64_t ttl_ms, const struct sluice_request_options *options)
{
    struct request request = {.op = OP_PUT, .key = sluice__slice(key), .value = sluice__slice(value)};

    return sluice__append(s, &request, ttl_ms, options);
}

enum sluice_status sluice_send_delete(struct sluice *s, struct sluice_bytes key,
                                      const struct sluice_request_options *options)
{
    struct request request = {.op = OP_DELETE, .key = sluice__slice(key)};

    return sluice__append(s, &request, SLUICE_TTL_DEFAULT, options);
}

enum sluice_status sluice_send_touch(struct sluice *s, struct sluice_bytes key, int64_t ttl_ms,
                                     const struct sluice_request_options *options)
{
    struct request request = {.op = OP_TOUCH, .key = sluice__slice(key)};

    return sluice__append(s, &request, ttl_ms, options);
}

enum sluice_status sluice_send_len(struct sluice *s, const struct sluice_request_options *options)
{
    struct request request = {.op = OP_LEN};

    return sluice__append(s, &request, SLUICE_TTL_DEFAULT, options);
}

enum sluice_status sluice_send_ping(struct sluice *s, const struct sluice_request_options *options)
{
    struct request request = {.op = OP_PING};

    return sluice__append(s, &request, SLUICE_TTL_DEFAULT, options);
}

size_t sluice_pending(const struct sluice *s)
{
    return s->pending_len;
}

enum sluice_status sluice_flush(struct sluice *s)
{
    if (s->link != LINK_UP) return sluice__not_connected(s);
    return sluice__write_all(s, sluice__deadline(s->request_timeout_ms));
}

/* The stream makes no sense any more: nothing that follows in it can be believed. */
static enum sluice_status out_of_step(struct sluice *s, const char *what)
{
    sluice__drop(s);
    return sluice__fail(s, SLUICE_PROTOCOL, "%s %s; is it a Sluice server?", s->address.text, what);
}

/*
 * Is this the tag that the request was sent with? An ERROR may come without it: a connection that is refused or
 * timed out is told so before, or without, its request being understood.
 */
static bool tag_fits(const struct sluice__pending *pending, struct slice tag, enum reply_kind kind)
{
    if (tag.len == 0 && kind == REPLY_ERROR) return true;
    return slice_equal(tag, slice_of(pending->tag, pending->tag_len));
}

static struct sluice__pending *pending_at(struct sluice *s, size_t i)
{
    return &s->pending[(s->pending_head + i) % s->pending_capacity];
}

/* Which of the pending requests it answers: the oldest, or, if it is an early refusal, the one with its tag. */
static size_t find_pending(struct sluice *s, enum reply_kind kind, struct slice tag)
{
    if (kind != REPLY_OVERLOADED && kind != REPLY_LATE) return 0;
    for (size_t i = 0; i < s->pending_len; i++) {
        const struct sluice__pending *pending = pending_at(s, i);
        if ((i == 0 || pending->early) && tag_fits(pending, tag, kind)) return i;
    }
    return 0;
}

static void pending_remove(struct sluice *s, size_t i)
{
    for (; i > 0; i--)
        *pending_at(s, i) = *pending_at(s, i - 1);
    s->pending_head = (s->pending_head + 1) % s->pending_capacity;
    s->pending_len--;
}

/* Takes a whole reply of `used` bytes off the stream. */
static enum sluice_status take(struct sluice *s, const struct reply *reply, struct slice tag, size_t used,
                               struct sluice_result *result)
{
    size_t at = find_pending(s, reply->kind, tag);
    struct sluice__pending pending = *pending_at(s, at);

    if (!tag_fits(&pending, tag, reply->kind) || !sluice__result_set(result, (enum op)pending.op, reply))
        return out_of_step(s, "gave the reply to something else");
    memcpy(result->tag, pending.tag, pending.tag_len);
    pending_remove(s, at);
    s->in_start += used;
    if (result->status == SLUICE_SERVER_ERROR) {
        sluice__fail(s, result->status, "%s refused: %s: %.*s", s->address.text, sluice_error_name(result->error),
                     result->body.len > 300 ? 300 : (int)result->body.len, result->body.data);
    } else if (result->status != SLUICE_OK) {
        sluice__fail(s, result->status, "%s answered: %s", s->address.text, sluice_status_name(result->status));
    }
    return result->status;
}

/* Decodes the next reply, reading as long as it is not whole. */
static enum sluice_status next_reply(struct sluice *s, int64_t deadline, struct sluice_result *result)
{
    struct codec_limits limits = {.line = SLUICE__LINE_MAX, .key = SLUICE_KEY_MAX, .value = s->reply_max};

    for (;;) {
        /* The buffer has no memory yet before the first byte came. */
        const char *rest = s->in.len == 0 ? "" : s->in.data + s->in_start;
        struct reply reply = {0};
        struct slice tag = {NULL, 0};
        size_t used = 0;
        enum sluice_status status = SLUICE_OK;

        switch (codec_text.decode_reply(&s->decoder, &limits, rest, s->in.len - s->in_start, &used, &reply, &tag)) {
        case DECODE_REQUEST: return take(s, &reply, tag, used, result);
        case DECODE_MORE: s->in_start += used; break;
        default: return out_of_step(s, "sent something that is no reply");
        }
        if (s->link != LINK_UP) {
            sluice__drop(s); /* the error text has said why since the end was seen */
            return SLUICE_DISCONNECTED;
        }
        status = sluice__read_more(s, deadline);
        if (status != SLUICE_OK) return status;
    }
}

enum sluice_status sluice__receive(struct sluice *s, int64_t deadline, struct sluice_result *result)
{
    *result = (struct sluice_result){.status = SLUICE_DISCONNECTED};
    if (s->link == LINK_DOWN) return sluice__not_connected(s);
    if (s->pending_len == 0) {
        result->status = sluice__fail(s, SLUICE_BAD_ARGUMENT, "nothing was sent: there is no reply to receive");
        return result->status;
    }
    /* What cannot be sent any more may still be answered in part: the decoder finds out. */
    result->status = sluice__write_all(s, deadline);
    if (result->status == SLUICE_OK || s->link == LINK_ENDED) result->status = next_reply(s, deadline, result);
    return result->status;
}

enum sluice_status sluice_receive(struct sluice *s, struct sluice_result *result)
{
    return sluice__receive(s, sluice__deadline(s->request_timeout_ms), result);
}
