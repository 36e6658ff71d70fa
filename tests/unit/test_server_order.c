/* The network room: replies in request order, whenever and in whatever order calls are completed. */
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

/* Sends "PUT q<from> - x" to q<to>; expects "OK <from>" to <to>. */
static void put_range(int fd, int from, int to)
{
    char line[32];
    for (int i = from; i <= to; i++) {
        snprintf(line, sizeof line, "PUT q%d - x\r\n", i);
        net_say(fd, line);
    }
}

static void expect_range(int fd, int from, int to)
{
    char line[32];
    for (int i = from; i <= to; i++) {
        snprintf(line, sizeof line, "OK %d\r\n", i);
        net_expect(fd, line);
    }
}

static void late_and_in_one_batch(void **state)
{
    (void)state;
    struct net *n = net_open(NULL);
    int fd = net_connect(n);
    put_range(fd, 1, 8);
    net_await_queued(n, 8);
    net_complete_range(n, 8, 1); /* the last one first */
    expect_range(fd, 1, 8);
    close(fd);
    net_close(n);
}

static void one_by_one_in_any_order(void **state)
{
    (void)state;
    struct net *n = net_open(NULL);
    int fd = net_connect(n), other = net_connect(n);
    static const int order[] = {3, 5, 1, 2, 8, 4, 6, 7};
    put_range(fd, 1, 8);
    net_await_queued(n, 8);
    for (int i = 0; i < 8; i++) {
        net_complete(n, &order[i], 1);
        net_ping(other); /* the loop has taken it by now */
        char byte;
        if (order[i] == 3 || order[i] == 5) /* nothing may be sent before the first is answered */
            assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
        if (order[i] == 1) expect_range(fd, 1, 1);
        if (order[i] == 2) expect_range(fd, 2, 3);
        if (order[i] == 4) expect_range(fd, 4, 5);
    }
    expect_range(fd, 6, 8);
    close(fd);
    close(other);
    net_close(n);
}

static void what_is_answered_at_once_waits_its_turn(void **state)
{
    (void)state;
    struct net *n = net_open(NULL);
    int fd = net_connect(n);
    net_say(fd, "PUT q1 - x\r\nPING\r\n@tag=a PUT n - x\r\nPUT q2 - x\r\nNONSENSE\r\n@tag=b PING\r\n"
                "@tag=c PUT q3 - x\r\nGET n\r\nPUT q4 - $3\r\nabc\r\nQUIT\r\nPUT q5 - x\r\n");
    net_await_queued(n, 4);
    net_complete_range(n, 4, 1);
    net_expect(fd, "OK 1\r\nPONG\r\n@tag=a OK 0\r\nOK 2\r\nERROR unknown-verb ");
    char byte = 0;
    while (byte != '\n')
        assert_int_equal(recv(fd, &byte, 1, 0), 1);
    net_expect(fd, "@tag=b PONG\r\n@tag=c OK 3\r\nVALUE -1 0 $3\r\nvvv\r\nOK 4\r\nBYE\r\n");
    net_expect_end(fd);
    assert_int_equal(net_queued(n), 0); /* nothing after QUIT was executed */
    close(fd);
    net_close(n);
}

/* More than a connection may ask for in one turn of the loop, and more than one read. */
static void a_long_pipeline(void **state)
{
    (void)state;
    struct net *n = net_open(NULL);
    int fd = net_connect(n);
    put_range(fd, 0, 2999);
    for (int done = 0; done < 3000;) { /* the output limit lets in a part at a time */
        net_await_queued(n, 1);
        int count = (int)net_queued(n);
        net_complete_range(n, done + count - 1, done);
        expect_range(fd, done, done + count - 1);
        done += count;
    }
    close(fd);
    net_close(n);
}

static void a_byte_at_a_time(void **state)
{
    (void)state;
    static const char bytes[] = "PUT q1 - $5\r\na\r\nb\n\r\n\r\nput  q2 - x y\nPUT q3 - $0\r\n\r\nPING\r\n";
    for (size_t piece = 1; piece <= 3; piece++) {
        struct net *n = net_open(NULL);
        int fd = net_connect(n), other = net_connect(n);
        for (size_t at = 0; at < sizeof bytes - 1; at += piece) {
            size_t len = sizeof bytes - 1 - at < piece ? sizeof bytes - 1 - at : piece;
            net_say_bytes(fd, bytes + at, len);
            net_ping(other); /* so that the pieces are read one by one */
        }
        net_await_queued(n, 3);
        net_complete_range(n, 1, 3);
        net_expect(fd, "OK 1\r\nOK 2\r\nOK 3\r\nPONG\r\n");
        close(fd);
        close(other);
        net_close(n);
    }
}

static void many_connections_on_two_loops(void **state)
{
    (void)state;
    enum { CONNS = 20, EACH = 20 };
    struct net *n = net_open(&(struct net_options){.threads = 2});
    int fds[CONNS];
    for (int c = 0; c < CONNS; c++) {
        fds[c] = net_connect(n);
        put_range(fds[c], c * EACH, c * EACH + EACH - 1);
    }
    net_await_queued(n, CONNS * EACH);
    int numbers[CONNS * EACH];
    for (int i = 0; i < CONNS * EACH; i++)
        numbers[i] = i * 7 % (CONNS * EACH); /* 7 has no factor in common with 400 */
    net_complete(n, numbers, 150);
    net_complete(n, numbers + 150, CONNS * EACH - 150);
    for (int c = 0; c < CONNS; c++) {
        expect_range(fds[c], c * EACH, c * EACH + EACH - 1);
        close(fds[c]);
    }
    net_close(n);
}

static void over_a_unix_socket(void **state)
{
    (void)state;
    struct net *n = net_open(&(struct net_options){.on_unix = true});
    int fd = net_connect(n);
    put_range(fd, 1, 20);
    net_await_queued(n, 20);
    net_complete_range(n, 20, 1);
    expect_range(fd, 1, 20);
    assert_int_equal(access(n->path, F_OK), 0);
    close(fd);
    net_terminate(n);
    net_await_end(n);
    assert_int_equal(access(n->path, F_OK), -1);
    net_close(n);
}

/* Half-closed: what was sent whole is answered, then comes our end too. */
static void a_half_closed_connection_gets_its_answers(void **state)
{
    (void)state;
    struct net *n = net_open(NULL);
    int fd = net_connect(n);
    net_say(fd, "PUT q1 - x\r\nPUT q2 - x\r\nPING\r\nPUT q3 - $10\r\nabc");
    shutdown(fd, SHUT_WR);
    net_await_queued(n, 2);
    net_complete_range(n, 2, 1);
    net_expect(fd, "OK 1\r\nOK 2\r\nPONG\r\n");
    net_expect_end(fd);
    net_await_metric(n, "connections.closed.peer", 1);
    close(fd);
    net_close(n);
}

/* Their connection has gone, and another one has its place: they reach nobody. */
static void completions_for_a_closed_connection_are_dropped(void **state)
{
    (void)state;
    struct net *n = net_open(NULL);
    struct linger reset = {1, 0};
    int fd = net_connect(n);
    put_range(fd, 1, 3);
    net_await_queued(n, 3);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(fd); /* a reset */
    net_await_metric(n, "connections.open", 0);
    int heir = net_connect(n);
    net_say(heir, "PUT q10 - x\r\n");
    net_await_queued(n, 4);
    net_complete_range(n, 1, 3);
    net_say(heir, "PING\r\n");
    net_complete_range(n, 10, 10);
    net_expect(heir, "OK 10\r\nPONG\r\n");
    close(heir);
    net_close(n);
}

static void push(struct net *n, uint64_t conn, uint64_t version)
{
    struct task *task = malloc(sizeof *task);
    assert_non_null(task);
    task_init(task);
    task->conn = conn;
    task->call.reply.kind = REPLY_STORED;
    task->call.reply.version = version;
    server_push(n->server, 0, task);
}

/* Messages that nobody asked for come behind the replies to earlier requests; for who has gone they are dropped. */
static void pushed_messages(void **state)
{
    (void)state;
    struct net *n = net_open(NULL);
    int fd = net_connect(n), other = net_connect(n);
    put_range(fd, 1, 2);
    net_await_queued(n, 2);
    uint64_t conn = n->queued[1]->conn;
    push(n, conn, 101);
    net_ping(other);
    net_complete_range(n, 2, 1);
    expect_range(fd, 1, 2);
    expect_range(fd, 101, 101);
    push(n, conn, 102);
    expect_range(fd, 102, 102);
    net_say(fd, "QUIT\r\n");
    net_expect(fd, "BYE\r\n");
    net_expect_end(fd);
    push(n, conn, 103); /* it lingers */
    close(fd);
    net_await_metric(n, "connections.open", 1);
    push(n, conn, 104);
    net_ping(other);
    close(other);
    net_close(n);
}

static void a_batch_is_flushed_once_it_was_submitted(void **state)
{
    (void)state;
    struct net *n = net_open(NULL);
    int fd = net_connect(n);
    net_ping(fd);
    assert_int_equal(net_flushes(n), 0); /* nothing was queued */
    net_say(fd, "PUT q1 - x\r\nPUT q2 - x\r\nPUT q3 - x\r\n");
    net_await_queued(n, 3);
    net_complete_range(n, 1, 3);
    expect_range(fd, 1, 3);
    net_ping(fd);
    assert_in_range(net_flushes(n), 1, 3);
    close(fd);
    net_close(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(late_and_in_one_batch),
        cmocka_unit_test(one_by_one_in_any_order),
        cmocka_unit_test(what_is_answered_at_once_waits_its_turn),
        cmocka_unit_test(a_long_pipeline),
        cmocka_unit_test(a_byte_at_a_time),
        cmocka_unit_test(many_connections_on_two_loops),
        cmocka_unit_test(over_a_unix_socket),
        cmocka_unit_test(a_half_closed_connection_gets_its_answers),
        cmocka_unit_test(completions_for_a_closed_connection_are_dropped),
        cmocka_unit_test(pushed_messages),
        cmocka_unit_test(a_batch_is_flushed_once_it_was_submitted),
    };
    alarm(NET_HANG_S);
    return cmocka_run_group_tests_name("server: order", tests, NULL, NULL);
}
