/* The network room: refusals that may be sent ahead of the answers to earlier requests, and only these. */
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

#include "daemon/queue/task.h"
#include "tests/unit/net_client.h"

#define REFUSE(n, kind, ...) \
    net_refuse(n, kind, (const int[]){__VA_ARGS__}, sizeof((const int[]){__VA_ARGS__}) / sizeof(int))

/* Sends "@tag=t<i>;refuse=early PUT q<i> - x" for from..to. */
static void put_early(int fd, int from, int to)
{
    char line[64];
    for (int i = from; i <= to; i++) {
        snprintf(line, sizeof line, "@tag=t%d;refuse=early PUT q%d - x\r\n", i, i);
        net_say(fd, line);
    }
}

static void at_the_door(void **state)
{
    (void)state;
    struct net *n = net_open(NULL);
    int fd = net_connect(n);
    net_say(fd, "PUT q1 - x\r\n@tag=a;refuse=early PUT o - x\r\nPUT q2 - x\r\n@tag=b PUT o - x\r\n"
                "@tag=c;refuse=early GET o\r\n");
    net_expect(fd, "@tag=a OVERLOADED 7\r\n@tag=c OVERLOADED 7\r\n");
    net_await_queued(n, 2);
    net_complete_range(n, 1, 2);
    net_expect(fd, "OK 1\r\nOK 2\r\n@tag=b OVERLOADED 7\r\n");
    close(fd);
    net_close(n);
}

/* Its value still passes by, and then it is told. */
static void at_its_header(void **state)
{
    (void)state;
    struct net *n = net_open(NULL);
    int fd = net_connect(n), other = net_connect(n);
    net_say(fd, "PUT q1 - x\r\n");
    net_await_queued(n, 1);
    net_set_refuses(n, true);
    net_say(fd, "@tag=a;refuse=early PUT q2 - $6\r\nabc");
    net_ping(other);
    net_say(fd, "def\r\n@tag=b;refuse=early PUT q3 - $6\r\nabc");
    net_expect(fd, "@tag=a OVERLOADED 7\r\n");
    net_say(fd, "def+"); /* no line end: one answer all the same, and in its place */
    net_complete_range(n, 1, 1);
    net_expect(fd, "OK 1\r\n@tag=b ERROR bad-request ");
    close(fd);
    close(other);
    net_close(n);
}

static void out_of_the_line(void **state)
{
    (void)state;
    struct net *n = net_open(NULL);
    int fd = net_connect(n);
    put_early(fd, 1, 7);
    net_await_queued(n, 7);
    REFUSE(n, REPLY_OVERLOADED, 4);
    net_expect(fd, "@tag=t4 OVERLOADED 4\r\n");
    REFUSE(n, REPLY_LATE, 7);
    net_expect(fd, "@tag=t7 LATE\r\n");
    REFUSE(n, REPLY_OVERLOADED, 1);
    net_expect(fd, "@tag=t1 OVERLOADED 1\r\n");
    net_complete_range(n, 6, 5);
    net_complete_range(n, 3, 2);
    net_expect(fd, "@tag=t2 OK 2\r\n@tag=t3 OK 3\r\n@tag=t5 OK 5\r\n@tag=t6 OK 6\r\n");
    put_early(fd, 8, 9); /* the pipeline still has an end to add to */
    net_await_queued(n, 2);
    REFUSE(n, REPLY_LATE, 9);
    net_complete_range(n, 8, 8);
    net_expect(fd, "@tag=t9 LATE\r\n@tag=t8 OK 8\r\n");
    close(fd);
    net_close(n);
}

/* What was not refused by admission, or may not overtake, keeps its place. */
static void everything_else_keeps_its_place(void **state)
{
    (void)state;
    struct net *n = net_open(NULL);
    int fd = net_connect(n), other = net_connect(n);
    net_say(fd, "PUT q1 - x\r\n@tag=a;refuse=early PUT n - x\r\n@tag=b;refuse=early PING\r\n"
                "@tag=c;refuse=early NONSENSE\r\n@tag=d PUT q2 - x\r\n@tag=e;refuse=early PUT q3 - x\r\n");
    net_await_queued(n, 3);
    REFUSE(n, REPLY_OVERLOADED, 2);
    net_complete_range(n, 3, 3);
    net_ping(other);
    char byte = 0;
    assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
    net_complete_range(n, 1, 1);
    net_expect(fd, "OK 1\r\n@tag=a OK 0\r\n@tag=b PONG\r\n@tag=c ERROR unknown-verb ");
    while (byte != '\n')
        assert_int_equal(recv(fd, &byte, 1, 0), 1);
    net_expect(fd, "@tag=d OVERLOADED 2\r\n@tag=e OK 3\r\n");
    close(fd);
    close(other);
    net_close(n);
}

/* What needs no table waits for the requests before it that are executed, and for no others. */
static void past_what_needs_no_table(void **state)
{
    (void)state;
    struct net *n = net_open(NULL);
    int fd = net_connect(n);
    net_say(fd, "@tag=a;refuse=early PUT q1 - x\r\nPING\r\n@tag=b;refuse=early PUT q2 - x\r\nPUT q3 - x\r\n");
    net_await_queued(n, 3);
    REFUSE(n, REPLY_OVERLOADED, 2);
    net_expect(fd, "@tag=b OVERLOADED 2\r\n");
    REFUSE(n, REPLY_OVERLOADED, 1);
    net_expect(fd, "@tag=a OVERLOADED 1\r\nPONG\r\n");
    net_complete_range(n, 3, 3);
    net_expect(fd, "OK 3\r\n");
    close(fd);
    net_close(n);
}

/* Beside calls that execute on this thread, with others of their turn. */
static void beside_a_batch(void **state)
{
    (void)state;
    enum { CALLS = 100 }; /* more than a batch */
    struct net *n = net_open(NULL);
    int fd = net_connect(n);
    char *text = calloc(CALLS, 80), *at = text, line[64];
    for (int i = 0; i < CALLS; i++)
        at += sprintf(at, "PUT b%d - x\r\n@tag=t%d;refuse=early PUT o - x\r\n", i, i);
    net_say(fd, text);
    int executed = 0, refused = 0; /* each kind in its own order */
    for (int i = 0; i < 2 * CALLS; i++) {
        char first;
        assert_int_equal(recv(fd, &first, 1, MSG_PEEK), 1);
        if (first == '@')
            snprintf(line, sizeof line, "@tag=t%d OVERLOADED 7\r\n", refused++);
        else
            snprintf(line, sizeof line, "OK %d\r\n", executed++);
        net_expect(fd, line);
    }
    assert_int_equal(executed, CALLS);
    free(text);
    close(fd);
    net_close(n);
}

static void before_goodbye(void **state)
{
    (void)state;
    struct net *n = net_open(NULL);
    int fd = net_connect(n), half = net_connect(n);
    net_say(fd, "PUT q1 - x\r\n@tag=a;refuse=early PUT q2 - x\r\n@tag=b;refuse=early QUIT\r\n");
    net_say(half, "PUT q3 - x\r\n@tag=a;refuse=early PUT q4 - x\r\n");
    shutdown(half, SHUT_WR);
    net_await_queued(n, 4);
    REFUSE(n, REPLY_OVERLOADED, 2, 4);
    net_expect(fd, "@tag=a OVERLOADED 2\r\n");
    net_expect(half, "@tag=a OVERLOADED 4\r\n");
    net_complete_range(n, 3, 3);
    net_expect(half, "OK 3\r\n");
    net_expect_end(half);
    net_terminate(n);
    net_complete_range(n, 1, 1);
    net_expect(fd, "OK 1\r\n@tag=b BYE\r\n");
    net_expect_end(fd);
    close(fd);
    close(half);
    net_await_end(n);
    net_close(n);
}

/* Their connection has gone, and another one has its place. */
static void for_a_closed_connection_they_are_dropped(void **state)
{
    (void)state;
    struct net *n = net_open(NULL);
    struct linger reset = {1, 0};
    int fd = net_connect(n);
    put_early(fd, 1, 4);
    net_await_queued(n, 4);
    REFUSE(n, REPLY_OVERLOADED, 3);
    net_expect(fd, "@tag=t3 OVERLOADED 3\r\n");
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(fd); /* a reset */
    net_await_metric(n, "connections.open", 0);
    int heir = net_connect(n);
    put_early(heir, 10, 11);
    net_await_queued(n, 5);
    REFUSE(n, REPLY_OVERLOADED, 2, 1);
    net_complete_range(n, 4, 4);
    REFUSE(n, REPLY_OVERLOADED, 11);
    net_expect(heir, "@tag=t11 OVERLOADED 11\r\n");
    net_complete_range(n, 10, 10);
    net_expect(heir, "@tag=t10 OK 10\r\n");
    close(heir);
    net_close(n);
}

/* A call that has overtaken has left the pipeline: the connection may ask for more, and holds no memory for it. */
static void they_make_room_for_more(void **state)
{
    (void)state;
    enum { ROOM = 8, CALLS = 40 };
    struct net *n = net_open(&(struct net_options){.soft = ROOM * sizeof(struct task)});
    int fd = net_connect(n);
    char line[64];
    put_early(fd, 1, CALLS);
    net_await_queued(n, ROOM);
    for (int i = 2; i <= CALLS; i++) { /* the first is not answered all the while */
        net_await_queued(n, 2);
        assert_in_range(net_queued(n), 2, ROOM);
        REFUSE(n, REPLY_OVERLOADED, i);
        snprintf(line, sizeof line, "@tag=t%d OVERLOADED %d\r\n", i, i);
        net_expect(fd, line);
    }
    net_complete_range(n, 1, 1);
    net_expect(fd, "@tag=t1 OK 1\r\n");
    close(fd);
    net_close(n);
}

/* ---- at random ---- */

enum { ROUNDS = 60, MANY = 60 };

static unsigned roll(uint64_t *dice, unsigned sides)
{
    *dice = *dice * 6364136223846793005U + 1442695040888963407U; /* Knuth's MMIX */
    return (unsigned)(*dice >> 33) % sides;
}

/* One reply, as a number: of its tag, and whether it is a refusal. */
static int read_reply(int fd, bool *refused)
{
    char line[80];
    size_t len = 0;
    do
        assert_int_equal(recv(fd, &line[len], 1, 0), 1);
    while (line[len++] != '\n' && len < sizeof line - 1);
    line[len] = '\0';
    assert_int_equal(strncmp(line, "@tag=", 5), 0);
    *refused = strstr(line, "OVERLOADED") || strstr(line, "LATE");
    return atoi(line + 5);
}

/* Sends requests of all kinds, and gives those that are queued back in any order, executed or refused. */
static void send_and_decide(struct net *n, int fd, uint64_t *dice, bool early[MANY])
{
    static const char *const forms[] = {"PUT q%d - x", "PUT q%d - x", "PUT o - x", "PUT n - x", "PING"};
    char text[MANY * 64], *at = text;
    int queued[MANY], count = 0;
    for (int i = 0; i < MANY; i++) {
        unsigned form = roll(dice, 5);
        early[i] = roll(dice, 2) == 0;
        at += sprintf(at, "@tag=%d%s ", i, early[i] ? ";refuse=early" : "");
        at += sprintf(at, forms[form], i);
        at += sprintf(at, "\r\n");
        if (form < 2) queued[count++] = i;
    }
    net_say(fd, text);
    net_await_queued(n, (size_t)count);
    while (count > 0) {
        int *one = &queued[roll(dice, (unsigned)count)];
        switch (roll(dice, 3)) {
        case 0: net_refuse(n, REPLY_OVERLOADED, one, 1); break;
        case 1: net_refuse(n, REPLY_LATE, one, 1); break;
        default: net_complete(n, one, 1); break;
        }
        *one = queued[--count];
    }
}

/* Whatever happens to which request in which order, each gets one answer, and what may not overtake does not. */
static void one_answer_each(void **state)
{
    (void)state;
    uint64_t dice = 1;
    struct net *n = net_open(NULL);
    int fd = net_connect(n);
    for (int round = 0; round < ROUNDS; round++) {
        bool early[MANY], seen[MANY] = {false}, refused;
        int last = -1;
        send_and_decide(n, fd, &dice, early);
        for (int i = 0; i < MANY; i++) {
            int tag = read_reply(fd, &refused);
            assert_in_range(tag, 0, MANY - 1);
            assert_false(seen[tag]);
            seen[tag] = true;
            if (refused && early[tag]) continue;
            assert_true(tag > last);
            last = tag;
        }
    }
    net_ping(fd); /* and nothing more */
    close(fd);
    net_close(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_the_door),
        cmocka_unit_test(at_its_header),
        cmocka_unit_test(out_of_the_line),
        cmocka_unit_test(everything_else_keeps_its_place),
        cmocka_unit_test(past_what_needs_no_table),
        cmocka_unit_test(beside_a_batch),
        cmocka_unit_test(before_goodbye),
        cmocka_unit_test(for_a_closed_connection_they_are_dropped),
        cmocka_unit_test(they_make_room_for_more),
        cmocka_unit_test(one_answer_each),
    };
    alarm(NET_HANG_S);
    return cmocka_run_group_tests_name("server: early refusals", tests, NULL, NULL);
}
