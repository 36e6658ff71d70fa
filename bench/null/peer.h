/* The connections of the null server. They live on its loop, and end when the client or the server says so. */
#ifndef BENCH_NULL_PEER_H
#define BENCH_NULL_PEER_H

#include <stdbool.h>
#include <stddef.h>

#include <uv.h>

#define PEER_OUTPUT (256U << 10) /* bytes of replies made before they are written */

/* What all connections share. */
struct peers {
    uv_loop_t *loop;
    struct peer *first;      /* all that are not closing */
    const char *value_reply; /* answers every GET; at most PEER_OUTPUT bytes */
    size_t value_reply_len;
};

/* Accepts a connection that waits at `listener`, a pipe or a TCP socket. Without memory it is left waiting. */
void peer_accept(struct peers *peers, uv_stream_t *listener);

void peers_close(struct peers *peers);

#endif
