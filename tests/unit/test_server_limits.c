/* The network room at its limits: output, time, connections, and what fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "daemon/base/fault.h"
#include "daemon/queue/task.h"
#include "tests/unit/net_client.h"

static void get_range(int fd, int from, int to)
{
    char line[32];
    for (int i = from; i <= to; i++) {
        snprintf(line, sizeof line, "GET q%d\r\n", i);
        net_say(fd, line);
    }
}

/* ---- output ---- */

/* A GET in flight counts with the size its value may have: so many are let in, and no more. */
/* Puts a value of this size, so that the server knows how large values get, and lets GETs bring back as much. */
static void put_once(struct net *n, int fd, size_t size)
{
    char head[64], *value = calloc(1, size + 2);
    assert_non_null(value);
    snprintf(head, sizeof head, "PUT q99 - $%zu\r\n", size);
    memcpy(value + size, "\r\n", 2);
    net_say(fd, head);
    net_say_bytes(fd, value, size + 2);
    net_await_queued(n, 1);
    net_complete_range(n, 99, 99);
    net_expect(fd, "OK 99\r\n");
    net_set_value_size(n, size);
    free(value);
}

/* No more GETs are in flight than could bring back the largest value there is below the hard limit. */
static void large_values_are_asked_for_a_few_at_a_time(void **state)
{
    (void)state;
    uint64_t each = 128 * 1024 + sizeof(struct task);
    struct net *n = net_open(&(struct net_options){.soft = 512 * 1024, .hard = 8 * each + 1});
    int fd = net_connect(n), other = net_connect(n);
    put_once(n, fd, 128 * 1024);
    get_range(fd, 1, 30);
    net_await_queued(n, 8);
    for (int i = 0; i < 20; i++)
        net_ping(other);
    assert_int_equal(net_queued(n), 8);
    net_complete_range(n, 8, 1);
    for (int i = 1; i <= 8; i++)
        net_expect_value(fd, 128 * 1024);
    for (int done = 8; done < 30;) {
        net_await_queued(n, 1);
        for (int i = 0; i < 5; i++)
            net_ping(other);
        int count = (int)net_queued(n);
        assert_in_range(count, 1, 8);
        net_complete_range(n, done + count, done + 1);
        for (int i = 0; i < count; i++)
            net_expect_value(fd, 128 * 1024);
        done += count;
    }
    net_ping(fd);
    close(fd);
    close(other);
    net_close(n);
}

/* A peer that reads slowly gets every byte; one that does not read stops only itself. */
static void slow_readers(void **state)
{
    (void)state;
    enum { SIZE = 300000, COUNT = 60 };
    struct net *n = net_open(NULL);
    int fd = net_connect(n), other = net_connect(n);
    put_once(n, fd, SIZE);
    for (int i = 0; i < COUNT; i++)
        net_say(fd, "GET n\r\n"); /* 18 MB, more than any limit here */
    for (int i = 0; i < 50; i++)
        net_ping(other);
    for (int i = 0; i < COUNT; i++)
        net_expect_value(fd, SIZE);
    net_ping(fd);
    assert_int_equal(net_metric(n, "connections.open"), 2);
    close(fd);
    close(other);
    net_close(n);
}

/* Nothing ends a connection whose peer reads, however large a reply is. */
static void one_reply_beyond_the_hard_limit(void **state)
{
    (void)state;
    enum { SIZE = 9 << 20 };
    struct net *n = net_open(&(struct net_options){.soft = 64 * 1024, .hard = 1 << 20});
    int fd = net_connect(n);
    net_set_value_size(n, SIZE);
    net_say(fd, "GET q1\r\nGET q2\r\nGET q3\r\n");
    for (int i = 1; i <= 3; i++) {
        net_await_queued(n, 1);
        int count = (int)net_queued(n);
        net_complete_range(n, i, i + count - 1);
        for (; count > 0; count--, i++)
            net_expect_value(fd, SIZE);
        i--;
    }
    net_ping(fd);
    close(fd);
    net_close(n);
}

/* One that takes nothing for a while is closed, and others get nothing of what it was to get. */
static void beyond_the_hard_limit_a_peer_must_read(void **state)
{
    (void)state;
    enum { SIZE = 9 << 20, PATIENCE_MS = 5000, TICK_MS = 1001 };
    struct net *n = net_open(&(struct net_options){.soft = 64 * 1024, .hard = 1 << 20, .idle_ms = 3600 * 1000});
    int fd = net_connect(n), slow = net_connect(n), other = net_connect(n);
    net_set_value_size(n, SIZE);
    net_say(fd, "GET q1\r\n");
    net_say(slow, "GET q2\r\n");
    net_await_queued(n, 2);
    net_complete_range(n, 1, 2);
    net_ping(other);
    fake_clock_advance_ms(&n->clock, PATIENCE_MS - 2 * TICK_MS);
    net_ping(other);
    for (size_t taken = 0; taken < SIZE - (1 << 19);) { /* less is left than the limit */
        static char sink[1 << 16];
        ssize_t took = recv(slow, sink, sizeof sink, 0);
        assert_true(took > 0);
        taken += (size_t)took;
    }
    fake_clock_advance_ms(&n->clock, 3 * TICK_MS);
    net_await_metric(n, "connections.closed.output_limit", 1);
    net_ping(other);
    assert_int_equal(net_metric(n, "connections.open"), 2);
    close(fd);
    close(slow);
    close(other);
    net_close(n);
}

/* What waits for the backend is no output yet, neither a GET's expected value nor the value of a PUT. */
static void calls_in_flight_do_not_reach_the_hard_limit(void **state)
{
    (void)state;
    struct net *n = net_open(&(struct net_options){.soft = 4096, .hard = 8192});
    int fd = net_connect(n), other = net_connect(n);
    char value[9002];
    memset(value, 'v', 9000);
    memcpy(value + 9000, "\r\n", 2);
    net_set_value_size(n, 1000);
    net_say(fd, "GET q1\r\n");
    net_await_queued(n, 1);
    net_ping(other);
    net_complete_range(n, 1, 1);
    net_expect_value(fd, 1000);
    net_say(fd, "PUT q2 - $9000\r\n");
    net_say_bytes(fd, value, sizeof value);
    net_await_queued(n, 1);
    net_ping(other);
    net_complete_range(n, 2, 2);
    net_expect(fd, "OK 2\r\n");
    close(fd);
    close(other);
    net_close(n);
}

/* A reply that fills the output, sent at once, and behind it one that needs no backend. */
static void nothing_is_left_behind_a_large_reply(void **state)
{
    (void)state;
    struct net *n = net_open(&(struct net_options){.soft = 256 * 1024});
    int fd = net_connect(n);
    net_set_value_size(n, 256 * 1024);
    for (int i = 0; i < 3; i++) {
        net_say(fd, "GET q1\r\nPING\r\n");
        net_await_queued(n, 1);
        net_complete_range(n, 1, 1);
        net_expect_value(fd, 256 * 1024);
        net_expect(fd, "PONG\r\n");
    }
    close(fd);
    net_close(n);
}

/* ---- time ---- */

static void idle_connections_are_closed(void **state)
{
    (void)state;
    struct net *n = net_open(&(struct net_options){.idle_ms = 64}); /* a tick is 2 ms */
    int idle = net_connect(n), active = net_connect(n), waiting = net_connect(n);
    net_ping(idle);
    net_say(waiting, "PUT q1 - x\r\n");
    net_await_queued(n, 1);
    fake_clock_advance_ms(&n->clock, 60);
    net_ping(active);
    fake_clock_advance_ms(&n->clock, 6);
    net_expect_end(idle);
    net_await_metric(n, "connections.closed.idle", 1);
    net_ping(active);
    net_complete_range(n, 1, 1); /* it waited for us, which is not being idle */
    net_expect(waiting, "OK 1\r\n");
    fake_clock_advance_ms(&n->clock, 66);
    net_expect_end(active);
    net_expect_end(waiting);
    net_await_metric(n, "connections.closed.idle", 3);
    close(idle);
    close(active);
    close(waiting);
    net_close(n);
}

static void unfinished_requests_time_out(void **state)
{
    (void)state;
    static const char *const unfinished[] = {"P", "PUT a - x", "PUT a - $10\r\n", "PUT a - $3\r\nab",
                                             "PUT a - $3\r\nabc"};
    for (size_t i = 0; i < sizeof unfinished / sizeof unfinished[0]; i++) {
        struct net *n = net_open(&(struct net_options){.request_ms = 64});
        int fd = net_connect(n), other = net_connect(n);
        net_say(fd, "PUT q1 - x\r\nPING\r\n");
        net_say(fd, unfinished[i]);
        net_await_queued(n, 1);
        net_ping(other);
        net_ping(other);
        fake_clock_advance_ms(&n->clock, 66);
        net_complete_range(n, 1, 1);
        net_expect(fd, "OK 1\r\nPONG\r\nERROR timeout ");
        close(fd);
        net_await_metric(n, "connections.closed.request_timeout", 1);
        net_ping(other); /* a connection without a request has all the time */
        close(other);
        net_close(n);
    }
}

/* Its time is over while requests before it are still in the backend: those are answered all the same. */
static void an_unfinished_request_costs_no_other_its_answer(void **state)
{
    (void)state;
    struct net *n = net_open(&(struct net_options){.request_ms = 64}); /* a tick is 2 ms */
    int fd = net_connect(n), second = net_connect(n), third = net_connect(n), other = net_connect(n);
    net_say(fd, "PUT q1 - x\r\nPUT a");
    net_say(second, "PUT a");
    net_await_queued(n, 1);
    net_ping(other);
    net_ping(other);
    fake_clock_advance_ms(&n->clock, 10);
    net_say(third, "P");
    net_ping(other);
    net_ping(other);
    fake_clock_advance_ms(&n->clock, 60);
    net_expect(second, "ERROR timeout ");
    fake_clock_advance_ms(&n->clock, 10);
    net_expect(third, "ERROR timeout "); /* so the deadlines have been looked at since */
    net_complete_range(n, 1, 1);
    net_expect(fd, "OK 1\r\nERROR timeout ");
    close(fd);
    close(second);
    close(third);
    close(other);
    net_close(n);
}

/* The daemon was away: what has arrived meanwhile is read before anybody is said to be late. */
static void a_late_turn_reads_before_it_judges(void **state)
{
    (void)state;
    enum { LATE_MS = 20 };
    struct net *n = net_open(&(struct net_options){.request_ms = 1});
    struct timespec start, now;
    int fd = net_connect(n), other = net_connect(n);
    net_ping(other);
    net_say(other, "PUT s - x\r\n");
    net_await_stuck(n);
    net_say(fd, "PUT n - $6\r\nabc"); /* begins when the loop goes on, at a time that stands still */
    net_unstick(n);
    net_expect(other, "OK 0\r\n");
    net_ping(other);
    net_set_sticks(n);
    net_say(other, "PUT s - x\r\n");
    net_await_stuck(n);
    fake_clock_advance_ms(&n->clock, 1000);
    clock_gettime(CLOCK_MONOTONIC, &start);
    do /* until the timer is due, which follows the real clock */
        clock_gettime(CLOCK_MONOTONIC, &now);
    while ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000 < LATE_MS);
    net_say(fd, "def\r\n");
    net_unstick(n);
    net_expect(other, "OK 0\r\n");
    net_expect(fd, "OK 0\r\n");
    close(fd);
    close(other);
    net_close(n);
}

static void a_request_within_its_time_goes_on(void **state)
{
    (void)state;
    struct net *n = net_open(&(struct net_options){.request_ms = 64});
    int fd = net_connect(n), late = net_connect(n);
    for (int round = 0; round < 3; round++) {
        net_say(fd, "PUT n - $6\r\nabc");
        net_ping(late);
        fake_clock_advance_ms(&n->clock, 60);
        net_say(fd, "def\r\n");
        net_expect(fd, "OK 0\r\n");
    }
    net_ping(fd);
    close(fd);
    close(late);
    net_close(n);
}

/* ---- connections ---- */

static void the_connection_limit(void **state)
{
    (void)state;
    struct net *n = net_open(&(struct net_options){.connections = 2});
    int first = net_connect(n), second = net_connect(n);
    net_ping(first);
    net_ping(second);
    int third = net_connect(n);
    net_expect(third, "ERROR too-many-connections ");
    close(third);
    net_await_metric(n, "connections.refused", 1);
    close(first);
    net_await_metric(n, "connections.open", 1);
    int fourth = net_connect(n);
    net_ping(fourth);
    net_ping(second);
    close(second);
    close(fourth);
    net_close(n);
}

/* ---- failures ---- */

static void a_failed_send_closes_its_connection_only(void **state)
{
    (void)state;
    struct net *n = net_open(NULL);
    int fd = net_connect(n), other = net_connect(n);
    net_ping(other);
    net_say(fd, "PUT q1 - x\r\nPUT q2 - x\r\n");
    net_await_queued(n, 2);
    fault_arm(FAULT_SEND, 1, 1);
    net_complete_range(n, 1, 1);
    net_expect_end(fd);
    fault_disarm_all();
    net_await_metric(n, "connections.closed.error", 1);
    net_complete_range(n, 2, 2); /* to nobody */
    net_ping(other);
    close(fd);
    close(other);
    net_close(n);
}

/* No memory for the second request in flight: its connection is closed, and the replies that were ready to be sent
 * on it are sent to nobody. */
static void no_memory_for_a_call_closes_its_connection_only(void **state)
{
    (void)state;
    struct net *n = net_open(NULL);
    int fd = net_connect(n), other = net_connect(n);
    net_ping(other); /* one spare call */
    fault_arm(FAULT_CALL_ALLOC, 1, 1);
    net_say(fd, "@tag=mine PING\r\nPUT q1 - x\r\nPUT q2 - x\r\n");
    net_expect_end(fd);
    fault_disarm_all();
    net_await_metric(n, "connections.closed.error", 1);
    net_ping(other);
    net_complete_range(n, 1, 1);
    net_ping(other);
    close(fd);
    close(other);
    net_close(n);
}

/* A reset in the middle of a large value, unseen until its first half has been read. */
static void a_reset_behind_unread_bytes(void **state)
{
    (void)state;
    struct net *n = net_open(NULL);
    struct linger reset = {1, 0};
    int fd = net_connect(n), other = net_connect(n);
    char *half = calloc(1, 500000);
    net_ping(fd);
    net_say(other, "PUT s - x\r\n"); /* the loop stands still */
    net_await_stuck(n);
    net_say(fd, "PUT q1 - $1000000\r\n");
    for (size_t sent = 0; sent < 500000;) {
        ssize_t took = send(fd, half, 500000 - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (took < 0) break; /* the sockets are full */
        sent += (size_t)took;
    }
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(fd);
    net_unstick(n);
    net_expect(other, "OK 0\r\n");
    net_await_metric(n, "connections.open", 1);
    net_ping(other);
    free(half);
    close(other);
    net_close(n);
}

/* The server's end of a connection: the descriptor of this process whose peer is `fd`. */
static int other_end(int fd)
{
    struct sockaddr_in own, peer;
    socklen_t len = sizeof own;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&own, &len), 0);
    for (int other = 3; other < 1024; other++) {
        len = sizeof peer;
        if (getpeername(other, (struct sockaddr *)&peer, &len) == 0 && peer.sin_family == AF_INET &&
            peer.sin_port == own.sin_port)
            return other;
    }
    fail_msg("the server's end is not there");
    return -1;
}

static int option_of(int fd, int level, int name)
{
    int value = 0;
    socklen_t len = sizeof value;
    assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
    return value;
}

/* Probed when nothing comes, given up when nothing is acknowledged: the system does both, told so once. */
static void peers_that_are_gone_are_noticed(void **state)
{
    (void)state;
    struct net *n = net_open(NULL);
    int fd = net_connect(n);
    net_ping(fd);
    int accepted = other_end(fd);
    assert_int_equal(option_of(accepted, SOL_SOCKET, SO_KEEPALIVE), 1);
    int first_s = option_of(accepted, IPPROTO_TCP, TCP_KEEPIDLE);
    int every_s = option_of(accepted, IPPROTO_TCP, TCP_KEEPINTVL),
        count = option_of(accepted, IPPROTO_TCP, TCP_KEEPCNT);
    assert_int_equal(first_s + count * every_s, 300);
    assert_int_equal(option_of(accepted, IPPROTO_TCP, TCP_USER_TIMEOUT), 300000);
    assert_int_equal(option_of(accepted, IPPROTO_TCP, TCP_NODELAY), 1);
    close(fd);
    net_close(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(large_values_are_asked_for_a_few_at_a_time),
        cmocka_unit_test(slow_readers),
        cmocka_unit_test(one_reply_beyond_the_hard_limit),
        cmocka_unit_test(beyond_the_hard_limit_a_peer_must_read),
        cmocka_unit_test(calls_in_flight_do_not_reach_the_hard_limit),
        cmocka_unit_test(nothing_is_left_behind_a_large_reply),
        cmocka_unit_test(idle_connections_are_closed),
        cmocka_unit_test(unfinished_requests_time_out),
        cmocka_unit_test(an_unfinished_request_costs_no_other_its_answer),
        cmocka_unit_test(a_late_turn_reads_before_it_judges),
        cmocka_unit_test(a_request_within_its_time_goes_on),
        cmocka_unit_test(the_connection_limit),
        cmocka_unit_test(a_failed_send_closes_its_connection_only),
        cmocka_unit_test(no_memory_for_a_call_closes_its_connection_only),
        cmocka_unit_test(a_reset_behind_unread_bytes),
        cmocka_unit_test(peers_that_are_gone_are_noticed),
    };
    alarm(NET_HANG_S);
    return cmocka_run_group_tests_name("server: limits", tests, NULL, NULL);
}
