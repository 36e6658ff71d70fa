#include "daemon/backend/station.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Work per batch: bounds how long a finished task waits for its batch. As much as a task is taken to cost at first,
 * so that the first batch is one task. */
#define BATCH_NS COSTS_FIRST_NS

#define SAMPLE_EVERY 64   /* tasks of a lane's own station: so many fast ones per one that is timed */
#define SLOW_NS      5000 /* what costs more on average is always timed */

bool station_init(struct station *s, const struct station_options *options)
{
    memset(s, 0, sizeof *s);
    s->options = *options;
    costs_init(&s->costs);
    s->is_slow = true; /* until something was timed */
    s->keep_ms = options->housekeep ? 0 : UINT64_MAX;
    s->recheck_ms = UINT64_MAX;
    s->outgoing = calloc(options->lanes.count, sizeof *s->outgoing);
    if (options->bound > 0) s->ring = ring_create(options->bound);
    return s->outgoing && (s->ring || options->bound == 0);
}

void station_free(struct station *s)
{
    if (s->ring) ring_destroy(s->ring);
    free(s->outgoing);
}

/* ---- running ---- */

/* Is this batch timed? */
static bool is_timed(struct station *s, size_t count)
{
    if (!s->options.is_lane) return true;
    s->untimed += (uint32_t)count;
    if (s->untimed < SAMPLE_EVERY && !s->is_slow) return false;
    s->untimed = 0;
    return true;
}

/* Says when the batch starts: nothing runs in its own past, nor before what ran earlier. True: some task has a
 * deadline of its own. */
static bool begin(struct station *s, struct task *const *tasks, size_t count, uint64_t start_ns)
{
    uint64_t deadlines = 0;
    for (size_t i = 0; i < count; i++) {
        deadlines |= tasks[i]->call.request.deadline_ms;
        if (tasks[i]->arrived_ns > start_ns) start_ns = tasks[i]->arrived_ns;
    }
    if (start_ns > s->began_ns) s->began_ns = start_ns;
    return deadlines != 0;
}

/* Those whose own deadline is past, or will be by estimate when those before them in the batch are done, are
 * answered here; returns how many. */
static size_t answer_late(struct task *const *tasks, size_t count, uint64_t start_ns)
{
    size_t late = 0;
    for (size_t i = 0; i < count; i++) {
        struct task *task = tasks[i];
        uint64_t deadline_ns = task->call.request.deadline_ms * 1000000U;
        if (deadline_ns == 0 || start_ns <= task->arrived_ns + deadline_ns) {
            start_ns += task->wait.cost_ns;
            continue;
        }
        task->call.reply.kind = REPLY_LATE;
        late++;
    }
    return late;
}

/* Closes the gaps that parked tasks have left; what is left is done. */
static size_t finish(const struct station *s, struct task **tasks, size_t count)
{
    size_t left = 0;
    for (size_t i = 0; i < count; i++) {
        struct task *task = tasks[i];
        if (!task) continue;
        task->taken_ns = s->began_ns;
        task->done_ns = s->ended_ns;
        tasks[left++] = task;
    }
    return left;
}

size_t station_run(struct station *s, struct task **tasks, size_t count, uint64_t start_ns)
{
    const struct station_options *o = &s->options;
    assert(count > 0 && count <= STATION_BATCH_MAX);
    bool timed = is_timed(s, count);
    if (timed && o->is_lane) start_ns = clock_ns(o->clock);
    bool any_deadline = begin(s, tasks, count, start_ns);
    size_t late = any_deadline ? answer_late(tasks, count, s->began_ns) : 0;
    if (late < count) o->run(o->ctx, tasks, count, s->began_ns / 1000000U);
    s->ended_ns = timed ? clock_ns(o->clock) : s->began_ns;
    count = finish(s, tasks, count);
    if (timed && late == 0 && count > 0) {
        costs_note(&s->costs, tasks, count, s->ended_ns - s->began_ns);
        s->is_slow = costs_mean(&s->costs) > SLOW_NS;
    }
    if (o->commit && count > 0) {
        o->commit(o->commit_ctx, tasks, count);
        count = finish(s, tasks, count);
    }
    if (s->keep_ms > s->recheck_ms) s->keep_ms = s->recheck_ms; /* what is due may have changed */
    return count;
}

void station_deliver(struct station *s, struct task **tasks, size_t count)
{
    const struct station_lanes *lanes = &s->options.lanes;
    uint64_t touched = 0;
    for (size_t i = 0; i < count; i++) {
        touched |= 1ULL << tasks[i]->lane;
        mail_batch_add(&s->outgoing[tasks[i]->lane], &tasks[i]->mail);
    }
    for (; touched; touched &= touched - 1) {
        uint32_t lane = (uint32_t)__builtin_ctzll(touched);
        lanes->complete(lanes->ctx, lane, &s->outgoing[lane]);
    }
}

static size_t batch_limit(const struct station *s)
{
    uint64_t limit = BATCH_NS / (costs_mean(&s->costs) + 1);
    if (limit < 1) return 1;
    return limit < STATION_BATCH_MAX ? limit : STATION_BATCH_MAX;
}

/* They come back without having been executed. */
static void return_unrun(struct station *s, struct task **tasks, size_t count)
{
    for (size_t i = 0; i < count; i++)
        tasks[i]->taken_ns = 0;
    s->ended_ns = clock_ns(s->options.clock);
    station_deliver(s, tasks, count);
}

uint64_t station_run_batch(struct station *s, uint64_t start_ns)
{
    struct task *tasks[STATION_BATCH_MAX];
    size_t count = ring_pop(s->ring, (void **)tasks, batch_limit(s));
    if (count == 0) return 0;
    uint64_t depth = count + ring_depth(s->ring); /* places that came free may be taken again already */
    counter_max(&s->deepest, depth < ring_bound(s->ring) ? depth : ring_bound(s->ring));
    histogram_record(&s->batches, count);
    if (atomic_load_explicit(&s->abandoned, memory_order_relaxed)) {
        return_unrun(s, tasks, count);
        return s->ended_ns;
    }
    if (start_ns == 0) start_ns = clock_ns(s->options.clock);
    station_deliver(s, tasks, station_run(s, tasks, count, start_ns));
    return s->ended_ns;
}

/* ---- from other threads ---- */

bool station_submit(struct station *s, struct task *task)
{
    return ring_push(s->ring, task);
}

void station_abandon(struct station *s)
{
    atomic_store(&s->abandoned, true);
}

void station_disturb(struct station *s)
{
    atomic_store(&s->disturbed, true);
    station_wake(s);
}

/* ---- housekeeping ---- */

bool station_is_due(struct station *s, uint64_t now_ms)
{
    if (station_is_disturbed(s) && atomic_exchange(&s->disturbed, false) && s->keep_ms > s->recheck_ms)
        s->keep_ms = s->recheck_ms;
    return s->keep_ms <= now_ms || s->keep_ms <= s->began_ns / 1000000U;
}

void station_keep_house(struct station *s, uint64_t now_ms)
{
    uint64_t began_ms = s->began_ns / 1000000U;
    if (now_ms < began_ms) now_ms = began_ms; /* not before what has run: a lane's clock readings may be older */
    s->keep_ms = s->options.housekeep(s->options.housekeep_ctx, now_ms);
    s->recheck_ms = now_ms + s->options.housekeep_interval_ms;
}

bool station_register_metrics(struct station *s, struct metrics *m)
{
    bool ok = metrics_maximum(m, "queue.cost_ns", &s->costs.mean_ns);
    if (!s->ring) return ok;
    return ok && metrics_histogram(m, "queue.batch", &s->batches) &&
           metrics_maximum(m, "queue.ring_max", &s->deepest);
}
