/* The client library's connections: where, how long, and how they end. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "clients/c/sluice.h"
#include "tests/unit/scripted_server.h"

/* Short enough to wait for, and only where the server is silent for good. */
#define SHORT_MS 20

static struct sluice *open_with(struct sluice_options options, enum sluice_status status)
{
    struct sluice *client = NULL;

    assert_int_equal(sluice_open(&options, &client), status);
    assert_non_null(client);
    return client;
}

static struct sluice *open_to(const struct scripted *s, int timeout_ms)
{
    struct sluice_options options = {.request_timeout_ms = timeout_ms};

    if (s->on_unix)
        options.unix_path = s->path;
    else
        options.port = s->port;
    return open_with(options, SLUICE_OK);
}

/* ---- where ---- */

/* A port that nobody listens on: it was free a moment ago and is bound, but not listened to. */
static int closed_port(uint16_t *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_return_code(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_return_code(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

static void urls(void **state)
{
    static const struct {
        const char *url;
        const char *address;
    } good[] = {
        {"unix:/nowhere/s", "unix:/nowhere/s"},
        {"unix:relative", "unix:relative"},
        {"sluice://[::ffff:127.0.0.1]:1/", "[::ffff:127.0.0.1]:1"},
        {"sluice://127.0.0.1:1", "127.0.0.1:1"},
    };
    static const char *const bad[] = {
        "",
        "127.0.0.1:7811",
        "http://127.0.0.1",
        "redis://127.0.0.1:6379",
        "unix:",
        "sluice://",
        "sluice:///",
        "sluice://:7811",
        "sluice://h:0",
        "sluice://h:65536",
        "sluice://h:7811x",
        "sluice://h:",
        "sluice://[::1",
        "sluice://[]:1",
        "sluice://[::1]7811",
        "sluice://::1:7811",
        "sluice://user@h:1",
        "sluice://h:1/path",
        "sluice://h h",
        ("unix:/12345678901234567890123456789012345678901234567890123456789012345678901234567890"
         "1234567890123456789012345678"),
    };

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct sluice_options options = {.url = good[i].url, .connect_timeout_ms = 2000};
        struct sluice *client = open_with(options, SLUICE_CANNOT_CONNECT);
        assert_string_equal(sluice_address(client), good[i].address);
        assert_non_null(strstr(sluice_error_text(client), good[i].address));
        assert_int_equal(sluice_fd(client), -1);
        sluice_close(client);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct sluice *client = open_with((struct sluice_options){.url = bad[i]}, SLUICE_BAD_ARGUMENT);
        assert_string_not_equal(sluice_error_text(client), "");
        assert_int_equal(sluice_reconnect(client), SLUICE_BAD_ARGUMENT);
        sluice_close(client);
    }
}

static void a_name_that_nobody_knows(void **state)
{
    /* A label is at most 63 bytes long, so that no name server is asked. */
    const char *name = "1234567890123456789012345678901234567890123456789012345678901234.invalid";
    struct sluice *client = open_with((struct sluice_options){.host = name}, SLUICE_CANNOT_CONNECT);

    (void)state;
    assert_int_equal(sluice_system_error(client), 0);
    sluice_close(client);
}

static void one_place_only(void **state)
{
    (void)state;
    sluice_close(open_with((struct sluice_options){.url = "unix:/x", .port = 1}, SLUICE_BAD_ARGUMENT));
    sluice_close(open_with((struct sluice_options){.url = "unix:/x", .host = "h"}, SLUICE_BAD_ARGUMENT));
    sluice_close(open_with((struct sluice_options){.url = "unix:/x", .unix_path = "/x"}, SLUICE_BAD_ARGUMENT));
    sluice_close(open_with((struct sluice_options){.unix_path = "/x", .port = 1}, SLUICE_BAD_ARGUMENT));
    sluice_close(open_with((struct sluice_options){.unix_path = "/x", .host = "h"}, SLUICE_BAD_ARGUMENT));
    sluice_close(open_with((struct sluice_options){.host = ""}, SLUICE_BAD_ARGUMENT));
    sluice_close(NULL);
    assert_string_equal(sluice_error_text(NULL), "no memory");
}

static void nobody_listens(void **state)
{
    uint16_t port = 0;
    int fd = closed_port(&port);
    struct sluice *client = open_with((struct sluice_options){.port = port}, SLUICE_CANNOT_CONNECT);
    struct sluice_result r;

    (void)state;
    assert_non_null(strstr(sluice_error_text(client), strerror(ECONNREFUSED)));
    assert_int_equal(sluice_system_error(client), ECONNREFUSED);
    assert_int_equal(sluice_ping(client, NULL, &r), SLUICE_DISCONNECTED);
    assert_int_equal(sluice_flush(client), SLUICE_DISCONNECTED);
    assert_int_equal(sluice_receive(client, &r), SLUICE_DISCONNECTED);
    assert_int_equal(sluice_reconnect(client), SLUICE_CANNOT_CONNECT);
    sluice_close(client);
    close(fd);
}

/* A Unix listener whose backlog is full neither takes nor refuses. */
static void connecting_takes_too_long(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char folder[] = "/tmp/sluice-test-XXXXXX";
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    int others[16];
    int n = 0;

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(address.sun_path, sizeof address.sun_path, "%s/s", folder);
    assert_return_code(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_return_code(listen(listener, 0), 0);
    do {
        assert_in_range(n, 0, 15);
        others[n] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    } while (connect(others[n++], (struct sockaddr *)&address, sizeof address) == 0);
    struct sluice_options options = {.unix_path = address.sun_path, .connect_timeout_ms = SHORT_MS};
    struct sluice *client = open_with(options, SLUICE_CANNOT_CONNECT);
    assert_non_null(strstr(sluice_error_text(client), strerror(ETIMEDOUT)));
    assert_int_equal(sluice_system_error(client), ETIMEDOUT);
    sluice_close(client);
    while (n > 0)
        close(others[--n]);
    close(listener);
    unlink(address.sun_path);
    rmdir(folder);
}

/* ---- how connections end ---- */

static void say_pong(struct scripted *s, int fd)
{
    scripted_expect(s, fd, "PING\r\n");
    scripted_say(s, fd, "PONG\r\n");
    scripted_expect_end(s, fd);
}

/* A bare container may lack even the name "localhost". */
static const char *a_name_of_this_machine(void)
{
    struct addrinfo *found;
    if (getaddrinfo("localhost", NULL, NULL, &found) != 0) return "127.0.0.1";
    freeaddrinfo(found);
    return "localhost";
}

static void by_name_address_and_path(void **state)
{
    struct scripted tcp = {.connections = 3};
    struct scripted local = {.on_unix = true, .connections = 2};
    struct sluice_result r;
    char url[128];

    (void)state;
    scripted_start(&tcp, say_pong);
    scripted_start(&local, say_pong);
    struct sluice *clients[5];
    clients[0] = open_to(&tcp, 0);
    clients[1] = open_with((struct sluice_options){.host = a_name_of_this_machine(), .port = tcp.port}, SLUICE_OK);
    snprintf(url, sizeof url, "sluice://127.0.0.1:%u", tcp.port);
    clients[2] = open_with((struct sluice_options){.url = url}, SLUICE_OK);
    clients[3] = open_to(&local, 0);
    snprintf(url, sizeof url, "unix:%s", local.path);
    clients[4] = open_with((struct sluice_options){.url = url}, SLUICE_OK);
    for (int i = 0; i < 5; i++) {
        assert_true((fcntl(sluice_fd(clients[i]), F_GETFL) & O_NONBLOCK) != 0);
        assert_true((fcntl(sluice_fd(clients[i]), F_GETFD) & FD_CLOEXEC) != 0);
        assert_int_equal(sluice_ping(clients[i], NULL, &r), SLUICE_OK);
        sluice_close(clients[i]);
    }
    scripted_finish(&tcp);
    scripted_finish(&local);
}

/* The first connection is never answered in full, the second is. */
static void first_half_then_whole(struct scripted *s, int fd)
{
    scripted_expect(s, fd, "PING\r\n");
    scripted_say(s, fd, s->served == 1 ? "PO" : "PONG\r\n");
    scripted_expect_end(s, fd);
}

static void a_timeout_ends_the_connection(void **state)
{
    struct scripted s = {.connections = 2};
    struct sluice_result r;

    (void)state;
    scripted_start(&s, first_half_then_whole);
    struct sluice *client = open_to(&s, SHORT_MS);
    assert_int_equal(sluice_ping(client, NULL, &r), SLUICE_TIMEOUT);
    assert_int_equal(r.status, SLUICE_TIMEOUT);
    assert_int_equal(sluice_pending(client), 0);
    assert_int_equal(sluice_ping(client, NULL, &r), SLUICE_DISCONNECTED);
    assert_int_equal(sluice_send_ping(client, NULL), SLUICE_DISCONNECTED);
    assert_int_equal(sluice_receive(client, &r), SLUICE_DISCONNECTED);
    sluice_close(client);

    client = open_to(&s, 0);
    assert_int_equal(sluice_ping(client, NULL, &r), SLUICE_OK);
    sluice_close(client);
    scripted_finish(&s);
}

/* Half a reply and the end; on the next connection a whole one. */
static void half_and_gone(struct scripted *s, int fd)
{
    scripted_expect(s, fd, "PING\r\n");
    scripted_say(s, fd, s->served == 1 ? "PO" : "PONG\r\n");
}

static void a_closed_connection_can_be_made_again(void **state)
{
    struct scripted s = {.connections = 2};
    struct sluice_result r;

    (void)state;
    scripted_start(&s, half_and_gone);
    struct sluice *client = open_to(&s, 0);
    assert_int_equal(sluice_ping(client, NULL, &r), SLUICE_DISCONNECTED);
    assert_non_null(strstr(sluice_error_text(client), "closed"));
    assert_int_equal(sluice_ping(client, NULL, &r), SLUICE_DISCONNECTED);
    assert_int_equal(sluice_reconnect(client), SLUICE_OK);
    assert_int_equal(sluice_pending(client), 0);
    assert_int_equal(sluice_ping(client, NULL, &r), SLUICE_OK);
    sluice_close(client);
    scripted_finish(&s);
}

static void refuse_at_the_door(struct scripted *s, int fd)
{
    scripted_say(s, fd, "ERROR too-many-connections try later\r\n");
}

/* It has said why and gone before we sent; sending into that must neither raise SIGPIPE nor hide the reason. */
static void last_words_are_heard(void **state)
{
    (void)state;
    for (int on_unix = 0; on_unix < 2; on_unix++) {
        struct scripted s = {.on_unix = on_unix != 0};
        struct sluice_result r;
        size_t len = 4 << 20;
        char *value = calloc(1, len);
        assert_non_null(value);
        signal(SIGPIPE, SIG_DFL);
        scripted_start(&s, refuse_at_the_door);
        struct sluice *client = open_to(&s, 0);
        scripted_finish(&s);
        assert_int_equal(sluice_put(client, sluice_text("k"), sluice_bytes(value, len), 1, NULL, &r),
                         SLUICE_SERVER_ERROR);
        assert_int_equal(r.error, SLUICE_ERROR_TOO_MANY_CONNECTIONS);
        assert_int_equal(sluice_ping(client, NULL, &r), SLUICE_DISCONNECTED);
        sluice_close(client);
        free(value);
    }
}

static void say_17_bytes(struct scripted *s, int fd)
{
    scripted_expect(s, fd, "GET k\r\nGET k\r\n");
    scripted_say(s, fd, "VALUE 1 1 $16\r\n0123456789abcdef\r\nVALUE 1 1 $17\r\n0123456789abcdefg\r\n");
    scripted_expect_end(s, fd);
}

static void a_reply_larger_than_wanted(void **state)
{
    struct scripted s = {0};
    struct sluice_result r;

    (void)state;
    scripted_start(&s, say_17_bytes);
    struct sluice *client = open_with((struct sluice_options){.port = s.port, .reply_max = 16}, SLUICE_OK);
    assert_int_equal(sluice_send_get(client, sluice_text("k"), NULL), SLUICE_OK);
    assert_int_equal(sluice_send_get(client, sluice_text("k"), NULL), SLUICE_OK);
    assert_int_equal(sluice_receive(client, &r), SLUICE_OK);
    assert_int_equal(r.body.len, 16);
    assert_int_equal(sluice_receive(client, &r), SLUICE_PROTOCOL);
    assert_int_equal(sluice_receive(client, &r), SLUICE_DISCONNECTED);
    sluice_close(client);
    scripted_finish(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls),
        cmocka_unit_test(one_place_only),
        cmocka_unit_test(a_name_that_nobody_knows),
        cmocka_unit_test(nobody_listens),
        cmocka_unit_test(connecting_takes_too_long),
        cmocka_unit_test(by_name_address_and_path),
        cmocka_unit_test(a_timeout_ends_the_connection),
        cmocka_unit_test(a_closed_connection_can_be_made_again),
        cmocka_unit_test(last_words_are_heard),
        cmocka_unit_test(a_reply_larger_than_wanted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
