/* What replies become in memcached's words, command by command. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/memcached/memcached.h"
#include "tests/unit/codec_check.h"

/* The command's reply, when the backend answers so. */
#define IS(command, expected, ...) \
    codec_check_reply(&codec_memcached, command "\r\n", (struct reply){__VA_ARGS__}, expected)
#define BODY(text) .body = {text, sizeof text - 1}

static void values(void **state)
{
    (void)state;
    IS("get a", "VALUE a 3 4\r\na\r\nb\r\nEND\r\n", .kind = REPLY_VALUE, .flags = 3, .version = 9, BODY("a\r\nb"));
    IS("gets a", "VALUE a 4294967295 0 18446744073709551615\r\n\r\nEND\r\n", .kind = REPLY_VALUE,
       .flags = UINT32_MAX, .version = UINT64_MAX);
    IS("get a", "END\r\n", .kind = REPLY_NOT_FOUND);
    IS("gat 5 a b", "VALUE a 0 1\r\nx\r\nVALUE b 0 1\r\nx\r\nEND\r\n", .kind = REPLY_VALUE, BODY("x"));
    IS("get a b", "END\r\n", .kind = REPLY_NOT_FOUND);
    IS("incr a 1", "18446744073709551615\r\n", .kind = REPLY_NUMBER, .number = -1);
    IS("incr a 1", "NOT_FOUND\r\n", .kind = REPLY_CONFLICT);
    IS("incr a 1", "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n", .kind = REPLY_ERROR,
       .error = ERR_NOT_A_NUMBER);
}

static void storing(void **state)
{
    (void)state;
    IS("set a 0 0 1\r\nx", "STORED\r\n", .kind = REPLY_STORED);
    IS("add a 0 0 1\r\nx", "NOT_STORED\r\n", .kind = REPLY_CONFLICT, .version = 4);
    IS("append a 0 0 1\r\nx", "NOT_STORED\r\n", .kind = REPLY_CONFLICT);
    IS("cas a 0 0 1 7\r\nx", "EXISTS\r\n", .kind = REPLY_CONFLICT, .version = 4);
    IS("cas a 0 0 1 7\r\nx", "NOT_FOUND\r\n", .kind = REPLY_CONFLICT);
    IS("set a 0 0 1 noreply\r\nx", "", .kind = REPLY_STORED);
    IS("set a 0 0 1 noreply\r\nx", "", .kind = REPLY_OVERLOADED, .number = 5);
    IS("set a 0 0 1\r\nx", "SERVER_ERROR out of memory storing object\r\n", .kind = REPLY_ERROR,
       .error = ERR_OUT_OF_MEMORY);
    IS("append a 0 0 1\r\nx", "SERVER_ERROR object too large for cache\r\n", .kind = REPLY_ERROR,
       .error = ERR_TOO_LARGE);
    IS("delete a", "DELETED\r\n", .kind = REPLY_OK);
    IS("delete a", "NOT_FOUND\r\n", .kind = REPLY_NOT_FOUND);
    IS("touch a 5", "TOUCHED\r\n", .kind = REPLY_STORED);
    IS("touch a 5", "NOT_FOUND\r\n", .kind = REPLY_NOT_FOUND);
    IS("flush_all", "OK\r\n", .kind = REPLY_OK);
}

static void meta_commands(void **state)
{
    (void)state;
    IS("mg a v k Ox s t c f", "VA 1 ka Ox s1 t2 c9 f3\r\ny\r\n", .kind = REPLY_VALUE, .number = 1001, .version = 9,
       .flags = 3, BODY("y"));
    IS("mg a t s", "HD t-1 s5\r\n", .kind = REPLY_META, .number = -1, .size = 5);
    IS("mg a", "HD Z X W\r\n", .kind = REPLY_META, .marks = MARK_STALE | MARK_WON | MARK_LEASED);
    IS("mg a k Ox t", "EN ka Ox\r\n", .kind = REPLY_NOT_FOUND);
    IS("mg a q", "", .kind = REPLY_NOT_FOUND);
    IS("mg aGg= b k", "HD kaGg= b\r\n", .kind = REPLY_META);
    IS("ms a 1 c k\r\nx", "HD c9 ka\r\n", .kind = REPLY_STORED, .version = 9);
    IS("ms a 1 q\r\nx", "", .kind = REPLY_STORED);
    IS("ms a 1 ME c q\r\nx", "NS c0\r\n", .kind = REPLY_CONFLICT, .version = 9);
    IS("ms a 1 C5\r\nx", "EX\r\n", .kind = REPLY_CONFLICT, .version = 9);
    IS("ms a 1 C5\r\nx", "NF\r\n", .kind = REPLY_CONFLICT);
    IS("ms a 1 MA C5 c\r\nx", "NS c0\r\n", .kind = REPLY_CONFLICT);
    IS("ms a 1 MP C5\r\nx", "EX\r\n", .kind = REPLY_CONFLICT, .version = 9);
    IS("me a", "ME a exp=5 cas=9 size=3\r\n", .kind = REPLY_META, .number = 5999, .version = 9, .size = 3);
    IS("me a", "ME a exp=-1 cas=9 size=0\r\n", .kind = REPLY_META, .number = -1, .version = 9);
    IS("me a", "EN\r\n", .kind = REPLY_NOT_FOUND);
    IS("md a q", "", .kind = REPLY_OK);
    IS("md a q k", "NF ka\r\n", .kind = REPLY_NOT_FOUND);
    IS("ma a v t c", "VA 2 t5 c9\r\n12\r\n", .kind = REPLY_NUMBER, .number = 12, .left_ms = 5000, .version = 9);
    IS("ma a q v", "", .kind = REPLY_NUMBER);
    IS("ma a q", "NF\r\n", .kind = REPLY_CONFLICT);
    IS("ma a C5 q", "EX\r\n", .kind = REPLY_CONFLICT, .version = 4);
    IS("mg a q", "SERVER_ERROR overloaded, retry after 5 ms\r\n", .kind = REPLY_OVERLOADED, .number = 5);
}

static void refusals(void **state)
{
    (void)state;
    IS("get a", "SERVER_ERROR overloaded, retry after 25 ms\r\n", .kind = REPLY_OVERLOADED, .number = 25);
    IS("get a b", "SERVER_ERROR overloaded, do not retry\r\n", .kind = REPLY_OVERLOADED, .number = -1);
    IS("get a", "ERROR Too many open connections\r\n", .kind = REPLY_ERROR, .error = ERR_TOO_MANY_CONNECTIONS);
    IS("get a", "SERVER_ERROR some text\r\n", .kind = REPLY_ERROR, .error = ERR_INTERNAL, BODY("some text"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values),
        cmocka_unit_test(storing),
        cmocka_unit_test(meta_commands),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
