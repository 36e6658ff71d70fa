#include "daemon/admit/line.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/fault.h"

#define FLOWS_FIRST    64
#define DEBT_MOST      16 /* quanta that a flow may be in debt: bounds the rounds until somebody may go */
#define TURNS_IN_A_ROW 16 /* of a ring while flows of later rings wait, who then have one too */
#define LIGHT_PART     2  /* a flow that claims at most a part in so many of the average is light */
#define AHEAD_MOST     16 /* what a flow has used counts for at most so many times what others claim on average */
#define EPOCH_NS       4000000000 /* work: what was served longer ago counts for half */
#define FAVOUR_PART    4  /* of what is served, a flow's critical calls are favoured for a part in so many, ... */
#define FAVOUR_CALLS   16 /* ... and for so many mean calls at once */
#define LOOK_AT        8  /* calls at a flow's end that are looked at for one of a low class */

void line_init(struct line *l)
{
    memset(l, 0, sizeof *l);
    for (int i = 0; i < LINE_RINGS; i++)
        l->turns[i] = LINE_NONE;
    for (int i = 0; i < LINE_RANKS; i++)
        l->ranks[i] = LINE_NONE;
}

void line_free(struct line *l)
{
    free(l->flows);
    l->flows = NULL;
}

static uint32_t slot_of(const struct task *task)
{
    return (uint32_t)task->conn;
}

static struct line_class *class_of(struct line *l, const struct task *task)
{
    assert(task->call.request.priority >= PRIORITY_CRITICAL && task->call.request.priority <= PRIORITY_SHEDDABLE);
    return &l->classes[task->call.request.priority - PRIORITY_CRITICAL];
}

/* ---- ranks: logarithmic, four to a doubling, from about 4 microseconds to a second ---- */

static uint32_t rank_of(uint64_t backlog_ns)
{
    uint64_t units = (backlog_ns >> 12) + 4; /* from 4 on, there are four to a doubling */
    uint32_t octave = 63 - (uint32_t)__builtin_clzll(units);
    uint32_t rank = (octave - 2) * 4 + (uint32_t)(units >> (octave - 2) & 3);
    return rank < LINE_RANKS ? rank : LINE_RANKS - 1;
}

static void rank_leave(struct line *l, uint32_t slot)
{
    struct line_flow *f = &l->flows[slot];
    if (f->rank_prev != LINE_NONE)
        l->flows[f->rank_prev].rank_next = f->rank_next;
    else
        l->ranks[f->rank] = f->rank_next;
    if (f->rank_next != LINE_NONE) l->flows[f->rank_next].rank_prev = f->rank_prev;
    if (l->ranks[f->rank] == LINE_NONE) l->ranks_used &= ~(1ULL << f->rank);
}

static void rank_join(struct line *l, uint32_t slot)
{
    struct line_flow *f = &l->flows[slot];
    f->rank = rank_of(f->used_ns + f->backlog_ns);
    f->rank_prev = LINE_NONE;
    f->rank_next = l->ranks[f->rank];
    if (f->rank_next != LINE_NONE) l->flows[f->rank_next].rank_prev = slot;
    l->ranks[f->rank] = slot;
    l->ranks_used |= 1ULL << f->rank;
}

static void rank_update(struct line *l, uint32_t slot)
{
    const struct line_flow *f = &l->flows[slot];
    if (rank_of(f->used_ns + f->backlog_ns) == f->rank) return;
    rank_leave(l, slot);
    rank_join(l, slot);
}

/* ---- round robin ---- */

/* What a flow is given each round: the mean cost of the calls that wait. Rounded down, so that where all cost the
 * same it is good for one call and not for two. */
static int64_t quantum(const struct line *l)
{
    uint64_t mean_ns = l->backlog_ns / l->count;
    return mean_ns > 0 ? (int64_t)mean_ns : 1;
}

/* Does it claim little, compared with the others? Asked when that changes, of the flow alone: the others may have
 * changed since. */
static bool is_light(const struct line *l, const struct line_flow *f)
{
    return (f->used_ns + f->backlog_ns) * l->flow_count * LIGHT_PART <= l->claims_ns;
}

static enum line_ring ring_of(const struct line *l, const struct line_flow *f)
{
    enum priority priority = f->first->call.request.priority;
    if (priority == PRIORITY_CRITICAL) return RING_CRITICAL;
    if (priority == PRIORITY_SHEDDABLE) return RING_LAST;
    return is_light(l, f) ? RING_LIGHT : RING_OTHERS;
}

/* Behind all others of its ring: in front of the one whose turn it is. */
static void turn_join(struct line *l, uint32_t slot)
{
    struct line_flow *f = &l->flows[slot];
    f->ring = ring_of(l, f);
    uint32_t *turn = &l->turns[f->ring];
    if (*turn == LINE_NONE) {
        *turn = f->turn_next = f->turn_prev = slot;
        return;
    }
    struct line_flow *next = &l->flows[*turn];
    f->turn_next = *turn;
    f->turn_prev = next->turn_prev;
    l->flows[next->turn_prev].turn_next = slot;
    next->turn_prev = slot;
}

static void turn_leave(struct line *l, uint32_t slot)
{
    struct line_flow *f = &l->flows[slot];
    l->flows[f->turn_prev].turn_next = f->turn_next;
    l->flows[f->turn_next].turn_prev = f->turn_prev;
    if (l->turns[f->ring] == slot) l->turns[f->ring] = f->turn_next == slot ? LINE_NONE : f->turn_next;
}

/* A flow has one call more or less than before, but some. */
static void turn_update(struct line *l, uint32_t slot)
{
    if (ring_of(l, &l->flows[slot]) == l->flows[slot].ring) return;
    turn_leave(l, slot);
    turn_join(l, slot);
}

/* The first ring that has flows; unless it had many turns in a row while flows of later rings wait. */
static enum line_ring next_ring(const struct line *l)
{
    enum line_ring ring = RING_CRITICAL;
    while (ring < RING_LAST && l->turns[ring] == LINE_NONE)
        ring++;
    enum line_ring later = ring + 1;
    while (later < LINE_RINGS && l->turns[later] == LINE_NONE)
        later++;
    return later < LINE_RINGS && l->in_a_row[ring] >= TURNS_IN_A_ROW ? later : ring;
}

/* A call of this ring was served, while calls of the earlier ones had to wait, if there are any. */
static void count_turn(struct line *l, enum line_ring served)
{
    l->in_a_row[served]++;
    for (int ring = 0; ring < (int)served; ring++)
        l->in_a_row[ring] = 0;
}

struct task *line_peek(struct line *l)
{
    if (l->count == 0) return NULL;
    uint32_t *turn = &l->turns[next_ring(l)];
    int64_t grant = quantum(l);
    struct line_flow *f;
    while ((f = &l->flows[*turn])->deficit_ns <= 0) {
        /* A debt from times when calls cost more is cut to what it may be now. */
        if (f->deficit_ns < -DEBT_MOST * grant) f->deficit_ns = -DEBT_MOST * grant;
        f->deficit_ns += grant;
        *turn = f->turn_next;
    }
    return f->first;
}

/* ---- entering and leaving ---- */

static bool make_room(struct line *l, uint32_t slot)
{
    uint32_t room = l->flow_room ? l->flow_room : FLOWS_FIRST;
    assert(slot < UINT32_MAX / 2);
    while (room <= slot)
        room *= 2;
    if (room == l->flow_room) return true;
    struct line_flow *flows = fault_hit(FAULT_CALL_ALLOC) ? NULL : realloc(l->flows, room * sizeof *flows);
    if (!flows) return false;
    memset(flows + l->flow_room, 0, (room - l->flow_room) * sizeof *flows);
    l->flows = flows;
    l->flow_room = room;
    return true;
}

/* What was used in epochs that are over. */
static uint64_t halved(uint64_t used_ns, uint64_t epochs)
{
    return epochs < 64 ? used_ns >> epochs : 0;
}

/* What was served lately of the connection `conn`. */
static uint64_t used_of(const struct line *l, uint64_t conn)
{
    uint32_t slot = (uint32_t)conn;
    if (slot >= l->flow_room || l->flows[slot].conn != conn) return 0;
    return halved(l->flows[slot].used_ns, l->epoch - l->flows[slot].epoch);
}

/* Brings up to date what a flow has used. What it used while the others asked for nothing was not taken from them:
 * it does not have to wait until they have had as much. */
static void update_used(struct line *l, struct line_flow *f)
{
    uint64_t others = l->flow_count - (f->count > 0), others_ns = l->claims_ns;
    if (f->count > 0) others_ns -= f->used_ns + f->backlog_ns;
    uint64_t used_ns = halved(f->used_ns, l->epoch - f->epoch);
    if (others > 0 && used_ns > others_ns / others * AHEAD_MOST) used_ns = others_ns / others * AHEAD_MOST;
    if (f->count > 0) l->claims_ns -= f->used_ns - used_ns;
    f->used_ns = used_ns;
    f->epoch = l->epoch;
}

static uint64_t favour_limit(const struct line *l)
{
    return l->favour_ns + FAVOUR_CALLS * (uint64_t)quantum(l);
}

bool line_favours(const struct line *l, const struct task *task)
{
    uint32_t slot = slot_of(task);
    if (task->call.request.priority != PRIORITY_CRITICAL || slot >= l->flow_room || l->count == 0) return true;
    return l->flows[slot].favoured_ns <= favour_limit(l);
}

/* A critical call has entered. What was not used of earlier is gone; nor does what was used in good times, when no
 * call finds another in the line and the line's favour does not grow, count against bad ones. */
static void use_favour(const struct line *l, struct line_flow *f, uint64_t cost_ns)
{
    uint64_t used_ns = f->favoured_ns > l->favour_ns ? f->favoured_ns : l->favour_ns, limit_ns = favour_limit(l);
    f->favoured_ns = (used_ns < limit_ns ? used_ns : limit_ns) + cost_ns;
}

bool line_add(struct line *l, struct task *task)
{
    uint32_t slot = slot_of(task);
    if (!make_room(l, slot)) return false;
    struct line_flow *f = &l->flows[slot];
    struct line_class *class = class_of(l, task);
    struct task_wait *w = &task->wait;
    w->ticket = l->tickets++;
    w->flow_next = w->class_next = NULL;
    w->flow_prev = f->last;
    w->class_prev = class->last;
    *(f->last ? &f->last->wait.flow_next : &f->first) = task;
    *(class->last ? &class->last->wait.class_next : &class->first) = task;
    f->last = class->last = task;
    if (f->conn != task->conn) { /* the slot was another's */
        if (f->count > 0) l->claims_ns -= f->used_ns;
        f->used_ns = f->favoured_ns = 0;
        f->conn = task->conn;
    }
    update_used(l, f);
    l->count++;
    l->backlog_ns += w->cost_ns;
    if (task->call.request.priority == PRIORITY_CRITICAL) use_favour(l, f, w->cost_ns);
    l->claims_ns += w->cost_ns;
    f->backlog_ns += w->cost_ns;
    if (f->count++ > 0) {
        rank_update(l, slot);
        turn_update(l, slot);
        return true;
    }
    l->claims_ns += f->used_ns;
    l->flow_count++;
    f->deficit_ns = quantum(l);
    turn_join(l, slot);
    rank_join(l, slot);
    return true;
}

static void unlink_call(struct line_flow *f, struct line_class *class, struct task *task)
{
    struct task_wait *w = &task->wait;
    *(w->flow_prev ? &w->flow_prev->wait.flow_next : &f->first) = w->flow_next;
    *(w->flow_next ? &w->flow_next->wait.flow_prev : &f->last) = w->flow_prev;
    *(w->class_prev ? &w->class_prev->wait.class_next : &class->first) = w->class_next;
    *(w->class_next ? &w->class_next->wait.class_prev : &class->last) = w->class_prev;
}

static void begin_epoch(struct line *l)
{
    l->epoch++;
    l->served_ns = 0;
}

/* What costs nothing by estimate costs something all the same, or a flow of it would never end its turn. */
static void pay(struct line *l, struct line_flow *f, uint64_t cost_ns)
{
    int64_t most = -DEBT_MOST * quantum(l);
    f->deficit_ns -= cost_ns > 0 ? (int64_t)cost_ns : 1;
    if (f->deficit_ns < most) f->deficit_ns = most;
    update_used(l, f);
    f->used_ns += cost_ns;
    l->claims_ns += cost_ns;
    l->served_ns += cost_ns;
    l->favour_ns += cost_ns / FAVOUR_PART;
    if (l->served_ns >= EPOCH_NS) begin_epoch(l);
}

void line_remove(struct line *l, struct task *task, bool served)
{
    uint32_t slot = slot_of(task);
    struct line_flow *f = &l->flows[slot];
    unlink_call(f, class_of(l, task), task);
    if (served) {
        pay(l, f, task->wait.cost_ns);
        count_turn(l, f->ring);
    }
    l->count--;
    l->backlog_ns -= task->wait.cost_ns;
    l->claims_ns -= task->wait.cost_ns;
    f->backlog_ns -= task->wait.cost_ns;
    if (--f->count > 0) {
        rank_update(l, slot);
        turn_update(l, slot);
        return;
    }
    l->flow_count--;
    l->claims_ns -= f->used_ns;
    turn_leave(l, slot);
    rank_leave(l, slot);
}

/* ---- who has to leave ---- */

struct task *line_oldest(const struct line *l)
{
    struct task *oldest = NULL;
    for (int i = 0; i < LINE_CLASSES; i++) {
        struct task *first = l->classes[i].first;
        if (first && (!oldest || first->wait.ticket < oldest->wait.ticket)) oldest = first;
    }
    return oldest;
}

struct task *line_oldest_of(const struct line *l, enum priority priority)
{
    return l->classes[priority - PRIORITY_CRITICAL].first;
}

/* The lowest class with calls, if that is below `priority`; else NULL. */
static const struct line_class *class_below(const struct line *l, enum priority priority)
{
    for (int lowest = PRIORITY_SHEDDABLE; lowest > (int)priority; lowest--)
        if (l->classes[lowest - PRIORITY_CRITICAL].last) return &l->classes[lowest - PRIORITY_CRITICAL];
    return NULL;
}

struct task *line_oldest_below(const struct line *l, enum priority priority)
{
    const struct line_class *class = class_below(l, priority);
    return class ? class->first : NULL;
}

struct task *line_newest_below(const struct line *l, enum priority priority)
{
    const struct line_class *class = class_below(l, priority);
    return class ? class->last : NULL;
}

struct task *line_first_of(const struct line *l, uint64_t conn)
{
    uint32_t slot = (uint32_t)conn;
    return slot < l->flow_room && l->flows[slot].count > 0 ? l->flows[slot].first : NULL;
}

uint64_t line_backlog_of(const struct line *l, uint64_t conn)
{
    uint32_t slot = (uint32_t)conn;
    return slot < l->flow_room && l->flows[slot].count > 0 ? l->flows[slot].backlog_ns : 0;
}

uint64_t line_claim_of(const struct line *l, uint64_t conn)
{
    return used_of(l, conn) + line_backlog_of(l, conn);
}

struct task *line_greediest(const struct line *l, enum priority priority, uint64_t least_ns, enum line_end end)
{
    if (l->ranks_used == 0) return NULL;
    const struct line_flow *f = &l->flows[l->ranks[63 - __builtin_clzll(l->ranks_used)]];
    uint64_t claim_ns = line_claim_of(l, f->conn);
    struct task *task = end == LINE_OLDEST ? f->first : f->last;
    for (int i = 0; task && i < LOOK_AT; i++) {
        if (task->call.request.priority >= priority) return claim_ns > least_ns + task->wait.cost_ns ? task : NULL;
        task = end == LINE_OLDEST ? task->wait.flow_next : task->wait.flow_prev;
    }
    return NULL;
}
