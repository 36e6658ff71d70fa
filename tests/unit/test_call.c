/* A call's storage: owning requests, keeping bodies, releasing held ones, memory running out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/call.h"

#define assert_slice(s, text) assert_true(slice_equal((s), slice_text(text)))

const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1"; /* for sizes that no machine has */
}

const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static struct call *new_call(void)
{
    struct call *call = malloc(sizeof *call);
    assert_non_null(call);
    memset(call, 0xa5, sizeof *call); /* raw memory */
    call_init(call);
    return call;
}

static void drop_call(struct call *call)
{
    call_clear(call);
    free(call);
}

static bool inside(const struct call *call, struct slice s)
{
    return s.ptr >= call->data && s.ptr + s.len <= call->data + call->capacity;
}

static void starts_empty(void **state)
{
    struct call *call = new_call();
    (void)state;
    assert_int_equal(call->request.key.len + call->request.value.len + call->request.tag.len, 0);
    assert_int_equal(call->reply.kind, REPLY_NONE);
    assert_null(call->parts);
    assert_null(call->part_next);
    assert_int_equal(call->capacity, CALL_INLINE);
    assert_ptr_equal(call->data, call->room);
    drop_call(call);
}

/* Owns a request whose bytes then vanish. */
static void own_of_size(size_t value_len)
{
    struct call *call = new_call();
    char *in = malloc(10 + value_len);
    assert_non_null(in);
    memcpy(in, "tag1mykey5", 10);
    memset(in + 10, 'v', value_len);
    call->request.tag = slice_of(in, 4);
    call->request.key = slice_of(in + 4, 6);
    call->request.value = slice_of(in + 10, value_len);
    assert_true(call_own(call));
    memset(in, '#', 10 + value_len);
    free(in);
    assert_slice(call->request.tag, "tag1");
    assert_slice(call->request.key, "mykey5");
    assert_int_equal(call->request.value.len, value_len);
    for (size_t i = 0; i < value_len; i++)
        assert_int_equal(call->request.value.ptr[i], 'v');
    assert_true(inside(call, call->request.tag));
    assert_true(inside(call, call->request.key));
    assert_true(inside(call, call->request.value));
    assert_int_equal(call->data == call->room, 10 + value_len <= CALL_INLINE);
    const char *data = call->data;
    assert_true(call_own(call)); /* once more changes nothing */
    assert_ptr_equal(call->data, data);
    assert_slice(call->request.key, "mykey5");
    drop_call(call);
}

static void owns_its_request(void **state)
{
    (void)state;
    own_of_size(0);
    own_of_size(256);
    own_of_size(CALL_INLINE - 10); /* the last that needs no allocation */
    own_of_size(CALL_INLINE - 9);
    own_of_size(100000);
}

static void owns_a_request_without_bytes(void **state)
{
    struct call *call = new_call();
    (void)state;
    assert_true(call_own(call));
    assert_int_equal(call->request.key.len + call->request.value.len + call->request.tag.len, 0);
    drop_call(call);
}

static void awaited_of_size(size_t len)
{
    struct call *call = new_call();
    call->request.key = slice_text("key");
    call->request.value = slice_of(NULL, len);
    assert_true(call_own(call));
    char *room = call_value_room(call);
    assert_ptr_equal(room, call->request.value.ptr);
    memset(room, 'x', len); /* all of it is there */
    assert_slice(call->request.key, "key");
    assert_true(inside(call, call->request.value));
    assert_true(call_own(call)); /* once more does not move it */
    assert_ptr_equal(room, call_value_room(call));
    drop_call(call);
}

static void makes_room_for_an_awaited_value(void **state)
{
    (void)state;
    awaited_of_size(0);
    awaited_of_size(1);
    awaited_of_size(CALL_INLINE - 3);
    awaited_of_size(CALL_INLINE - 2);
    awaited_of_size(1 << 20);
}

static void own_without_memory_changes_nothing(void **state)
{
    static const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 4, SIZE_MAX / 4};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct call *call = new_call();
        const char *key = "some key";
        call->request.key = slice_text(key);
        call->request.tag = slice_text("t");
        call->request.value = slice_of(NULL, sizes[i]);
        assert_false(call_own(call));
        assert_ptr_equal(call->request.key.ptr, key);
        assert_null(call->request.value.ptr);
        assert_int_equal(call->request.value.len, sizes[i]);
        assert_ptr_equal(call->data, call->room);
        assert_int_equal(call->capacity, CALL_INLINE);
        drop_call(call);
    }
}

static void reserve_keeps_room_that_suffices(void **state)
{
    struct call *call = new_call();
    (void)state;
    assert_true(call_reserve(call, CALL_INLINE));
    assert_ptr_equal(call->data, call->room);
    assert_true(call_reserve(call, CALL_INLINE + 1));
    assert_ptr_not_equal(call->data, call->room);
    memset(call->data, 1, CALL_INLINE + 1);
    assert_true(call_reserve(call, 5000)); /* the old allocation is given back: leak checkers watch */
    memset(call->data, 1, 5000);
    const char *data = call->data;
    assert_true(call_reserve(call, 10));
    assert_ptr_equal(call->data, data);
    assert_false(call_reserve(call, SIZE_MAX / 4));
    assert_ptr_equal(call->data, data);
    assert_int_equal(call->capacity, 5000);
    drop_call(call);
}

static void count_release(void *held)
{
    ++*(int *)held;
}

static void clear_releases_a_held_body_once(void **state)
{
    struct call *call = new_call();
    int released = 0;
    (void)state;
    call->reply.kind = REPLY_VALUE;
    call->reply.body = slice_text("shared");
    call->reply.held = &released;
    call->reply.release = count_release;
    call_clear(call);
    assert_int_equal(released, 1);
    assert_int_equal(call->reply.kind, REPLY_NONE);
    drop_call(call);
    assert_int_equal(released, 1);
}

static void keep_of_size(size_t body_len, bool own_first, bool held)
{
    struct call *call = new_call();
    int released = 0;
    char *body = malloc(body_len + 1);
    assert_non_null(body);
    memset(body, 'b', body_len);
    call->request.tag = slice_text("tag");
    call->request.key = slice_text("key");
    call->request.value = slice_text("value");
    if (own_first) assert_true(call_own(call));
    call->reply.kind = REPLY_VALUE;
    call->reply.body = slice_of(body, body_len);
    if (held) {
        call->reply.held = &released;
        call->reply.release = count_release;
    }
    assert_true(call_keep_body(call));
    memset(body, '#', body_len);
    free(body);
    assert_slice(call->request.tag, "tag");
    assert_true(inside(call, call->request.tag));
    assert_int_equal(call->reply.body.len, body_len);
    for (size_t i = 0; i < body_len; i++)
        assert_int_equal(call->reply.body.ptr[i], 'b');
    assert_true(inside(call, call->reply.body));
    assert_int_equal(released, held);
    drop_call(call);
    assert_int_equal(released, held);
}

static void keeps_a_body(void **state)
{
    static const size_t sizes[] = {0, 1, 256, CALL_INLINE - 3, CALL_INLINE - 2, 100000};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        keep_of_size(sizes[i], false, false);
        keep_of_size(sizes[i], true, false);
        keep_of_size(sizes[i], true, true);
    }
}

static void keeps_a_body_that_is_its_own_value(void **state)
{
    struct call *call = new_call();
    (void)state;
    call->request.tag = slice_text("tag");
    call->request.key = slice_text("some key");
    call->request.value = slice_text("a value that answers itself");
    assert_true(call_own(call));
    call->reply.body = call->request.value;
    assert_true(call_keep_body(call));
    assert_slice(call->request.tag, "tag");
    assert_slice(call->reply.body, "a value that answers itself");
    drop_call(call);
}

static void keep_without_memory_leaves_no_body(void **state)
{
    struct call *call = new_call();
    int released = 0;
    (void)state;
    call->request.tag = slice_text("tag");
    call->reply.body = slice_of("x", SIZE_MAX / 4);
    call->reply.held = &released;
    call->reply.release = count_release;
    assert_false(call_keep_body(call));
    assert_int_equal(call->reply.body.len, 0);
    assert_int_equal(released, 1);
    assert_slice(call->request.tag, "tag");
    call->reply.body = slice_of("x", SIZE_MAX - 1); /* the sum of the lengths does not fit */
    assert_false(call_keep_body(call));
    drop_call(call);
}

static void error_codes_have_names(void **state)
{
    (void)state;
    for (int code = 0; code < ERR_COUNT; code++)
        assert_true(strlen(error_code_name((enum error_code)code)) > 0);
    assert_string_equal(error_code_name(ERR_BAD_REQUEST), "bad-request");
    assert_string_equal(error_code_name(ERR_INTERNAL), "internal");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_empty),
        cmocka_unit_test(owns_its_request),
        cmocka_unit_test(owns_a_request_without_bytes),
        cmocka_unit_test(makes_room_for_an_awaited_value),
        cmocka_unit_test(own_without_memory_changes_nothing),
        cmocka_unit_test(reserve_keeps_room_that_suffices),
        cmocka_unit_test(clear_releases_a_held_body_once),
        cmocka_unit_test(keeps_a_body),
        cmocka_unit_test(keeps_a_body_that_is_its_own_value),
        cmocka_unit_test(keep_without_memory_leaves_no_body),
        cmocka_unit_test(error_codes_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
