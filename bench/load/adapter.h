/* The protocols that the load tester speaks: each a name, a port, and the client's half of a codec (codec.h). */
#ifndef BENCH_LOAD_ADAPTER_H
#define BENCH_LOAD_ADAPTER_H

#include "proto/codec.h"

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

#endif
