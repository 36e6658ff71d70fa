/* The client library's synchronous calls: the bytes sent, and what each reply becomes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "clients/c/sluice.h"
#include "tests/unit/scripted_server.h"

/* One request and its reply, again and again in different pieces. */
struct exchange {
    const char *request;
    const char *reply;
};

static void serve_exchange(struct scripted *s, int fd)
{
    const struct exchange *e = s->script;

    scripted_expect(s, fd, e->request);
    scripted_say(s, fd, e->reply);
    scripted_expect_end(s, fd);
}

static struct sluice *open_to(const struct scripted *s)
{
    struct sluice_options options = {.port = s->port, .retry = {.attempts = 1, .throttle = -1}};
    struct sluice *client = NULL;

    assert_int_equal(sluice_open(&options, &client), SLUICE_OK);
    assert_non_null(client);
    return client;
}

typedef enum sluice_status caller(struct sluice *s, struct sluice_result *r);

/* Lets `call` meet the reply whole, byte by byte and in threes; checks status and body each time. */
static struct sluice_result exchange(const char *request, const char *reply, caller *call,
                                     enum sluice_status status, const char *body)
{
    static const size_t pieces[] = {0, 1, 3};
    struct exchange e = {request, reply};
    struct sluice_result r = {0};

    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        struct scripted s = {.script = &e, .piece = pieces[i]};
        scripted_start(&s, serve_exchange);
        struct sluice *client = open_to(&s);
        assert_int_equal(call(client, &r), status);
        assert_int_equal(r.status, status);
        assert_int_equal(r.body.len, strlen(body));
        if (r.body.len > 0) assert_memory_equal(r.body.data, body, r.body.len);
        assert_int_equal(sluice_pending(client), 0);
        sluice_close(client);
        scripted_finish(&s);
    }
    r.body = sluice_bytes(NULL, 0);
    return r;
}

static enum sluice_status get(struct sluice *s, struct sluice_result *r)
{
    return sluice_get(s, sluice_text("alice"), NULL, r);
}

static enum sluice_status put(struct sluice *s, struct sluice_result *r)
{
    return sluice_put(s, sluice_text("alice"), sluice_text("hello"), 1800000, NULL, r);
}

static enum sluice_status put_never(struct sluice *s, struct sluice_result *r)
{
    return sluice_put(s, sluice_text("alice"), sluice_text(""), SLUICE_TTL_NEVER, NULL, r);
}

static enum sluice_status delete (struct sluice *s, struct sluice_result *r) {
    return sluice_delete(s, sluice_text("alice"), NULL, r);
}

static enum sluice_status touch(struct sluice *s, struct sluice_result *r)
{
    return sluice_touch(s, sluice_text("alice"), SLUICE_TTL_DEFAULT, NULL, r);
}

static enum sluice_status len(struct sluice *s, struct sluice_result *r)
{
    return sluice_len(s, NULL, r);
}

static enum sluice_status ping(struct sluice *s, struct sluice_result *r)
{
    return sluice_ping(s, NULL, r);
}

static enum sluice_status stats(struct sluice *s, struct sluice_result *r)
{
    return sluice_stats(s, NULL, r);
}

static enum sluice_status config(struct sluice *s, struct sluice_result *r)
{
    return sluice_config(s, NULL, r);
}

static enum sluice_status help(struct sluice *s, struct sluice_result *r)
{
    return sluice_help(s, NULL, r);
}

static enum sluice_status version(struct sluice *s, struct sluice_result *r)
{
    return sluice_version(s, NULL, r);
}

static void get_gives_value_version_and_lifetime(void **state)
{
    struct sluice_result r = exchange("GET alice\r\n", "VALUE 1799 4 $5\r\nhello\r\n", get, SLUICE_OK, "hello");

    (void)state;
    assert_int_equal(r.version, 4);
    assert_int_equal(r.ttl_ms, 1799);
    r = exchange("GET alice\r\n", "VALUE -1 18446744073709551615 $0\r\n\r\n", get, SLUICE_OK, "");
    assert_true(r.version == UINT64_MAX);
    assert_int_equal(r.ttl_ms, -1);
    exchange("GET alice\r\n", "NOT_FOUND\r\n", get, SLUICE_NOT_FOUND, "");
}

static void the_other_verbs(void **state)
{
    struct sluice_result r = exchange("PUT alice 1800000ms $5\r\nhello\r\n", "OK 12\r\n", put, SLUICE_OK, "");

    (void)state;
    assert_int_equal(r.version, 12);
    exchange("PUT alice never $0\r\n\r\n", "OK 1\r\n", put_never, SLUICE_OK, "");
    exchange("DELETE alice\r\n", "OK\r\n", delete, SLUICE_OK, "");
    exchange("DELETE alice\r\n", "NOT_FOUND\r\n", delete, SLUICE_NOT_FOUND, "");
    r = exchange("TOUCH alice -\r\n", "OK 3\r\n", touch, SLUICE_OK, "");
    assert_int_equal(r.version, 3);
    exchange("TOUCH alice -\r\n", "NOT_FOUND\r\n", touch, SLUICE_NOT_FOUND, "");
    r = exchange("LEN\r\n", "LEN 1000000\r\n", len, SLUICE_OK, "");
    assert_int_equal(r.count, 1000000);
    exchange("PING\r\n", "PONG\r\n", ping, SLUICE_OK, "");
    exchange("STATS\r\n", "JSON $2\r\n{}\r\n", stats, SLUICE_OK, "{}");
    exchange("CONFIG\r\n", "JSON $9\r\n{\"a\":\r\n1}\r\n", config, SLUICE_OK, "{\"a\":\r\n1}");
    exchange("HELP\r\n", "TEXT $4\r\nA\r\nB\r\n", help, SLUICE_OK, "A\r\nB");
    exchange("VERSION\r\n", "VERSION sluice 0.1.0 protocol 1\r\n", version, SLUICE_OK, "sluice 0.1.0 protocol 1");
}

static void refusals(void **state)
{
    struct sluice_result r = exchange("LEN\r\n", "OVERLOADED 12\r\n", len, SLUICE_OVERLOADED, "");

    (void)state;
    assert_int_equal(r.retry_ms, 12);
    r = exchange("LEN\r\n", "OVERLOADED -1\r\n", len, SLUICE_OVERLOADED, "");
    assert_int_equal(r.retry_ms, -1);
    exchange("LEN\r\n", "LATE\r\n", len, SLUICE_LATE, "");
    r = exchange("PUT alice 1800000ms $5\r\nhello\r\n", "CONFLICT 7\r\n", put, SLUICE_CONFLICT, "");
    assert_int_equal(r.version, 7);
    r = exchange("GET alice\r\n", "ERROR internal so it is\r\n", get, SLUICE_SERVER_ERROR, "so it is");
    assert_int_equal(r.error, SLUICE_ERROR_INTERNAL);
    assert_string_equal(sluice_error_name(r.error), "internal");
    r = exchange("GET alice\r\n", "ERROR bad-request why\r\n", get, SLUICE_SERVER_ERROR, "why");
    assert_int_equal(r.error, SLUICE_ERROR_BAD_REQUEST);
}

static enum sluice_status put_with_everything(struct sluice *s, struct sluice_result *r)
{
    struct sluice_request_options options = {.condition = SLUICE_IF_VERSION,
                                             .version = 41,
                                             .priority = SLUICE_SHEDDABLE,
                                             .deadline_ms = 250,
                                             .tag = "a-1_Z"};

    return sluice_put(s, sluice_text("k"), sluice_text("v"), 1, &options, r);
}

static enum sluice_status delete_if_present(struct sluice *s, struct sluice_result *r)
{
    struct sluice_request_options options = {.condition = SLUICE_IF_PRESENT, .priority = SLUICE_CRITICAL};

    return sluice_delete(s, sluice_text("k"), &options, r);
}

static enum sluice_status touch_if_absent(struct sluice *s, struct sluice_result *r)
{
    struct sluice_request_options options = {.condition = SLUICE_IF_ABSENT, .priority = SLUICE_NORMAL};

    return sluice_touch(s, sluice_text("k"), 1, &options, r);
}

static void options_become_modifiers(void **state)
{
    struct sluice_result r = exchange("@if=41;tag=a-1_Z;deadline=250ms;class=sheddable PUT k 1ms $1\r\nv\r\n",
                                      "@tag=a-1_Z OK 42\r\n", put_with_everything, SLUICE_OK, "");

    (void)state;
    assert_string_equal(r.tag, "a-1_Z");
    exchange("@if=present;class=critical DELETE k\r\n", "CONFLICT 0\r\n", delete_if_present, SLUICE_CONFLICT, "");
    exchange("@if=absent;class=normal TOUCH k 1ms\r\n", "CONFLICT 3\r\n", touch_if_absent, SLUICE_CONFLICT, "");
}

/* After these the connection is of no more use. */
static void replies_that_cannot_be(void **state)
{
    (void)state;
    exchange("GET alice\r\n", "HTTP/1.1 400 Bad Request\r\n", get, SLUICE_PROTOCOL, "");
    exchange("GET alice\r\n", "OK 1\r\n", get, SLUICE_PROTOCOL, "");
    exchange("LEN\r\n", "PONG\r\n", len, SLUICE_PROTOCOL, "");
    exchange("DELETE alice\r\n", "OK 4\r\n", delete, SLUICE_PROTOCOL, "");
    exchange("PUT alice 1800000ms $5\r\nhello\r\n", "OK\r\n", put, SLUICE_PROTOCOL, "");
    exchange("GET alice\r\n", "VALUE 1 1 $2\r\nabc\r\n", get, SLUICE_PROTOCOL, "");
    exchange("GET alice\r\n", "@tag=x NOT_FOUND\r\n", get, SLUICE_PROTOCOL, "");
    exchange("@if=41;tag=a-1_Z;deadline=250ms;class=sheddable PUT k 1ms $1\r\nv\r\n", "@tag=b OK 42\r\n",
             put_with_everything, SLUICE_PROTOCOL, "");
    exchange("@if=41;tag=a-1_Z;deadline=250ms;class=sheddable PUT k 1ms $1\r\nv\r\n", "OK 42\r\n",
             put_with_everything, SLUICE_PROTOCOL, "");
}

static void an_error_may_lack_the_tag(void **state)
{
    struct sluice_result r =
        exchange("@if=41;tag=a-1_Z;deadline=250ms;class=sheddable PUT k 1ms $1\r\nv\r\n",
                 "ERROR too-many-connections try later\r\n", put_with_everything, SLUICE_SERVER_ERROR, "try later");

    (void)state;
    assert_int_equal(r.error, SLUICE_ERROR_TOO_MANY_CONNECTIONS);
}

/* Every byte value, line ends, and what looks like a reply. */
static void serve_binary(struct scripted *s, int fd)
{
    const struct sluice_bytes *value = s->script;

    scripted_expect(s, fd, "PUT k - $600\r\n");
    scripted_expect_bytes(s, fd, value->data, value->len);
    scripted_expect(s, fd, "\r\n");
    scripted_say(s, fd, "OK 1\r\n");
    scripted_expect(s, fd, "GET k\r\n");
    scripted_say(s, fd, "VALUE -1 1 $600\r\n");
    scripted_say_bytes(s, fd, value->data, value->len);
    scripted_say(s, fd, "\r\n");
}

static void values_are_any_bytes(void **state)
{
    char bytes[600];
    struct sluice_bytes value = {bytes, sizeof bytes};
    struct scripted s = {.script = &value, .piece = 7};
    struct sluice_result r;

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)i;
    memcpy(bytes + 300, "\r\nOK 1\r\n$5\r\n", 12);
    scripted_start(&s, serve_binary);
    struct sluice *client = open_to(&s);
    assert_int_equal(sluice_put(client, sluice_text("k"), value, SLUICE_TTL_DEFAULT, NULL, &r), SLUICE_OK);
    assert_int_equal(sluice_get(client, sluice_text("k"), NULL, &r), SLUICE_OK);
    assert_int_equal(r.body.len, sizeof bytes);
    assert_memory_equal(r.body.data, bytes, sizeof bytes);
    sluice_close(client);
    scripted_finish(&s);
}

static void a_kept_body_outlives_the_connection(void **state)
{
    struct exchange e = {"GET alice\r\n", "VALUE 1 1 $5\r\nhello\r\n"};
    struct scripted s = {.script = &e};
    struct sluice_result r;

    (void)state;
    scripted_start(&s, serve_exchange);
    struct sluice *client = open_to(&s);
    assert_int_equal(get(client, &r), SLUICE_OK);
    assert_int_equal(sluice_result_keep(&r), SLUICE_OK);
    sluice_close(client);
    assert_int_equal(r.body.len, 5);
    assert_memory_equal(r.body.data, "hello", 5);
    sluice_result_free(&r);
    sluice_result_free(&r);
    scripted_finish(&s);
}

static void every_status_has_a_name(void **state)
{
    (void)state;
    for (int i = SLUICE_OK; i <= SLUICE_PROTOCOL; i++)
        assert_string_not_equal(sluice_status_name((enum sluice_status)i), "unknown");
    for (int i = SLUICE_ERROR_NONE; i <= SLUICE_ERROR_INTERNAL; i++)
        assert_string_not_equal(sluice_error_name((enum sluice_error)i), "unknown");
    assert_string_equal(sluice_error_name(SLUICE_ERROR_TOO_LARGE), "too-large");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(get_gives_value_version_and_lifetime),
        cmocka_unit_test(the_other_verbs),
        cmocka_unit_test(refusals),
        cmocka_unit_test(options_become_modifiers),
        cmocka_unit_test(replies_that_cannot_be),
        cmocka_unit_test(an_error_may_lack_the_tag),
        cmocka_unit_test(values_are_any_bytes),
        cmocka_unit_test(a_kept_body_outlives_the_connection),
        cmocka_unit_test(every_status_has_a_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
