/* The network room, requests that the control thread answers: in their place among the others, one per connection
 * at a time, while I/O threads go on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/net_client.h"

/* It is asked when all before it are answered, and what is behind it is not begun before. */
static void it_keeps_its_place(void **state)
{
    (void)state;
    struct net *n = net_open(NULL);
    int fd = net_connect(n), other = net_connect(n);
    net_say(fd, "PUT q1 - x\r\nPUT q2 - x\r\nSTATS\r\nPUT q3 - x\r\nPING\r\nSTATS\r\n");
    net_await_queued(n, 2);
    net_ping(other);
    assert_int_equal(net_asked(n), 0);
    net_complete_range(n, 1, 1);
    net_expect(fd, "OK 1\r\n");
    assert_int_equal(net_asked(n), 0);
    net_complete_range(n, 2, 2);
    net_expect(fd, "OK 2\r\nLEN 2\r\n");
    net_await_queued(n, 1);
    assert_string_equal(n->order, "q1 q2 q3 ");
    assert_int_equal(net_asked(n), 1);
    net_complete_range(n, 3, 3);
    net_expect(fd, "OK 3\r\nPONG\r\nLEN 3\r\n");
    close(fd);
    close(other);
    net_close(n);
}

/* Behind requests that execute on the I/O thread, and refusals that overtake. */
static void all_kinds_of_requests_may_be_before_it(void **state)
{
    (void)state;
    struct net *n = net_open(NULL);
    int fd = net_connect(n);
    net_say(fd,
            "PUT b1 - x\r\nPUT n - x\r\nPUT b2 - x\r\nSTATS\r\n@tag=a;refuse=early PUT o - x\r\nSTATS\r\nBAD\r\n"
            "STATS\r\nPUT n - $3\r\nabc\r\n");
    net_expect(fd, "OK 1\r\nOK 0\r\nOK 2\r\nLEN 0\r\n@tag=a OVERLOADED 7\r\nLEN 0\r\n");
    net_expect(fd, "ERROR unknown-verb HELP lists the verbs\r\nLEN 0\r\nOK 0\r\n");
    close(fd);
    net_close(n);
}

/* While the control thread takes its time. */
static void others_go_on(void **state)
{
    (void)state;
    struct net *n = net_open(NULL);
    int fd = net_connect(n), other = net_connect(n);
    net_set_control_sticks(n, true);
    net_say(fd, "STATS\r\nPUT q1 - x\r\nPING\r\n");
    net_await_asked(n, 1);
    for (int i = 0; i < 100; i++)
        net_ping(other);
    net_say(other, "PUT q2 - x\r\n");
    net_await_queued(n, 1);
    assert_string_equal(n->order, "q2 ");
    net_complete_range(n, 2, 2);
    net_expect(other, "OK 2\r\n");
    net_set_control_sticks(n, false);
    net_expect(fd, "LEN 1\r\n");
    net_await_queued(n, 1);
    net_complete_range(n, 1, 1);
    net_expect(fd, "OK 1\r\nPONG\r\n");
    close(fd);
    close(other);
    net_close(n);
}

/* However many a connection pipelines, one at a time is with the control thread: so it comes to all in turn. */
static void one_per_connection_at_a_time(void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    struct net *n = net_open(&(struct net_options){.threads = 2});
    int greedy = net_connect(n), other = net_connect(n);
    net_ping(other);
    net_set_control_sticks(n, true);
    for (int i = 0; i < COUNT; i++)
        net_say(greedy, "STATS\r\n");
    net_await_asked(n, 1);
    net_say(other, "STATS\r\n");
    net_set_control_sticks(n, false);
    net_expect(other, "LEN 0\r\n");
    for (int i = 0; i < COUNT; i++)
        net_expect(greedy, "LEN 0\r\n");
    assert_int_equal(net_asked(n), COUNT + 1);
    close(greedy);
    close(other);
    net_close(n);
}

/* One that comes while others, taken together, wait for their turn. */
static void none_is_forgotten(void **state)
{
    (void)state;
    struct net *n = net_open(NULL);
    int fds[4], other = net_connect(n);
    for (int i = 0; i < 4; i++)
        fds[i] = net_connect(n);
    net_set_control_sticks(n, true);
    net_say(fds[0], "STATS\r\n");
    net_await_asked(n, 1);
    net_say(fds[1], "STATS\r\n");
    net_say(fds[2], "STATS\r\n");
    net_ping(other); /* the loop has read them */
    net_pass_control(n);
    net_await_asked(n, 2); /* both are taken, one waits */
    net_say(fds[3], "STATS\r\n");
    net_ping(other);
    for (int i = 0; i < 3; i++)
        net_pass_control(n);
    for (int i = 0; i < 4; i++)
        net_expect(fds[i], "LEN 0\r\n");
    for (int i = 0; i < 4; i++)
        close(fds[i]);
    close(other);
    net_close(n);
}

/* A batch of which the control thread answers a part: the rest goes to the service before what is behind it. */
static void the_rest_is_submitted_again(void **state)
{
    (void)state;
    struct net *n = net_open(NULL);
    int fd = net_connect(n);
    net_say(fd, "PUT q1 - x\r\nCONFIG\r\nPUT q2 - x\r\nPING\r\n");
    net_await_queued(n, 1);
    net_complete_range(n, 1, 1);
    net_await_queued(n, 2);
    assert_string_equal(n->order, "q1  q2 "); /* a CONFIG has no key, and number 0 */
    net_complete_range(n, 2, 2);
    net_complete_range(n, 0, 0);
    net_expect(fd, "OK 1\r\nOK 0\r\nOK 2\r\nPONG\r\n");
    close(fd);
    net_close(n);
}

static void reset(int fd)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
    close(fd);
}

/* A connection that goes while the control thread has its request, and one that goes while its request waits for
 * the one before it. */
static void nobody_waits_for_the_answer(void **state)
{
    (void)state;
    struct net *n = net_open(NULL);
    int asks = net_connect(n), waits = net_connect(n), other = net_connect(n);
    net_set_control_sticks(n, true);
    net_say(asks, "STATS\r\nSTATS\r\n");
    net_await_asked(n, 1);
    net_say(waits, "PUT q1 - x\r\nSTATS\r\n");
    net_await_queued(n, 1);
    net_say(other, "STATS\r\n");
    reset(asks);
    reset(waits);
    net_set_control_sticks(n, false);
    net_expect(other, "LEN 0\r\n");
    net_await_metric(n, "connections.open", 2);
    net_complete_range(n, 1, 1);
    net_await_metric(n, "connections.open", 1);
    net_say(other, "STATS\r\n");
    net_expect(other, "LEN 1\r\n");
    assert_int_equal(net_asked(n), 3); /* their other ones went with them */
    close(other);
    net_close(n);
}

/* ---- the end ---- */

static void what_was_asked_is_answered_at_shutdown(void **state)
{
    (void)state;
    struct net *n = net_open(&(struct net_options){.threads = 2});
    int fd = net_connect(n), second = net_connect(n), idle = net_connect(n);
    net_ping(idle);
    net_set_control_sticks(n, true);
    net_say(fd, "PING\r\nSTATS\r\nPUT q1 - x\r\nSTATS\r\nPING\r\nPUT unfinished");
    net_await_asked(n, 1);
    net_say(second, "STATS\r\n");
    net_terminate(n);
    net_set_control_sticks(n, false);
    net_expect_end(idle);
    net_expect(fd, "PONG\r\nLEN 0\r\n");
    net_expect(second, "LEN 0\r\n");
    net_expect_end(second);
    close(second);
    net_await_queued(n, 1);
    net_complete_range(n, 1, 1);
    net_expect(fd, "OK 1\r\nLEN 1\r\nPONG\r\n");
    net_expect_end(fd);
    close(fd);
    net_await_end(n);
    close(idle);
    net_close(n);
}

/* Connections that are cut off after the grace, as one request before it is never completed, and one in the line of
 * the control thread. */
static void what_nobody_waits_for_does_not_hold_up_the_end(void **state)
{
    (void)state;
    struct net *n = net_open(&(struct net_options){.grace_ms = 1});
    int fd = net_connect(n), other = net_connect(n);
    net_say(fd, "PUT q1 - x\r\nSTATS\r\n");
    net_await_queued(n, 1);
    net_say(other, "CONFIG\r\nSTATS\r\n");
    net_await_queued(n, 2);
    net_terminate(n);
    net_await_end(n);
    assert_int_equal(net_asked(n), 1);
    close(fd);
    close(other);
    net_close(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_keeps_its_place),
        cmocka_unit_test(all_kinds_of_requests_may_be_before_it),
        cmocka_unit_test(others_go_on),
        cmocka_unit_test(one_per_connection_at_a_time),
        cmocka_unit_test(none_is_forgotten),
        cmocka_unit_test(the_rest_is_submitted_again),
        cmocka_unit_test(nobody_waits_for_the_answer),
        cmocka_unit_test(what_was_asked_is_answered_at_shutdown),
        cmocka_unit_test(what_nobody_waits_for_does_not_hold_up_the_end),
    };
    alarm(NET_HANG_S);
    return cmocka_run_group_tests_name("server: control", tests, NULL, NULL);
}
