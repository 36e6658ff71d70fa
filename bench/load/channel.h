/*
 * One connection of the load tester: requests are encoded into its output buffer and go out in one write; replies
 * are read into its input buffer and decoded in place. Owned by one thread.
 */
#ifndef BENCH_LOAD_CHANNEL_H
#define BENCH_LOAD_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/codec.h"

#define CHANNEL_OUTPUT (256U << 10) /* unwritten bytes from which on a channel must be flushed */
#define CHANNEL_INPUT  (64U << 10)  /* room for replies; grows when one reply is larger */

/* A protocol: a name, a port, and the client's half of a codec (codec.h). */
struct adapter {
    const char *name;
    unsigned port; /* the daemon's default for it */
    void (*encode_request)(struct buffer *out, const struct request *request);
    enum decode_status (*decode_reply)(struct reply_decoder *d, const struct codec_limits *limits, const char *in,
                                       size_t len, size_t *used, struct reply *reply, struct slice *tag);
};

/* NULL when there is none of that name. */
const struct adapter *adapter_find(const char *name);

/* What we believe of a server's replies: longer ones end the connection. */
extern const struct codec_limits adapter_limits;

enum channel_status {
    CHANNEL_OK,      /* flush: all written; read: there were bytes */
    CHANNEL_BLOCKED, /* the socket takes, or has, no more for now */
    CHANNEL_GONE,    /* the connection has ended, or memory is out */
};

struct channel {
    int fd;            /* non-blocking, owned; -1: no socket; a new attempt is due at retry_ns */
    bool dirty;        /* has output, and stands in the generator's list of those to flush */
    bool wants_output; /* registered for writability */
    uint64_t retry_ns;
    struct buffer out;
    size_t written; /* bytes at the front of `out` that are gone */
    struct buffer in;
    size_t decoded; /* bytes at the front of `in` that are done with */
    struct reply_decoder decoder;
};

/* All buffers are made here. False when memory is out; channel_free then still is in order. */
bool channel_init(struct channel *ch);
void channel_free(struct channel *ch);

/* Closes the socket and forgets all bytes. */
void channel_detach(struct channel *ch);

/* Writes what is there. Once. */
enum channel_status channel_flush(struct channel *ch);

/* Reads once. */
enum channel_status channel_read(struct channel *ch);

/* The next whole reply among the bytes read, and its tag: DECODE_REQUEST, DECODE_MORE or DECODE_CLOSE. Valid until
 * channel_read. */
enum decode_status channel_reply(struct channel *ch, const struct adapter *adapter, struct reply *reply,
                                 struct slice *tag);

#endif
