#include "daemon/net/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

enum peer_kind peer_kind_of(int fd)
{
    struct sockaddr_storage storage = {0};
    socklen_t len = sizeof storage;
    bool local = false;
    if (getpeername(fd, (struct sockaddr *)&storage, &len) != 0) return PEER_REMOTE;
    if (storage.ss_family == AF_UNIX)
        local = true;
    else if (storage.ss_family == AF_INET)
        local = ntohl(((const struct sockaddr_in *)&storage)->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    else if (storage.ss_family == AF_INET6)
        local = IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)&storage)->sin6_addr);
    return local ? PEER_LOCAL : PEER_REMOTE;
}

static uint16_t print_address(int fd, bool own, char *out, size_t size)
{
    struct sockaddr_storage storage;
    struct sockaddr *address = (struct sockaddr *)&storage;
    socklen_t len = sizeof storage;
    char host[INET6_ADDRSTRLEN] = "";
    int failed = own ? getsockname(fd, address, &len) : getpeername(fd, address, &len);
    if (failed) return 0;
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
        inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host);
        snprintf(out, size, "%s:%u", host, ntohs(v4->sin_port));
        return ntohs(v4->sin_port);
    }
    if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
        inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host);
        snprintf(out, size, "[%s]:%u", host, ntohs(v6->sin6_port));
        return ntohs(v6->sin6_port);
    }
    snprintf(out, size, "unix:%.50s", own ? ((const struct sockaddr_un *)address)->sun_path : "");
    return 0;
}

void peer_describe(int fd, struct facts *f)
{
    f->port = print_address(fd, true, f->local, sizeof f->local);
    print_address(fd, false, f->peer, sizeof f->peer);
    f->fd = (uint64_t)fd;
}
