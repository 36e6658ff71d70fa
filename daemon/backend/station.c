#include "daemon/backend/station.h"

#include <stdlib.h>
#include <string.h>

/* Work per batch: bounds how long a finished call waits for its batch. As much as a call is taken to cost at first,
 * so that the first batch is one call. */
#define BATCH_NS COSTS_FIRST_NS

bool station_init(struct station *s, const struct station_options *options)
{
    memset(s, 0, sizeof *s);
    s->options = *options;
    s->lanes = *options->lanes;
    s->options.lanes = &s->lanes;
    costs_init(&s->costs);
    s->ring = ring_create(options->bound);
    s->outgoing = calloc(s->lanes.count, sizeof *s->outgoing);
    return s->ring && s->outgoing;
}

void station_free(struct station *s)
{
    if (s->ring) ring_destroy(s->ring);
    free(s->outgoing);
}

static size_t batch_limit(const struct station *s)
{
    uint64_t limit = BATCH_NS / (costs_mean(&s->costs) + 1);
    if (limit < 1) return 1;
    return limit < STATION_BATCH_MAX ? limit : STATION_BATCH_MAX;
}

/*
 * Both sides do a read-modify-write of `starved`: a lane whose bit this misses finds the room on its second
 * submit (see backend.h, want_room), because its own operation on `starved` comes later and so does its look.
 */
void station_tell_room(struct station *s, size_t places)
{
    uint64_t lanes = atomic_exchange(&s->starved, 0);
    for (; lanes && places > 0; places--) {
        uint64_t later = lanes >> s->turn << s->turn;
        uint32_t lane = (uint32_t)__builtin_ctzll(later ? later : lanes);
        lanes &= ~(1ULL << lane);
        s->turn = (lane + 1) % 64;
        s->lanes.room(s->lanes.ctx, lane);
    }
    if (lanes) atomic_fetch_or(&s->starved, lanes);
}

static void deliver(struct station *s, struct task **tasks, size_t count)
{
    uint64_t touched = 0;
    for (size_t i = 0; i < count; i++) {
        touched |= 1ULL << tasks[i]->lane;
        mail_batch_add(&s->outgoing[tasks[i]->lane], &tasks[i]->mail);
    }
    while (touched) {
        uint32_t lane = (uint32_t)__builtin_ctzll(touched);
        touched &= touched - 1;
        s->lanes.complete(s->lanes.ctx, lane, &s->outgoing[lane]);
    }
}

/* Notes when the calls' execution begins (0: they will not be executed). Those whose own deadline is past then, or
 * will be by estimate when those before them in the batch are done, are answered here; returns how many. */
static size_t begin(struct task **tasks, size_t count, uint64_t start_ns)
{
    size_t late = 0;
    uint64_t own_start_ns = start_ns;
    for (size_t i = 0; i < count; i++) {
        struct task *task = tasks[i];
        uint64_t deadline_ns = task->call.request.deadline_ms * 1000000U;
        task->taken_ns = start_ns;
        if (deadline_ns == 0 || own_start_ns <= task->arrived_ns + deadline_ns) {
            own_start_ns += task->wait.cost_ns;
            continue;
        }
        task->call.reply.kind = REPLY_LATE;
        late++;
    }
    return late;
}

uint64_t station_run_batch(struct station *s, uint64_t start_ns)
{
    struct task *tasks[STATION_BATCH_MAX];
    size_t count = ring_pop(s->ring, (void **)tasks, batch_limit(s));
    if (count == 0) return 0;
    uint64_t depth = count + ring_depth(s->ring); /* places that came free may be taken again already */
    counter_max(&s->deepest, depth < ring_bound(s->ring) ? depth : ring_bound(s->ring));
    station_tell_room(s, count);
    if (start_ns == 0) start_ns = clock_ns(s->options.clock);
    /* That may have been before they came, if this thread was held up since: nothing runs in its own past. */
    for (size_t i = 0; i < count; i++)
        if (tasks[i]->arrived_ns > start_ns) start_ns = tasks[i]->arrived_ns;
    s->began_ns = start_ns;
    bool abandoned = atomic_load_explicit(&s->abandoned, memory_order_relaxed);
    size_t late = begin(tasks, count, abandoned ? 0 : start_ns);
    if (!abandoned && late < count) s->options.run(s->options.ctx, tasks, count, start_ns / 1000000U);
    uint64_t end_ns = clock_ns(s->options.clock);
    for (size_t i = 0; i < count; i++)
        tasks[i]->done_ns = end_ns;
    if (late == 0) costs_note(&s->costs, tasks, count, end_ns - start_ns);
    deliver(s, tasks, count);
    histogram_record(&s->batches, count);
    return end_ns;
}

bool station_submit(struct station *s, struct task *task)
{
    return ring_push(s->ring, task);
}

void station_want_room(struct station *s, uint32_t lane)
{
    atomic_fetch_or(&s->starved, 1ULL << lane);
}

void station_abandon(struct station *s)
{
    atomic_store(&s->abandoned, true);
}

struct backend_load station_load(const struct station *s)
{
    return (struct backend_load){ring_depth(s->ring), ring_bound(s->ring), costs_mean(&s->costs)};
}

bool station_register_metrics(struct station *s, struct metrics *m)
{
    return metrics_histogram(m, "queue.batch", &s->batches) && metrics_maximum(m, "queue.ring_max", &s->deepest) &&
           metrics_maximum(m, "queue.cost_ns", &s->costs.mean_ns);
}
