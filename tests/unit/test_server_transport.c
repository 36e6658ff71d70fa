/* The network room over a transport that is not a plain socket: one that takes in more than it is asked for, as TLS
 * takes in whole records, and that may have to write before it can read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/net_client.h"

#define RECORD 65536 /* bytes taken in at once */
#define PIECE  20    /* bytes given out at once */
#define MASK   0x55  /* what bytes on the wire are disguised with */

static _Atomic int states; /* in existence */

struct state {
    char record[RECORD];
    size_t at, len;
    bool greeted; /* has sent the byte that must go before anything is read */
};

static bool hidden_init(struct transport *t, int fd)
{
    *t = (struct transport){.fd = fd, .state = calloc(1, sizeof(struct state)), .wants_write = true};
    if (!t->state) return false;
    extern const struct transport_ops transport_hidden;
    t->ops = &transport_hidden;
    atomic_fetch_add(&states, 1);
    return true;
}

static ssize_t hidden_receive(struct transport *t, void *into, size_t size)
{
    struct state *s = t->state;
    if (!s->greeted) {
        if (send(t->fd, "!", 1, MSG_NOSIGNAL) != 1) return -1;
        s->greeted = true;
        t->wants_write = false;
    }
    if (s->at == s->len) {
        ssize_t n = recv(t->fd, s->record, sizeof s->record, 0);
        if (n <= 0) return n;
        s->at = 0;
        s->len = (size_t)n;
    }
    size_t n = s->len - s->at;
    if (n > size) n = size;
    if (n > PIECE) n = PIECE;
    for (size_t i = 0; i < n; i++)
        ((char *)into)[i] = s->record[s->at + i] ^ MASK;
    s->at += n;
    t->pending = s->at < s->len;
    return (ssize_t)n;
}

static ssize_t hidden_send(struct transport *t, const void *bytes, size_t len)
{
    char some[256];
    if (len > sizeof some) len = sizeof some;
    for (size_t i = 0; i < len; i++)
        some[i] = ((const char *)bytes)[i] ^ MASK;
    return send(t->fd, some, len, MSG_NOSIGNAL);
}

static void hidden_finish(struct transport *t)
{
    shutdown(t->fd, SHUT_WR);
}

static void hidden_free(struct transport *t)
{
    close(t->fd);
    free(t->state);
    atomic_fetch_sub(&states, 1);
}

extern const struct transport_ops transport_hidden;
const struct transport_ops transport_hidden = {"hidden",    hidden_init,   hidden_receive,
                                               hidden_send, hidden_finish, hidden_free};

static void disguise(char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        text[i] ^= MASK;
}

static void say_hidden(int fd, const char *text)
{
    char *copy = strdup(text);
    disguise(copy, strlen(text));
    net_say_bytes(fd, copy, strlen(text));
    free(copy);
}

static void expect_hidden(int fd, const char *text)
{
    size_t len = strlen(text);
    char *got = calloc(1, len + 1);
    for (size_t have = 0; have < len;) {
        ssize_t n = recv(fd, got + have, len - have, 0);
        assert_true(n > 0);
        have += (size_t)n;
    }
    disguise(got, len);
    assert_string_equal(got, text);
    free(got);
}

/* All is answered that came in one record, though the socket becomes readable only once. */
static void what_is_pending_is_read(void **state)
{
    (void)state;
    enum { COUNT = 300 };
    struct net *n = net_open(&(struct net_options){.transport = &transport_hidden});
    int fd = net_connect(n), other = net_connect(n);
    net_expect(fd, "!"); /* before anything was sent to it */
    net_expect(other, "!");
    char text[COUNT * 32], *at = text;
    for (int i = 0; i < COUNT; i++)
        at += sprintf(at, "@tag=%d PUT b%d - x\r\n", i, i);
    say_hidden(fd, text);
    say_hidden(other, "PUT n - x\r\n");
    expect_hidden(other, "OK 0\r\n");
    at = text;
    for (int i = 0; i < COUNT; i++)
        at += sprintf(at, "@tag=%d OK %d\r\n", i, i);
    expect_hidden(fd, text);
    close(fd);
    net_await_metric(n, "connections.open", 1);
    close(other);
    net_close(n);
    assert_int_equal(atomic_load(&states), 0);
}

/* A shutdown answers what was taken in and not read. */
static void what_is_pending_counts_as_received(void **state)
{
    (void)state;
    struct net *n = net_open(&(struct net_options){.transport = &transport_hidden, .threads = 2});
    int fd = net_connect(n), other = net_connect(n);
    net_expect(fd, "!");
    net_expect(other, "!");
    say_hidden(fd, "PUT s - x\r\nPUT b1 - x\r\nPUT b2 - x\r\nPUT b3 - x\r\nQUIT\r\n");
    net_await_stuck(n);
    net_terminate(n);
    net_expect_end(other); /* its loop was told after the one that stands still */
    net_unstick(n);
    expect_hidden(fd, "OK 0\r\nOK 1\r\nOK 2\r\nOK 3\r\nBYE\r\n");
    net_expect_end(fd);
    close(fd);
    close(other);
    net_await_end(n);
    net_close(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_pending_is_read),
        cmocka_unit_test(what_is_pending_counts_as_received),
    };
    alarm(NET_HANG_S);
    return cmocka_run_group_tests_name("server: transport", tests, NULL, NULL);
}
