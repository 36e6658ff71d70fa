#include "daemon/admit/gate.h"

#include <assert.h>
#include <string.h>

#define WINDOW_LEAST    2       /* calls: one that is executed, one that is next */
#define WINDOW_LEAST_NS 50000   /* work: what a batch is */
#define WINDOW_MOST_NS  1000000 /* work: more could not be turned away any more */
#define WINDOW_MOST_MIN 8       /* calls that the window may always grow to, however slow they are */
#define CALM_RETURNS    64      /* so often in a row not dry, and the window shrinks by an eighth */

#define FAST_NS        5000    /* in place: what costs less on average is executed as it is read */
#define BUDGET_FAST_NS 4000000 /* ... within this much a turn */
#define BUDGET_SLOW_NS 200000  /* and what costs more within this, so that who is refused learns it soon */

#define STALE_MOST     256 /* calls answered in one gate_next, at most */
#define RATE_NS        50000000
#define RETRY_MOST     1000 /* ms */
#define GREED_CALLS    4    /* who has more calls than this waiting, ... */
#define GREED_TIMES    4    /* ... and so many times as much work as another would have, makes room for that */
#define PATIENCE       4    /* a critical call may wait so many times as long as others, where it has to */
#define UNIT           256  /* of stretch and excess */
#define WAIT_MOST_NS   1000000000000 /* what is longer is all the same, and would overflow */
#define STRETCH_MOST   (64 * UNIT)
#define EXCESS_CLEAR   (UNIT + UNIT / 16) /* more is offered than can be done, and it is no accident */
#define LEARN_SERVICES 4 /* waits expected to be shorter than this many services tell nothing of the estimate */

static void leave(struct gate *g, struct call *call, bool served)
{
    line_remove(&g->line, call, served);
    atomic_fetch_sub_explicit(&g->options.station->lined, 1, memory_order_relaxed);
}

void gate_init(struct gate *g, const struct gate_options *options)
{
    memset(g, 0, sizeof *g);
    g->options = *options;
    g->window = WINDOW_LEAST;
    g->stretch = g->excess = UNIT;
    line_init(&g->line);
    gate_tune(g, &policy_reject, 1, 0);
    gate_begin_turn(g);
}

void gate_free(struct gate *g, void (*drop)(struct call *call))
{
    struct call *call;
    while ((call = line_oldest(&g->line)) != NULL) {
        leave(g, call, false);
        drop(call);
    }
    while ((call = gate_answered(g)) != NULL) {
        while (call) {
            struct call *next = call->next;
            drop(call);
            call = next;
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

/* Is there surely a place? Without looking at what other threads write, as long as this gate has less than its
 * share. */
static bool has_room(const struct gate *g)
{
    return g->line.count + g->out < g->bound / g->options.station->gates ||
           gate_station_depth(g->options.station) < g->bound;
}

static bool wants_more(const struct gate *g)
{
    return g->options.in_place ? g->budget_ns > 0 : g->out < g->window;
}

/* By what has been estimated and how that turned out. */
static uint64_t wait_of(const struct gate *g, uint64_t backlog_ns)
{
    return (backlog_ns < WAIT_MOST_NS ? backlog_ns : WAIT_MOST_NS) * g->stretch / UNIT;
}

/* The work that is done before `call`, which would be its flow's last, if all others of this gate have each a turn
 * for every turn of its own. */
static uint64_t rounds_ns(const struct gate *g, const struct call *call)
{
    uint64_t own_ns = line_backlog_of(&g->line, call->conn);
    uint64_t flows = g->line.flow_count + (own_ns == 0);
    return (own_ns + call->wait.cost_ns) * flows - call->wait.cost_ns;
}

/* The work before `call` as it looks now: its turn comes when all that waits is done, or earlier. */
static uint64_t ahead_ns(const struct gate *g, const struct call *call)
{
    uint64_t turns_ns = rounds_ns(g, call);
    return (turns_ns < g->line.backlog_ns ? turns_ns : g->line.backlog_ns) + g->out_ns;
}

/* `call`: who wants to enter, NULL: nobody. It waits until all is done that waits now; and, where more comes than
 * can be done, as long as its connection's share of the time makes of what that has waiting. */
static struct admit_view view_of(const struct gate *g, const struct call *call, uint64_t now_ns)
{
    uint64_t turns_ns = call && g->excess > EXCESS_CLEAR ? rounds_ns(g, call) : 0;
    return (struct admit_view){
        .now_ns = now_ns,
        .waiting = gate_station_depth(g->options.station),
        .bound = g->bound,
        .wait_ns = wait_of(g, (turns_ns > g->line.backlog_ns ? turns_ns : g->line.backlog_ns) + g->out_ns),
        .cost_ns = call ? call->wait.cost_ns : 0,
        .mean_ns = costs_mean(g->options.costs),
        .target_ns = g->target_ns,
    };
}

/* ---- answers ---- */

/* Offered per served, over the last intervals: what comes back in a hurry has to wait so many times longer. */
static void count_rates(struct gate *g, uint64_t now_ns)
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

/* After about this long there may be room: the time that the backlog takes, times how many want its places. */
static int64_t retry_ms(const struct gate *g)
{
    uint64_t wait_us = wait_of(g, g->line.backlog_ns + g->out_ns) / 1000U;
    uint64_t ms = wait_us * g->excess / UNIT / 1000U + 1;
    return (int64_t)(ms < RETRY_MOST ? ms : RETRY_MOST);
}

static void overloaded(const struct gate *g, struct call *call)
{
    call->reply.kind = REPLY_OVERLOADED;
    call->reply.number = retry_ms(g);
}

static void answered(struct gate *g, struct call *call)
{
    call->next = NULL;
    *(g->last_answered ? &g->last_answered->next : &g->first_answered) = call;
    g->last_answered = call;
}

struct call *gate_answered(struct gate *g)
{
    struct call *first = g->first_answered;
    g->first_answered = g->last_answered = NULL;
    return first;
}

/* ---- at the door ---- */

static uint64_t waited(const struct call *call, uint64_t now_ns)
{
    return now_ns > call->arrived_ns ? now_ns - call->arrived_ns : 0;
}

/* Will its own deadline have passed when its turn comes, as far as that can be told? */
static bool will_be_late(const struct gate *g, const struct call *call, uint64_t now_ns)
{
    if (call->request.deadline_ms == 0) return false;
    return waited(call, now_ns) + wait_of(g, ahead_ns(g, call)) > call->request.deadline_ms * 1000000U;
}

/*
 * Who has to go so that `call` may stay; NULL: nobody. Of a lower class, the newest. Among equals only one with far
 * more waiting than the newcomer, who himself has no more than his share.
 */
static struct call *victim_for(const struct gate *g, const struct call *call)
{
    const struct line *l = &g->line;
    struct call *lower = line_newest_below(l, call->request.priority);
    if (lower) return lower;
    uint64_t mine_ns = line_backlog_of(l, call->conn) + call->wait.cost_ns;
    uint64_t fair_ns = l->backlog_ns / (l->flow_count + 1);
    if (mine_ns > fair_ns) return NULL;
    return line_greediest(l, call->request.priority, GREED_CALLS, mine_ns * GREED_TIMES, LINE_NEWEST);
}

/* The same where the oldest goes: of who has the most waiting, or if that are few, of all; of the lowest class. */
static struct call *oldest_for(const struct gate *g, const struct call *call)
{
    struct call *lower = line_oldest_below(&g->line, call->request.priority);
    if (lower) return lower;
    struct call *greedy = line_greediest(&g->line, call->request.priority, GREED_CALLS, 0, LINE_OLDEST);
    return greedy ? greedy : line_oldest_of(&g->line, call->request.priority);
}

static struct call *supplanted_by(const struct gate *g, const struct call *call)
{
    return g->policy->when_full == ADMIT_SUPPLANT ? oldest_for(g, call) : victim_for(g, call);
}

/* Does the policy let it in, or can it have somebody's place (`*victim`)? A critical call that finds nobody of
 * a lower class to give way may wait longer than others. */
static bool finds_room(struct gate *g, const struct call *call, uint64_t now_ns, struct call **victim)
{
    struct admit_view v = view_of(g, call, now_ns);
    *victim = NULL;
    if (!g->policy->full(&g->state, &v)) return true;
    if (g->policy->when_full == ADMIT_HOLD) return false;
    *victim = supplanted_by(g, call);
    if (*victim) return true;
    if (call->request.priority != PRIORITY_CRITICAL) return false;
    v.wait_ns /= PATIENCE;
    v.cost_ns /= PATIENCE;
    return !g->policy->full(&g->state, &v);
}

static enum gate_verdict refuse(struct gate *g, struct call *call)
{
    g->offered++;
    overloaded(g, call);
    return GATE_REFUSE;
}

/* A call goes straight to the backend: to the policy, one that waited for no time at all. */
static void note_pass(struct gate *g, const struct call *call, uint64_t now_ns)
{
    if (!g->policy->stale) return;
    struct admit_view v = view_of(g, NULL, now_ns);
    g->policy->stale(&g->state, &v, waited(call, now_ns));
}

/*
 * Room may be made by another I/O thread, which then tells those that it finds starved. Both sides do a
 * read-modify-write of `starved`: whom that misses sees the room in his second look. (Where there is none, some
 * call is under way, and whoever gets it back will look again.)
 */
static enum gate_verdict hold(struct gate *g)
{
    atomic_fetch_or(&g->options.station->starved, 1ULL << g->options.lane);
    return gate_station_depth(g->options.station) < g->bound ? GATE_LINE : GATE_HOLD;
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

static enum gate_verdict turn_back(struct gate *g, struct call *call)
{
    return g->policy->when_full == ADMIT_HOLD ? hold(g) : refuse(g, call);
}

enum gate_verdict gate_judge(struct gate *g, struct call *call, uint64_t now_ns)
{
    call->wait.cost_ns = costs_of(g->options.costs, call);
    count_rates(g, now_ns);
    if (will_be_late(g, call, now_ns)) {
        call->reply.kind = REPLY_LATE;
        counter_add(&g->options.stats->late, 1);
        return GATE_REFUSE;
    }
    bool passes = g->line.count == 0 && wants_more(g);
    if (passes && (g->options.in_place || has_room(g))) {
        note_pass(g, call, now_ns);
        call->wait.estimate_ns = g->out_ns;
        call->wait.entered_ns = now_ns;
        call->wait.yields = false;
        g->offered++;
        return GATE_PASS;
    }
    struct call *victim;
    return finds_room(g, call, now_ns, &victim) ? GATE_LINE : turn_back(g, call);
}

/* A place for one more in the lines of all gates. */
static bool reserve(struct gate *g)
{
    _Atomic uint32_t *lined = &g->options.station->lined;
    if (atomic_fetch_add_explicit(lined, 1, memory_order_relaxed) < g->bound) return true;
    atomic_fetch_sub_explicit(lined, 1, memory_order_relaxed);
    return false;
}

static void supplant(struct gate *g, struct call *victim)
{
    leave(g, victim, false);
    overloaded(g, victim);
    answered(g, victim);
    counter_add(&g->options.stats->supplanted, 1);
}

enum gate_verdict gate_enter(struct gate *g, struct call *call, uint64_t now_ns)
{
    struct call *victim;
    bool room = finds_room(g, call, now_ns, &victim);
    if (victim) supplant(g, victim);
    while (!room || !reserve(g)) { /* other threads took the last places */
        enum gate_verdict verdict = turn_back(g, call);
        if (verdict != GATE_LINE) return verdict;
        room = true;
    }
    call->wait.estimate_ns = ahead_ns(g, call);
    call->wait.entered_ns = now_ns;
    if (!line_add(&g->line, call)) {
        atomic_fetch_sub_explicit(&g->options.station->lined, 1, memory_order_relaxed);
        reply_error(&call->reply, ERR_OUT_OF_MEMORY, "no memory for this request just now; not executed");
        return GATE_REFUSE;
    }
    g->offered++;
    uint32_t depth = gate_station_depth(g->options.station);
    counter_max(&g->options.stats->deepest, depth < g->bound ? depth : g->bound);
    return GATE_LINE;
}

/* ---- to the backend and back ---- */

/* Has the backend nothing left, of other gates neither? */
static bool ran_dry(const struct gate *g)
{
    const struct gate_station *station = g->options.station;
    return g->out == 0 && (station->gates == 1 || !station->ring || ring_depth(station->ring) == 0);
}

/* Since the window was looked at last, something came back: was the window too small? */
static void adjust_window(struct gate *g)
{
    if (!g->returned) return;
    g->returned = false;
    uint64_t mean_ns = costs_mean(g->options.costs) + 1;
    uint64_t least = WINDOW_LEAST_NS / mean_ns, most = WINDOW_MOST_NS / mean_ns;
    if (least < WINDOW_LEAST) least = WINDOW_LEAST;
    if (most < WINDOW_MOST_MIN) most = WINDOW_MOST_MIN;
    if (g->line.count > 0 && ran_dry(g)) {
        g->window *= 2;
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
    return !g->options.in_place && g->out == 0;
}

/* How long it has waited, as policies see it: they are to have more patience with a critical call than with others,
 * and less with a sheddable one. */
static uint64_t felt(const struct call *call, uint64_t now_ns)
{
    uint64_t waited_ns = waited(call, now_ns);
    if (call->request.priority == PRIORITY_CRITICAL) return waited_ns / PATIENCE;
    return call->request.priority == PRIORITY_SHEDDABLE ? waited_ns * 2 : waited_ns;
}

/* Of the oldest calls of each class, the one that has waited longest in the policy's eyes. */
static struct call *stalest(const struct gate *g, uint64_t now_ns)
{
    struct call *result = NULL;
    for (int i = PRIORITY_CRITICAL; i <= PRIORITY_SHEDDABLE; i++) {
        struct call *call = line_oldest_of(&g->line, (enum priority)i);
        if (call && (!result || felt(call, now_ns) > felt(result, now_ns))) result = call;
    }
    return result;
}

static void turn_away(struct gate *g, struct call *call)
{
    leave(g, call, false);
    answered(g, call);
}

/*
 * Is one answered for having waited too long? That is asked of the oldest, whoever's turn it is: in round robin a
 * call may have its turn soon after it came while others have been there for long, and what is short for one flow
 * does not tell of a queue that is short.
 */
static bool shed_stale(struct gate *g, uint64_t now_ns)
{
    if (!g->policy->stale || g->line.count == 0) return false;
    struct call *call = stalest(g, now_ns);
    struct admit_view v = view_of(g, NULL, now_ns);
    if (!g->policy->stale(&g->state, &v, felt(call, now_ns)) || would_idle(g)) return false;
    overloaded(g, call);
    counter_add(&g->options.stats->stale, 1);
    turn_away(g, call);
    return true;
}

/* It will be taken when the backend is done with what it has been given before. */
static bool is_late(const struct gate *g, const struct call *call, uint64_t now_ns)
{
    uint64_t deadline_ns = call->request.deadline_ms * 1000000U;
    return deadline_ns && waited(call, now_ns) + g->out_ns > deadline_ns;
}

struct call *gate_next(struct gate *g, uint64_t now_ns)
{
    if (!g->options.in_place) adjust_window(g);
    for (int i = 0; i < STALE_MOST && wants_more(g); i++) {
        if (shed_stale(g, now_ns)) continue;
        struct call *call = line_peek(&g->line);
        if (!call) return NULL;
        if (!is_late(g, call, now_ns)) {
            call->wait.yields = line_yields(&g->line, call);
            leave(g, call, true);
            return call;
        }
        call->reply.kind = REPLY_LATE;
        counter_add(&g->options.stats->late, 1);
        turn_away(g, call);
    }
    return NULL;
}

bool gate_has_more(const struct gate *g)
{
    return g->line.count > 0 && (g->options.in_place || g->out < g->window);
}

void gate_sent(struct gate *g, struct call *call)
{
    g->out++;
    g->out_ns += call->wait.cost_ns;
}

/* How estimates of waiting turned out; short ones say nothing. */
static void learn_stretch(struct gate *g, const struct call *call)
{
    uint64_t estimate_ns = call->wait.estimate_ns;
    if (wait_of(g, estimate_ns) < LEARN_SERVICES * costs_mean(g->options.costs)) return;
    /* Not from its arrival: who waited long for this thread would make it refuse, and the backend idle. */
    uint64_t waited_ns = call->taken_ns > call->wait.entered_ns ? call->taken_ns - call->wait.entered_ns : 0;
    uint64_t ratio = waited_ns * UNIT / estimate_ns;
    if (ratio > STRETCH_MOST) ratio = STRETCH_MOST;
    if (ratio < UNIT) ratio = UNIT; /* it was shorter only because others were turned away */
    g->stretch = (uint32_t)((g->stretch * 31ULL + ratio + 16) / 32);
}

/* Puts the calls that came back alike into the histograms. */
static void record_run(struct gate *g)
{
    struct gate_stats *s = g->options.stats;
    histogram_record_n(&s->wait_ns, g->run_wait_ns, g->run_calls);
    histogram_record_n(&s->service_ns, g->run_service_ns, g->run_calls);
    histogram_record_n(&s->sojourn_ns, g->run_wait_ns + g->run_service_ns, g->run_calls);
    g->run_calls = 0;
}

void gate_executed(struct gate *g, struct call *call, uint64_t now_ns)
{
    uint64_t waited_ns = waited(call, call->taken_ns);
    uint64_t service_ns = call->done_ns > call->taken_ns ? call->done_ns - call->taken_ns : 0;
    g->budget_ns -= (int64_t)call->wait.cost_ns;
    g->served++;
    if (!call->wait.yields) learn_stretch(g, call);
    if (g->policy->executed && !call->wait.yields) {
        struct admit_view v = view_of(g, NULL, now_ns);
        g->policy->executed(&g->state, &v, waited_ns, 1);
    }
    if (waited_ns != g->run_wait_ns || service_ns != g->run_service_ns) {
        if (g->run_calls) record_run(g);
        g->run_wait_ns = waited_ns;
        g->run_service_ns = service_ns;
    }
    g->run_calls++;
}

void gate_returned(struct gate *g, struct call *call, uint64_t now_ns)
{
    assert(g->out > 0);
    g->out--;
    g->out_ns -= call->wait.cost_ns;
    g->returned = true;
    if (call->taken_ns == 0) return;
    if (call->reply.kind == REPLY_LATE) {
        counter_add(&g->options.stats->late, 1);
        counter_add(&g->options.stats->expired, 1);
        return;
    }
    gate_executed(g, call, now_ns);
}

void gate_begin_turn(struct gate *g)
{
    g->budget_ns = costs_mean(g->options.costs) < FAST_NS ? BUDGET_FAST_NS : BUDGET_SLOW_NS;
}

void gate_publish(struct gate *g)
{
    if (g->run_calls) record_run(g);
}
