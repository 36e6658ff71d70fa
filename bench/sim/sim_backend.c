/* The backend's thread: batches, as daemon/backend/station.c takes them. */
#include "bench/sim/sim_impl.h"

#define BATCH_NS COSTS_FIRST_NS /* work per batch, as there */

static uint64_t service_ns(struct sim *s)
{
    uint64_t mean_ns = 0;
    for (size_t i = 0; i < s->o->step_count; i++)
        if (s->now_ns >= SIM_START_NS + s->o->steps[i].at_ns) mean_ns = s->o->steps[i].mean_ns;
    if (!s->o->exponential) return mean_ns;
    return (uint64_t)(rng_exponential(&s->rng) * (double)mean_ns) + 1;
}

bool sim_stalled(const struct sim *s)
{
    uint64_t begin_ns = SIM_START_NS + s->o->stall_at_ns;
    return s->now_ns >= begin_ns && s->now_ns < begin_ns + s->o->stall_ns;
}

/* What is there, but not more work than BATCH_NS. */
void sim_batch_begin(struct sim *s)
{
    if (s->batch_count > 0 || sim_stalled(s)) return;
    uint64_t limit = BATCH_NS / (costs_mean(&s->costs) + 1);
    if (limit < 1) limit = 1;
    if (limit > SIM_BATCH) limit = SIM_BATCH;
    s->batch_count = ring_pop(s->ring, (void **)s->batch, limit);
    if (s->batch_count == 0) return;
    s->batch_from_ns = s->batch_end_ns = s->now_ns;
    uint64_t own_start_ns = s->now_ns; /* by estimate */
    for (size_t i = 0; i < s->batch_count; i++) {
        struct task *task = &s->batch[i]->task;
        uint64_t deadline_ns = task->call.request.deadline_ms
                                   ? task->arrived_ns + task->call.request.deadline_ms * 1000000U
                                   : SIM_NEVER;
        task->taken_ns = s->now_ns;
        if (own_start_ns > deadline_ns) {
            task->call.reply.kind = REPLY_LATE;
            s->result->expired++;
            continue;
        }
        own_start_ns += task->wait.cost_ns;
        uint64_t took_ns = service_ns(s);
        if (s->batch_end_ns > deadline_ns) s->result->wasted_ns += took_ns;
        s->batch_end_ns += took_ns;
        task->call.reply.kind = REPLY_OK;
    }
}

void sim_batch_end(struct sim *s)
{
    uint64_t took_ns = s->batch_end_ns - s->batch_from_ns;
    struct task *tasks[SIM_BATCH];
    bool late = false;
    for (size_t i = 0; i < s->batch_count; i++) {
        struct sim_call *c = s->batch[i];
        struct sim_lane *lane = &s->lanes[c->task.lane];
        tasks[i] = &c->task;
        late = late || c->task.call.reply.kind == REPLY_LATE;
        c->task.done_ns = s->now_ns;
        STAILQ_INSERT_TAIL(&lane->returned, c, link);
        if (lane->turn_ns == SIM_NEVER) lane->turn_ns = s->now_ns + s->o->refill_ns;
    }
    if (!late) costs_note(&s->costs, tasks, s->batch_count, took_ns);
    s->result->all_busy_ns += took_ns;
    for (size_t w = 0; w < s->o->window_count; w++)
        if (sim_in_window(s, w, s->now_ns)) s->result->busy_ns[w] += took_ns;
    s->batch_count = 0;
    s->batch_end_ns = SIM_NEVER;
    sim_batch_begin(s);
}
