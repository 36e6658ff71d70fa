#include "tests/unit/net_client.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

int net_connect(struct net *n)
{
    struct sockaddr_in tcp = {.sin_family = AF_INET, .sin_port = htons(n->port)};
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    tcp.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    strcpy(local.sun_path, n->path);
    bool on_unix = n->options.on_unix;
    int fd = socket(on_unix ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    const struct sockaddr *name = on_unix ? (struct sockaddr *)&local : (struct sockaddr *)&tcp;
    assert_int_equal(connect(fd, name, on_unix ? sizeof local : sizeof tcp), 0);
    return fd;
}

void net_say_bytes(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);
        assert_true(sent > 0);
        bytes += sent;
        len -= (size_t)sent;
    }
}

void net_say(int fd, const char *text)
{
    net_say_bytes(fd, text, strlen(text));
}

/* Reads `len` bytes, or fewer if the connection ends before. */
static size_t read_upto(int fd, char *into, size_t len)
{
    size_t got = 0;
    while (got < len) {
        ssize_t n = recv(fd, into + got, len - got, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        got += (size_t)n;
    }
    return got;
}

void net_expect(int fd, const char *text)
{
    size_t len = strlen(text);
    char *got = calloc(1, len + 1);
    got[read_upto(fd, got, len)] = '\0';
    assert_string_equal(got, text);
    free(got);
}

void net_expect_value(int fd, size_t size)
{
    char line[64];
    size_t at = 0;
    do
        assert_int_equal(read_upto(fd, &line[at], 1), 1);
    while (line[at++] != '\n' && at < sizeof line - 1);
    line[at] = '\0';
    unsigned long long version, len;
    assert_int_equal(sscanf(line, "VALUE -1 %llu $%llu\r\n", &version, &len), 2);
    assert_int_equal(len, size);
    char *got = malloc(size + 2);
    assert_int_equal(read_upto(fd, got, size + 2), size + 2);
    for (size_t i = 0; i < size; i++)
        if (got[i] != 'v') fail_msg("byte %zu of %zu is wrong", i, size);
    assert_memory_equal(got + size, "\r\n", 2);
    free(got);
}

void net_expect_end(int fd)
{
    char more[16];
    size_t got = read_upto(fd, more, sizeof more - 1);
    more[got] = '\0';
    assert_string_equal(more, "");
}

void net_ping(int fd)
{
    net_say(fd, "PING\r\n");
    net_expect(fd, "PONG\r\n");
}
