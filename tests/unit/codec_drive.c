#include "tests/unit/codec_drive.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static size_t next_whole(struct pieces *pieces, size_t left)
{
    (void)pieces;
    return left;
}

static size_t next_fixed(struct pieces *pieces, size_t left)
{
    (void)left;
    return pieces->fixed;
}

static size_t next_cut(struct pieces *pieces, size_t left)
{
    return pieces->at++ == 0 && pieces->fixed > 0 ? pieces->fixed : left;
}

static size_t next_listed(struct pieces *pieces, size_t left)
{
    if (pieces->count == 0) return left;
    size_t size = pieces->sizes[pieces->at];
    if (pieces->at + 1 < pieces->count) pieces->at++;
    return size;
}

struct pieces pieces_whole(void)
{
    return (struct pieces){.next = next_whole};
}

struct pieces pieces_fixed(size_t size)
{
    return (struct pieces){.next = next_fixed, .fixed = size};
}

struct pieces pieces_cut(size_t at)
{
    return (struct pieces){.next = next_cut, .fixed = at};
}

struct pieces pieces_listed(const unsigned char *sizes, size_t count)
{
    return (struct pieces){.next = next_listed, .sizes = sizes, .count = count};
}

/* ---- arriving ---- */

char *feed_copy(const struct feed *feed)
{
    size_t n = feed->upto - feed->from;
    char *block = malloc(n > 0 ? n : 1);
    assert(block);
    if (n > 0) memcpy(block, feed->in + feed->from, n);
    return block;
}

bool feed_arrive(struct feed *feed, struct pieces *pieces)
{
    size_t left = feed->len - feed->upto;
    if (left == 0) return false;
    size_t size = pieces->next(pieces, left);
    if (size == 0) size = 1;
    feed->upto += size < left ? size : left;
    return true;
}

/* Takes the announced value as a connection does and then its end; DECODE_MORE: the input ended before. */
static enum decode_status take_body(const struct codec *codec, struct decoder *d, struct feed *feed,
                                    struct pieces *pieces, struct call *call)
{
    size_t got = 0;
    size_t used = 0;
    enum decode_status status = DECODE_MORE;
    if (call->request.value.len > feed->len) return DECODE_MORE; /* it cannot come: save the room */
    bool owned = call_own(call);
    assert(owned);
    while (got < call->request.value.len) {
        size_t want = call->request.value.len - got;
        size_t have = feed->upto - feed->from;
        size_t take = want < have ? want : have;
        if (take > 0) memcpy(call_value_room(call) + got, feed->in + feed->from, take);
        got += take;
        feed->from += take;
        if (take == 0 && !feed_arrive(feed, pieces)) return DECODE_MORE;
    }
    for (;;) {
        char *block = feed_copy(feed);
        status = codec->decode_end(d, block, feed->upto - feed->from, &used, call);
        free(block);
        assert(used <= feed->upto - feed->from && (status != DECODE_MORE || used == 0));
        feed->from += used;
        if (status != DECODE_MORE || !feed_arrive(feed, pieces)) return status;
    }
}

void codec_drive(const struct codec *codec, const struct codec_limits *limits, const char *in, size_t len,
                 struct pieces pieces, drive_event *event, void *ctx)
{
    struct feed feed = {in, 0, 0, len};
    struct decoder d = {.connection = 7};
    bool going = true;
    while (going) {
        struct call call;
        size_t used = 0, have = feed.upto - feed.from;
        if (d.want > have && feed_arrive(&feed, &pieces)) continue; /* it said that it need not be asked */
        call_init(&call);
        char *block = feed_copy(&feed);
        enum decode_status status = codec->decode(&d, limits, block, have, &used, &call);
        assert(used <= have);
        feed.from += used;
        bool body = status == DECODE_BODY;
        if (body) {
            assert(!call.request.value.ptr && call.request.value.len <= limits->value);
            status = take_body(codec, &d, &feed, &pieces, &call);
        }
        assert(status != DECODE_BODY);
        if (status == DECODE_MORE)
            going = !body && feed_arrive(&feed, &pieces);
        else
            going = event(ctx, status, &call) && status != DECODE_CLOSE;
        free(block);
        call_clear(&call);
    }
    if (codec->release) codec->release(&d);
}
