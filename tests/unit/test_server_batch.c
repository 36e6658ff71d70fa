/* The network room: calls that execute on the I/O thread, together with others of the same turn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/net_client.h"

#define MANY  1000 /* more than a batch */
#define VALUE 200  /* bytes: so that many are more than the loop's input takes at once */

static void say_puts(int fd, int from, int to)
{
    char *text = malloc((size_t)(to - from + 1) * (40 + VALUE)), *at = text;
    for (int i = from; i <= to; i++)
        at += sprintf(at, "@tag=t%d PUT b%d - %0*d\r\n", i, i, VALUE, i);
    net_say(fd, text);
    free(text);
}

static void expect_puts(int fd, int from, int to)
{
    char line[40];
    for (int i = from; i <= to; i++) {
        sprintf(line, "@tag=t%d OK %d\r\n", i, i);
        net_expect(fd, line);
    }
}

/* While the loop stands still, all of `fds` become readable: so they share a turn. */
static int begin_turn(struct net *n)
{
    int stopper = net_connect(n);
    net_say(stopper, "PUT s - x\r\n");
    net_await_stuck(n);
    return stopper;
}

static void end_turn(struct net *n, int stopper)
{
    net_unstick(n);
    net_expect(stopper, "OK 0\r\n");
    close(stopper);
}

static void alone(void **state)
{
    (void)state;
    struct net *n = net_open(NULL);
    int fd = net_connect(n);
    for (int i = 1; i <= 3; i++) {
        say_puts(fd, i, i);
        expect_puts(fd, i, i);
    }
    assert_int_equal(net_runs(n), 3);
    close(fd);
    net_close(n);
}

static void long_pipelines_stay_in_order(void **state)
{
    (void)state;
    struct net *n = net_open(NULL);
    int fd = net_connect(n);
    say_puts(fd, 1, MANY);
    expect_puts(fd, 1, MANY);
    close(fd);
    net_close(n);
}

static void connections_share_a_batch(void **state)
{
    (void)state;
    struct net *n = net_open(NULL);
    int fds[8];
    for (int i = 0; i < 8; i++) {
        fds[i] = net_connect(n);
        net_ping(fds[i]);
    }
    int stopper = begin_turn(n);
    for (int i = 0; i < 8; i++)
        say_puts(fds[i], 10 * i, 10 * i + 2);
    end_turn(n, stopper);
    for (int i = 0; i < 8; i++)
        expect_puts(fds[i], 10 * i, 10 * i + 2);
    assert_true(net_runs(n) < 8);
    for (int i = 0; i < 8; i++)
        close(fds[i]);
    net_close(n);
}

static void full_batches_reach_every_connection(void **state)
{
    (void)state;
    struct net *n = net_open(NULL);
    int fds[8];
    for (int i = 0; i < 8; i++) {
        fds[i] = net_connect(n);
        net_ping(fds[i]);
    }
    int stopper = begin_turn(n);
    for (int i = 0; i < 8; i++) /* fewer and more than a batch, and halves of lines */
        say_puts(fds[i], 0, 7 + 13 * i);
    net_say(fds[3], "PUT b1");
    end_turn(n, stopper);
    for (int i = 0; i < 8; i++)
        expect_puts(fds[i], 0, 7 + 13 * i);
    net_say(fds[3], "2 - x\r\n");
    net_expect(fds[3], "OK 12\r\n");
    for (int i = 0; i < 8; i++)
        close(fds[i]);
    net_close(n);
}

/* Each brings more than a batch, so its own replies leave with its own read, and leave nothing behind. */
static void many_long_pipelines_in_one_turn(void **state)
{
    (void)state;
    struct net *n = net_open(NULL);
    int fds[16];
    for (int i = 0; i < 16; i++) {
        fds[i] = net_connect(n);
        net_ping(fds[i]);
    }
    int stopper = begin_turn(n);
    for (int i = 0; i < 16; i++)
        say_puts(fds[i], i, i + 60);
    end_turn(n, stopper);
    for (int i = 0; i < 16; i++)
        expect_puts(fds[i], i, i + 60);
    for (int i = 0; i < 16; i++)
        close(fds[i]);
    net_close(n);
}

static void other_answers_keep_their_places(void **state)
{
    (void)state;
    struct net *n = net_open(NULL);
    int fd = net_connect(n);
    net_say(fd, "PUT b1 - x\r\nPING\r\nPUT n - x\r\nPUT b2 - $3\r\nabc\r\nNONSENSE\r\n@tag=a PING\r\nPUT b3 - x\r\n"
                "PUT q7 - x\r\nPUT b4 - x\r\nQUIT\r\nPUT b5 - x\r\n");
    net_expect(
        fd, "OK 1\r\nPONG\r\nOK 0\r\nOK 2\r\nERROR unknown-verb HELP lists the verbs\r\n@tag=a PONG\r\nOK 3\r\n");
    net_await_queued(n, 1);
    net_complete_range(n, 7, 7);
    net_expect(fd, "OK 7\r\nOK 4\r\nBYE\r\n");
    net_expect_end(fd);
    close(fd);
    net_close(n);
}

/* One that is parked when it executes keeps its place, and what follows it, until it comes back. */
static void parked_ones_come_back_later(void **state)
{
    (void)state;
    struct net *n = net_open(NULL);
    int fd = net_connect(n), other = net_connect(n);
    net_say(fd, "@tag=a PUT b1 - x\r\n@tag=b PUT p2 - x\r\n@tag=c PUT b3 - x\r\n@tag=d PUT p4 - x\r\n"
                "@tag=e PING\r\n");
    net_expect(fd, "@tag=a OK 1\r\n");
    net_await_queued(n, 2);
    say_puts(other, 10, 50); /* over the input that was borrowed */
    expect_puts(other, 10, 50);
    net_complete_range(n, 4, 4);
    net_ping(other);
    net_complete_range(n, 2, 2);
    net_expect(fd, "@tag=b OK 2\r\n@tag=c OK 3\r\n@tag=d OK 4\r\n@tag=e PONG\r\n");
    net_say(fd, "PUT p5 - x\r\n");
    net_await_queued(n, 1);
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(fd); /* and one comes back to nobody */
    net_await_metric(n, "connections.open", 1);
    net_complete_range(n, 5, 5);
    net_ping(other);
    close(other);
    net_close(n);
}

static void an_end_of_input_is_answered_first(void **state)
{
    (void)state;
    struct net *n = net_open(NULL);
    int fd = net_connect(n);
    say_puts(fd, 1, 40);
    shutdown(fd, SHUT_WR);
    expect_puts(fd, 1, 40);
    net_expect_end(fd);
    close(fd);
    net_close(n);
}

static void a_fatal_error_comes_last(void **state)
{
    (void)state;
    struct net *n = net_open(NULL);
    int fd = net_connect(n);
    say_puts(fd, 1, 40);
    net_say(fd, "GET / HTTP/1.1\r\n");
    expect_puts(fd, 1, 40);
    net_expect(fd, "ERROR bad-request this port speaks the sluice text protocol, not HTTP\r\n");
    net_expect_end(fd);
    close(fd);
    net_close(n);
}

/* Whose replies wait for the reader no longer borrow from input that others have written over. */
static void tags_outlive_the_input(void **state)
{
    (void)state;
    struct net *n = net_open(&(struct net_options){.soft = 64 * 1024});
    int slow = net_connect(n), other = net_connect(n);
    net_set_value_size(n, 30000);
    char line[40];
    for (int i = 0; i < 1000; i++) {
        sprintf(line, "@tag=slow%d GET b%d\r\n", i, i);
        net_say(slow, line);
    }
    for (int i = 0; i < 100; i += 10) {
        say_puts(other, i, i + 9);
        expect_puts(other, i, i + 9);
    }
    for (int i = 0; i < 1000; i++) {
        sprintf(line, "@tag=slow%d ", i);
        net_expect(slow, line);
        net_expect_value(slow, 30000);
    }
    close(slow);
    close(other);
    net_close(n);
}

static void leaving_takes_nobody_along(void **state)
{
    (void)state;
    struct net *n = net_open(NULL);
    int stays = net_connect(n), leaves = net_connect(n);
    net_ping(stays);
    net_ping(leaves);
    int stopper = begin_turn(n);
    say_puts(leaves, 1, 20);
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    setsockopt(leaves, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    say_puts(stays, 1, 20);
    close(leaves);
    end_turn(n, stopper);
    expect_puts(stays, 1, 20);
    close(stays);
    net_close(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alone),
        cmocka_unit_test(long_pipelines_stay_in_order),
        cmocka_unit_test(connections_share_a_batch),
        cmocka_unit_test(full_batches_reach_every_connection),
        cmocka_unit_test(many_long_pipelines_in_one_turn),
        cmocka_unit_test(other_answers_keep_their_places),
        cmocka_unit_test(parked_ones_come_back_later),
        cmocka_unit_test(an_end_of_input_is_answered_first),
        cmocka_unit_test(a_fatal_error_comes_last),
        cmocka_unit_test(tags_outlive_the_input),
        cmocka_unit_test(leaving_takes_nobody_along),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
