/* Counts the requests in a stream of protocol bytes, so that a pipe knows how many replies it is owed. */
#ifndef CLIENTS_CLI_COUNTER_H
#define CLIENTS_CLI_COUNTER_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/buffer.h"
#include "proto/codec.h"

struct counter {
    uint64_t requests; /* whole ones, malformed ones included: each is owed one reply */
    struct decoder decoder;
    struct buffer bytes; /* of a request that is not whole yet */
    uint64_t value_left; /* bytes of a counted value still to come */
    bool in_value;
    bool over; /* the server will read no further: QUIT, or noise */
};

/* True when the bytes so far end in the middle of a request. */
bool counter_unfinished(const struct counter *c);

/* All fields zero is the start. Takes the next bytes of the stream. False when memory is out. */
bool counter_feed(struct counter *c, const char *bytes, size_t len);

void counter_free(struct counter *c);

#endif
