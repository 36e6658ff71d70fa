/* Requests and replies made at random (from a fixed seed) survive being written and read, however they are cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/text/grammar.h"
#include "tests/unit/text_events.h"

enum { ROUNDS = 300, PER_STREAM = 8 };

static const struct codec_limits limits = {.line = 1000, .key = 512, .value = 400};

struct dice {
    uint64_t state;
};

/* xorshift64 (Marsaglia, 2003). */
static uint64_t roll(struct dice *dice, uint64_t sides)
{
    dice->state ^= dice->state << 13;
    dice->state ^= dice->state >> 7;
    dice->state ^= dice->state << 17;
    return dice->state % sides;
}

/* Any bytes; often those that mean something to the protocol. */
static struct slice random_bytes(struct dice *dice, char *room, size_t max)
{
    static const char special[] = "\r\n$ @=;\0005";
    size_t len = roll(dice, 4) == 0 ? roll(dice, max + 1) : roll(dice, 20);
    for (size_t i = 0; i < len; i++)
        room[i] = roll(dice, 2) == 0 ? special[roll(dice, sizeof special)] : (char)roll(dice, 256);
    return slice_of(room, len);
}

static struct slice random_key(struct dice *dice, char *room)
{
    size_t len = 1 + (roll(dice, 8) == 0 ? roll(dice, TEXT_KEY_MAX) : roll(dice, 40));
    for (size_t i = 0; i < len; i++)
        do
            room[i] = (char)roll(dice, 256);
        while (!text_key_valid(slice_of(room + i, 1)));
    assert_true(text_key_valid(slice_of(room, len)));
    return slice_of(room, len);
}

static struct slice random_tag(struct dice *dice, char *room)
{
    static const char letters[] = "abcxyzABCXYZ0189-_";
    size_t len = roll(dice, 2) == 0 ? 0 : 1 + roll(dice, TAG_MAX);
    for (size_t i = 0; i < len; i++)
        room[i] = letters[roll(dice, sizeof letters - 1)];
    return slice_of(room, len);
}

/* A number of any magnitude from 1 to max. */
static uint64_t random_number(struct dice *dice, uint64_t max)
{
    uint64_t n = (roll(dice, UINT64_MAX) >> roll(dice, 64)) % max;
    return n + 1;
}

static struct request random_request(struct dice *dice, char *room)
{
    struct request r = {.op = OP_GET};
    do
        r.op = (enum op)roll(dice, OP_QUIT); /* QUIT would end the stream */
    while (text_verb(r.op).len == 0);
    bool keyed = r.op == OP_CONFIG_SET || r.op == OP_GET || r.op == OP_PUT || r.op == OP_DELETE || r.op == OP_TOUCH;
    r.tag = random_tag(dice, room);
    room += TAG_MAX;
    if (keyed) r.key = random_key(dice, room);
    room += TEXT_KEY_MAX;
    if (r.op == OP_CONFIG_SET) r.value = random_tag(dice, room);
    if (r.op == OP_CONFIG_SET && r.value.len == 0) r.value = slice_text("off");
    if (r.op == OP_PUT) r.value = random_bytes(dice, room, limits.value);
    if (r.op == OP_PUT || r.op == OP_TOUCH) {
        r.ttl_kind = (enum ttl_kind)roll(dice, 3);
        if (r.ttl_kind == TTL_RELATIVE) r.ttl_ms = random_number(dice, TTL_MAX_MS);
    }
    if (keyed && r.op != OP_GET && r.op != OP_CONFIG_SET) {
        r.condition = (enum condition)roll(dice, 4);
        if (r.condition == COND_VERSION) r.if_version = random_number(dice, UINT64_MAX);
    }
    if (roll(dice, 3) == 0) r.deadline_ms = random_number(dice, TTL_MAX_MS);
    r.priority = (enum priority)roll(dice, 4);
    r.overtakes = r.tag.len > 0 && roll(dice, 2) == 0;
    return r;
}

static struct reply random_reply(struct dice *dice, char *room)
{
    struct reply r = {.kind = (enum reply_kind)(REPLY_OK + roll(dice, REPLY_BYE))};
    switch (r.kind) {
    case REPLY_STORED: r.version = random_number(dice, UINT64_MAX); break;
    case REPLY_CONFLICT: r.version = random_number(dice, UINT64_MAX) - 1; break;
    case REPLY_VALUE:
        r.version = random_number(dice, UINT64_MAX);
        r.number = (int64_t)random_number(dice, INT64_MAX) - 2;
        r.body = random_bytes(dice, room, limits.value);
        break;
    case REPLY_LEN: r.number = (int64_t)random_number(dice, INT64_MAX) - 1; break;
    case REPLY_OVERLOADED: r.number = (int64_t)random_number(dice, 5000) - 2; break;
    case REPLY_ERROR: reply_error(&r, (enum error_code)roll(dice, ERR_COUNT), "text for people"); break;
    case REPLY_JSON:
    case REPLY_TEXT: r.body = random_bytes(dice, room, limits.value); break;
    case REPLY_VERSION: r.body = slice_text("sluice 0.0.0 protocol 1"); break;
    default: break;
    }
    return r;
}

static void assert_same(const struct buffer *expected, const struct buffer *came)
{
    if (!slice_equal(slice_of(expected->data, expected->len), slice_of(came->data, came->len)))
        fail_msg("--- expected\n%.*s--- came\n%.*s", (int)expected->len, expected->data, (int)came->len,
                 came->data);
}

static void requests_survive(void **state)
{
    struct dice dice = {0x5e551045};
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        struct buffer expected = {0};
        struct buffer bytes = {0};
        struct buffer came = {0};
        for (int i = 0; i < PER_STREAM; i++) {
            char room[TAG_MAX + TEXT_KEY_MAX + 400];
            struct request request = random_request(&dice, room);
            text_log_request(&expected, &request);
            codec_text.encode_request(&bytes, &request);
        }
        text_events(&came, &limits, bytes.data, bytes.len, pieces_whole());
        assert_same(&expected, &came);
        came.len = 0;
        text_events(&came, &limits, bytes.data, bytes.len, pieces_fixed(1 + roll(&dice, 30)));
        assert_same(&expected, &came);
        buffer_free(&expected);
        buffer_free(&bytes);
        buffer_free(&came);
    }
}

static void replies_survive(void **state)
{
    struct dice dice = {0x0badcafe};
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        struct buffer expected = {0};
        struct buffer bytes = {0};
        struct buffer came = {0};
        for (int i = 0; i < PER_STREAM; i++) {
            char room[400];
            char tag[TAG_MAX];
            struct call call;
            call_init(&call);
            call.request.tag = random_tag(&dice, tag);
            call.reply = random_reply(&dice, room);
            text_log_reply(&expected, &call.reply, call.request.tag);
            codec_text.encode(&bytes, &call);
            call_clear(&call);
        }
        text_reply_events(&came, &limits, bytes.data, bytes.len, pieces_whole());
        assert_same(&expected, &came);
        came.len = 0;
        text_reply_events(&came, &limits, bytes.data, bytes.len, pieces_fixed(1 + roll(&dice, 30)));
        assert_same(&expected, &came);
        buffer_free(&expected);
        buffer_free(&bytes);
        buffer_free(&came);
    }
}

static void check_request(struct request request, const char *bytes)
{
    struct buffer out = {0};
    codec_text.encode_request(&out, &request);
    if (!slice_equal(slice_of(out.data, out.len), slice_text(bytes)))
        fail_msg("--- expected\n%s--- came\n%.*s", bytes, (int)out.len, out.data);
    buffer_free(&out);
}

static void requests_are_written_as_documented(void **state)
{
    struct slice key = slice_text("k");
    (void)state;
    check_request((struct request){.op = OP_GET, .key = key}, "GET k\r\n");
    check_request((struct request){.op = OP_LEN}, "LEN\r\n");
    check_request((struct request){.op = OP_QUIT}, "QUIT\r\n");
    check_request((struct request){.op = OP_TOUCH, .key = key, .ttl_kind = TTL_RELATIVE, .ttl_ms = 1500},
                  "TOUCH k 1500ms\r\n");
    check_request((struct request){.op = OP_PUT, .key = key, .value = slice_text("a b")}, "PUT k - $3\r\na b\r\n");
    check_request((struct request){.op = OP_PUT, .key = key, .ttl_kind = TTL_NEVER}, "PUT k never $0\r\n\r\n");
    check_request((struct request){.op = OP_DELETE,
                                   .key = key,
                                   .condition = COND_VERSION,
                                   .if_version = 7,
                                   .tag = slice_text("t"),
                                   .deadline_ms = 5,
                                   .priority = PRIORITY_CRITICAL},
                  "@if=7;tag=t;deadline=5ms;class=critical DELETE k\r\n");
    check_request((struct request){.op = OP_PING, .tag = slice_text("t")}, "@tag=t PING\r\n");
    check_request((struct request){.op = OP_GET, .key = key, .tag = slice_text("t"), .overtakes = true},
                  "@tag=t;refuse=early GET k\r\n");
    check_request((struct request){.op = OP_DELETE, .key = key, .condition = COND_ABSENT},
                  "@if=absent DELETE k\r\n");
    check_request((struct request){.op = OP_DELETE, .key = key, .condition = COND_PRESENT},
                  "@if=present DELETE k\r\n");
}

static void keys_and_tags_are_judged(void **state)
{
    char longest[TEXT_KEY_MAX + 1];
    (void)state;
    memset(longest, 'k', sizeof longest);
    assert_true(text_key_valid(slice_of(longest, TEXT_KEY_MAX)));
    assert_false(text_key_valid(slice_of(longest, TEXT_KEY_MAX + 1)));
    assert_false(text_key_valid(slice_of(NULL, 0)));
    for (size_t at = 0; at < 40; at++) { /* a bad byte is found wherever it stands */
        for (int c = 0; c < 256; c++) {
            longest[at] = (char)c;
            assert_int_equal(text_key_valid(slice_of(longest, 40)), c > 0x20 && c != 0x7f);
        }
        longest[at] = 'k';
    }
    assert_true(text_tag_valid(slice_text("a-Z_09")));
    assert_true(text_tag_valid(slice_of(longest, TAG_MAX)));
    assert_false(text_tag_valid(slice_of(longest, TAG_MAX + 1)));
    assert_false(text_tag_valid(slice_of(NULL, 0)));
    assert_false(text_tag_valid(slice_text("a b")));
    assert_false(text_tag_valid(slice_text("a=b")));
    assert_false(text_tag_valid(slice_text("\xe4")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_survive),
        cmocka_unit_test(replies_survive),
        cmocka_unit_test(requests_are_written_as_documented),
        cmocka_unit_test(keys_and_tags_are_judged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
