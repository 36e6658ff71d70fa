/* At the door: who is let in, and who has to go for that. */
#include "daemon/admit/gate_impl.h"

#define GREED_HALVES 3 /* who claims so many halves of what another does, makes room for that */

/* Is there surely a place? Without looking at what other threads write, as long as this gate has less than its
 * share. */
static bool has_room(const struct gate *g)
{
    return g->line.count + g->out < g->bound / g->options.station->gates ||
           gate_station_depth(g->options.station) < g->bound;
}

/* Will its own deadline have passed when its turn comes, as far as that can be told? */
static bool will_be_late(const struct gate *g, const struct task *task, uint64_t now_ns)
{
    if (task->call.request.deadline_ms == 0) return false;
    return gate_waited(task, now_ns) + gate_wait_of(g, gate_ahead_ns(g, task)) >
           task->call.request.deadline_ms * 1000000U;
}

/* Of equals, a call of the connection that claims most, if that claims more than its own; before the calls in
 * question. NULL: none. */
static struct task *greedier(const struct gate *g, const struct task *task, enum line_end end)
{
    uint64_t own_ns = line_claim_of(&g->line, task->conn);
    uint64_t least_ns = own_ns * GREED_HALVES / 2 + task->wait.cost_ns / 2;
    return line_greediest(&g->line, task->call.request.priority, least_ns, end);
}

/* The oldest of its own connection, or if it has none there, of all; but not where that connection claims less. */
static struct task *oldest_equal(const struct gate *g, const struct task *task)
{
    const struct line *l = &g->line;
    enum priority priority = task->call.request.priority;
    struct task *own = line_first_of(l, task->conn), *oldest = own ? own : line_oldest_of(l, priority);
    if (!oldest || oldest->call.request.priority < priority) return NULL;
    return line_claim_of(l, oldest->conn) * GREED_HALVES / 2 >= line_claim_of(l, task->conn) ? oldest : NULL;
}

/* May it, being critical, wait longer than others? */
static bool is_patient(const struct gate *g, const struct task *task, struct admit_view *v)
{
    if (task->call.request.priority != PRIORITY_CRITICAL) return false;
    v->wait_ns /= PATIENCE;
    v->cost_ns /= PATIENCE;
    return !g->policy->full(&g->state, v);
}

/* How a newcomer finds room. */
enum room {
    ROOM_NONE,
    ROOM_FREE,   /* the policy lets it in */
    ROOM_VICTIM, /* somebody has to make some */
};

/* Does the policy let it in, or can it have somebody's place (`*victim`)? Of somebody of a lower class first; a
 * critical task that finds nobody there may wait longer than others; then of who has much waiting. `*v` is what the
 * policy was shown. */
static enum room find_room(const struct gate *g, const struct task *task, uint64_t now_ns, struct admit_view *v,
                           struct task **victim)
{
    bool oldest = g->policy->when_full == ADMIT_SUPPLANT;
    enum priority priority = task->call.request.priority;
    *v = gate_view(g, task, now_ns);
    *victim = NULL;
    if (!g->policy->full(&g->state, v)) return ROOM_FREE;
    if (g->policy->when_full == ADMIT_HOLD) return ROOM_NONE;
    *victim = oldest ? line_oldest_below(&g->line, priority) : line_newest_below(&g->line, priority);
    if (*victim) return ROOM_VICTIM;
    if (is_patient(g, task, v)) return ROOM_FREE;
    *victim = greedier(g, task, oldest ? LINE_OLDEST : LINE_NEWEST);
    if (!*victim && oldest) *victim = oldest_equal(g, task);
    return *victim ? ROOM_VICTIM : ROOM_NONE;
}

static enum gate_verdict when_full(const struct gate *g)
{
    return g->policy->when_full == ADMIT_HOLD ? GATE_HOLD : GATE_REFUSE;
}

enum gate_verdict gate_judge(const struct gate *g, struct task *task, uint64_t now_ns)
{
    task->wait.cost_ns = costs_of(g->options.costs, &task->call);
    if (task->call.request.priority == PRIORITY_CRITICAL && !line_favours(&g->line, task))
        task->call.request.priority = PRIORITY_NORMAL;
    if (will_be_late(g, task, now_ns)) return GATE_LATE;
    bool passes = g->line.count == 0 && gate_wants_more(g, task->call.request.priority);
    if (passes && (g->options.in_place || has_room(g))) return GATE_PASS;
    struct task *victim;
    struct admit_view v;
    return find_room(g, task, now_ns, &v, &victim) != ROOM_NONE ? GATE_LINE : when_full(g);
}

/* ---- acting on the verdict ---- */

void gate_refuse(struct gate *g, struct task *task, enum gate_verdict verdict, uint64_t now_ns)
{
    gate_count_rates(g, now_ns);
    if (verdict == GATE_LATE) {
        task->call.reply.kind = REPLY_LATE;
        counter_add(&g->options.stats->late, 1);
        return;
    }
    g->offered++;
    gate_overloaded(g, task, now_ns);
}

void gate_pass(struct gate *g, struct task *task, uint64_t now_ns)
{
    gate_count_rates(g, now_ns);
    if (g->policy->stale) { /* to the policy, one that waited for no time at all */
        struct admit_view v = gate_view(g, NULL, now_ns);
        g->policy->stale(&g->state, &v, gate_waited(task, now_ns));
    }
    if (g->out == 0) g->quiet_since_ns = now_ns;
    task->wait.estimate_ns = g->out_ns;
    task->wait.entered_ns = now_ns;
    task->wait.overtaken = false;
    g->offered++;
}

/*
 * Room may be made by another I/O thread, which then tells those that it finds starved. Both sides do a
 * read-modify-write of `starved`: whom that misses sees the room in his second look. (Where there is none, some
 * task is under way, and whoever gets it back will look again.)
 */
bool gate_hold(struct gate *g)
{
    atomic_fetch_or(&g->options.station->starved, 1ULL << g->options.lane);
    return gate_station_depth(g->options.station) < g->bound;
}

uint64_t gate_others_starved(struct gate *g)
{
    struct gate_station *station = g->options.station;
    if (station->gates == 1) return 0;
    if (atomic_fetch_or(&station->starved, 0) == 0) return 0; /* not a plain load: see above */
    if (gate_station_depth(station) >= g->bound) return 0;
    uint64_t own = 1ULL << g->options.lane; /* it stays: this thread may hold calls and not be about to try again */
    return atomic_fetch_and(&station->starved, own) & ~own;
}

/* A place for one more in the lines of all gates. */
static bool reserve(struct gate *g)
{
    _Atomic uint32_t *lined = &g->options.station->lined;
    if (atomic_fetch_add_explicit(lined, 1, memory_order_relaxed) < g->bound) return true;
    atomic_fetch_sub_explicit(lined, 1, memory_order_relaxed);
    return false;
}

/* Has its connection something waiting, and twice as much as others have on average, or are there no others? Then
 * those that come later go before it. */
static bool has_more_than_others(const struct gate *g, const struct task *task)
{
    uint64_t own_ns = line_backlog_of(&g->line, task->conn), cost_ns = task->wait.cost_ns;
    if (own_ns == 0) return false;
    uint64_t flows = g->line.flow_count;
    return flows == 1 || (own_ns + cost_ns) * flows > 2 * (g->line.backlog_ns + cost_ns);
}

static void supplant(struct gate *g, struct task *victim, uint64_t now_ns)
{
    gate_leave(g, victim, false);
    gate_overloaded(g, victim, now_ns);
    gate_set_aside(g, victim);
    counter_add(&g->options.stats->supplanted, 1);
}

/* Finds it a place in the lines of all gates, at somebody's expense if need be. */
static bool take_place(struct gate *g, const struct task *task, uint64_t now_ns)
{
    struct task *victim;
    struct admit_view v;
    enum room room = find_room(g, task, now_ns, &v, &victim);
    if (room == ROOM_NONE) return false;
    if (victim) supplant(g, victim, now_ns);
    if (room == ROOM_FREE && g->policy->entered) g->policy->entered(&g->state, &v);
    return reserve(g);
}

enum gate_verdict gate_enter(struct gate *g, struct task *task, uint64_t now_ns)
{
    while (!take_place(g, task, now_ns)) { /* other threads took the last places */
        if (when_full(g) == GATE_HOLD) {
            if (gate_hold(g)) continue;
            return GATE_HOLD;
        }
        gate_refuse(g, task, GATE_REFUSE, now_ns);
        return GATE_REFUSE;
    }
    gate_count_rates(g, now_ns);
    task->wait.estimate_ns = gate_ahead_ns(g, task);
    task->wait.entered_ns = now_ns;
    task->wait.overtaken = has_more_than_others(g, task);
    if (!line_add(&g->line, task)) {
        atomic_fetch_sub_explicit(&g->options.station->lined, 1, memory_order_relaxed);
        reply_error(&task->call.reply, ERR_OUT_OF_MEMORY, "no memory for this request just now; not executed");
        return GATE_REFUSE;
    }
    g->offered++;
    uint32_t depth = gate_station_depth(g->options.station);
    counter_max(&g->options.stats->deepest, depth < g->bound ? depth : g->bound);
    return GATE_LINE;
}
