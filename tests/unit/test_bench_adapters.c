/* What the load tester sends in other protocols, and what it makes of the replies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bench/load/channel.h"

#define KEY   slice_text("alice")
#define VALUE slice_text("hello")

static void expect_request(const char *protocol, struct request request, const char *bytes)
{
    struct buffer out = {0};
    adapter_find(protocol)->encode_request(&out, &request);
    assert_int_equal(out.len, strlen(bytes));
    assert_memory_equal(out.data, bytes, out.len);
    buffer_free(&out);
}

/* The reply that these bytes are, as soon as they are whole and not before. */
static struct reply reply_of(const char *protocol, const char *bytes)
{
    const struct adapter *adapter = adapter_find(protocol);
    struct reply_decoder d = {0};
    struct reply reply = {0};
    struct slice tag;
    size_t used = 0, len = strlen(bytes);
    for (size_t n = 0; n < len; n++)
        assert_int_equal(adapter->decode_reply(&d, &adapter_limits, bytes, n, &used, &reply, &tag), DECODE_MORE);
    assert_int_equal(adapter->decode_reply(&d, &adapter_limits, bytes, len, &used, &reply, &tag), DECODE_REQUEST);
    assert_int_equal(used, len);
    return reply;
}

static void expect_kind(const char *protocol, const char *bytes, enum reply_kind kind)
{
    assert_int_equal(reply_of(protocol, bytes).kind, kind);
}

static void expect_body(const char *protocol, const char *bytes, const char *value)
{
    struct reply reply = reply_of(protocol, bytes);
    assert_int_equal(reply.kind, REPLY_VALUE);
    assert_int_equal(reply.body.len, strlen(value));
    if (reply.body.len > 0) assert_memory_equal(reply.body.ptr, value, reply.body.len);
}

static void expect_nonsense(const char *protocol, const char *bytes)
{
    struct reply_decoder d = {0};
    struct reply reply;
    struct slice tag;
    size_t used = 0;
    assert_int_equal(
        adapter_find(protocol)->decode_reply(&d, &adapter_limits, bytes, strlen(bytes), &used, &reply, &tag),
        DECODE_CLOSE);
}

static void redis_is_spoken_to(void **state)
{
    (void)state;
    expect_request("resp", (struct request){.op = OP_GET, .key = KEY}, "*2\r\n$3\r\nGET\r\n$5\r\nalice\r\n");
    expect_request("resp", (struct request){.op = OP_DELETE, .key = KEY}, "*2\r\n$3\r\nDEL\r\n$5\r\nalice\r\n");
    expect_request("resp", (struct request){.op = OP_PUT, .key = KEY, .value = VALUE},
                   "*3\r\n$3\r\nSET\r\n$5\r\nalice\r\n$5\r\nhello\r\n");
    expect_request(
        "resp",
        (struct request){.op = OP_PUT, .key = KEY, .value = VALUE, .ttl_kind = TTL_RELATIVE, .ttl_ms = 1500},
        "*5\r\n$3\r\nSET\r\n$5\r\nalice\r\n$5\r\nhello\r\n$2\r\nPX\r\n$4\r\n1500\r\n");
    expect_request("resp", (struct request){.op = OP_TOUCH, .key = KEY, .ttl_kind = TTL_RELATIVE, .ttl_ms = 1500},
                   "*3\r\n$7\r\nPEXPIRE\r\n$5\r\nalice\r\n$4\r\n1500\r\n");
    expect_request("resp", (struct request){.op = OP_TOUCH, .key = KEY, .ttl_kind = TTL_NEVER},
                   "*2\r\n$7\r\nPERSIST\r\n$5\r\nalice\r\n");
    expect_request("resp", (struct request){.op = OP_LEN}, "*1\r\n$6\r\nDBSIZE\r\n");
}

static void redis_is_understood(void **state)
{
    (void)state;
    expect_body("resp", "$5\r\nhello\r\n", "hello");
    expect_body("resp", "$0\r\n\r\n", "");
    expect_kind("resp", "$-1\r\n", REPLY_NOT_FOUND);
    expect_kind("resp", "_\r\n", REPLY_NOT_FOUND);
    expect_kind("resp", "+OK\r\n", REPLY_OK);
    expect_kind("resp", ":1\r\n", REPLY_LEN);
    expect_kind("resp", ":0\r\n", REPLY_NOT_FOUND);
    expect_kind("resp", "-ERR unknown command\r\n", REPLY_ERROR);
    expect_kind("resp", "-LATE its deadline had passed\r\n", REPLY_LATE);
    struct reply refused = reply_of("resp", "-OVERLOADED retry after 12 ms\r\n");
    assert_int_equal(refused.kind, REPLY_OVERLOADED);
    assert_int_equal(refused.number, 12);
    assert_int_equal(reply_of("resp", "-OVERLOADED do not retry\r\n").number, -1);
    expect_nonsense("resp", "hello\r\n");
    expect_nonsense("resp", ":x\r\n");
    expect_nonsense("resp", "$3\r\nhello\r\n");
    expect_nonsense("resp", "$99999999999999999999\r\n");
}

static void memcached_is_spoken_to(void **state)
{
    (void)state;
    expect_request("memcached", (struct request){.op = OP_GET, .key = KEY}, "get alice\r\n");
    expect_request("memcached", (struct request){.op = OP_DELETE, .key = KEY}, "delete alice\r\n");
    expect_request("memcached",
                   (struct request){.op = OP_TOUCH, .key = KEY, .ttl_kind = TTL_RELATIVE, .ttl_ms = 1500},
                   "touch alice 2\r\n");
    expect_request("memcached", (struct request){.op = OP_PUT, .key = KEY, .value = VALUE},
                   "set alice 0 0 5\r\nhello\r\n");
    /* Longer than 30 days would be taken for a time of day. */
    expect_request(
        "memcached",
        (struct request){.op = OP_PUT, .key = KEY, .value = VALUE, .ttl_kind = TTL_RELATIVE, .ttl_ms = 2592000001},
        "set alice 0 0 5\r\nhello\r\n");
}

static void memcached_is_understood(void **state)
{
    (void)state;
    expect_body("memcached", "VALUE alice 0 5\r\nhello\r\nEND\r\n", "hello");
    expect_body("memcached", "VALUE alice 7 0\r\n\r\nEND\r\n", "");
    expect_kind("memcached", "END\r\n", REPLY_NOT_FOUND);
    expect_kind("memcached", "STORED\r\n", REPLY_STORED);
    expect_kind("memcached", "DELETED\r\n", REPLY_OK);
    expect_kind("memcached", "TOUCHED\r\n", REPLY_OK);
    expect_kind("memcached", "NOT_FOUND\r\n", REPLY_NOT_FOUND);
    expect_kind("memcached", "ERROR\r\n", REPLY_ERROR);
    expect_kind("memcached", "CLIENT_ERROR bad data chunk\r\n", REPLY_ERROR);
    expect_kind("memcached", "SERVER_ERROR out of memory storing object\r\n", REPLY_ERROR);
    expect_kind("memcached", "SERVER_ERROR late\r\n", REPLY_LATE);
    struct reply refused = reply_of("memcached", "SERVER_ERROR overloaded, retry after 12 ms\r\n");
    assert_int_equal(refused.kind, REPLY_OVERLOADED);
    assert_int_equal(refused.number, 12);
    expect_nonsense("memcached", "OK\r\n");
    expect_nonsense("memcached", "VALUE alice 0 x\r\n");
    expect_nonsense("memcached", "VALUE alice 0 3\r\nhello\r\nEND\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(redis_is_spoken_to),
        cmocka_unit_test(redis_is_understood),
        cmocka_unit_test(memcached_is_spoken_to),
        cmocka_unit_test(memcached_is_understood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
