/* How bytes pass over a connection's socket: a small table, so that TLS can stand beside plain sockets. */
#ifndef NET_TRANSPORT_H
#define NET_TRANSPORT_H

#include <stddef.h>
#include <sys/types.h>

struct transport {
    const char *name;
    /* As recv(2) and send(2) on a non-blocking socket: -1 with errno (EAGAIN: not now), 0 from recv: end of file.
     */
    ssize_t (*recv)(int fd, void *into, size_t size);
    ssize_t (*send)(int fd, const void *bytes, size_t len);
    /* No more bytes will be sent: the peer reads to an end of file. */
    void (*finish)(int fd);
};

extern const struct transport transport_plain; /* TCP and Unix sockets */

#endif
