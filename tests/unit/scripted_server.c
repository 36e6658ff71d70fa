/* Blocking sockets throughout: the client under test is the one that must not hang. */
#include "tests/unit/scripted_server.h"

#include <assert.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static void *run(void *arg)
{
    struct scripted *s = arg;
    int connections = s->connections == 0 ? 1 : s->connections;

    while (s->served < connections) {
        int on = 1;
        int fd = accept(s->listener, NULL, NULL);
        if (fd < 0) abort();
        s->served++;
        if (!s->on_unix) (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        s->serve(s, fd);
        close(fd);
    }
    return NULL;
}

static void listen_unix(struct scripted *s)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char folder[] = "/tmp/sluice-test-XXXXXX";

    assert_non_null(mkdtemp(folder));
    snprintf(s->path, sizeof s->path, "%s/s", folder);
    strcpy(address.sun_path, s->path);
    s->listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_return_code(bind(s->listener, (struct sockaddr *)&address, sizeof address), 0);
}

static void listen_tcp(struct scripted *s)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;

    s->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_return_code(bind(s->listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_return_code(getsockname(s->listener, (struct sockaddr *)&address, &len), 0);
    s->port = ntohs(address.sin_port);
}

void scripted_start(struct scripted *s, void (*serve)(struct scripted *s, int fd))
{
    s->serve = serve;
    if (s->on_unix)
        listen_unix(s);
    else
        listen_tcp(s);
    assert_return_code(listen(s->listener, 8), 0);
    assert_int_equal(pthread_create(&s->thread, NULL, run, s), 0);
}

void scripted_finish(struct scripted *s)
{
    pthread_join(s->thread, NULL);
    close(s->listener);
    if (s->on_unix) {
        unlink(s->path);
        *strrchr(s->path, '/') = '\0';
        rmdir(s->path);
    }
    assert_string_equal(s->complaint, "");
}

static void complain(struct scripted *s, const char *what, const void *bytes, size_t len)
{
    if (s->complaint[0] != '\0') return;
    snprintf(s->complaint, sizeof s->complaint, "%s: %.*s", what, (int)(len < 200 ? len : 200),
             (const char *)bytes);
}

void scripted_expect_bytes(struct scripted *s, int fd, const void *bytes, size_t len)
{
    char *got = malloc(len + 1);
    size_t have = 0;
    ssize_t n = 1;

    if (!got) abort();
    while (have < len && n > 0) {
        n = recv(fd, got + have, len - have, 0);
        if (n > 0) have += (size_t)n;
    }
    if (have != len || memcmp(got, bytes, len) != 0) complain(s, "the server got", got, have);
    free(got);
}

void scripted_expect(struct scripted *s, int fd, const char *text)
{
    scripted_expect_bytes(s, fd, text, strlen(text));
}

void scripted_expect_end(struct scripted *s, int fd)
{
    char byte = 0;

    if (recv(fd, &byte, 1, 0) > 0) complain(s, "the server got more", &byte, 1);
}

void scripted_say_bytes(struct scripted *s, int fd, const void *bytes, size_t len)
{
    size_t piece = s->piece == 0 ? len : s->piece;

    for (size_t sent = 0; sent < len;) {
        size_t n = len - sent < piece ? len - sent : piece;
        ssize_t done = send(fd, (const char *)bytes + sent, n, MSG_NOSIGNAL);
        if (done <= 0) return; /* the client is gone: it has its reasons, or its test fails */
        sent += (size_t)done;
    }
}

void scripted_say(struct scripted *s, int fd, const char *text)
{
    scripted_say_bytes(s, fd, text, strlen(text));
}
