/* The rows of the operations: whole, and at one with what is told by comparing numbers. That codecs make no request
 * that its row forbids is asserted wherever tests and fuzzers decode (codec_events.c, text_events.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/request.h"

static void every_operation_has_a_row(void **state)
{
    (void)state;
    for (int op = 0; op < OP_COUNT; op++) {
        assert_non_null(op_rows[op].name);
        for (int other = 0; other < op; other++)
            assert_string_not_equal(op_name((enum op)op), op_name((enum op)other));
        assert_true(op_allows_condition((enum op)op, COND_NONE));
        assert_int_equal(op_rows[op].conditions >> (COND_MORTAL_SHORTER + 1), 0);
    }
    assert_string_equal(op_name(OP_GET), "get");
    assert_string_equal(op_name(OP_QUIT), "quit");
}

static void groups_are_those_of_the_keys(void **state)
{
    (void)state;
    for (int i = 0; i < OP_COUNT; i++) {
        enum op op = (enum op)i;
        enum op_keys keys = (enum op_keys)op_rows[op].keys;
        assert_int_equal(op_has_one_key(op), keys == OP_KEYS_ONE);
        assert_int_equal(op_has_key(op), keys == OP_KEYS_ONE || keys == OP_KEYS_TWO);
        assert_int_equal(op_is_single(op), keys != OP_KEYS_PARTS && keys != OP_KEYS_NONE);
        assert_int_equal(op_needs_table(op), keys != OP_KEYS_NONE);
    }
}

/* Effects that write are allowed, and are none where everything writes; what needs no session changes none. */
static void what_writes_is_consistent(void **state)
{
    (void)state;
    for (int i = 0; i < OP_COUNT; i++) {
        const struct op_row *row = &op_rows[i];
        assert_int_equal(row->writes_with & ~row->effects, 0);
        if (row->writes) assert_int_equal(row->writes_with, 0);
        if (row->keys == OP_KEYS_NONE) assert_false(row->writes || row->effects);
        if (!op_has_key((enum op)i)) assert_int_equal(row->op_class, OP_CLASS_OTHER);
    }
}

static void requests_are_judged_by_their_row(void **state)
{
    (void)state;
    struct request get = {.op = OP_GET}, put = {.op = OP_PUT, .condition = COND_VERSION};
    assert_true(request_is_allowed(&get) && request_is_allowed(&put));
    assert_true(request_reads_only(&get) && !request_reads_only(&put));
    assert_true(request_class(&get) == OP_CLASS_GET && request_class(&put) == OP_CLASS_PUT);
    get.effects = EFFECT_DELETE;
    assert_true(request_is_allowed(&get) && !request_reads_only(&get));
    assert_int_equal(request_class(&get), OP_CLASS_DELETE);
    get.effects = EFFECT_RETURN_OLD;
    assert_false(request_is_allowed(&get));
    put.condition = COND_LONGER;
    assert_false(request_is_allowed(&put));
    get = (struct request){.op = OP_COUNT};
    assert_false(request_is_allowed(&get));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_operation_has_a_row),
        cmocka_unit_test(groups_are_those_of_the_keys),
        cmocka_unit_test(what_writes_is_consistent),
        cmocka_unit_test(requests_are_judged_by_their_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
