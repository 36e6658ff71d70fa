/*
 * A codec turns bytes into requests and replies into bytes, and for clients the other way round. It is pure:
 * no socket, no thread, no clock. One connection has one decoder, which may hold what the protocol remembers
 * between requests (a name, a transaction).
 *
 *     in  -> decode ------> DECODE_REQUEST   a whole request; its slices point into `in`
 *                      +--> DECODE_BODY      a header; value_len raw bytes follow (see below)
 *                      +--> DECODE_ANSWERED  call->reply is final: malformed, or the codec knew the answer itself
 *                      +--> DECODE_CLOSE     malformed beyond repair, call->reply says so; close after it
 *                      +--> DECODE_MORE      nothing yet
 *
 * Every call sets *used: drop that many bytes of `in` (also with DECODE_MORE: blank lines, skipped values). Unused
 * bytes are offered again, in front of new ones. The result depends only on the bytes, never on how they were
 * split.
 *
 * With DECODE_MORE, decoder.want may say how many bytes from the first unused one there must be before decode can
 * do anything: until then it need not be asked, and the caller knows how much to make room for. A codec that sets
 * it takes care that it stays below limits.command.
 *
 * After DECODE_ANSWERED and DECODE_CLOSE the call has its reply, and of its request only the tag, which may point
 * into the decoder: it holds until the next call of decode, or call_own. After DECODE_CLOSE decode drops what it is
 * given.
 *
 * After DECODE_BODY the caller takes exactly call->request.value.len raw bytes from the stream itself (into the
 * call's storage, or nowhere if the request is refused), then calls decode_end until it stops saying
 * DECODE_MORE: DECODE_REQUEST means that the value ended as it must, DECODE_ANSWERED that it did not. So a large
 * value is refused before it is copied, and read straight to its place if it is not.
 */
#ifndef PROTO_CODEC_H
#define PROTO_CODEC_H

#include <stddef.h>
#include <stdint.h>

#include "proto/buffer.h"
#include "proto/call.h"

#define CODEC_SLICE (64U << 10) /* bytes of a long reply that are encoded at a time, one value more or less */

struct codec_limits {
    size_t line;    /* longest request line in bytes, line end not counted */
    size_t key;     /* longest key */
    size_t value;   /* longest value */
    size_t command; /* most bytes that a codec may ask to see at once; above any line */
    size_t parts;   /* most parts of a call, those of its parts counted */
    size_t held;    /* bytes that the parts of one more command may take, just now */
};

enum decode_status {
    DECODE_MORE,
    DECODE_REQUEST,
    DECODE_BODY,
    DECODE_ANSWERED,
    DECODE_CLOSE,
};

/*
 * State between two calls of decode. All zero is the start, but for `connection`. What is the codec's own has a
 * type that only the codec knows: it may refer to memory, which `release` gives back.
 */
struct decoder {
    uint64_t connection; /* the connection's number, unique in the daemon's life; set by who makes the decoder */
    size_t want;         /* see above; 0: any number of bytes */
    size_t scanned;      /* the codec's: bytes at the front of the input that it need not look at again */
    uint8_t state;       /* the codec's; 0 between requests */
    _Alignas(8) unsigned char own[56];
};

/* Declares decoder_of(d), which is `own` as a codec's own type. */
#define DECODER_OWN(type)                                                                             \
    _Static_assert(sizeof(type) <= sizeof((struct decoder *)0)->own, "a codec keeps more than that"); \
    static inline type *decoder_of(struct decoder *d)                                                 \
    {                                                                                                 \
        return (type *)(void *)d->own;                                                                \
    }

/* State between two calls of decode_reply. All zero is the start. */
struct reply_decoder {
    size_t scanned;
};

#define CODEC_TOO_MANY_PARTS "more keys or commands than limits.parts allows to be done as one: send several"
#define CODEC_TOO_MUCH_HELD  "out of memory for large requests (limits.requests): try again"

/* A new part of a command of many keys, as call_add_part makes it. NULL: CODEC_TOO_MUCH_HELD. */
static inline struct call *codec_add_part(struct call *call, size_t room, const struct codec_limits *limits)
{
    size_t bytes = offsetof(struct call, room) + (room < CALL_INLINE ? room : CALL_INLINE);
    return call->part_count < limits->held / bytes ? call_add_part(call, bytes - offsetof(struct call, room))
                                                   : NULL;
}

#define CODEC_TOGETHER 256 /* parts that are always executed as one */

/* A command of many keys that nobody expects to happen as one: where they are very many, others come in between. */
static inline void codec_allow_pieces(struct call *call)
{
    if (call->part_count <= CODEC_TOGETHER) return;
    call->request.effects |= EFFECT_PIECEWISE;
    call->request.alone = true;
}

struct codec {
    const char *name;

    /* Server: `call` is empty (call_clear) on entry; filled as the status says. */
    enum decode_status (*decode)(struct decoder *d, const struct codec_limits *limits, const char *in, size_t len,
                                 size_t *used, struct call *call);
    enum decode_status (*decode_end)(struct decoder *d, const char *in, size_t len, size_t *used,
                                     struct call *call);
    /* The connection is gone: gives back what the decoder holds. NULL: this codec's holds nothing. */
    void (*release)(struct decoder *d);
    /* Bytes that the decoder holds for a request that is not complete. NULL: none. */
    size_t (*held)(struct decoder *d);
    /* The reply of a call that is `alone` has been encoded: the decoder learns from it how to read what comes
     * behind. NULL: it never does. */
    void (*settle)(struct decoder *d, const struct call *call);
    /* Appends the reply of `call`; nothing, if its request asked for none. A reply with many values or keys is
     * encoded in slices: true says that there is more, and what was appended is no longer in the call. */
    bool (*encode)(struct buffer *out, struct call *call);

    /* The client's side; NULL in codecs that no client here speaks. Appends a request; its value is always sent
     * counted. The request must be well-formed: a bad key or a bad tag is the caller's to reject (text_key_valid).
     */
    void (*encode_request)(struct buffer *out, const struct request *request);
    /*
     * DECODE_REQUEST: one whole reply in *reply, slices into `in`, *tag the echoed tag (empty: none).
     * DECODE_MORE: incomplete. DECODE_CLOSE: what the server sent is no reply. The value limit is the
     * caller's: limits->value (any counted body; 0: none) and limits->line bound what is believed. *reply and
     * *tag mean something after DECODE_REQUEST only.
     */
    enum decode_status (*decode_reply)(struct reply_decoder *d, const struct codec_limits *limits, const char *in,
                                       size_t len, size_t *used, struct reply *reply, struct slice *tag);
};

#endif
