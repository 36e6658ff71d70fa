/* The client library's pipelines: order, ends, and both directions full. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "clients/c/sluice.h"
#include "tests/unit/scripted_server.h"

/* Short enough to wait for, and only where the server is silent for good. */
#define SHORT_MS 20

static struct sluice *open_to(const struct scripted *s, int timeout_ms)
{
    struct sluice_options options = {.request_timeout_ms = timeout_ms};
    struct sluice *client = NULL;

    if (s->on_unix)
        options.unix_path = s->path;
    else
        options.port = s->port;
    assert_int_equal(sluice_open(&options, &client), SLUICE_OK);
    return client;
}

static void five_and_gone(struct scripted *s, int fd)
{
    scripted_expect(s, fd, "PUT a - $1\r\n1\r\n@tag=t GET a\r\nTOUCH a never\r\nDELETE a\r\nLEN\r\nPING\r\n");
    scripted_say(s, fd, "OK 1\r\n@tag=t VALUE 5 1 $1\r\n1\r\nOVERLOADED 3\r\nNOT_FOUND\r\nLEN 9\r\n");
}

static void replies_come_in_order_also_after_the_end(void **state)
{
    (void)state;
    for (size_t piece = 0; piece < 4; piece++) {
        struct scripted s = {.piece = piece};
        struct sluice_request_options tagged = {.tag = "t"};
        struct sluice_bytes a = sluice_text("a");
        struct sluice_result r;
        scripted_start(&s, five_and_gone);
        struct sluice *client = open_to(&s, 0);
        assert_int_equal(sluice_receive(client, &r), SLUICE_BAD_ARGUMENT); /* nothing to receive yet */
        assert_int_equal(sluice_send_put(client, a, sluice_text("1"), SLUICE_TTL_DEFAULT, NULL), SLUICE_OK);
        assert_int_equal(sluice_send_get(client, a, &tagged), SLUICE_OK);
        assert_int_equal(sluice_send_touch(client, a, SLUICE_TTL_NEVER, NULL), SLUICE_OK);
        assert_int_equal(sluice_send_delete(client, a, NULL), SLUICE_OK);
        assert_int_equal(sluice_send_len(client, NULL), SLUICE_OK);
        assert_int_equal(sluice_send_ping(client, NULL), SLUICE_OK);
        assert_int_equal(sluice_pending(client), 6);
        assert_int_equal(sluice_get(client, a, NULL, &r), SLUICE_BAD_ARGUMENT); /* out of place */
        assert_int_equal(sluice_flush(client), SLUICE_OK);
        assert_int_equal(sluice_receive(client, &r), SLUICE_OK);
        assert_int_equal(r.version, 1);
        assert_int_equal(sluice_receive(client, &r), SLUICE_OK);
        assert_string_equal(r.tag, "t");
        assert_int_equal(r.body.len, 1);
        assert_int_equal(sluice_receive(client, &r), SLUICE_OVERLOADED);
        assert_string_equal(r.tag, "");
        assert_int_equal(sluice_receive(client, &r), SLUICE_NOT_FOUND);
        assert_int_equal(sluice_receive(client, &r), SLUICE_OK);
        assert_int_equal(r.count, 9);
        assert_int_equal(sluice_receive(client, &r), SLUICE_DISCONNECTED);
        assert_int_equal(sluice_pending(client), 0);
        sluice_close(client);
        scripted_finish(&s);
    }
}

enum { MANY = 1000, BIG = 8192 };

/* Answers each request with a large value before it reads the next one, so it stops reading when nobody reads. */
static void one_by_one(struct scripted *s, int fd)
{
    const char *value = s->script;
    char head[64];

    snprintf(head, sizeof head, "VALUE 1 1 $%d\r\n", BIG);
    for (int i = 0; i < MANY; i++) {
        char request[64];
        snprintf(request, sizeof request, "PUT k%d - $%d\r\n", i, BIG);
        scripted_expect(s, fd, request);
        scripted_expect_bytes(s, fd, value, BIG);
        snprintf(request, sizeof request, "\r\nGET k%d\r\n", i);
        scripted_expect(s, fd, request);
        scripted_say(s, fd, "OK 1\r\n");
        scripted_say(s, fd, head);
        scripted_say_bytes(s, fd, value, BIG);
        scripted_say(s, fd, "\r\n");
    }
    scripted_expect_end(s, fd);
}

/* 8 MB each way: far more than socket buffers hold (these are made small besides). */
static void full_in_both_directions(void **state)
{
    char *value = malloc(BIG);
    struct scripted s = {.script = value, .on_unix = true};
    struct sluice_result r;
    int small = 4096;

    (void)state;
    assert_non_null(value);
    for (int i = 0; i < BIG; i++)
        value[i] = (char)(i * 7);
    scripted_start(&s, one_by_one);
    struct sluice *client = open_to(&s, 0);
    assert_return_code(setsockopt(sluice_fd(client), SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    for (int i = 0; i < MANY; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%d", i);
        assert_int_equal(
            sluice_send_put(client, sluice_text(key), sluice_bytes(value, BIG), SLUICE_TTL_DEFAULT, NULL),
            SLUICE_OK);
        assert_int_equal(sluice_send_get(client, sluice_text(key), NULL), SLUICE_OK);
    }
    assert_int_equal(sluice_flush(client), SLUICE_OK);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(sluice_receive(client, &r), SLUICE_OK);
        assert_int_equal(r.version, 1);
        assert_int_equal(sluice_receive(client, &r), SLUICE_OK);
        assert_int_equal(r.body.len, BIG);
        assert_memory_equal(r.body.data, value, BIG);
    }
    assert_int_equal(sluice_pending(client), 0);
    sluice_close(client);
    scripted_finish(&s);
    free(value);
}

/* A server that reads nothing at all. */
static void read_nothing(struct scripted *s, int fd)
{
    char byte = 0;
    const int *until = s->script;

    (void)fd;
    if (read(*until, &byte, 1) < 0) abort();
}

static void a_flush_that_nobody_takes(void **state)
{
    int until[2];
    size_t len = 16 << 20;
    char *value = calloc(1, len);
    struct scripted s = {.script = &until[0]};
    struct sluice_result r;

    (void)state;
    assert_non_null(value);
    assert_return_code(pipe(until), 0);
    scripted_start(&s, read_nothing);
    struct sluice *client = open_to(&s, SHORT_MS);
    assert_int_equal(sluice_send_put(client, sluice_text("k"), sluice_bytes(value, len), 1, NULL), SLUICE_OK);
    assert_int_equal(sluice_flush(client), SLUICE_TIMEOUT);
    assert_int_equal(sluice_receive(client, &r), SLUICE_DISCONNECTED);
    close(until[1]);
    sluice_close(client);
    scripted_finish(&s);
    close(until[0]);
    free(value);
}

/* Requests t0 to t19; every third one, and the last, is refused, before any other is answered. */
enum { EARLY = 20 };

static bool is_refused(int i)
{
    return i % 3 == 0 || i == EARLY - 1;
}

static void refuse_first(struct scripted *s, int fd)
{
    char line[64];

    for (int i = 0; i < EARLY; i++) {
        snprintf(line, sizeof line, "@tag=t%d;refuse=early GET k\r\n", i);
        scripted_expect(s, fd, line);
    }
    for (int i = EARLY - 1; i >= 0; i--) { /* in any order */
        snprintf(line, sizeof line, i % 2 ? "@tag=t%d OVERLOADED 5\r\n" : "@tag=t%d LATE\r\n", i);
        if (is_refused(i)) scripted_say(s, fd, line);
    }
    for (int i = 0; i < EARLY; i++) {
        snprintf(line, sizeof line, "@tag=t%d NOT_FOUND\r\n", i);
        if (!is_refused(i)) scripted_say(s, fd, line);
    }
}

static void refusals_may_come_early(void **state)
{
    struct scripted s = {.piece = 3};
    struct sluice_result r;
    char tag[8];

    (void)state;
    scripted_start(&s, refuse_first);
    struct sluice *client = open_to(&s, 0);
    for (int i = 0; i < EARLY; i++) {
        snprintf(tag, sizeof tag, "t%d", i);
        struct sluice_request_options options = {.tag = tag, .early_refusal = 1};
        assert_int_equal(sluice_send_get(client, sluice_text("k"), &options), SLUICE_OK);
    }
    size_t left = EARLY;
    for (int i = EARLY - 1; i >= 0; i--) {
        if (!is_refused(i)) continue;
        snprintf(tag, sizeof tag, "t%d", i);
        assert_int_equal(sluice_receive(client, &r), i % 2 ? SLUICE_OVERLOADED : SLUICE_LATE);
        assert_string_equal(r.tag, tag);
        assert_int_equal(sluice_pending(client), --left);
    }
    for (int i = 0; i < EARLY; i++) {
        if (is_refused(i)) continue;
        snprintf(tag, sizeof tag, "t%d", i);
        assert_int_equal(sluice_receive(client, &r), SLUICE_NOT_FOUND);
        assert_string_equal(r.tag, tag);
    }
    assert_int_equal(sluice_pending(client), 0);
    sluice_close(client);
    scripted_finish(&s);
}

static void out_of_turn(struct scripted *s, int fd)
{
    scripted_expect(s, fd, "@tag=a GET k\r\n@tag=b;refuse=early GET k\r\n@tag=c GET k\r\n");
    scripted_say(s, fd, s->script);
}

/* Only refusals may come early, and only of who asked for it. */
static void other_replies_may_not(void **state)
{
    static const char *const bad[] = {"@tag=b NOT_FOUND\r\n", "@tag=c OVERLOADED 1\r\n", "@tag=d OVERLOADED 1\r\n",
                                      "OVERLOADED 1\r\n"};
    struct sluice_result r;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct scripted s = {.script = bad[i]};
        scripted_start(&s, out_of_turn);
        struct sluice *client = open_to(&s, 0);
        struct sluice_request_options a = {.tag = "a"}, b = {.tag = "b", .early_refusal = 1}, c = {.tag = "c"};
        assert_int_equal(sluice_send_get(client, sluice_text("k"), &a), SLUICE_OK);
        assert_int_equal(sluice_send_get(client, sluice_text("k"), &b), SLUICE_OK);
        assert_int_equal(sluice_send_get(client, sluice_text("k"), &c), SLUICE_OK);
        assert_int_equal(sluice_receive(client, &r), SLUICE_PROTOCOL);
        sluice_close(client);
        scripted_finish(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_come_in_order_also_after_the_end),
        cmocka_unit_test(full_in_both_directions),
        cmocka_unit_test(a_flush_that_nobody_takes),
        cmocka_unit_test(refusals_may_come_early),
        cmocka_unit_test(other_replies_may_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
