/* From the waiting line to the backend, and back. */
#include "daemon/admit/gate_impl.h"

#include <assert.h>

#define WINDOW_LEAST_NS 50000   /* work: what a batch is */
#define WINDOW_MOST_NS  1000000 /* work: more could not be turned away any more */
#define WINDOW_MOST_MIN 12      /* calls that the window may always grow to, however slow they are */
#define CALM_RETURNS    256     /* so often in a row not dry, and the window shrinks by an eighth */
#define FAST_NS         5000    /* in place: what costs less on average is executed as it is read */
#define BUDGET_FAST_NS  4000000 /* ... within this much a turn */
#define BUDGET_SLOW_NS  200000  /* and what costs more within this, so that who is refused learns it soon */
#define STALE_MOST      256     /* calls answered in one gate_next, at most */
#define STRETCH_MOST    (64 * UNIT)
#define LEARN_SERVICES  4 /* waits expected to be shorter than this many services tell nothing of the estimate */

/* Could the station do more than it has, of other gates neither? */
static bool ran_dry(const struct gate *g)
{
    const struct gate_station *station = g->options.station;
    return g->out < station->degree && (station->gates == 1 || !station->ring || ring_depth(station->ring) == 0);
}

/* Since the window was looked at last, something came back: was the window too small? */
static void adjust_window(struct gate *g)
{
    if (!g->returned) return;
    g->returned = false;
    uint64_t mean_ns = costs_mean(g->options.costs) + 1, degree = g->options.station->degree;
    uint64_t least = degree * WINDOW_LEAST_NS / mean_ns, most = degree * WINDOW_MOST_NS / mean_ns;
    /* Where there are several gates, what is next comes from another. */
    uint64_t least_calls = degree * (g->options.station->gates > 1 ? WINDOW_LEAST - 1 : WINDOW_LEAST);
    if (least < least_calls) least = least_calls;
    if (most < degree * WINDOW_MOST_MIN) most = degree * WINDOW_MOST_MIN;
    if (g->line.count > 0 && ran_dry(g)) {
        g->window += (g->window + 7) / 8;
        g->calm = 0;
    } else if (g->out < g->window / 2) {
        g->calm = 0;
    } else if (++g->calm >= CALM_RETURNS) {
        g->window -= (g->window + 7) / 8;
        g->calm = 0;
    }
    if (g->window > most) g->window = (uint32_t)most;
    if (g->window < least) g->window = (uint32_t)least;
    if (g->window > GATE_WINDOW_MOST) g->window = GATE_WINDOW_MOST;
}

/* To refuse one now would leave the backend without work: who waits, waits for this thread and not for the backend.
 */
static bool would_idle(const struct gate *g)
{
    return !g->options.in_place && ran_dry(g);
}

/* How long it has waited, as policies see it: they are to have more patience with a critical call than with others,
 * and less with a sheddable one. */
static uint64_t felt(const struct task *task, uint64_t now_ns)
{
    uint64_t waited_ns = gate_waited(task, now_ns);
    if (task->call.request.priority == PRIORITY_CRITICAL) return waited_ns / PATIENCE;
    return task->call.request.priority == PRIORITY_SHEDDABLE ? waited_ns * 2 : waited_ns;
}

/* Of the oldest calls of each class, the one that has waited longest in the policy's eyes. */
static struct task *stalest(const struct gate *g, uint64_t now_ns)
{
    struct task *result = NULL;
    for (int i = PRIORITY_CRITICAL; i <= PRIORITY_SHEDDABLE; i++) {
        struct task *task = line_oldest_of(&g->line, (enum priority)i);
        if (task && (!result || felt(task, now_ns) > felt(result, now_ns))) result = task;
    }
    return result;
}

static void turn_away(struct gate *g, struct task *task)
{
    gate_leave(g, task, false);
    gate_set_aside(g, task);
}

/*
 * Is one answered for having waited too long? That is asked of the oldest, whoever's turn it is: in round robin a
 * call may have its turn soon after it came while others have been there for long, and what is short for one flow
 * does not tell of a queue that is short.
 */
static bool shed_stale(struct gate *g, uint64_t now_ns)
{
    if (!g->policy->stale || g->line.count == 0) return false;
    struct task *task = stalest(g, now_ns);
    struct admit_view v = gate_view(g, NULL, now_ns);
    if (!g->policy->stale(&g->state, &v, felt(task, now_ns)) || would_idle(g)) return false;
    gate_overloaded(g, task, now_ns);
    counter_add(&g->options.stats->stale, 1);
    turn_away(g, task);
    return true;
}

/* It will be taken when the backend is done with what it has been given before. */
static bool is_late(const struct gate *g, const struct task *task, uint64_t now_ns)
{
    uint64_t deadline_ns = task->call.request.deadline_ms * 1000000U;
    return deadline_ns && gate_waited(task, now_ns) + g->out_ns / g->options.station->degree > deadline_ns;
}

struct task *gate_next(struct gate *g, uint64_t now_ns)
{
    if (!g->options.in_place) adjust_window(g);
    for (int i = 0; i < STALE_MOST; i++) {
        if (gate_wants_more(g, PRIORITY_NORMAL) && shed_stale(g, now_ns)) continue;
        struct task *task = line_peek(&g->line);
        if (!task || !gate_wants_more(g, task->call.request.priority)) return NULL;
        if (!is_late(g, task, now_ns)) {
            gate_leave(g, task, true);
            if (g->out == 0) g->quiet_since_ns = now_ns;
            return task;
        }
        task->call.reply.kind = REPLY_LATE;
        counter_add(&g->options.stats->late, 1);
        turn_away(g, task);
    }
    return NULL;
}

bool gate_has_more(const struct gate *g)
{
    return g->line.count > 0 && (g->options.in_place || g->out < g->window);
}

void gate_sent(struct gate *g, struct task *task)
{
    g->out++;
    g->out_ns += task->wait.cost_ns;
}

/* How estimates of waiting turned out. Short ones say nothing, and those of who was overtaken only when they were
 * too high. */
static void learn_stretch(struct gate *g, const struct task *task)
{
    uint64_t estimate_ns = task->wait.estimate_ns;
    if (estimate_ns == 0 || gate_wait_of(g, estimate_ns) < LEARN_SERVICES * costs_mean(g->options.costs)) return;
    /* Not from its arrival: who waited long for this thread would make it refuse, and the backend idle. */
    uint64_t waited_ns = task->taken_ns > task->wait.entered_ns ? task->taken_ns - task->wait.entered_ns : 0;
    uint64_t ratio = waited_ns * UNIT * g->options.station->degree / estimate_ns;
    if (ratio > STRETCH_MOST) ratio = STRETCH_MOST;
    if (task->wait.overtaken && ratio > g->stretch) return;
    g->stretch = (uint32_t)((g->stretch * 127ULL + ratio + 64) / 128);
    if (g->stretch < UNIT) g->stretch = UNIT; /* it was shorter only because others were turned away */
}

/* How long the line made it wait. Who was overtaken, by those who ask for less, would have waited as long as was
 * estimated but for them. */
static uint64_t line_wait(const struct gate *g, const struct task *task, uint64_t waited_ns)
{
    uint64_t estimate_ns = gate_wait_of(g, task->wait.estimate_ns);
    return task->wait.overtaken && estimate_ns < waited_ns ? estimate_ns : waited_ns;
}

/* Puts the tasks that came back alike into the histograms. */
void gate_publish(struct gate *g)
{
    struct gate_stats *s = g->options.stats;
    if (g->run_calls == 0) return;
    histogram_record_n(&s->wait_ns, g->run_wait_ns, g->run_calls);
    histogram_record_n(&s->service_ns, g->run_service_ns, g->run_calls);
    histogram_record_n(&s->sojourn_ns, g->run_wait_ns + g->run_service_ns, g->run_calls);
    g->run_calls = 0;
}

/* `times` tasks like this one were executed. */
static void note_executed(struct gate *g, const struct task *task, uint32_t times, uint64_t now_ns)
{
    uint64_t waited_ns = gate_waited(task, task->taken_ns);
    uint64_t service_ns = task->done_ns > task->taken_ns ? task->done_ns - task->taken_ns : 0;
    learn_stretch(g, task);
    if (g->policy->executed) {
        struct admit_view v = gate_view(g, NULL, now_ns);
        g->policy->executed(&g->state, &v, line_wait(g, task, waited_ns), times);
    }
    if (waited_ns != g->run_wait_ns || service_ns != g->run_service_ns) {
        gate_publish(g);
        g->run_wait_ns = waited_ns;
        g->run_service_ns = service_ns;
    }
    g->run_calls += times;
}

/* Of calls that were executed together: did they also come together, and neither had to wait for others? */
static bool are_alike(const struct task *a, const struct task *b)
{
    return a->arrived_ns == b->arrived_ns && a->wait.estimate_ns == 0 && b->wait.estimate_ns == 0 &&
           a->wait.overtaken == b->wait.overtaken && b->call.reply.kind != REPLY_LATE;
}

void gate_executed(struct gate *g, struct task *const *tasks, size_t count, uint64_t now_ns)
{
    uint32_t alike = 1;
    uint64_t took_ns = tasks[0]->done_ns - tasks[0]->taken_ns, expected_ns = 0; /* took: 0 if it was not timed */
    for (size_t i = 0; i < count; i++) {
        expected_ns += tasks[i]->wait.cost_ns;
        if (tasks[i]->call.reply.kind == REPLY_LATE) {
            counter_add(&g->options.stats->late, 1);
            counter_add(&g->options.stats->expired, 1);
            continue;
        }
        g->served++;
        if (i + 1 < count && are_alike(tasks[i], tasks[i + 1])) {
            alike++;
            continue;
        }
        note_executed(g, tasks[i], alike, now_ns);
        alike = 1;
    }
    if (g->options.in_place) g->budget_ns -= (int64_t)(took_ns ? took_ns : expected_ns);
}

void gate_returned(struct gate *g, struct task *task, uint64_t now_ns)
{
    if (!g->options.in_place) { /* in place: it was parked */
        assert(g->out > 0);
        g->out--;
        g->quiet_since_ns = now_ns;
        g->out_ns -= task->wait.cost_ns;
        g->returned = true;
    }
    int64_t budget_ns = g->budget_ns;
    if (task->taken_ns != 0) gate_executed(g, &task, 1, now_ns);
    g->budget_ns = budget_ns; /* it took nothing of this turn */
}

void gate_begin_turn(struct gate *g)
{
    g->budget_ns = costs_mean(g->options.costs) < FAST_NS ? BUDGET_FAST_NS : BUDGET_SLOW_NS;
}
