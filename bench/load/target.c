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
#include "proto/number.h"

bool target_tcp(struct target *t, const char *host, unsigned port)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    char service[8];
    snprintf(service, sizeof service, "%u", port);
    int rc = getaddrinfo(host, service, &hints, &list);
    if (rc != 0) {
        return report_fail("cannot connect to %s:%u: %s; is the name right?", host, port,
                           rc == EAI_SYSTEM ? strerror(errno) : gai_strerror(rc));
    }
    memcpy(&t->address, list->ai_addr, list->ai_addrlen);
    t->address_len = list->ai_addrlen;
    freeaddrinfo(list);
    snprintf(t->text, sizeof t->text, strchr(host, ':') ? "[%.255s]:%u" : "%.255s:%u", host, port);
    return true;
}

bool target_unix(struct target *t, const char *path)
{
    struct sockaddr_un *a = (struct sockaddr_un *)&t->address;
    size_t len = strlen(path);
    if (len == 0 || len >= sizeof a->sun_path)
        return report_fail("the path of a Unix socket has 1 to %zu bytes", sizeof a->sun_path - 1);
    *a = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(a->sun_path, path, len + 1);
    t->address_len = sizeof *a;
    snprintf(t->text, sizeof t->text, "unix:%s", path);
    return true;
}

/* sluice:// and then host, host:port, [v6] or [v6]:port, perhaps with one slash at the end. */
static bool authority(struct target *t, const char *url, unsigned port)
{
    char host[256];
    int end = 0;
    uint64_t number = port;
    bool ok = sscanf(url, "sluice://[%255[^]]]%n", host, &end) == 1 && end > 0;
    if (!ok) ok = sscanf(url, "sluice://%255[^]:/[]%n", host, &end) == 1;
    const char *rest = ok ? url + end : "";
    if (*rest == ':') {
        size_t len = strcspn(rest + 1, "/");
        ok = number_parse(slice_of(rest + 1, len), 65535, &number) && number > 0;
        rest += 1 + len;
    }
    if (ok && (*rest == '\0' || strcmp(rest, "/") == 0)) return target_tcp(t, host, (unsigned)number);
    return report_fail("--url: expected sluice://host:port or unix:/path: '%.200s'", url);
}

bool target_url(struct target *t, const char *url, unsigned default_port)
{
    if (strncmp(url, "unix:", 5) == 0) return target_unix(t, url + 5);
    return authority(t, url, default_port);
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
