/* Listening sockets, and the acceptor that deals accepted ones out to the loops in turn. Control thread only. */
#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "daemon/net/conn.h"
#include "daemon/net/loop.h"
#include "daemon/net/server.h"

struct listener;

/* How many connections may be open: on all listeners that share it. */
struct listener_limit {
    uint32_t most;
    _Atomic uint32_t open; /* listeners add, loops subtract */
    counter refused;       /* connections over the limit */
};

/* All of it borrowed, until listener_close_all. */
struct listener_options {
    const char *name; /* for the log: "text" */
    const struct address *address;
    const struct codec *codec;
    const struct transport_ops *transport;
    struct loop **loops; /* that get its connections, in turn */
    uint32_t loop_count;
    struct listener_limit *limit;
    int receive_buffer; /* bytes; 0: as the system has it */
};

/*
 * Opens every socket the address stands for (a name may mean several) and appends the listeners to *list. False
 * with a text in `error`: some may have been opened nevertheless.
 */
bool listener_open(uv_loop_t *uv, const struct listener_options *options, struct listener **list, char *error,
                   size_t error_size);

/* Closes them all (Unix socket files are removed) and empties the list; memory goes when `uv` has run once more. */
void listener_close_all(struct listener **list);

#endif
