/* How bytes pass over a connection's socket: an object, so that TLS can stand beside plain sockets. */
#ifndef NET_TRANSPORT_H
#define NET_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct transport_ops;

/* Of one connection, used by its I/O thread only. */
struct transport {
    const struct transport_ops *ops;
    int fd;           /* non-blocking; closed by ops->free */
    void *state;      /* of ops; plain sockets have none */
    bool wants_write; /* receive can only go on when the socket takes bytes again; ops set it */
    bool pending;     /* receive has more to give though the socket may not become readable; ops set it */
};

struct transport_ops {
    const char *name;
    /* Makes the object for an accepted socket, which it owns from then on. False: no memory; the socket is still
     * the caller's. */
    bool (*init)(struct transport *t, int fd);
    /* As recv(2) and send(2) on a non-blocking socket: -1 with errno (EAGAIN: not now), 0 from receive: end of
     * file. */
    ssize_t (*receive)(struct transport *t, void *into, size_t size);
    ssize_t (*send)(struct transport *t, const void *bytes, size_t len);
    /* No more bytes will be sent: the peer reads to an end of file. */
    void (*finish)(struct transport *t);
    /* Closes the socket and gives back the state. */
    void (*free)(struct transport *t);
};

extern const struct transport_ops transport_plain; /* TCP and Unix sockets */

#endif
