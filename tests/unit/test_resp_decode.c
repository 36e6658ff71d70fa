/* What the RESP codec understands: commands to requests, and its own answers. Each sample is cut at every place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/resp/resp.h"
#include "tests/unit/codec_check.h"

static const struct codec_limits limits = {
    .line = 100, .key = 40, .value = 64, .command = 400, .parts = 1000, .held = 1 << 20};

GOLDEN_EVENTS(resp_events, codec_resp)
#define CHECK(...) GOLDEN_CHECK(resp_events, limits, __VA_ARGS__)

static void arrays_and_lines_are_the_same(void **state)
{
    (void)state;
    CHECK(GOLDEN("*2\r\n$3\r\nGET\r\n$1\r\na\r\n", "get key=a\n"), GOLDEN("GET a\r\n", "get key=a\n"),
          GOLDEN("get  a \n", "get key=a\n"), GOLDEN("\r\n*0\r\n*-1\r\n  \r\nGET a\r\n", "get key=a\n"),
          GOLDEN("*2\r\n$3\r\ngEt\r\n$4\r\n\r\n\0x\r\n", "get key=\\x0d\\x0a\\x00x\n"),
          GOLDEN("GET \"\\x41\\n'\"\r\nGET 'a\\'\"'\r\n", "get key=A\\x0a'\nget key=a'\"\n"),
          GOLDEN("*2\r\n$3\r\nGET\r\n$1\r\na", ""), GOLDEN("GET a", ""), GOLDEN("", ""));
}

static void lifetimes(void **state)
{
    (void)state;
    CHECK(GOLDEN("SET a v\r\n", "put key=a value=v ttl=never\n"),
          GOLDEN("SET a v EX 5 NX GET\r\n", "put key=a value=v ttl=5000 if=absent effects=1\n"),
          GOLDEN("SET a v pxat 5 xx\r\n", "put key=a value=v ttl=at:5 if=present\n"),
          GOLDEN("SET a v KEEPTTL\r\n", "put key=a value=v ttl=keep create=never\n"),
          GOLDEN("PUT a - v\r\n", "put key=a value=v\n"),
          GOLDEN("PUT a 30m v\r\n", "put key=a value=v ttl=1800000\n"),
          GOLDEN("GETEX a PX 7\r\n", "get key=a ttl=7 effects=2\n"),
          GOLDEN("GETEX a PERSIST\r\n", "get key=a ttl=never effects=2\n"),
          GOLDEN("GETEX a EX 0\r\n",
                 "meta key=a tag=-ERR\\x20invalid\\x20expire\\x20time\\x20in\\x20'getex'\\x20command\\x0d\\x0a\n"),
          GOLDEN("EXPIRE a 5 LT XX\r\n", "touch key=a ttl=5000 if=mortal-shorter\n"),
          GOLDEN("EXPIREAT a 5 GT\r\n", "touch key=a ttl=at:5000 if=longer\n"),
          GOLDEN("PEXPIRE a -5\r\n", "touch key=a ttl=0\n"),
          GOLDEN("PERSIST a\r\n", "touch key=a ttl=never if=mortal\n"),
          GOLDEN("SET a v EX 9223372036854775807\r\n",
                 "answered -ERR\\x20invalid\\x20expire\\x20time\\x20in\\x20'set'\\x20command\\x0d\\x0a\n"));
}

static void several_keys_are_a_batch(void **state)
{
    (void)state;
    CHECK(GOLDEN("MGET a b\r\n", "batch { get key=a } { get key=b }\n"), GOLDEN("DEL a\r\n", "delete key=a\n"),
          GOLDEN("EXISTS a a\r\n", "batch { meta key=a } { meta key=a }\n"),
          GOLDEN("MSETNX a 1 b 2\r\n", "batch effects=64 { put key=a value=1 ttl=never if=absent } { put key=b "
                                       "value=2 ttl=never if=absent }\n"),
          GOLDEN(
              "MSET a\r\n",
              "answered -ERR\\x20wrong\\x20number\\x20of\\x20arguments\\x20for\\x20'mset'\\x20command\\x0d\\x0a\n"),
          GOLDEN("RENAMENX a b\r\n", "rename key=a value=b if=absent\n"));
}

static void the_keyspace(void **state)
{
    (void)state;
    CHECK(GOLDEN("SCAN 0\r\n", "scan number=10\n"),
          GOLDEN("SCAN 18446744073709551615 COUNT 99999999 MATCH a*\r\n",
                 "scan value=a* number=16384 cursor=18446744073709551615\n"),
          GOLDEN("SCAN 0 MATCH *\r\n", "scan number=10\n"),
          GOLDEN("KEYS k?\r\n", "scan value=k? number=9223372036854775807\n"), GOLDEN("KEYS \"\"\r\n", "meta\n"),
          GOLDEN("SCAN 0 TYPE hash\r\n", "answered *2\\x0d\\x0a$1\\x0d\\x0a0\\x0d\\x0a*0\\x0d\\x0a\n"),
          GOLDEN("FLUSHALL\r\nFLUSHDB async\r\n", "flush effects=128\nflush\n"),
          GOLDEN("LEN\r\nDBSIZE\r\n", "len\nlen\n"),
          GOLDEN("SELECT 5\r\nGET a\r\nMGET a b\r\nSELECT 16\r\nGET a\r\n",
                 "answered +OK\\x0d\\x0a\nget key=a db=5\nbatch db=5 { get key=a db=5 } { get key=b db=5 }\n"
                 "answered -ERR\\x20DB\\x20index\\x20is\\x20out\\x20of\\x20range\\x0d\\x0a\nget key=a db=5\n"));
}

static void the_one_script(void **state)
{
    (void)state;
    CHECK(GOLDEN("EVALSHA b70c2384248f88e6b75b9f89241a180f856ad852 1 lock token\r\n",
                 "delete key=lock value=token if=value\n"),
          GOLDEN("EVALSHA b70c2384248f88e6b75b9f89241a180f856ad853 1 lock token\r\n",
                 "answered -NOSCRIPT\\x20No\\x20matching\\x20script.\\x20Please\\x20use\\x20EVAL.\\x0d\\x0a\n"));
}

#define OK     "answered +OK\\x0d\\x0a\n"
#define QUEUED "answered +QUEUED\\x0d\\x0a\n"
#define ABORTED \
    "answered -EXECABORT\\x20Transaction\\x20discarded\\x20because\\x20of\\x20previous\\x20errors.\\x0d\\x0a\n"

static void transactions(void **state)
{
    (void)state;
    CHECK(GOLDEN("MULTI\r\nSET a 1\r\nSELECT 3\r\nGET a\r\nEXEC\r\nGET b\r\n", OK QUEUED QUEUED QUEUED
                 "batch db=3 { put key=a value=1 ttl=never } { answered +OK\\x0d\\x0a } { get key=a db=3 }\n"
                 "get key=b db=3\n"),
          GOLDEN("MULTI\r\nSELECT 3\r\nDISCARD\r\nGET a\r\n", OK QUEUED OK "get key=a\n"),
          GOLDEN("MULTI\r\nSELECT 3\r\nMGET a b\r\nGET\r\nMGET a b\r\nEXEC\r\nGET a\r\n", OK QUEUED QUEUED
                 "answered "
                 "-ERR\\x20wrong\\x20number\\x20of\\x20arguments\\x20for\\x20'get'\\x20command\\x0d\\x0a\n" QUEUED
                     ABORTED "get key=a\n"),
          GOLDEN("MULTI\r\nEXEC\r\n", OK "answered *0\\x0d\\x0a\n"),
          GOLDEN("MULTI\r\nMGET a b\r\nEXEC\r\n", OK QUEUED "batch { batch { get key=a } { get key=b } }\n"),
          GOLDEN("MULTI\r\nQUIT\r\n", OK "quit\n"),
          GOLDEN("MULTI\r\nGET a\r\nRESET\r\nGET a\r\n", OK QUEUED "answered +RESET\\x0d\\x0a\nget key=a\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrays_and_lines_are_the_same),
        cmocka_unit_test(lifetimes),
        cmocka_unit_test(several_keys_are_a_batch),
        cmocka_unit_test(the_keyspace),
        cmocka_unit_test(the_one_script),
        cmocka_unit_test(transactions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
