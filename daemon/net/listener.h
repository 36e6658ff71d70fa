/* Listening sockets, and the acceptor that deals accepted ones out to the loops in turn. Control thread only. */
#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "daemon/net/loop.h"
#include "daemon/net/server.h"

struct listener;

/* Whom a listener accepts for. Borrowed. */
struct listener_target {
    struct loop **loops;
    uint32_t loop_count;
    uint32_t next;  /* whose turn it is */
    uint32_t limit; /* connections */
    _Atomic uint32_t *open;
    int receive_buffer; /* bytes; 0: as the system has it */
    counter refused;    /* connections over the limit */
};

struct listener_request {
    const char *name; /* of the listener, for the log: "text" */
    const struct server_address *address;
    const struct codec *codec;
};

/*
 * Opens every socket the address stands for (a name may mean several) and appends the listeners to *list. False
 * with a text in `error`: some may have been opened nevertheless.
 */
bool listener_open(uv_loop_t *uv, const struct listener_request *request, struct listener_target *target,
                   struct listener **list, char *error, size_t error_size);

/* Closes them all (Unix socket files are removed) and empties the list; memory goes when `uv` has run once more. */
void listener_close_all(struct listener **list);

#endif
