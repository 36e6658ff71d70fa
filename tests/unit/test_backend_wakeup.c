/*
 * No lost wakeup, and no hour-long sleep either: one call at a time, so that both sides fall asleep between any two
 * calls and every call has to wake the backend, every completion its lane.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/queue/spin.h"
#include "tests/unit/store_contract.h"

/* In all configurations together, about a million. */
#define ROUND_TRIPS (STORE_SANITIZED ? 5000 : 120000)

static void every_call_comes_back(void **state)
{
    struct store *s = store_open(*state, NULL);
    uint64_t version = store_put(s, "k", "v");
    for (int i = 0; i < ROUND_TRIPS; i++) {
        for (int wait = i % 64; wait > 0; wait--) /* so that calls come at every moment of its falling asleep */
            spin_pause();
        const struct reply *reply = ASK(s, .op = OP_GET, .key = "k");
        if (reply->kind != REPLY_VALUE || reply->version != version) fail_msg("round trip %d", i);
    }
    store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_call_comes_back),
    };
    return store_contract_run("wakeup", tests, 1, store_config_queues);
}
