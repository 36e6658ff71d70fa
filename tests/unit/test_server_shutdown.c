/* The network room shutting down: everything accepted is answered; after the grace, nothing is waited for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/net_client.h"

static void everything_accepted_is_answered(void **state)
{
    (void)state;
    enum { COUNT = 500 };
    struct net *n = net_open(&(struct net_options){.threads = 2});
    int fd = net_connect(n), idle = net_connect(n);
    char line[32];
    net_ping(idle);
    for (int i = 0; i < COUNT; i++) {
        snprintf(line, sizeof line, "PUT q%d - x\r\n", i);
        net_say(fd, line);
    }
    net_say(fd, "PUT unfinished - ");
    net_await_queued(n, COUNT);
    net_terminate(n);
    net_expect_end(idle); /* nothing is expected from it any more */
    net_complete_range(n, COUNT - 1, 0);
    for (int i = 0; i < COUNT; i++) {
        snprintf(line, sizeof line, "OK %d\r\n", i);
        net_expect(fd, line);
    }
    net_expect_end(fd);
    close(fd);
    net_await_end(n);
    assert_int_equal(net_metric(n, "connections.closed.shutdown"), 2);
    close(idle);
    net_close(n);
}

static void nobody_gets_in_any_more(void **state)
{
    (void)state;
    struct net *n = net_open(NULL);
    int fd = net_connect(n), idle = net_connect(n);
    net_ping(idle);
    net_say(fd, "PUT q1 - x\r\n");
    net_await_queued(n, 1);
    net_terminate(n);
    net_expect_end(idle);
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(n->port)};
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int late = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(late, (struct sockaddr *)&name, sizeof name), -1);
    net_complete_range(n, 1, 1);
    net_expect(fd, "OK 1\r\n");
    net_expect_end(fd);
    close(late);
    close(fd);
    close(idle);
    net_close(n);
}

/* A connection that is paused because of its output, with requests received and not decoded yet: whole ones are
 * answered, also when the value of the first was already being received; the unfinished last one is not. */
static void paused_connections_answer_what_they_received(void **state)
{
    (void)state;
    static const char *const tails[] = {
        "PUT q9 - $7\r\nQUIT\r\nx\r\nPING\r\n",                          /* a value that looks like a request */
        "PUT q9 - $7\r\nQUIT\r\nx\r\nPING\r\nPUT q10 - $100\r\nnot all", /* and an unfinished one */
    };
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
        struct net *n = net_open(&(struct net_options){.soft = 8 * 128 * 1024});
        int fd = net_connect(n), idle = net_connect(n);
        net_ping(idle);
        net_set_value_size(n, 1);
        char *all = NULL;
        assert_true(asprintf(&all,
                             "GET q1\r\nGET q2\r\nGET q3\r\nGET q4\r\nGET q5\r\nGET q6\r\nGET q7\r\nGET q8\r\n%s",
                             tails[i]) > 0);
        net_say(fd, all);
        free(all);
        net_await_queued(n, 8); /* that is its limit */
        net_ping(idle);
        net_terminate(n);
        net_expect_end(idle);
        net_complete_range(n, 1, 8);
        for (int v = 1; v <= 8; v++)
            net_expect_value(fd, 1);
        net_await_queued(n, 1);
        assert_int_equal(n->queued[9]->call.request.value.len, 7);
        net_complete_range(n, 9, 9);
        net_expect(fd, "OK 9\r\nPONG\r\n");
        net_expect_end(fd);
        close(fd);
        net_await_end(n);
        close(idle);
        net_close(n);
    }
}

/* A pipeline of `before` requests and then a PUT that ends the connection's share of a turn; the shutdown comes
 * before the next turn. Its value is either whole, or cut off behind something that looks like a request. */
static void drain_at_the_end_of_a_turn(int before, bool whole)
{
    struct net *n = net_open(&(struct net_options){.threads = 2});
    int fd = net_connect(n), other = net_connect(n); /* one on each loop */
    static char all[8192];
    size_t len = 0;
    net_ping(fd);
    net_ping(other);
    len += (size_t)snprintf(all, sizeof all, "PUT s - x\r\n"); /* the loop stands still, and has read all of it */
    for (int i = 1; i < before; i++)
        len += (size_t)snprintf(all + len, sizeof all - len, "PUT n - x\r\n");
    len += (size_t)snprintf(all + len, sizeof all - len, "PUT q1 - $%d\r\nPUT q2 - x\r\n%s", whole ? 12 : 100,
                            whole ? "\r\nPING\r\n" : "PING\r\n");
    net_say_bytes(fd, all, len);
    net_await_stuck(n);
    net_terminate(n);
    net_expect_end(other); /* its loop was told after the one that stands still */
    net_unstick(n);
    for (int i = 0; i < before; i++)
        net_expect(fd, "OK 0\r\n");
    if (whole) {
        net_await_queued(n, 1);
        assert_string_equal(n->order, "q1 ");
        net_complete_range(n, 1, 1);
        net_expect(fd, "OK 1\r\nPONG\r\n");
    }
    net_expect_end(fd);
    close(fd);
    net_await_end(n);
    assert_int_equal(net_queued(n), 0);
    close(other);
    net_close(n);
}

static void a_value_behind_the_share_of_a_turn(void **state)
{
    (void)state;
    enum { SHARE = 256 };
    for (int before = SHARE - 3; before <= SHARE + 1; before++) {
        drain_at_the_end_of_a_turn(before, true);
        drain_at_the_end_of_a_turn(before, false);
    }
}

/* What has arrived and waits in the socket, more than a read takes, is answered too; the last replies are not lost
 * under what the peer still sends. */
static void what_has_arrived_is_answered(void **state)
{
    (void)state;
    enum { COUNT = 4000 };
    static const char line[] = "PUT n - xxxxxxxxxxxxxxxxxxxx\r\n";
    struct net *n = net_open(&(struct net_options){.threads = 2});
    int fd = net_connect(n), other = net_connect(n); /* one on each loop */
    static char all[COUNT * (sizeof line - 1)];
    for (int i = 0; i < COUNT; i++)
        memcpy(all + i * (sizeof line - 1), line, sizeof line - 1);
    net_ping(other);
    net_say(fd, "PUT s - x\r\n");
    net_await_stuck(n);
    net_say_bytes(fd, all, sizeof all);
    net_terminate(n);
    net_expect_end(other); /* its loop was told after the one that stands still */
    net_unstick(n);
    for (int i = 0; i <= COUNT; i++) {
        net_expect(fd, "OK 0\r\n");
        if (i == COUNT) net_say(fd, "PUT n - late\r\n");
    }
    net_expect_end(fd);
    close(fd);
    close(other);
    net_await_end(n);
    net_close(n);
}

/* The backend does not answer within the grace: the connections are cut off, and its answers reach nobody. */
static void after_the_grace_the_rest_is_cut_off(void **state)
{
    (void)state;
    struct net *n = net_open(&(struct net_options){.grace_ms = 1, .threads = 2});
    int fd = net_connect(n), held = net_connect(n), receiving = net_connect(n);
    net_set_full(n, true);
    net_say(fd, "PUT q1 - x\r\nPING\r\nPUT q2 - $3\r\nabc\r\n");
    net_say(held, "PUT h3 - x\r\n");
    net_say(receiving, "PUT q4 - x\r\nPUT q5 - $100\r\nabc");
    net_await_queued(n, 3);
    net_await_holds(n, 1);
    net_terminate(n);
    net_await_end(n);
    net_expect_end(fd);
    net_expect_end(held);
    net_expect_end(receiving);
    close(fd);
    close(held);
    close(receiving);
    net_close(n); /* completes them */
}

/* One that does not take its replies holds up the shutdown for the grace, and no longer. */
static void a_reader_that_stopped_is_cut_off(void **state)
{
    (void)state;
    struct net *n = net_open(&(struct net_options){.grace_ms = 1});
    int fd = net_connect(n), other = net_connect(n);
    net_set_value_size(n, 1000000);
    for (int i = 0; i < 100; i++)
        net_say(fd, "GET n\r\n");
    for (int i = 0; i < 20; i++)
        net_ping(other);
    net_terminate(n);
    net_await_end(n);
    close(fd);
    close(other);
    net_close(n);
}

/* The daemon could not start after all. */
static void stopping_without_running(void **state)
{
    (void)state;
    struct fake_clock clock;
    fake_clock_init(&clock);
    const char *error = NULL;
    struct server_options options = {
        .threads = 3,
        .grace_ms = 1000,
        .loop = {.clock = &clock.clock,
                 .limits = {.line = 100, .key = 10, .value = 100},
                 .connections = 10,
                 .output_soft = 1000},
    };
    struct server *server = server_create(&options, &error);
    assert_non_null(server);
    server_stop(server);
    server_free(server);
    fake_clock_destroy(&clock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_accepted_is_answered),
        cmocka_unit_test(nobody_gets_in_any_more),
        cmocka_unit_test(paused_connections_answer_what_they_received),
        cmocka_unit_test(a_value_behind_the_share_of_a_turn),
        cmocka_unit_test(what_has_arrived_is_answered),
        cmocka_unit_test(after_the_grace_the_rest_is_cut_off),
        cmocka_unit_test(a_reader_that_stopped_is_cut_off),
        cmocka_unit_test(stopping_without_running),
    };
    alarm(NET_HANG_S);
    return cmocka_run_group_tests_name("server: shutdown", tests, NULL, NULL);
}
