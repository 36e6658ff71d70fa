/* What the RESP codec refuses, and what a client can make it hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/resp/resp.h"
#include "tests/unit/codec_check.h"

static const struct codec_limits limits = {
    .line = 100, .key = 8, .value = 16, .command = 60, .parts = 1000, .held = 1 << 20};

GOLDEN_EVENTS(resp_events, codec_resp)
#define CHECK(...) GOLDEN_CHECK(resp_events, limits, __VA_ARGS__)

#define PROTOCOL_ERROR "close -ERR\\x20Protocol\\x20error:\\x20"

static void too_large_is_refused_and_skipped(void **state)
{
    (void)state;
    CHECK(GOLDEN("SET 123456789 a\r\nGET 12345678\r\n",
                 "answered "
                 "-ERR\\x20the\\x20key\\x20is\\x20too\\x20long\\x20(limits.key\\x20is\\x208\\x20bytes)\\x0d\\x0a\n"
                 "get key=12345678\n"),
          GOLDEN(
              "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$17\r\n12345678901234567\r\nGET a\r\n",
              "answered -ERR\\x20the\\x20value\\x20is\\x20too\\x20large\\x20(limits.value)\\x0d\\x0a\nget key=a\n"),
          GOLDEN(
              "*3\r\n$3\r\nSET\r\n$17\r\n*1\r\n$4\r\nPING\r\n!!!\r\n$1\r\na\r\nGET a\r\n",
              "answered -ERR\\x20the\\x20value\\x20is\\x20too\\x20large\\x20(limits.value)\\x0d\\x0a\nget key=a\n"),
          GOLDEN("*3\r\n$3\r\nSET\r\n$1\r\na\r\n$16\r\n1234567890123456\r\n",
                 "put key=a value=1234567890123456 ttl=never\n"),
          GOLDEN("*4\r\n$4\r\nMGET\r\n$16\r\n1234567890123456\r\n$16\r\n1234567890123456\r\n$1\r\na\r\nGET a\r\n",
                 "answered -ERR\\x20the\\x20command\\x20is\\x20too\\x20large\\x20(limits.value)\\x0d\\x0a\nget "
                 "key=a\n"));
}

#define NOTHING(command, reply) GOLDEN(command "\r\n", "answered " reply "\\x0d\\x0a\n")

/* No session has such a key, and who only asks is told so. */
static void nothing_has_a_key_that_is_too_long(void **state)
{
    (void)state;
    CHECK(NOTHING("GET 123456789", "$-1"), NOTHING("GETDEL 123456789", "$-1"),
          NOTHING("GETEX 123456789 EX 5", "$-1"), NOTHING("GETEX 123456789 EX x", "$-1"),
          NOTHING("STRLEN 123456789", ":0"), NOTHING("EXISTS 123456789", ":0"), NOTHING("DEL 123456789", ":0"),
          NOTHING("TYPE 123456789", "+none"), NOTHING("TTL 123456789", ":-2"),
          NOTHING("PEXPIRETIME 123456789", ":-2"), NOTHING("EXPIRE 123456789 5", ":0"),
          NOTHING("PERSIST 123456789", ":0"), NOTHING("RENAME 123456789 a", "-ERR\\x20no\\x20such\\x20key"),
          NOTHING("OBJECT REFCOUNT 123456789", "$-1"),
          GOLDEN("DEL a 123456789\r\n", "batch { delete key=a } { answered  }\n"),
          GOLDEN("MGET 123456789 a\r\n", "batch { answered  } { get key=a }\n"));
}

static void a_refused_command_spoils_its_transaction(void **state)
{
    (void)state;
    CHECK(
        GOLDEN("MULTI\r\n*2\r\n$3\r\nGET\r\n$17\r\n12345678901234567\r\nEXEC\r\n",
               "answered +OK\\x0d\\x0a\n"
               "answered -ERR\\x20the\\x20value\\x20is\\x20too\\x20large\\x20(limits.value)\\x0d\\x0a\n"
               "answered "
               "-EXECABORT\\x20Transaction\\x20discarded\\x20because\\x20of\\x20previous\\x20errors.\\x0d\\x0a\n"));
}

/* What such a command had understood before is not kept: it would borrow from the input. */
static void a_command_refused_half_way_is_its_parts_reply(void **state)
{
    (void)state;
    CHECK(GOLDEN(
        "MULTI\r\nMSET a 1 123456789 2\r\nGET a\r\nEXEC\r\n",
        "answered +OK\\x0d\\x0a\nanswered +QUEUED\\x0d\\x0a\nanswered +QUEUED\\x0d\\x0a\n"
        "batch { answered -ERR\\x20the\\x20key\\x20is\\x20too\\x20long\\x20(limits.key\\x20is\\x208\\x20bytes)\\x0d"
        "\\x0a } { get key=a }\n"));
}

static void lost_framing_closes(void **state)
{
    (void)state;
    CHECK(GOLDEN("*x\r\nGET a\r\n", PROTOCOL_ERROR "invalid\\x20multibulk\\x20length\\x0d\\x0a\n"),
          GOLDEN("*1048577\r\n", PROTOCOL_ERROR "invalid\\x20multibulk\\x20length\\x0d\\x0a\n"),
          GOLDEN("*1\r\n:1\r\n", PROTOCOL_ERROR "expected\\x20'$',\\x20got\\x20':'\\x0d\\x0a\n"),
          GOLDEN("*1\r\n$-1\r\n", PROTOCOL_ERROR "invalid\\x20bulk\\x20length\\x0d\\x0a\n"),
          GOLDEN("*1\r\n$4\r\nPINGxx",
                 PROTOCOL_ERROR "expected\\x20CRLF\\x20behind\\x20a\\x20bulk\\x20string\\x0d\\x0a\n"),
          GOLDEN("*2\r\n$17\r\n12345678901234567\r\n:1\r\n",
                 PROTOCOL_ERROR "expected\\x20'$',\\x20got\\x20':'\\x0d\\x0a\n"),
          GOLDEN("GET \"a\r\n", PROTOCOL_ERROR "unbalanced\\x20quotes\\x20in\\x20request\\x0d\\x0a\n"));
}

/* ---- one decoder, step by step ---- */

static enum decode_status decode(struct decoder *d, const struct codec_limits *l, struct slice in, size_t *used,
                                 struct call *call)
{
    call_init(call);
    return codec_resp.decode(d, l, in.ptr, in.len, used, call);
}

/* The codec's own answer to a command. */
static struct slice answer(struct decoder *d, const struct codec_limits *l, const char *command, struct call *call)
{
    size_t used = 0;
    assert_int_equal(decode(d, l, slice_text(command), &used, call), DECODE_ANSWERED);
    assert_int_equal(used, strlen(command));
    return call->reply.body;
}

static void assert_answer(struct decoder *d, const struct codec_limits *l, const char *command,
                          const char *expected)
{
    struct call call;
    struct slice got = answer(d, l, command, &call);
    if (!slice_equal(got, slice_text(expected))) fail_msg("%s: %.*s", command, (int)got.len, got.ptr);
    call_clear(&call);
}

static void transactions_hold_so_much(void **state)
{
    (void)state;
    enum { MOST = (16 << 20) / (int)sizeof(struct call) + 2 };
    const struct codec_limits wide = {
        .line = 100, .key = 8, .value = 16, .command = 60, .parts = MOST, .held = 1 << 20};
    struct decoder d = {.connection = 1};
    int queued = 0;
    assert_answer(&d, &limits, "MULTI\r\n", "+OK\r\n");
    for (;; queued++) {
        struct call call;
        bool fits = slice_equal(answer(&d, &wide, "GET a\r\n", &call), slice_text("+QUEUED\r\n"));
        call_clear(&call);
        if (!fits) break;
        assert_true(queued < MOST);
    }
    assert_true(queued > 1000);
    assert_answer(&d, &limits, "GET a\r\n", "+QUEUED\r\n"); /* it is not kept: the transaction is spoiled */
    assert_answer(&d, &limits, "EXEC\r\n", "-EXECABORT Transaction discarded because of previous errors.\r\n");
    assert_answer(&d, &limits, "EXEC\r\n", "-ERR EXEC without MULTI\r\n");
    codec_resp.release(&d);
}

/* So that an open one cannot be gone on with when others hold much. */
static void transactions_count_what_they_hold(void **state)
{
    (void)state;
    struct codec_limits tight = limits;
    struct decoder d = {.connection = 1};
    assert_answer(&d, &limits, "MULTI\r\n", "+OK\r\n");
    assert_int_equal(codec_resp.held(&d), 0);
    assert_answer(&d, &limits, "GET a\r\n", "+QUEUED\r\n");
    assert_int_equal(codec_resp.held(&d), sizeof(struct call));
    tight.held = sizeof(struct call) - 1;
    assert_answer(&d, &tight, "GET a\r\n", "-ERR " CODEC_TOO_MUCH_HELD "\r\n");
    assert_int_equal(codec_resp.held(&d), 0);
    assert_answer(&d, &limits, "EXEC\r\n", "-EXECABORT Transaction discarded because of previous errors.\r\n");
    codec_resp.release(&d);
}

/* Commands and keys alike. */
static void transactions_have_so_many_parts(void **state)
{
    (void)state;
    struct codec_limits tight = limits;
    struct decoder d = {.connection = 1};
    tight.parts = 4;
    assert_answer(&d, &tight, "MULTI\r\n", "+OK\r\n");
    assert_answer(&d, &tight, "MGET a b\r\n", "+QUEUED\r\n");
    assert_answer(&d, &tight, "GET a\r\n", "+QUEUED\r\n");
    assert_answer(&d, &tight, "PING\r\n", "-ERR " CODEC_TOO_MANY_PARTS "\r\n");
    assert_answer(&d, &tight, "EXEC\r\n", "-EXECABORT Transaction discarded because of previous errors.\r\n");
    codec_resp.release(&d);
}

/* One key too many to be done as one, or too much memory for it: the next command is understood. */
static void commands_have_so_many_keys(void **state)
{
    (void)state;
    static const struct {
        const char *command, *answer; /* NULL: it is a request */
        size_t parts, held;
    } tries[] = {
        {"DEL a b c\r\n", NULL, 3, 1 << 20},
        {"MSET a b c d e f g h\r\n", "-ERR " CODEC_TOO_MANY_PARTS "\r\n", 3, 1 << 20},
        {"DEL a b c\r\n", NULL, 3, 3 * (offsetof(struct call, room) + 1)},
        {"DEL a b c\r\n", "-ERR " CODEC_TOO_MUCH_HELD "\r\n", 3, 3 * (offsetof(struct call, room) + 1) - 1},
        {"MGET a b c\r\n", "-ERR " CODEC_TOO_MUCH_HELD "\r\n", 3, 3 * sizeof(struct call) - 1},
    };
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        struct codec_limits tight = limits;
        struct decoder d = {.connection = 1};
        struct call call;
        size_t used = 0;
        tight.parts = tries[i].parts;
        tight.held = tries[i].held;
        if (tries[i].answer) {
            assert_answer(&d, &tight, tries[i].command, tries[i].answer);
            continue;
        }
        assert_int_equal(decode(&d, &tight, slice_text(tries[i].command), &used, &call), DECODE_REQUEST);
        assert_int_equal(call.part_count, tries[i].parts);
        call_clear(&call);
    }
}

/* Very many keys need not be done as one; what is behind them waits. */
static void very_many_keys_are_taken_in_pieces(void **state)
{
    (void)state;
    struct codec_limits tight = limits;
    char command[2 * CODEC_TOGETHER + 20] = "EXISTS";
    size_t len = strlen(command), used = 0;
    tight.parts = 3;
    tight.held = 1 << 20;
    for (int keys = 1; keys <= CODEC_TOGETHER + 1; keys++) {
        memcpy(command + len, " k\r\n", 5);
        len += 2;
        if (keys < CODEC_TOGETHER) continue;
        struct decoder d = {.connection = 1};
        struct call call;
        assert_int_equal(decode(&d, &tight, slice_text(command), &used, &call), DECODE_REQUEST);
        assert_int_equal(call.part_count, keys);
        assert_int_equal(call.request.alone, keys > CODEC_TOGETHER);
        assert_int_equal(call.request.effects, keys > CODEC_TOGETHER ? EFFECT_PIECEWISE : 0);
        call_clear(&call);
    }
}

static void names_are_short(void **state)
{
    (void)state;
    struct decoder d = {.connection = 1};
    char command[200] = "CLIENT SETNAME ";
    const struct codec_limits wide = {
        .line = 1000, .key = 1000, .value = 1000, .command = 1000, .parts = 1000, .held = 1 << 20};
    memset(command + strlen(command), 'x', 65);
    strcat(command, "\r\n");
    assert_answer(&d, &wide, command, "-ERR the client name is longer than 64 bytes\r\n");
    assert_answer(&d, &wide, "CLIENT GETNAME\r\n", "$-1\r\n");
    codec_resp.release(&d);
}

/* A command of many arguments in many pieces: what is known is not read again. */
static void arguments_are_not_read_twice(void **state)
{
    (void)state;
    enum { COUNT = 500, BYTES = 7 }; /* $1 CRLF a CRLF */
    const struct codec_limits wide = {
        .line = 1000, .key = 100, .value = 100, .command = 100000, .parts = 1000, .held = 1 << 20};
    struct buffer in = {0};
    struct decoder d = {.connection = 1};
    struct call call;
    size_t used = 0;
    buffer_append_text(&in, "*501\r\n$4\r\nMGET\r\n");
    size_t head = in.len;
    for (int i = 0; i < COUNT; i++)
        buffer_append_text(&in, "$1\r\na\r\n");
    for (size_t i = 1; i < COUNT; i++) {
        assert_int_equal(decode(&d, &wide, slice_of(in.data, head + i * BYTES), &used, &call), DECODE_MORE);
        assert_int_equal(used, 0);
        char *before = in.data + head + (i - 1) * BYTES; /* damaged: it would close if it were read */
        *before = i + 1 < COUNT ? '!' : '$';
    }
    for (size_t i = 0; i < COUNT; i++)
        in.data[head + i * BYTES] = '$';
    assert_int_equal(decode(&d, &wide, slice_of(in.data, in.len), &used, &call), DECODE_REQUEST);
    assert_int_equal(used, in.len);
    assert_int_equal(call.part_count, COUNT);
    call_clear(&call);
    buffer_free(&in);
    codec_resp.release(&d);
}

static void it_says_how_much_it_wants(void **state)
{
    (void)state;
    struct decoder d = {.connection = 1};
    struct call call;
    size_t used = 0;
    struct slice in = slice_text("*2\r\n$3\r\nGET\r\n$8\r\n12");
    assert_int_equal(decode(&d, &limits, in, &used, &call), DECODE_MORE);
    assert_int_equal(d.want, in.len + 6 + 2);
    assert_true(d.want <= limits.command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(too_large_is_refused_and_skipped),
        cmocka_unit_test(nothing_has_a_key_that_is_too_long),
        cmocka_unit_test(a_refused_command_spoils_its_transaction),
        cmocka_unit_test(a_command_refused_half_way_is_its_parts_reply),
        cmocka_unit_test(lost_framing_closes),
        cmocka_unit_test(transactions_hold_so_much),
        cmocka_unit_test(transactions_count_what_they_hold),
        cmocka_unit_test(transactions_have_so_many_parts),
        cmocka_unit_test(commands_have_so_many_keys),
        cmocka_unit_test(very_many_keys_are_taken_in_pieces),
        cmocka_unit_test(names_are_short),
        cmocka_unit_test(arguments_are_not_read_twice),
        cmocka_unit_test(it_says_how_much_it_wants),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
