/* What the text codec understands: every verb, modifiers, values, framing. Each sample is cut at every place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/codec_check.h"
#include "tests/unit/text_events.h"

static const struct codec_limits limits = {.line = 200, .key = 512, .value = 64};

#define CHECK(...) GOLDEN_CHECK(text_events, limits, __VA_ARGS__)

static void every_verb(void **state)
{
    (void)state;
    CHECK(GOLDEN("GET alice\r\n", "get key=alice\n"),
          GOLDEN("PUT alice 30m some text\r\n", "put key=alice value=some\\x20text ttl=1800000\n"),
          GOLDEN("DELETE alice\r\n", "delete key=alice\n"), GOLDEN("LEN\r\n", "len\n"),
          GOLDEN("TOUCH alice 5\r\n", "touch key=alice ttl=5000\n"), GOLDEN("PING\r\n", "ping\n"),
          GOLDEN("STATS\r\n", "stats\n"), GOLDEN("CONFIG\r\n", "config\n"), GOLDEN("HELP\r\n", "help\n"),
          GOLDEN("VERSION\r\n", "version\n"), GOLDEN("QUIT\r\n", "quit\n"),
          GOLDEN("get a\nPuT a - x\ndelete a\nLen\ntouch a never\npinG\nstats\nconfig\nhelp\nversion\nquit\n",
                 "get key=a\nput key=a value=x ttl=-\ndelete key=a\nlen\ntouch key=a ttl=never\nping\nstats\n"
                 "config\nhelp\nversion\nquit\n"));
}

static void lines_end_in_lf_or_crlf(void **state)
{
    (void)state;
    CHECK(GOLDEN("PING\nPING\r\nPING\n", "ping\nping\nping\n"), /* also mixed */
          GOLDEN("\n\r\n\n  \r\n   \nPING\n\n", "ping\n"),      /* empty lines are nothing */
          GOLDEN("   PING\r\n", "ping\n"),                      /* spaces in front are nothing */
          GOLDEN("PING  \r\n", "ping\n"),                       /* nor behind */
          GOLDEN("GET   a   \n", "get key=a\n"),                /* several between tokens are one */
          GOLDEN("  TOUCH  a   5m \n", "touch key=a ttl=300000\n"),
          GOLDEN("PUT  a   5m v\n", "put key=a value=v ttl=300000\n"), GOLDEN("", ""), /* nothing */
          GOLDEN("PING", ""), /* the end of the input is no line end */
          GOLDEN("PING\r", ""), GOLDEN("\r", ""), GOLDEN("PING\nPI", "ping\n"));
}

static void keys_are_any_bytes_but_spaces_and_controls(void **state)
{
    (void)state;
    CHECK(GOLDEN("GET !\n", "get key=!\n"), GOLDEN("GET ~\n", "get key=~\n"),
          GOLDEN("GET \x80\xff\xc3\xa4\n", "get key=\\x80\\xff\\xc3\\xa4\n"),
          GOLDEN("GET @a=b;c\n", "get key=@a=b;c\n"), GOLDEN("GET $5\n", "get key=$5\n"),
          GOLDEN("GET HTTP/1.1\n", "get key=HTTP/1.1\n"),
          GOLDEN("GET 0123456789abcde\n", "get key=0123456789abcde\n"), /* around the width of the fast path */
          GOLDEN("GET 0123456789abcdef\n", "get key=0123456789abcdef\n"),
          GOLDEN("GET 0123456789abcdefg\n", "get key=0123456789abcdefg\n"),
          GOLDEN("GET 0123456789abcdef0123456789abcdef0123456789abcdef\n",
                 "get key=0123456789abcdef0123456789abcdef0123456789abcdef\n"));
}

static void typed_values_are_verbatim(void **state)
{
    (void)state;
    CHECK(GOLDEN("PUT k - {\"a\": [1, 2]}\r\n", "put key=k value={\"a\":\\x20[1,\\x202]} ttl=-\n"),
          GOLDEN("PUT k -  two in front\n", "put key=k value=\\x20two\\x20in\\x20front ttl=-\n"),
          GOLDEN("PUT k - behind  \n", "put key=k value=behind\\x20\\x20 ttl=-\n"),
          GOLDEN("PUT k 30m \n", "put key=k value= ttl=1800000\n"), /* one space, then nothing: empty */
          GOLDEN("PUT k 30m \r\n", "put key=k value= ttl=1800000\n"),
          GOLDEN("PUT k -  \n", "put key=k value=\\x20 ttl=-\n"),
          GOLDEN("PUT k - a$5\n", "put key=k value=a$5 ttl=-\n"),
          GOLDEN("PUT k - a $5\n", "put key=k value=a\\x20$5 ttl=-\n"),
          GOLDEN("PUT k -  $5\n", "put key=k value=\\x20$5 ttl=-\n"), /* it begins with a space, not with $ */
          GOLDEN("PUT k - a HTTP/1.1\n", "put key=k value=a\\x20HTTP/1.1 ttl=-\n"),
          GOLDEN("PUT k - \x00\x01\x7f\xff\t\n", "put key=k value=\\x00\\x01\\x7f\\xff\\x09 ttl=-\n"),
          GOLDEN("PUT k - a\rb\r\r\n", "put key=k value=a\\x0db\\x0d ttl=-\n")); /* one CR belongs to the end */
}

static void counted_values_are_any_bytes(void **state)
{
    (void)state;
    CHECK(GOLDEN("PUT k - $5\r\nhello\r\nPING\r\n", "put key=k value=hello ttl=-\nping\n"),
          GOLDEN("PUT k - $5\nhello\nPING\n", "put key=k value=hello ttl=-\nping\n"),
          GOLDEN("PUT k - $0\r\n\r\nPING\r\n", "put key=k value= ttl=-\nping\n"),
          GOLDEN("PUT k - $0\n\nPING\n", "put key=k value= ttl=-\nping\n"),
          GOLDEN("PUT k - $007\r\n\r\n\n$5 \x00\r\n", "put key=k value=\\x0d\\x0a\\x0a$5\\x20\\x00 ttl=-\n"),
          GOLDEN("PUT k - $6\r\nPING\r\n\r\nPING\r\n", "put key=k value=PING\\x0d\\x0a ttl=-\nping\n"),
          GOLDEN("PUT k - $3\r\nab\r\r\n", "put key=k value=ab\\x0d ttl=-\n"),
          GOLDEN("PUT k - $5\r\nhell", ""), /* the input ends in the middle: nothing of it happens */
          GOLDEN("PUT k - $5\r\nhello", ""), GOLDEN("PUT k - $5\r\nhello\r", ""),
          GOLDEN("PUT k - $64\r\n0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\r\n",
                 "put key=k value=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef ttl=-\n"));
}

static void modifiers_are_understood(void **state)
{
    (void)state;
    CHECK(GOLDEN("@if=absent PUT k - v\n", "put key=k value=v ttl=- if=absent\n"),
          GOLDEN("@if=present TOUCH k -\n", "touch key=k ttl=- if=present\n"),
          GOLDEN("@if=18446744073709551615 DELETE k\n", "delete key=k if=18446744073709551615\n"),
          GOLDEN("@tag=aZ-_09   GET k\n", "get key=k tag=aZ-_09\n"),
          GOLDEN("@tag=0123456789abcdef0123456789ABCDEF LEN\n", "len tag=0123456789abcdef0123456789ABCDEF\n"),
          GOLDEN("@deadline=5ms GET k\n", "get key=k deadline=5\n"),
          GOLDEN("@deadline=2 GET k\n", "get key=k deadline=2000\n"),
          GOLDEN("@tag=a;refuse=early GET k\n@refuse=early;tag=b LEN\n",
                 "get key=k tag=a refuse=early\nlen tag=b refuse=early\n"),
          GOLDEN("@class=critical GET k\n", "get key=k class=critical\n"),
          GOLDEN("@class=normal GET k\n", "get key=k class=normal\n"),
          GOLDEN("@class=sheddable GET k\n", "get key=k class=sheddable\n"),
          GOLDEN("  @class=normal;deadline=1m;tag=t;if=7 PUT k 1s $2\r\nab\r\n@tag=u QUIT\r\n",
                 "put key=k value=ab ttl=1000 if=7 tag=t deadline=60000 class=normal\nquit tag=u\n"));
}

static void pipelines_stay_in_step(void **state)
{
    (void)state;
    CHECK(GOLDEN("GET a\nPUT b 1 x\nPUT c never $3\r\nabc\r\n\r\n@tag=q GET b\r\nDELETE a\nBAD\nLEN\nQUIT\nGET z\n",
                 "get key=a\nput key=b value=x ttl=1000\nput key=c value=abc ttl=never\nget key=b tag=q\n"
                 "delete key=a\nrefused unknown-verb\nlen\nquit\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_verb),
        cmocka_unit_test(lines_end_in_lf_or_crlf),
        cmocka_unit_test(keys_are_any_bytes_but_spaces_and_controls),
        cmocka_unit_test(typed_values_are_verbatim),
        cmocka_unit_test(counted_values_are_any_bytes),
        cmocka_unit_test(modifiers_are_understood),
        cmocka_unit_test(pipelines_stay_in_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
