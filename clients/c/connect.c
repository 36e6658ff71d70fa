/*
 * Connects within a deadline: non-blocking connect, then poll. A name with several addresses is tried address by
 * address; each gets an equal part of the time that is left, so that one dead address does not use up all of it.
 */
#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "clients/c/client.h"

#define UNIX_RETRY_MS 5 /* a Unix listener whose backlog is full offers nothing to poll for */

/* Waits for the end of a connect under way; 0 or an errno. */
static int await_connect(int fd, int64_t deadline)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    int error = 0;
    socklen_t len = sizeof error;
    int n = 0;

    do {
        n = poll(&p, 1, sluice__remaining(deadline));
    } while (n < 0 && errno == EINTR);
    if (n < 0) return errno;
    if (n == 0) return ETIMEDOUT;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0) return errno;
    return error;
}

/* Connects one socket; 0 or an errno. */
static int connect_socket(int fd, const struct sockaddr *address, socklen_t len, int64_t deadline)
{
    while (connect(fd, address, len) != 0) {
        if (errno == EINPROGRESS || errno == EINTR) return await_connect(fd, deadline);
        if (errno != EAGAIN || address->sa_family != AF_UNIX) return errno;
        if (sluice__remaining(deadline) == 0) return ETIMEDOUT;
        (void)poll(NULL, 0, UNIX_RETRY_MS);
    }
    return 0;
}

/* A connected socket, or -1 and errno. */
static int connect_one(const struct sockaddr *address, socklen_t len, int64_t deadline)
{
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int error = 0;
    int on = 1;

    if (fd < 0) return -1;
    error = connect_socket(fd, address, len, deadline);
    if (error == 0) {
        /* Refusal is harmless: requests then wait a little for company. */
        if (address->sa_family != AF_UNIX) (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        return fd;
    }
    close(fd);
    errno = error;
    return -1;
}

static int connect_unix(const struct address *a, int64_t deadline)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    assert(sizeof address.sun_path >= sizeof a->path);
    memcpy(address.sun_path, a->path, sizeof a->path);
    return connect_one((const struct sockaddr *)&address, sizeof address, deadline);
}

/* The part of the time left that one of `shares` attempts may use. */
static int64_t share_deadline(int64_t deadline, int shares)
{
    int left = sluice__remaining(deadline);

    return left < 0 ? -1 : sluice__deadline(left / shares);
}

static int connect_tcp(const struct address *a, int64_t deadline, const char **resolver_error)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    int shares = 0;
    int fd = -1;
    char port[8];
    snprintf(port, sizeof port, "%u", a->port);
    int rc = getaddrinfo(a->host, port, &hints, &list);
    int error = ECONNREFUSED;

    if (rc != 0) {
        error = errno;
        *resolver_error = rc == EAI_SYSTEM ? strerror(error) : gai_strerror(rc);
        return -1;
    }
    for (struct addrinfo *at = list; at; at = at->ai_next)
        shares++;
    for (struct addrinfo *at = list; at && fd < 0; at = at->ai_next, shares--) {
        fd = connect_one(at->ai_addr, at->ai_addrlen, share_deadline(deadline, shares));
        if (fd < 0) error = errno;
    }
    freeaddrinfo(list);
    errno = error;
    return fd;
}

int sluice__connect(struct sluice *s, enum sluice_status *status)
{
    const struct address *a = &s->address;
    int64_t deadline = sluice__deadline(s->connect_timeout_ms);
    const char *reason = NULL;
    char buffer[128];
    int fd = a->is_unix ? connect_unix(a, deadline) : connect_tcp(a, deadline, &reason);

    if (fd >= 0) {
        *status = SLUICE_OK;
        return fd;
    }
    s->system_error = !reason ? errno : 0;
    if (!reason) reason = strerror_r(s->system_error, buffer, sizeof buffer);
    *status = sluice__fail(s, SLUICE_CANNOT_CONNECT, "cannot connect to %s: %s", a->text, reason);
    return -1;
}
