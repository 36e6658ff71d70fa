/* Every allocation of the codecs fails once: each command is then refused in words, or carried out; nothing is
 * lost, read too far or leaked. The linker leads malloc and its kin through here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/memcached/memcached.h"
#include "proto/resp/resp.h"
#include "tests/unit/codec_drive.h"
#include "tests/unit/codec_events.h"
#include "tests/unit/failing_alloc.h"

static const struct codec_limits limits = {
    .line = 4000, .key = 250, .value = 2000, .command = 8000, .parts = 1000, .held = 1 << 20};

enum { COMMANDS_MAX = 64 };

/* What came of a stream: the bytes for each command. */
struct outcome {
    struct buffer replies[COMMANDS_MAX];
    int count;
    bool closed;
    int failed_at; /* the command in which the allocation failed; -1: none did */
};

static void outcome_free(struct outcome *o)
{
    for (int i = 0; i < o->count; i++)
        buffer_free(&o->replies[i]);
}

/* Decodes the stream and encodes replies; the `nth` allocation fails, -1: none. */
static void run(const struct codec *codec, struct slice in, long nth, struct outcome *o)
{
    struct decoder d = {.connection = 1};
    enum decode_status status = DECODE_MORE;
    size_t at = 0;
    *o = (struct outcome){.failed_at = -1};
    allocations_left = nth;
    do {
        struct call call;
        size_t used = 0;
        call_init(&call);
        status = codec->decode(&d, &limits, in.ptr + at, in.len - at, &used, &call);
        at += used;
        if (status == DECODE_REQUEST) codec_reply_somehow(&call);
        while (status != DECODE_MORE && codec->encode(&o->replies[o->count], &call))
            ;
        o->count += status != DECODE_MORE;
        if (nth >= 0 && allocations_left == -1 && o->failed_at == -1) o->failed_at = o->count - 1;
        call_clear(&call);
    } while (status == DECODE_REQUEST || status == DECODE_ANSWERED);
    allocations_left = -1;
    o->closed = status == DECODE_CLOSE;
    assert_true(o->closed || at == in.len);
    if (codec->release) codec->release(&d);
}

/* The reply is the usual one, says that there was no memory, or is known not to be whole. */
static void check_reply(const struct buffer *reply, const struct buffer *usual)
{
    if (reply->failed || memmem(reply->data, reply->len, "out of memory", 13)) return;
    if (!slice_equal(slice_of(reply->data, reply->len), slice_of(usual->data, usual->len)))
        fail_msg("%.*s\n--- is usually\n%.*s", (int)reply->len, reply->data, (int)usual->len, usual->data);
}

static void check(const struct codec *codec, struct slice in)
{
    struct outcome usual, o;
    run(codec, in, -1, &usual);
    assert_true(usual.count > 0 && !usual.closed);
    long nth = 0;
    for (;; nth++) {
        run(codec, in, nth, &o);
        if (o.failed_at == -1) break;
        assert_true(o.closed || o.count == usual.count); /* what cannot be read cannot be skipped */
        for (int i = 0; i <= o.failed_at; i++)
            check_reply(&o.replies[i], &usual.replies[i]);
        outcome_free(&o);
    }
    assert_true(nth > 5);
    assert_int_equal(o.count, usual.count);
    outcome_free(&o);
    outcome_free(&usual);
}

static void resp(void **state)
{
    (void)state;
    struct buffer in = {0};
    buffer_append_text(&in, "MGET");
    for (int i = 0; i < 60; i++)
        buffer_append_text(&in, " key");
    buffer_append_text(
        &in,
        "\r\nMSET h 1 p 2\r\nMSETNX h 1 p 2\r\nDEL h p\r\nINFO\r\nCONFIG GET *\r\nHELLO 3 SETNAME x\r\n"
        "CLIENT SETINFO lib-name y\r\nCLIENT LIST\r\nCOMMAND\r\nCOMMAND INFO get x\r\nSCAN 0\r\nKEYS *\r\nECHO ");
    for (int i = 0; i < 150; i++)
        buffer_append_text(&in, "0123456789");
    buffer_append_text(&in, "\r\nGETEX a EX 0\r\nMULTI\r\nMGET a b\r\nSET a "
                            "1\r\nEXEC\r\nRESET\r\nFOO\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n");
    check(&codec_resp, slice_of(in.data, in.len));
    buffer_free(&in);
}

static void memcached(void **state)
{
    (void)state;
    struct buffer in = {0};
    buffer_append_text(&in, "get");
    for (int i = 0; i < 60; i++)
        buffer_append_text(&in, " key");
    buffer_append_text(&in, "\r\ngets h p\r\nset h 0 0 1\r\nx\r\nstats\r\nstats items\r\nmg QUE= b v k\r\nma a "
                            "v\r\nms a 1\r\nx\r\nfoo\r\nmn\r\n");
    check(&codec_memcached, slice_of(in.data, in.len));
    buffer_free(&in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resp),
        cmocka_unit_test(memcached),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
