/* Who may ask for what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "daemon/net/rights.h"

static bool may(enum peer_kind peer, enum op op)
{
    struct call call;
    call_init(&call);
    call.request.op = op;
    bool allowed = !rights_denied(peer, &call);
    call_clear(&call);
    return allowed;
}

static void settings_are_changed_from_this_machine_only(void **state)
{
    (void)state;
    for (enum op op = 0; op < OP_COUNT; op++) {
        assert_true(may(PEER_LOCAL, op));
        assert_int_equal(may(PEER_REMOTE, op), op != OP_CONFIG_SET);
    }
}

/* A batch needs the rights that its parts need, however deep they are. */
static void a_batch_is_denied_for_one_part(void **state)
{
    (void)state;
    struct call call;
    call_init(&call);
    call.request.op = OP_BATCH;
    call_add_part(&call, CALL_INLINE)->request.op = OP_GET;
    struct call *inner = call_add_part(&call, CALL_INLINE);
    inner->request.op = OP_BATCH;
    struct call *part = call_add_part(inner, CALL_INLINE);
    part->request.op = OP_CONFIG;
    assert_null(rights_denied(PEER_REMOTE, &call));
    part->request.op = OP_CONFIG_SET;
    assert_null(rights_denied(PEER_LOCAL, &call));
    assert_non_null(strstr(rights_denied(PEER_REMOTE, &call), "from this machine only"));
    call_clear(&call);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_are_changed_from_this_machine_only),
        cmocka_unit_test(a_batch_is_denied_for_one_part),
    };
    return cmocka_run_group_tests_name("rights", tests, NULL, NULL);
}
