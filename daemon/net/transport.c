#include "daemon/net/transport.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/base/fault.h"

static bool plain_init(struct transport *t, int fd)
{
    *t = (struct transport){.ops = &transport_plain, .fd = fd};
    return true;
}

static ssize_t plain_receive(struct transport *t, void *into, size_t size)
{
    ssize_t n;
    do
        n = recv(t->fd, into, size, 0);
    while (n < 0 && errno == EINTR);
    return n;
}

static ssize_t plain_send(struct transport *t, const void *bytes, size_t len)
{
    if (fault_hit(FAULT_SEND)) {
        errno = ECONNRESET;
        return -1;
    }
    ssize_t n;
    do
        n = send(t->fd, bytes, len, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n;
}

static void plain_finish(struct transport *t)
{
    shutdown(t->fd, SHUT_WR);
}

static void plain_free(struct transport *t)
{
    close(t->fd);
}

const struct transport_ops transport_plain = {
    "plain", plain_init, plain_receive, plain_send, plain_finish, plain_free,
};
