/* The client library refuses what must not reach the wire. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "clients/c/sluice.h"
#include "tests/unit/scripted_server.h"

static struct sluice *open_to(const struct scripted *s)
{
    struct sluice_options options = {.port = s->port};
    struct sluice *client = NULL;

    assert_int_equal(sluice_open(&options, &client), SLUICE_OK);
    assert_non_null(client);
    return client;
}

/* Nothing of a refused request may reach the server: it sees one PING, and one GET of the longest key. */
static void serve_the_good(struct scripted *s, int fd)
{
    scripted_expect(s, fd, "PING\r\nGET ");
    scripted_expect(s, fd, s->script);
    scripted_expect(s, fd, "\r\n");
    scripted_say(s, fd, "PONG\r\nNOT_FOUND\r\n");
    scripted_expect_end(s, fd);
}

static void refuse_keys(struct sluice *client)
{
    static const char *const keys[] = {"", " ", "a b", "a\n", "k\r\nDELETE k", "a\tb", "\x7f", "a\x01"};
    struct sluice_result r;
    char long_key[513];

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        assert_int_equal(sluice_get(client, sluice_text(keys[i]), NULL, &r), SLUICE_BAD_ARGUMENT);
        assert_int_equal(sluice_delete(client, sluice_text(keys[i]), NULL, &r), SLUICE_BAD_ARGUMENT);
        assert_int_equal(sluice_touch(client, sluice_text(keys[i]), 1, NULL, &r), SLUICE_BAD_ARGUMENT);
        assert_int_equal(sluice_put(client, sluice_text(keys[i]), sluice_text(""), 1, NULL, &r),
                         SLUICE_BAD_ARGUMENT);
    }
    assert_int_equal(sluice_get(client, sluice_bytes("a\0b", 3), NULL, &r), SLUICE_BAD_ARGUMENT);
    memset(long_key, 'k', sizeof long_key);
    assert_int_equal(sluice_get(client, sluice_bytes(long_key, 513), NULL, &r), SLUICE_BAD_ARGUMENT);
    assert_non_null(strstr(sluice_error_text(client), "512"));
}

static void refuse_options(struct sluice *client)
{
    static const char *const tags[] = {"", "a b", "a;if=absent", "a\r\nQUIT", "123456789012345678901234567890123"};
    struct sluice_bytes key = sluice_text("k");
    struct sluice_request_options options = {0};
    struct sluice_result r;

    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++) {
        options.tag = tags[i];
        assert_int_equal(sluice_get(client, key, &options, &r), SLUICE_BAD_ARGUMENT);
    }
    options = (struct sluice_request_options){.condition = SLUICE_IF_ABSENT};
    assert_int_equal(sluice_get(client, key, &options, &r), SLUICE_BAD_ARGUMENT);
    assert_int_equal(sluice_len(client, &options, &r), SLUICE_BAD_ARGUMENT);
    options = (struct sluice_request_options){.condition = SLUICE_IF_VERSION};
    assert_int_equal(sluice_delete(client, key, &options, &r), SLUICE_BAD_ARGUMENT);
    options = (struct sluice_request_options){.condition = (enum sluice_condition)9};
    assert_int_equal(sluice_delete(client, key, &options, &r), SLUICE_BAD_ARGUMENT);
    options = (struct sluice_request_options){.priority = (enum sluice_priority)9};
    assert_int_equal(sluice_delete(client, key, &options, &r), SLUICE_BAD_ARGUMENT);
    options = (struct sluice_request_options){.early_refusal = 1};
    assert_int_equal(sluice_get(client, key, &options, &r), SLUICE_BAD_ARGUMENT);
    options = (struct sluice_request_options){.deadline_ms = UINT64_MAX};
    assert_int_equal(sluice_get(client, key, &options, &r), SLUICE_BAD_ARGUMENT);
    assert_int_equal(sluice_touch(client, key, -2, NULL, &r), SLUICE_BAD_ARGUMENT);
    assert_int_equal(sluice_touch(client, key, 315360000001, NULL, &r), SLUICE_BAD_ARGUMENT);
    assert_int_equal(sluice_put(client, key, sluice_bytes("", (size_t)2147483649U), 1, NULL, &r),
                     SLUICE_BAD_ARGUMENT);
    assert_int_equal(r.status, SLUICE_BAD_ARGUMENT);
}

static void bad_arguments_send_nothing(void **state)
{
    char key[513];
    struct scripted s = {.script = key};
    struct sluice_result r;

    (void)state;
    memset(key, 'k', 512);
    key[512] = '\0';
    scripted_start(&s, serve_the_good);
    struct sluice *client = open_to(&s);
    refuse_keys(client);
    refuse_options(client);
    assert_int_equal(sluice_send_ping(client, NULL), SLUICE_OK);
    assert_int_equal(sluice_send_get(client, sluice_text(key), NULL), SLUICE_OK);
    assert_int_equal(sluice_receive(client, &r), SLUICE_OK);
    assert_int_equal(sluice_receive(client, &r), SLUICE_NOT_FOUND);
    sluice_close(client);
    scripted_finish(&s);
}

static void lifetimes_as_people_write_them(void **state)
{
    static const char *const bad[] = {"", "0", "-1", "1w", "1.5s", "nope", "11y", "99999999999999999999", " 1"};
    int64_t ms = 5;

    (void)state;
    assert_int_equal(sluice_parse_ttl("-", &ms), SLUICE_OK);
    assert_int_equal(ms, SLUICE_TTL_DEFAULT);
    assert_int_equal(sluice_parse_ttl("never", &ms), SLUICE_OK);
    assert_int_equal(ms, SLUICE_TTL_NEVER);
    assert_int_equal(sluice_parse_ttl("30m", &ms), SLUICE_OK);
    assert_int_equal(ms, 1800000);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(sluice_parse_ttl(bad[i], &ms), SLUICE_BAD_ARGUMENT);
        assert_int_equal(ms, 1800000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_arguments_send_nothing),
        cmocka_unit_test(lifetimes_as_people_write_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
