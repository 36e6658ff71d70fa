/* What the memcached codec understands and refuses. Each sample is cut at every place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/memcached/memcached.h"
#include "tests/unit/codec_check.h"

static const struct codec_limits limits = {
    .line = 300, .key = 512, .value = 16, .command = 400, .parts = 1000, .held = 1 << 20};

GOLDEN_EVENTS(memcached_events, codec_memcached)
#define CHECK(...) GOLDEN_CHECK(memcached_events, limits, __VA_ARGS__)

#define ERROR      "answered ERROR\\x0d\\x0a\n"
#define BAD_FORMAT "answered CLIENT_ERROR\\x20bad\\x20command\\x20line\\x20format\\x0d\\x0a\n"
#define BAD_TOKEN  "answered CLIENT_ERROR\\x20bad\\x20token\\x20in\\x20command\\x20line\\x20format\\x0d\\x0a\n"
#define BAD_FLAG   "answered CLIENT_ERROR\\x20invalid\\x20or\\x20duplicate\\x20flag\\x0d\\x0a\n"
#define BAD_CHUNK  "answered CLIENT_ERROR\\x20bad\\x20data\\x20chunk\\x0d\\x0a\n"
#define TOO_LARGE  "answered SERVER_ERROR\\x20object\\x20too\\x20large\\x20for\\x20cache\\x0d\\x0a\n"
#define SILENCE    "answered \n"
#define KEY_50     "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
#define KEY_250    KEY_50 KEY_50 KEY_50 KEY_50 KEY_50

static void storing(void **state)
{
    (void)state;
    CHECK(GOLDEN("set a 3 0 2\r\nxy\r\nget a\r\n", "put key=a value=xy ttl=never flags=3\nget key=a tag=a\n"),
          GOLDEN("add a 0 5 0 noreply\r\n\r\n", "put key=a ttl=5000 if=absent\n"),
          GOLDEN("replace a 4294967295 -1 1\r\nx\r\n", "put key=a value=x ttl=0 if=present flags=4294967295\n"),
          GOLDEN("set a 0 2592000 1\nx\r\n", "put key=a value=x ttl=2592000000\n"),
          GOLDEN("set a 0 2592001 1\r\nx\r\n", "put key=a value=x ttl=at:2592001000\n"),
          GOLDEN("append a 1 1 1\r\nx\r\n", "append key=a value=x ttl=keep if=present flags=1\n"),
          GOLDEN("cas a 0 0 1 18446744073709551615\r\nx\r\n",
                 "put key=a value=x ttl=never if=version:18446744073709551615\n"),
          GOLDEN("set a 0 0 4\r\n\r\n\r\n\r\n", "put key=a value=\\x0d\\x0a\\x0d\\x0a ttl=never\n"),
          GOLDEN("set a 0 0 2\r\nxy\r", ""));
}

static void values_that_are_refused(void **state)
{
    (void)state;
    CHECK(GOLDEN("set a 0 0 2\r\nxyz\r\nget a\r\n", BAD_CHUNK ERROR "get key=a tag=a\n"),
          GOLDEN("set a 0 0 2 noreply\r\nxyz\n", SILENCE), GOLDEN("ms a 2 q\r\nxyz\n", BAD_CHUNK),
          GOLDEN("add a 0 0 17\r\n12345678901234567\r\nget a\r\n", TOO_LARGE "get key=a tag=a\n"),
          GOLDEN("cas a 0 0 17 1 noreply\r\nget b\r\nget b\r\n...\r\nget a\r\n", SILENCE "get key=a tag=a\n"),
          GOLDEN("set a 0 0 -1\r\nget a\r\n", BAD_FORMAT "get key=a tag=a\n"),
          GOLDEN("set a 0 0 2147483647\r\nget a\r\n", BAD_FORMAT "get key=a tag=a\n"),
          GOLDEN("set a 4294967296 0 1\r\nget a\r\n", BAD_FORMAT "get key=a tag=a\n"),
          GOLDEN("set a 0 0\r\n", ERROR),
          GOLDEN("ms a 1 z\r\nx\r\nmn\r\n",
                 "answered CLIENT_ERROR\\x20invalid\\x20flag\\x0d\\x0a\nanswered MN\\x0d\\x0a\n"));
}

/* What they should have replaced goes; and what is refused for another reason as well changes nothing. */
static void values_that_are_too_large(void **state)
{
    (void)state;
    CHECK(GOLDEN("set a 0 0 17\r\n12345678901234567\r\nget a\r\n", "delete key=a\nget key=a tag=a\n"),
          GOLDEN("set a 0 0 17 noreply\r\nget b\r\nget b\r\n...\r\nget a\r\n", "delete key=a\nget key=a tag=a\n"),
          GOLDEN("set a 0 0 17\r\n1234567890123456", "delete key=a\n"),
          GOLDEN("ms a 17 q\r\n12345678901234567\r\nget a\r\n", "delete key=a\nget key=a tag=a\n"),
          GOLDEN("ms QUE= 17 b ME C5 E7 T5 F3\r\n12345678901234567\r\n", "delete key=AA\n"),
          GOLDEN("ms a 17 MX\r\n12345678901234567\r\n",
                 "answered CLIENT_ERROR\\x20invalid\\x20mode\\x20for\\x20ms\\x20M\\x20token\\x0d\\x0a\n"));
}

/* As signed numbers of 32 bits. */
static void expiry_times_are_cut(void **state)
{
    (void)state;
    CHECK(GOLDEN("set a 0 2147483647 0\r\n\r\n", "put key=a ttl=at:2147483647000\n"),
          GOLDEN("set a 0 2147483648 0\r\n\r\n", "put key=a ttl=0\n"),
          GOLDEN("set a 0 4294967295 0\r\n\r\n", "put key=a ttl=0\n"),
          GOLDEN("set a 0 4294967296 0\r\n\r\n", "put key=a ttl=never\n"),
          GOLDEN("set a 0 -4294967295 0\r\n\r\n", "put key=a ttl=1000\n"),
          GOLDEN("touch a 4294967295\r\n", "touch key=a ttl=0\n"),
          GOLDEN("gat 4294967295 a\r\n", "get key=a ttl=0 effects=2 tag=a\n"),
          GOLDEN("ms a 0 T4294967295\r\n\r\n", "put key=a ttl=0 tag=a\\x200\\x20T4294967295\n"),
          GOLDEN("mg a N4294967395\r\n", "meta key=a create=99000 effects=8 tag=a\\x20N4294967395\n"),
          GOLDEN("flush_all 4294967295\r\n", "flush ttl=0\n"),
          GOLDEN("flush_all 1700000000\r\n", "flush ttl=at:1700000000000\n"),
          GOLDEN("flush_all 9223372036854775808\r\n",
                 "answered CLIENT_ERROR\\x20invalid\\x20exptime\\x20argument\\x0d\\x0a\n"));
}

static void keys_and_lines_have_a_longest(void **state)
{
    (void)state;
    CHECK(GOLDEN("get " KEY_250 "\r\n", "get key=" KEY_250 " tag=" KEY_250 "\n"),
          GOLDEN("get a " KEY_250 "k\r\n", BAD_FORMAT),
          GOLDEN("delete " KEY_250 "k\r\nget a\r\n", BAD_FORMAT "get key=a tag=a\n"),
          GOLDEN("mg " KEY_250 "k\r\n", BAD_FORMAT),
          GOLDEN(KEY_250 KEY_50, "close CLIENT_ERROR\\x20line\\x20too\\x20long\\x0d\\x0a\n"),
          GOLDEN(KEY_250 KEY_50 "\r\nget a\r\n", "close CLIENT_ERROR\\x20line\\x20too\\x20long\\x0d\\x0a\n"),
          GOLDEN(KEY_250 "\r\nget a\r\n", ERROR "get key=a tag=a\n"),
          GOLDEN("get " KEY_250 " " KEY_50 "\r\nget a\r\n",
                 "batch { get key=" KEY_250 " tag=" KEY_250 " } { get key=" KEY_50 " tag=" KEY_50
                 " }\nget key=a tag=a\n"),
          GOLDEN(" gats 1 " KEY_250 " " KEY_250, "close CLIENT_ERROR\\x20line\\x20too\\x20long\\x0d\\x0a\n"));
}

/* In its own words: magic, opcode and opaque value of the request, status 0x81. */
static void the_binary_protocol_is_refused(void **state)
{
    (void)state;
    CHECK(
        GOLDEN("\x80\x0a\0\0\0\0\0\0\0\0\0\0abc", ""),
        GOLDEN("\x80\x0a\0\0\0\0\0\0\0\0\0\0abcd\0\0\0\0\0\0\0\0get a\r\n",
               "close \\x81\\x0a\\x00\\x00\\x00\\x00\\x00\\x81\\x00\\x00\\x00Rabcd"
               "\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00"
               "Unknown\\x20command:\\x20the\\x20binary\\x20protocol\\x20is\\x20not\\x20spoken\\x20here,\\x20switch"
               "\\x20the\\x20client\\x20to\\x20text\n"));
}

static void other_commands(void **state)
{
    (void)state;
    CHECK(
        GOLDEN("gets a b\r\n", "batch { get key=a tag=a } { get key=b tag=b }\n"),
        GOLDEN("gat 5 a\r\ngat 5\r\n", "get key=a ttl=5000 effects=2 tag=a\nanswered END\\x0d\\x0a\n"),
        GOLDEN("incr a 5\r\ndecr a 18446744073709551615 noreply\r\n",
               "add key=a if=present effects=32 number=5\nadd key=a if=present effects=32 number=--1\n"),
        GOLDEN("touch a -5\r\ndelete a 0 noreply\r\nflush_all 3\r\n",
               "touch key=a ttl=0\ndelete key=a\nflush ttl=3000\n"),
        GOLDEN(
            "shutdown\r\nversion\r\n",
            "answered ERROR:\\x20shutdown\\x20not\\x20enabled\\x0d\\x0a\nanswered VERSION\\x201.6.18\\x0d\\x0a\n"),
        GOLDEN("quit\r\nget a\r\n", "quit\n"));
}

#define SAYS(command, line) GOLDEN(command "\r\n", "answered " line "\\x0d\\x0a\n")

/* As memcached answers where it has no crawler and no spare pages. */
static void commands_for_administrators(void **state)
{
    (void)state;
    CHECK(SAYS("stats cachedump 1 0", "END"), SAYS("stats cachedump", "CLIENT_ERROR\\x20bad\\x20command\\x20line"),
          SAYS("stats cachedump 64 0", "CLIENT_ERROR\\x20Illegal\\x20slab\\x20id"),
          GOLDEN("stats cachedump x 0\r\n", BAD_FORMAT), SAYS("stats detail on", "OK"),
          SAYS("stats detail dump", "END"),
          SAYS("stats detail", "CLIENT_ERROR\\x20usage:\\x20stats\\x20detail\\x20on|off|dump"),
          SAYS("cache_memlimit 7",
               "MEMLIMIT_TOO_SMALL\\x20cannot\\x20set\\x20maxbytes\\x20to\\x20less\\x20than\\x208m"),
          SAYS("cache_memlimit 64",
               "MEMLIMIT_ADJUST_FAILED\\x20out\\x20of\\x20bounds\\x20or\\x20unable\\x20to\\x20adjust"),
          GOLDEN("cache_memlimit 64 noreply\r\n", SILENCE), GOLDEN("cache_memlimit x\r\n", ERROR),
          SAYS("lru_crawler metadump all", "CLIENT_ERROR\\x20lru\\x20crawler\\x20disabled"),
          SAYS("lru_crawler disable", "OK"), GOLDEN("lru_crawler\r\n", ERROR), SAYS("slabs automove 1", "OK"),
          GOLDEN("slabs automove x\r\n", BAD_FORMAT), GOLDEN("slabs\r\n", ERROR),
          GOLDEN("me a\r\nme QUE= b\r\n", "meta key=a tag=a\nmeta key=AA tag=QUE=\n"), GOLDEN("me\r\n", BAD_FORMAT),
          GOLDEN("me a b\r\n", BAD_FORMAT), GOLDEN("me a b c\r\n", BAD_FORMAT), SAYS("verbosity 1", "OK"));
}

static void meta_commands(void **state)
{
    (void)state;
    CHECK(
        GOLDEN(
            "mg a v t R30 N60 T5\r\n",
            "get key=a ttl=5000 create=60000 effects=522 recache=30000 tag=a\\x20v\\x20t\\x20R30\\x20N60\\x20T5\n"),
        GOLDEN("ms a 1 T5 F3 C7 I E9\r\nx\r\n", "put key=a value=x ttl=5000 if=version:7 effects=272 flags=3 "
                                                "version=9 tag=a\\x201\\x20T5\\x20F3\\x20C7\\x20I\\x20E9\n"),
        GOLDEN("ms a 1 ME C7\r\nx\r\n", "put key=a value=x ttl=never if=absent tag=a\\x201\\x20ME\\x20C7\n"),
        GOLDEN(
            "ms a 1 E140737488355327\r\nx\r\n",
            "put key=a value=x ttl=never effects=256 version=140737488355327 tag=a\\x201\\x20E140737488355327\n"),
        GOLDEN("ms a 1 E140737488355328\r\nx\r\nma a E281474976710656\r\nmd a I E18446744073709551615\r\n",
               BAD_TOKEN BAD_FLAG BAD_FLAG),
        GOLDEN("md QUE= b q\r\n", "delete key=AA tag=QUE=\\x20b\\x20q\n"),
        GOLDEN("ma a D5 MD\r\n", "add key=a if=present effects=32 number=-5 tag=a\\x20D5\\x20MD\n"),
        GOLDEN("mn\r\nmx\r\nmg\r\n", "answered MN\\x0d\\x0a\n" ERROR ERROR));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(storing),
        cmocka_unit_test(values_that_are_refused),
        cmocka_unit_test(values_that_are_too_large),
        cmocka_unit_test(expiry_times_are_cut),
        cmocka_unit_test(keys_and_lines_have_a_longest),
        cmocka_unit_test(the_binary_protocol_is_refused),
        cmocka_unit_test(other_commands),
        cmocka_unit_test(commands_for_administrators),
        cmocka_unit_test(meta_commands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
