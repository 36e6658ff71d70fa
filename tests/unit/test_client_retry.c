/* When the client library tries again: the rules by themselves, then through a call. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "clients/c/retry.h"
#include "clients/c/sluice.h"
#include "tests/unit/scripted_server.h"

#define ALMOST_ONE 0.999999

static struct sluice__retry make(struct sluice_retry_options options)
{
    struct sluice__retry r;
    sluice__retry_init(&r, &options);
    return r;
}

/* ---- the rules ---- */

static void waits_are_drawn_up_to_the_hint_doubled_and_capped(void **state)
{
    (void)state;
    struct sluice__retry r = make((struct sluice_retry_options){.attempts = 10, .budget_percent = -1});
    assert_int_equal(sluice__retry_wait(&r, 1, 100, 0), 0);
    assert_int_equal(sluice__retry_wait(&r, 1, 100, 0.5), 50);
    assert_int_equal(sluice__retry_wait(&r, 1, 100, ALMOST_ONE), 100);
    assert_int_equal(sluice__retry_wait(&r, 2, 100, ALMOST_ONE), 200);
    assert_int_equal(sluice__retry_wait(&r, 3, 100, ALMOST_ONE), 400);
    assert_int_equal(sluice__retry_wait(&r, 9, 100, ALMOST_ONE), 1000);
    assert_int_equal(sluice__retry_wait(&r, 1, INT64_MAX, ALMOST_ONE), 1000);
    assert_int_equal(sluice__retry_wait(&r, 1, 0, ALMOST_ONE), 1); /* a hint of nothing is still no storm */
}

static void attempts_end(void **state)
{
    (void)state;
    struct sluice__retry r = make((struct sluice_retry_options){0});
    assert_int_not_equal(sluice__retry_wait(&r, 1, 10, 0), -1);
    assert_int_not_equal(sluice__retry_wait(&r, 2, 10, 0), -1);
    assert_int_equal(sluice__retry_wait(&r, 3, 10, 0), -1);
    r = make((struct sluice_retry_options){.attempts = 1});
    assert_int_equal(sluice__retry_wait(&r, 1, 10, 0), -1);
}

static void a_server_that_says_no_means_it(void **state)
{
    (void)state;
    struct sluice__retry r = make((struct sluice_retry_options){0});
    assert_int_equal(sluice__retry_wait(&r, 1, -1, 0), -1);
}

/* Of `calls` that are all refused: how many retries are there? */
static int retries_of(struct sluice__retry *r, int calls)
{
    int retries = 0;
    for (int i = 0; i < calls; i++) {
        sluice__retry_begin(r, 1, 0);
        retries += sluice__retry_wait(r, 1, 1, 0) >= 0;
        sluice__retry_end(r, false);
    }
    return retries;
}

static void retries_are_a_share_of_the_calls(void **state)
{
    (void)state;
    struct sluice__retry r = make((struct sluice_retry_options){0});
    assert_in_range(retries_of(&r, 1000), 100, 111); /* a tenth, and the reserve */
    r = make((struct sluice_retry_options){.budget_percent = 50});
    assert_in_range(retries_of(&r, 1000), 500, 511);
    r = make((struct sluice_retry_options){.budget_percent = -1});
    assert_int_equal(retries_of(&r, 1000), 1000);
}

/* The share of 1000 calls, of which the server takes on `percent`, that is sent at all. */
static int sent_of(struct sluice__retry *r, int percent)
{
    int sent = 0;
    for (int i = 0; i < 1000; i++) {
        bool send = sluice__retry_begin(r, 1, (i * 37 % 100) / 100.0);
        sent += send;
        if (send) sluice__retry_end(r, i * 61 % 100 < percent);
    }
    return sent;
}

static void few_calls_go_to_a_server_that_refuses_most(void **state)
{
    (void)state;
    struct sluice__retry r = make((struct sluice_retry_options){0});
    assert_int_equal(sent_of(&r, 100), 1000);
    r = make((struct sluice_retry_options){0});
    assert_int_equal(sent_of(&r, 60), 1000); /* better than every second: nothing is held back */
    r = make((struct sluice_retry_options){0});
    assert_in_range(sent_of(&r, 0), 1, 60); /* but a few, to notice when it is better */
    r = make((struct sluice_retry_options){.throttle = -1});
    assert_int_equal(sent_of(&r, 0), 1000);
}

static void old_refusals_are_forgotten(void **state)
{
    (void)state;
    struct sluice__retry r = make((struct sluice_retry_options){0});
    sent_of(&r, 0);
    assert_false(sluice__retry_begin(&r, 2, 0.5));
    assert_true(sluice__retry_begin(&r, 3600 * 1000, 0.5));
}

/* ---- in calls ---- */

/* Answers each request of a list with its line. */
static void serve_lines(struct scripted *s, int fd)
{
    for (const char *const *line = s->script; *line; line++) {
        scripted_expect(s, fd, "GET alice\r\n");
        scripted_say(s, fd, *line);
    }
    scripted_expect_end(s, fd);
}

/* One get through a server that answers so. */
static struct sluice_result get(const char *const *lines, struct sluice_options options)
{
    struct scripted s = {.script = lines};
    struct sluice *client = NULL;
    struct sluice_result r = {0};
    scripted_start(&s, serve_lines);
    options.port = s.port;
    assert_int_equal(sluice_open(&options, &client), SLUICE_OK);
    sluice_get(client, sluice_text("alice"), NULL, &r);
    sluice_close(client);
    scripted_finish(&s);
    return r;
}

static void a_refused_call_is_sent_again(void **state)
{
    (void)state;
    static const char *const lines[] = {"OVERLOADED 1\r\n", "OVERLOADED 1\r\n", "NOT_FOUND\r\n", NULL};
    struct sluice_result r = get(lines, (struct sluice_options){0});
    assert_int_equal(r.status, SLUICE_NOT_FOUND);
    assert_int_equal(r.attempts, 3);
}

static void the_last_refusal_is_the_callers(void **state)
{
    (void)state;
    static const char *const lines[] = {"OVERLOADED 1\r\n", "OVERLOADED 1\r\n", "OVERLOADED 7\r\n", NULL};
    struct sluice_result r = get(lines, (struct sluice_options){0});
    assert_int_equal(r.status, SLUICE_OVERLOADED);
    assert_int_equal(r.retry_ms, 7);
    assert_int_equal(r.attempts, 3);
    assert_false(r.throttled);
}

static void nothing_else_is_sent_again(void **state)
{
    (void)state;
    static const char *const answers[] = {"LATE\r\n", "ERROR internal x\r\n", "OVERLOADED -1\r\n", "NOT_FOUND\r\n"};
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        const char *const lines[] = {answers[i], NULL};
        assert_int_equal(get(lines, (struct sluice_options){0}).attempts, 1);
    }
    static const char *const once[] = {"OVERLOADED 1\r\n", NULL};
    assert_int_equal(get(once, (struct sluice_options){.retry = {.attempts = 1}}).attempts, 1);
}

static void no_wait_passes_the_request_timeout(void **state)
{
    (void)state;
    /* Drawn from 0 to a day, no wait is likely to fit: the call ends with the first answer. */
    static const char *const lines[] = {"OVERLOADED 86400000\r\n", NULL};
    struct sluice_options options = {.request_timeout_ms = 2000, .retry = {.max_wait_ms = 2000000000}};
    struct sluice_result r = get(lines, options);
    assert_int_equal(r.status, SLUICE_OVERLOADED);
    assert_int_equal(r.attempts, 1);
}

/* Refuses whatever comes, one request after the other, and counts. */
static void refuse_all(struct scripted *s, int fd)
{
    static const char request[] = "GET alice\r\n";
    int *count = (int *)s->script;
    char got[sizeof request];
    while (recv(fd, got, sizeof request - 1, MSG_WAITALL) == (ssize_t)sizeof request - 1) {
        if (memcmp(got, request, sizeof request - 1) != 0) snprintf(s->complaint, sizeof s->complaint, "%s", got);
        (*count)++;
        scripted_say(s, fd, "OVERLOADED 1\r\n");
    }
}

static void held_back_calls_are_not_sent(void **state)
{
    (void)state;
    enum { HELD_BACK = 50 }; /* whatever the dice say, the more refusals the sooner */
    int received = 0, sent = 0, throttled = 0;
    struct scripted s = {.script = &received};
    struct sluice *client = NULL;
    struct sluice_result r = {0};
    scripted_start(&s, refuse_all);
    struct sluice_options options = {.port = s.port, .retry = {.attempts = 1}};
    assert_int_equal(sluice_open(&options, &client), SLUICE_OK);
    while (throttled < HELD_BACK) {
        assert_int_equal(sluice_get(client, sluice_text("alice"), NULL, &r), SLUICE_OVERLOADED);
        assert_int_equal(r.attempts, !r.throttled);
        throttled += r.throttled;
        sent += r.attempts;
    }
    sluice_close(client);
    scripted_finish(&s);
    assert_true(sent > 0); /* the first: nothing was refused before it */
    assert_int_equal(received, sent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_are_drawn_up_to_the_hint_doubled_and_capped),
        cmocka_unit_test(attempts_end),
        cmocka_unit_test(a_server_that_says_no_means_it),
        cmocka_unit_test(retries_are_a_share_of_the_calls),
        cmocka_unit_test(few_calls_go_to_a_server_that_refuses_most),
        cmocka_unit_test(old_refusals_are_forgotten),
        cmocka_unit_test(a_refused_call_is_sent_again),
        cmocka_unit_test(the_last_refusal_is_the_callers),
        cmocka_unit_test(nothing_else_is_sent_again),
        cmocka_unit_test(no_wait_passes_the_request_timeout),
        cmocka_unit_test(held_back_calls_are_not_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
