/* Buffers: growth, consuming, and memory running out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/buffer.h"

#define assert_holds(b, text)                               \
    do {                                                    \
        assert_int_equal((b)->len, strlen(text));           \
        assert_memory_equal((b)->data, text, strlen(text)); \
    } while (0)

/* Sanitizers' allocators end the program on sizes that no machine has, unless told not to. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static void appends_and_grows(void **state)
{
    struct buffer b = {0};
    (void)state;
    for (int i = 0; i < 1000; i++)
        buffer_append(&b, "0123456789", 10);
    assert_int_equal(b.len, 10000);
    for (size_t i = 0; i < b.len; i++)
        assert_int_equal(b.data[i], '0' + (int)(i % 10));
    assert_true(b.capacity >= b.len && b.capacity < 4 * b.len);
    buffer_free(&b);
    assert_null(b.data);
    assert_int_equal(b.len + b.capacity, 0);
    buffer_free(&b); /* an empty one may be freed */
}

static void appends_texts_and_numbers(void **state)
{
    struct buffer b = {0};
    (void)state;
    buffer_append_text(&b, "a ");
    buffer_append_u64(&b, UINT64_MAX);
    buffer_append_text(&b, " ");
    buffer_append_i64(&b, INT64_MIN);
    buffer_append_text(&b, "");
    buffer_append(&b, NULL, 0);
    buffer_append_text(&b, " ");
    buffer_append_i64(&b, 7);
    assert_holds(&b, "a 18446744073709551615 -9223372036854775808 7");
    buffer_free(&b);
}

static void reserves_without_appending(void **state)
{
    struct buffer b = {0};
    (void)state;
    assert_non_null(buffer_reserve(&b, 0));
    char *at = buffer_reserve(&b, 3000);
    assert_non_null(at);
    assert_int_equal(b.len, 0);
    assert_true(b.capacity >= 3000);
    memset(at, 'x', 3000); /* all of it is ours */
    b.len = 3000;
    size_t exact = b.capacity - b.len;
    size_t capacity = b.capacity;
    assert_ptr_equal(buffer_reserve(&b, exact), b.data + 3000); /* fits exactly: no growth */
    assert_int_equal(b.capacity, capacity);
    assert_non_null(buffer_reserve(&b, exact + 1));
    assert_true(b.capacity > capacity);
    buffer_free(&b);
}

static void consumes_from_the_front(void **state)
{
    struct buffer b = {0};
    (void)state;
    buffer_append_text(&b, "abcdef");
    buffer_consume(&b, 0);
    assert_holds(&b, "abcdef");
    buffer_consume(&b, 2);
    assert_holds(&b, "cdef");
    buffer_consume(&b, 4);
    assert_int_equal(b.len, 0);
    buffer_append_text(&b, "g");
    assert_holds(&b, "g");
    buffer_free(&b);
    buffer_consume(&b, 0);
}

static void failure_is_sticky_and_keeps_what_was_there(size_t too_much)
{
    struct buffer b = {0};
    buffer_append_text(&b, "kept");
    assert_null(buffer_reserve(&b, too_much));
    assert_true(b.failed);
    buffer_append_text(&b, "lost"); /* or there would be a hole before it */
    buffer_append_u64(&b, 1);
    assert_null(buffer_reserve(&b, 0));
    assert_holds(&b, "kept");
    buffer_free(&b);
    assert_false(b.failed);
    buffer_append_text(&b, "again");
    assert_holds(&b, "again");
    buffer_free(&b);
}

static void memory_may_run_out(void **state)
{
    (void)state;
    failure_is_sticky_and_keeps_what_was_there(SIZE_MAX);
    failure_is_sticky_and_keeps_what_was_there(SIZE_MAX / 2 - 3); /* one more than the sum may be */
    failure_is_sticky_and_keeps_what_was_there(SIZE_MAX / 4);     /* here it is the allocator that refuses */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_and_grows),          cmocka_unit_test(appends_texts_and_numbers),
        cmocka_unit_test(reserves_without_appending), cmocka_unit_test(consumes_from_the_front),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
