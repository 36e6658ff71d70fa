#include "daemon/admit/admit.h"

#define RETRY_MAX_MS 1000

static enum admit_verdict always_enter(const struct admit_view *view)
{
    (void)view;
    return ADMIT_ENTER;
}

static enum admit_verdict enter_unless_full(const struct admit_view *view)
{
    return view->bound != 0 && view->depth >= view->bound ? ADMIT_REFUSE : ADMIT_ENTER;
}

const struct admit_policy admit_wait = {"wait", always_enter, ADMIT_WAIT};
const struct admit_policy admit_reject = {"reject", enter_unless_full, ADMIT_REFUSE};

void admit_refuse(const struct admit_view *view, struct reply *reply)
{
    uint64_t backlog_ms = (uint64_t)view->depth * view->cost_ns / 1000000U + 1;
    reply->kind = REPLY_OVERLOADED;
    reply->number = (int64_t)(backlog_ms < RETRY_MAX_MS ? backlog_ms : RETRY_MAX_MS);
}
