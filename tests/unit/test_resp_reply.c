/* What replies become in RESP, command by command, in both versions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/resp/resp.h"
#include "tests/unit/codec_check.h"

/* The command's reply, when the backend answers so. */
#define IS(command, expected, ...) \
    codec_check_reply(&codec_resp, command "\r\n", (struct reply){__VA_ARGS__}, expected)
#define IS_3(command, expected, ...) \
    codec_check_reply(&codec_resp, "HELLO 3\r\n" command "\r\n", (struct reply){__VA_ARGS__}, expected)
#define BODY(text) .body = {text, sizeof text - 1}

static void values(void **state)
{
    (void)state;
    IS("GET a", "$4\r\na\r\nb\r\n", .kind = REPLY_VALUE, BODY("a\r\nb"));
    IS("GET a", "$0\r\n\r\n", .kind = REPLY_VALUE, BODY(""));
    IS("GET a", "$-1\r\n", .kind = REPLY_NOT_FOUND);
    IS_3("GET a", "_\r\n", .kind = REPLY_NOT_FOUND);
    IS("MGET a b", "*2\r\n$1\r\nx\r\n$1\r\nx\r\n", .kind = REPLY_VALUE, BODY("x"));
    IS_3("MGET a b", "*2\r\n_\r\n_\r\n", .kind = REPLY_NOT_FOUND);
    IS("STRLEN a", ":7\r\n", .kind = REPLY_META, .size = 7);
    IS("STRLEN a", ":0\r\n", .kind = REPLY_NOT_FOUND);
    IS("APPEND a b", ":7\r\n", .kind = REPLY_STORED, .size = 7);
    IS("RANDOMKEY", "$1\r\nk\r\n", .kind = REPLY_KEY, BODY("k"));
    IS("RANDOMKEY", "$-1\r\n", .kind = REPLY_NOT_FOUND);
    IS("OBJECT ENCODING a", "$3\r\nint\r\n", .kind = REPLY_VALUE, BODY("-12"));
    IS("OBJECT ENCODING a", "$6\r\nembstr\r\n", .kind = REPLY_VALUE, BODY("012"));
}

static void storing(void **state)
{
    (void)state;
    IS("SET a b", "+OK\r\n", .kind = REPLY_STORED);
    IS("SET a b NX", "$-1\r\n", .kind = REPLY_CONFLICT);
    IS_3("SET a b NX", "_\r\n", .kind = REPLY_CONFLICT);
    IS("SET a b GET", "$3\r\nold\r\n", .kind = REPLY_VALUE, .stored = true, BODY("old"));
    IS("SET a b GET", "$-1\r\n", .kind = REPLY_NOT_FOUND, .stored = true);
    IS("SETNX a b", ":1\r\n", .kind = REPLY_STORED);
    IS("SETNX a b", ":0\r\n", .kind = REPLY_CONFLICT);
    IS("MSET a 1 b 2", "+OK\r\n", .kind = REPLY_STORED);
    IS("MSETNX a 1 b 2", ":1\r\n", .kind = REPLY_STORED);
    IS("MSETNX a 1 b 2", ":0\r\n", .kind = REPLY_CONFLICT);
    IS("MSET a 1 b 2", "-OOM command not allowed when used memory > 'maxmemory'.\r\n", .kind = REPLY_ERROR,
       .error = ERR_OUT_OF_MEMORY);
    IS("INCR a", ":-5\r\n", .kind = REPLY_NUMBER, .number = -5);
    IS("INCR a", "-ERR value is not an integer or out of range\r\n", .kind = REPLY_ERROR,
       .error = ERR_NOT_A_NUMBER);
    IS("DECR a", "-ERR increment or decrement would overflow\r\n", .kind = REPLY_ERROR, .error = ERR_OVERFLOW);
    IS("APPEND a b", "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n", .kind = REPLY_ERROR,
       .error = ERR_TOO_LARGE);
}

static void lifetimes(void **state)
{
    (void)state;
    IS("TTL a", ":2\r\n", .kind = REPLY_META, .number = 1500);
    IS("TTL a", ":1\r\n", .kind = REPLY_META, .number = 1499);
    IS("PTTL a", ":1499\r\n", .kind = REPLY_META, .number = 1499);
    IS("TTL a", ":-1\r\n", .kind = REPLY_META, .number = -1);
    IS("PTTL a", ":-2\r\n", .kind = REPLY_NOT_FOUND);
    IS("EXPIRETIME a", ":1900000001\r\n", .kind = REPLY_META, .expires_unix_ms = 1900000000500);
    IS("PEXPIRETIME a", ":1900000000500\r\n", .kind = REPLY_META, .expires_unix_ms = 1900000000500);
    IS("EXPIRETIME a", ":-1\r\n", .kind = REPLY_META, .number = -1, .expires_unix_ms = UINT64_MAX);
    IS("EXPIRE a 5", ":1\r\n", .kind = REPLY_STORED);
    IS("EXPIRE a 5 NX", ":0\r\n", .kind = REPLY_CONFLICT);
    IS("PERSIST a", ":0\r\n", .kind = REPLY_NOT_FOUND);
    IS("GETEX a EX 0", "-ERR invalid expire time in 'getex' command\r\n", .kind = REPLY_META);
    IS("GETEX a EX 0", "$-1\r\n", .kind = REPLY_NOT_FOUND);
}

static void keys(void **state)
{
    (void)state;
    IS("DEL a", ":1\r\n", .kind = REPLY_OK);
    IS("DEL a b c", ":3\r\n", .kind = REPLY_OK);
    IS("DEL a b", ":0\r\n", .kind = REPLY_NOT_FOUND);
    IS("TYPE a", "+string\r\n", .kind = REPLY_META);
    IS("TYPE a", "+none\r\n", .kind = REPLY_NOT_FOUND);
    IS("RENAME a b", "+OK\r\n", .kind = REPLY_OK);
    IS("RENAME a b", "-ERR no such key\r\n", .kind = REPLY_NOT_FOUND);
    IS("RENAMENX a b", ":0\r\n", .kind = REPLY_CONFLICT);
    IS("DBSIZE", ":12\r\n", .kind = REPLY_LEN, .number = 12);
    IS("SCAN 0", "*2\r\n$2\r\n17\r\n*0\r\n", .kind = REPLY_KEYS, .cursor = 17);
    IS("KEYS \"\"", "*1\r\n$0\r\n\r\n", .kind = REPLY_META);
    IS("SCAN 0 MATCH \"\"", "*2\r\n$1\r\n0\r\n*0\r\n", .kind = REPLY_NOT_FOUND);
    IS("FLUSHALL", "+OK\r\n", .kind = REPLY_OK);
    IS("TIME", "*2\r\n$2\r\n12\r\n$2\r\n34\r\n", .kind = REPLY_TIME, .number = 12000034);
}

static void refusals(void **state)
{
    (void)state;
    IS("GET a", "-OVERLOADED retry after 25 ms\r\n", .kind = REPLY_OVERLOADED, .number = 25);
    IS("GET a", "-OVERLOADED do not retry\r\n", .kind = REPLY_OVERLOADED, .number = -1);
    IS("MGET a b", "-OVERLOADED retry after 25 ms\r\n", .kind = REPLY_OVERLOADED, .number = 25);
    IS("MULTI\r\nGET a\r\nSET a b\r\nEXEC", "-OVERLOADED retry after 25 ms\r\n", .kind = REPLY_OVERLOADED,
       .number = 25);
    IS("GET a", "-ERR max number of clients reached\r\n", .kind = REPLY_ERROR, .error = ERR_TOO_MANY_CONNECTIONS);
    IS("GET a", "-ERR some text\r\n", .kind = REPLY_ERROR, .error = ERR_INTERNAL, BODY("some text"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values), cmocka_unit_test(storing),  cmocka_unit_test(lifetimes),
        cmocka_unit_test(keys),   cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
