/* The protocols that the load tester speaks: each a name, a port and a codec. */
#ifndef BENCH_LOAD_ADAPTER_H
#define BENCH_LOAD_ADAPTER_H

#include "proto/codec.h"

struct adapter {
    const char *name;
    unsigned port; /* the daemon's default for it */
    const struct codec *codec;
};

/* NULL when there is none of that name. */
const struct adapter *adapter_find(const char *name);

/* What we believe of a server's replies: longer ones end the connection. */
extern const struct codec_limits adapter_limits;

#endif
