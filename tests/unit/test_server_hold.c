/* The network room when the backend has no room: a held call stops its connection, and nothing is lost or
 * overtaken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/net_client.h"

#define READ_MOST (2 * (65536 + 2 + 16384)) /* what a connection may have read before it stops; see loop.c */

static void a_held_call_keeps_the_order(void **state)
{
    (void)state;
    struct net *n = net_open(NULL);
    int fd = net_connect(n);
    net_set_full(n, true);
    net_say(fd, "PUT q1 - x\r\nPUT h2 - x\r\nPING\r\nPUT q3 - x\r\nPUT h4 - $3\r\nabc\r\nPING\r\n");
    net_await_holds(n, 1);
    assert_string_equal(n->order, "q1 "); /* q3 does not overtake */
    net_set_full(n, false);
    net_await_queued(n, 4);
    assert_string_equal(n->order, "q1 h2 q3 h4 ");
    net_complete_range(n, 4, 1);
    net_expect(fd, "OK 1\r\nOK 2\r\nPONG\r\nOK 3\r\nOK 4\r\nPONG\r\n");
    close(fd);
    net_close(n);
}

/* Room may be announced and be gone again: held once more, without losing its place. */
static void it_is_tried_again_and_again(void **state)
{
    (void)state;
    struct net *n = net_open(NULL);
    int fd = net_connect(n);
    net_set_full(n, true);
    net_say(fd, "PUT h1 - x\r\nPUT h2 - x\r\n");
    for (unsigned tries = 1; tries <= 5; tries++) {
        net_await_holds(n, tries);
        server_room(n->server, 0);
    }
    net_set_full(n, false);
    net_await_queued(n, 2);
    assert_string_equal(n->order, "h1 h2 ");
    net_complete_range(n, 2, 1);
    net_expect(fd, "OK 1\r\nOK 2\r\n");
    close(fd);
    net_close(n);
}

static void held_connections_queue_up(void **state)
{
    (void)state;
    enum { CONNS = 9 };
    struct net *n = net_open(NULL);
    int fds[CONNS];
    char line[64];
    net_set_full(n, true);
    for (int i = 0; i < CONNS; i++) {
        fds[i] = net_connect(n);
        snprintf(line, sizeof line, "PUT h%d - x\r\nPUT h%d - x\r\n", i, CONNS + i);
        net_say(fds[i], line);
        net_await_holds(n, (unsigned)i + 1); /* so we know who came first */
    }
    net_set_full(n, false);
    net_await_queued(n, 2 * CONNS);
    /* Everybody's first in order of arrival, before anybody's second. */
    assert_string_equal(n->order, "h0 h1 h2 h3 h4 h5 h6 h7 h8 h9 h10 h11 h12 h13 h14 h15 h16 h17 ");
    net_complete_range(n, 2 * CONNS - 1, 0);
    for (int i = 0; i < CONNS; i++) {
        snprintf(line, sizeof line, "OK %d\r\nOK %d\r\n", i, CONNS + i);
        net_expect(fds[i], line);
        close(fds[i]);
    }
    net_close(n);
}

/* Its peer feels it: the bytes stay in the sockets, not in our memory. */
static void a_held_connection_is_not_read(void **state)
{
    (void)state;
    struct net *n = net_open(NULL);
    int fd = net_connect(n), other = net_connect(n);
    static const char line[] = "PUT n - xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n";
    size_t len = sizeof line - 1, sent = 0;
    net_set_full(n, true);
    net_say(fd, "PUT h1 - x\r\n");
    net_await_holds(n, 1);
    uint64_t before = net_metric(n, "net.bytes_in");
    for (;;) { /* until the sockets take no more */
        ssize_t took = send(fd, line + sent % len, len - sent % len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (took < 0 && errno == EAGAIN) break;
        assert_true(took > 0);
        sent += (size_t)took;
    }
    for (int i = 0; i < 20; i++)
        net_ping(other); /* the loop is well */
    assert_true(sent > READ_MOST);
    assert_true(net_metric(n, "net.bytes_in") - before < READ_MOST);
    net_set_full(n, false);
    net_await_queued(n, 1);
    net_complete_range(n, 1, 1);
    net_expect(fd, "OK 1\r\n");
    for (size_t i = 0; i < sent / len; i++)
        net_expect(fd, "OK 0\r\n");
    close(fd);
    close(other);
    net_close(n);
}

static void refused_before_its_value_is_here(void **state)
{
    (void)state;
    struct net *n = net_open(NULL);
    int fd = net_connect(n), other = net_connect(n);
    net_set_refuses(n, true);
    net_say(fd, "@tag=t-1 PUT q1 - $100000\r\n");
    char *value = malloc(100000);
    memset(value, '\n', 100000); /* each a command if the stream were out of step */
    for (int i = 0; i < 10; i++) {
        net_say_bytes(fd, value + 10000 * i, 10000);
        net_ping(other);
    }
    net_say(fd, "\r\nPING\r\n");
    net_expect(fd, "@tag=t-1 OVERLOADED 7\r\nPONG\r\n");
    assert_int_equal(net_queued(n), 0);
    net_set_refuses(n, false);
    net_say(fd, "PUT q1 - $100000\r\n");
    net_say_bytes(fd, value, 100000);
    net_say(fd, "\r\n");
    net_await_queued(n, 1);
    assert_int_equal(n->queued[1]->call.request.value.len, 100000);
    assert_memory_equal(n->queued[1]->call.request.value.ptr, value, 100000);
    net_complete_range(n, 1, 1);
    net_expect(fd, "OK 1\r\n");
    free(value);
    close(fd);
    close(other);
    net_close(n);
}

/* The peer has gone while its call was held: the call still runs, its answer goes nowhere. */
static void the_peer_leaves_while_held(void **state)
{
    (void)state;
    struct net *n = net_open(NULL);
    struct linger reset = {1, 0};
    for (int how = 0; how < 2; how++) {
        int fd = net_connect(n);
        net_set_full(n, true);
        net_say(fd, "PUT h1 - x\r\n");
        net_await_holds(n, (unsigned)how + 1);
        if (how == 1) setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        close(fd);
        net_set_full(n, false);
        net_await_queued(n, 1);
        net_complete_range(n, 1, 1);
        net_await_metric(n, "connections.open", 0);
    }
    net_close(n);
}

static void shutdown_waits_for_held_calls(void **state)
{
    (void)state;
    struct net *n = net_open(NULL);
    int fd = net_connect(n), idle = net_connect(n);
    net_ping(idle);
    net_set_full(n, true);
    net_say(fd, "PUT q1 - x\r\nPUT h2 - x\r\nPUT h3 - x\r\nPUT q4 - $50\r\nnot all of it");
    net_await_holds(n, 1);
    net_terminate(n);
    net_expect_end(idle); /* the shutdown has begun */
    net_set_full(n, false);
    net_await_queued(n, 3);
    net_complete_range(n, 3, 1);
    net_expect(fd, "OK 1\r\nOK 2\r\nOK 3\r\n");
    net_expect_end(fd);
    close(fd);
    close(idle);
    net_await_end(n);
    net_close(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_held_call_keeps_the_order),      cmocka_unit_test(it_is_tried_again_and_again),
        cmocka_unit_test(held_connections_queue_up),        cmocka_unit_test(a_held_connection_is_not_read),
        cmocka_unit_test(refused_before_its_value_is_here), cmocka_unit_test(the_peer_leaves_while_held),
        cmocka_unit_test(shutdown_waits_for_held_calls),
    };
    alarm(NET_HANG_S);
    return cmocka_run_group_tests_name("server: hold", tests, NULL, NULL);
}
