#include "bench/load/load.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "bench/common/report.h"
#include "proto/address.h"

static bool resolve(struct target *t, const struct address *address)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    struct sockaddr_un *a = (struct sockaddr_un *)&t->address;
    char service[8];
    snprintf(t->text, sizeof t->text, "%s", address->text);
    if (address->is_unix) {
        *a = (struct sockaddr_un){.sun_family = AF_UNIX};
        memcpy(a->sun_path, address->path, sizeof address->path);
        t->address_len = sizeof *a;
        return true;
    }
    snprintf(service, sizeof service, "%u", address->port);
    int rc = getaddrinfo(address->host, service, &hints, &list);
    if (rc != 0)
        return report_fail("cannot connect to %s: %s; is the name right?", t->text,
                           rc == EAI_SYSTEM ? strerror(errno) : gai_strerror(rc));
    memcpy(&t->address, list->ai_addr, list->ai_addrlen);
    t->address_len = list->ai_addrlen;
    freeaddrinfo(list);
    return true;
}

bool target_find(struct target *t, const char *url, const char *path, const char *host, uint16_t port)
{
    struct address address;
    const char *given = url ? url : path ? path : host, *wrong = NULL;
    struct slice text = slice_text(given);
    if (url)
        wrong = address_parse_url(&address, text, port);
    else
        wrong = path ? address_set_unix(&address, text) : address_set_tcp(&address, text, port);
    return wrong ? report_fail("%s: '%.200s'", wrong, given) : resolve(t, &address);
}

int target_connect(const struct target *t, unsigned timeout_ms)
{
    int fd = socket(t->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    struct timeval limit = {.tv_sec = timeout_ms / 1000, .tv_usec = (suseconds_t)(timeout_ms % 1000) * 1000};
    if (fd < 0) return -1;
    if (t->address.ss_family != AF_UNIX) (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit); /* also bounds the connect */
    if (connect(fd, (const struct sockaddr *)&t->address, t->address_len) == 0) return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}
