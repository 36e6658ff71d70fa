/* What the gate looks like, and what it answers. */
#include "daemon/admit/gate_impl.h"

#include <string.h>

#define RATE_NS       50000000
#define CRITICAL_MOST 8    /* calls of this gate with the backend, and no critical one goes beyond the window */
#define CERTAIN       4    /* where a part in so many cannot be done, somebody comes for every turn */
#define RETRY_MOST    1000 /* ms */
#define WAIT_MOST_NS  1000000000000 /* what is longer is all the same, and would overflow */

void gate_leave(struct gate *g, struct task *task, bool served)
{
    line_remove(&g->line, task, served);
    atomic_fetch_sub_explicit(&g->options.station->lined, 1, memory_order_relaxed);
}

void gate_init(struct gate *g, const struct gate_options *options)
{
    memset(g, 0, sizeof *g);
    g->options = *options;
    g->window = WINDOW_LEAST * options->station->degree;
    g->stretch = g->excess = UNIT;
    line_init(&g->line);
    gate_tune(g, &policy_reject, 1, 0);
    gate_begin_turn(g);
}

void gate_free(struct gate *g, void (*drop)(struct task *task))
{
    struct task *task;
    while ((task = line_oldest(&g->line)) != NULL) {
        gate_leave(g, task, false);
        drop(task);
    }
    while ((task = gate_answered(g)) != NULL) {
        while (task) {
            struct task *next = task->next;
            drop(task);
            task = next;
        }
    }
    line_free(&g->line);
}

void gate_tune(struct gate *g, const struct admit_policy *policy, uint32_t bound, uint64_t target_ns)
{
    if (policy != g->policy) memset(&g->state, 0, sizeof g->state);
    g->policy = policy;
    g->bound = bound;
    g->target_ns = target_ns;
}

/* ---- what it looks like ---- */

uint32_t gate_station_depth(const struct gate_station *station)
{
    return atomic_load_explicit(&station->lined, memory_order_relaxed) +
           (station->ring ? ring_depth(station->ring) : 0);
}

bool gate_wants_more(const struct gate *g, enum priority priority)
{
    if (g->options.in_place) return g->budget_ns > 0;
    if (g->out < g->window) return true;
    /* A call of another gate, of whatever class, would go before it. */
    return priority == PRIORITY_CRITICAL && g->options.station->gates > 1 && g->out < CRITICAL_MOST;
}

/* By what has been estimated and how that turned out. */
uint64_t gate_wait_of(const struct gate *g, uint64_t backlog_ns)
{
    return (backlog_ns < WAIT_MOST_NS ? backlog_ns : WAIT_MOST_NS) * g->stretch / UNIT / g->options.station->degree;
}

/* The work that is done before `call`, which would be its flow's last, if all others of this gate have each a turn
 * for every turn of its own. */
static uint64_t rounds_ns(const struct gate *g, const struct task *task)
{
    uint64_t own_ns = line_backlog_of(&g->line, task->conn);
    uint64_t flows = g->line.flow_count + (own_ns == 0);
    return (own_ns + task->wait.cost_ns) * flows - task->wait.cost_ns;
}

/* The work before `call` as it looks now: its turn comes when all that waits is done, or earlier. */
uint64_t gate_ahead_ns(const struct gate *g, const struct task *task)
{
    uint64_t turns_ns = rounds_ns(g, task);
    return (turns_ns < g->line.backlog_ns ? turns_ns : g->line.backlog_ns) + g->out_ns;
}

/*
 * The work before `call` as it will be. It waits until all is done that waits now. If its connection has calls
 * waiting already, connections that come later have turns before it: the more is offered, the more surely one for
 * every turn of its own.
 */
static uint64_t expected_ns(const struct gate *g, const struct task *task)
{
    uint64_t own_ns = line_backlog_of(&g->line, task->conn), turns_ns = rounds_ns(g, task);
    uint64_t expected_ns = g->line.backlog_ns + g->out_ns;
    if (own_ns == 0 || turns_ns <= g->line.backlog_ns) return expected_ns;
    uint64_t likely = (UNIT - UNIT * UNIT / g->excess) * CERTAIN; /* of what is offered, what cannot be done */
    if (likely > UNIT) likely = UNIT;
    return expected_ns + (turns_ns - g->line.backlog_ns) * likely / UNIT;
}

/* `call`: who wants to enter, NULL: nobody. */
struct admit_view gate_view(const struct gate *g, const struct task *task, uint64_t now_ns)
{
    return (struct admit_view){
        .now_ns = now_ns,
        .waiting = gate_station_depth(g->options.station),
        .bound = g->bound,
        .wait_ns = gate_wait_of(g, task ? expected_ns(g, task) : g->line.backlog_ns + g->out_ns),
        .cost_ns = task ? task->wait.cost_ns : 0,
        .mean_ns = costs_mean(g->options.costs),
        .target_ns = g->target_ns,
    };
}

/* ---- answers ---- */

/* Offered per served, over the last intervals: what comes back in a hurry has to wait so many times longer. */
void gate_count_rates(struct gate *g, uint64_t now_ns)
{
    if (now_ns < g->rate_end_ns) return;
    if (g->served > 0) {
        uint64_t ratio = (uint64_t)g->offered * UNIT / g->served;
        if (ratio < UNIT) ratio = UNIT;
        if (ratio > (uint64_t)UNIT * 1024) ratio = (uint64_t)UNIT * 1024;
        g->excess = (uint32_t)((g->excess + ratio) / 2);
    }
    g->offered = g->served = 0;
    g->rate_end_ns = now_ns + RATE_NS;
}

/* After about this long there may be room: the time that the backlog takes, times how many want its places. What
 * costs are not known of shows by how long nothing has come back. */
static int64_t retry_ms(const struct gate *g, uint64_t now_ns)
{
    uint64_t wait_us = gate_wait_of(g, g->line.backlog_ns + g->out_ns) / 1000U;
    uint64_t quiet_us = g->out > 0 && now_ns > g->quiet_since_ns ? (now_ns - g->quiet_since_ns) / 1000U : 0;
    if (wait_us < quiet_us) wait_us = quiet_us;
    uint64_t ms = wait_us * g->excess / UNIT / 1000U + 1;
    return (int64_t)(ms < RETRY_MOST ? ms : RETRY_MOST);
}

void gate_overloaded(const struct gate *g, struct task *task, uint64_t now_ns)
{
    task->call.reply.kind = REPLY_OVERLOADED;
    task->call.reply.number = retry_ms(g, now_ns);
}

void gate_set_aside(struct gate *g, struct task *task)
{
    task->next = NULL;
    *(g->last_answered ? &g->last_answered->next : &g->first_answered) = task;
    g->last_answered = task;
}

struct task *gate_answered(struct gate *g)
{
    struct task *first = g->first_answered;
    g->first_answered = g->last_answered = NULL;
    return first;
}
