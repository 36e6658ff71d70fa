#include "bench/load/target.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/address.h"

bool target_tcp(struct target *t, const char *host, unsigned port, char *error, size_t error_size)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    char service[8];

    snprintf(service, sizeof(service), "%u", port);
    int rc = getaddrinfo(host, service, &hints, &list);
    if (rc != 0) {
        snprintf(error, error_size, "cannot connect to %s:%u: %s; is the name right?", host, port,
                 rc == EAI_SYSTEM ? strerror(errno) : gai_strerror(rc));
        return false;
    }
    memcpy(&t->address, list->ai_addr, list->ai_addrlen);
    t->address_len = list->ai_addrlen;
    freeaddrinfo(list);
    snprintf(t->text, sizeof(t->text), strchr(host, ':') ? "[%.255s]:%u" : "%.255s:%u", host, port);
    return true;
}

static bool set_unix(struct target *t, const struct address *address)
{
    struct sockaddr_un *a = (struct sockaddr_un *)&t->address;

    *a = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(a->sun_path, address->path, sizeof(address->path));
    t->address_len = sizeof(*a);
    snprintf(t->text, sizeof(t->text), "%s", address->text);
    return true;
}

bool target_unix(struct target *t, const char *path, char *error, size_t error_size)
{
    struct address address;
    const char *wrong = address_set_unix(&address, slice_text(path));

    if (!wrong) return set_unix(t, &address);
    snprintf(error, error_size, "%s", wrong);
    return false;
}

bool target_url(struct target *t, const char *url, unsigned default_port, char *error, size_t error_size)
{
    struct address address;
    const char *wrong = address_parse_url(&address, slice_text(url), (uint16_t)default_port);

    if (wrong) {
        snprintf(error, error_size, "--url: %s: '%.200s'", wrong, url);
        return false;
    }
    if (address.is_unix) return set_unix(t, &address);
    return target_tcp(t, address.host, address.port, error, error_size);
}

static int open_socket(const struct target *t, int flags)
{
    int fd = socket(t->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | flags, 0), on = 1;

    if (fd >= 0 && t->address.ss_family != AF_UNIX) {
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    }
    return fd;
}

static int close_with(int fd, int error)
{
    close(fd);
    errno = error;
    return -1;
}

int target_connect(const struct target *t, unsigned timeout_ms)
{
    int fd = open_socket(t, 0);
    struct timeval limit = {.tv_sec = timeout_ms / 1000, .tv_usec = (suseconds_t)(timeout_ms % 1000) * 1000};

    if (fd < 0) return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)); /* also bounds the connect */
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    if (connect(fd, (const struct sockaddr *)&t->address, t->address_len) != 0) return close_with(fd, errno);
    return fd;
}

int target_connect_start(const struct target *t)
{
    int fd = open_socket(t, SOCK_NONBLOCK);

    if (fd < 0) return -1;
    if (connect(fd, (const struct sockaddr *)&t->address, t->address_len) != 0 && errno != EINPROGRESS) {
        return close_with(fd, errno);
    }
    return fd;
}
