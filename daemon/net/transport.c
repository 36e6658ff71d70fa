#include "daemon/net/transport.h"

#include <errno.h>
#include <sys/socket.h>

#include "daemon/base/fault.h"

static ssize_t plain_recv(int fd, void *into, size_t size)
{
    ssize_t n;
    do
        n = recv(fd, into, size, 0);
    while (n < 0 && errno == EINTR);
    return n;
}

static ssize_t plain_send(int fd, const void *bytes, size_t len)
{
    if (fault_hit(FAULT_SEND)) {
        errno = ECONNRESET;
        return -1;
    }
    ssize_t n;
    do
        n = send(fd, bytes, len, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n;
}

static void plain_finish(int fd)
{
    shutdown(fd, SHUT_WR);
}

const struct transport transport_plain = {"plain", plain_recv, plain_send, plain_finish};
