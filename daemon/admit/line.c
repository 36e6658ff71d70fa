#include "daemon/admit/line.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define FLOWS_FIRST 64
#define DEBT_MOST   16 /* quanta that a flow may be in debt: bounds the rounds until somebody may go */
#define LOOK_BACK   8  /* newest calls of a flow that are looked at for one of a low class */

void line_init(struct line *l)
{
    memset(l, 0, sizeof *l);
    l->turn = LINE_NONE;
    for (int i = 0; i < LINE_RANKS; i++)
        l->ranks[i] = LINE_NONE;
}

void line_free(struct line *l)
{
    free(l->flows);
    l->flows = NULL;
}

static uint32_t slot_of(const struct call *call)
{
    return (uint32_t)call->conn;
}

static struct line_class *class_of(struct line *l, const struct call *call)
{
    assert(call->request.priority >= PRIORITY_CRITICAL && call->request.priority <= PRIORITY_SHEDDABLE);
    return &l->classes[call->request.priority - PRIORITY_CRITICAL];
}

/* ---- ranks: logarithmic, four to a doubling, from about a microsecond ---- */

static uint32_t rank_of(uint64_t backlog_ns)
{
    uint64_t units = backlog_ns >> 10 | 4;
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
    f->rank = rank_of(f->backlog_ns);
    f->rank_prev = LINE_NONE;
    f->rank_next = l->ranks[f->rank];
    if (f->rank_next != LINE_NONE) l->flows[f->rank_next].rank_prev = slot;
    l->ranks[f->rank] = slot;
    l->ranks_used |= 1ULL << f->rank;
}

static void rank_update(struct line *l, uint32_t slot)
{
    if (rank_of(l->flows[slot].backlog_ns) == l->flows[slot].rank) return;
    rank_leave(l, slot);
    rank_join(l, slot);
}

/* ---- round robin ---- */

/* What a flow is given each round: the mean cost of the calls that wait. */
static int64_t quantum(const struct line *l)
{
    return (int64_t)(l->backlog_ns / l->count) + 1;
}

/* Behind all others: in front of the one whose turn it is. */
static void turn_join(struct line *l, uint32_t slot)
{
    struct line_flow *f = &l->flows[slot];
    if (l->turn == LINE_NONE) {
        l->turn = f->turn_next = f->turn_prev = slot;
        return;
    }
    struct line_flow *next = &l->flows[l->turn];
    f->turn_next = l->turn;
    f->turn_prev = next->turn_prev;
    l->flows[next->turn_prev].turn_next = slot;
    next->turn_prev = slot;
}

static void turn_leave(struct line *l, uint32_t slot)
{
    struct line_flow *f = &l->flows[slot];
    l->flows[f->turn_prev].turn_next = f->turn_next;
    l->flows[f->turn_next].turn_prev = f->turn_prev;
    if (l->turn == slot) l->turn = f->turn_next == slot ? LINE_NONE : f->turn_next;
}

struct call *line_peek(struct line *l)
{
    if (l->count == 0) return NULL;
    int64_t grant = quantum(l);
    while (l->flows[l->turn].deficit_ns <= 0) {
        l->flows[l->turn].deficit_ns += grant;
        l->turn = l->flows[l->turn].turn_next;
    }
    return l->flows[l->turn].first;
}

/* ---- entering and leaving ---- */

static bool make_room(struct line *l, uint32_t slot)
{
    uint32_t room = l->flow_room ? l->flow_room : FLOWS_FIRST;
    while (room <= slot)
        room *= 2;
    if (room == l->flow_room) return true;
    struct line_flow *flows = realloc(l->flows, room * sizeof *flows);
    if (!flows) return false;
    memset(flows + l->flow_room, 0, (room - l->flow_room) * sizeof *flows);
    l->flows = flows;
    l->flow_room = room;
    return true;
}

bool line_add(struct line *l, struct call *call)
{
    uint32_t slot = slot_of(call);
    if (!make_room(l, slot)) return false;
    struct line_flow *f = &l->flows[slot];
    struct line_class *class = class_of(l, call);
    struct call_wait *w = &call->wait;
    w->ticket = l->tickets++;
    w->flow_next = w->class_next = NULL;
    w->flow_prev = f->last;
    w->class_prev = class->last;
    *(f->last ? &f->last->wait.flow_next : &f->first) = call;
    *(class->last ? &class->last->wait.class_next : &class->first) = call;
    f->last = class->last = call;
    l->count++;
    l->backlog_ns += w->cost_ns;
    f->backlog_ns += w->cost_ns;
    if (f->count++ > 0) {
        rank_update(l, slot);
        return true;
    }
    l->flow_count++;
    f->deficit_ns = quantum(l);
    turn_join(l, slot);
    rank_join(l, slot);
    return true;
}

static void unlink_call(struct line_flow *f, struct line_class *class, struct call *call)
{
    struct call_wait *w = &call->wait;
    *(w->flow_prev ? &w->flow_prev->wait.flow_next : &f->first) = w->flow_next;
    *(w->flow_next ? &w->flow_next->wait.flow_prev : &f->last) = w->flow_prev;
    *(w->class_prev ? &w->class_prev->wait.class_next : &class->first) = w->class_next;
    *(w->class_next ? &w->class_next->wait.class_prev : &class->last) = w->class_prev;
}

static void pay(const struct line *l, struct line_flow *f, uint64_t cost_ns)
{
    int64_t most = -DEBT_MOST * quantum(l);
    f->deficit_ns -= (int64_t)cost_ns;
    if (f->deficit_ns < most) f->deficit_ns = most;
}

void line_remove(struct line *l, struct call *call, bool served)
{
    uint32_t slot = slot_of(call);
    struct line_flow *f = &l->flows[slot];
    unlink_call(f, class_of(l, call), call);
    if (served) pay(l, f, call->wait.cost_ns);
    l->count--;
    l->backlog_ns -= call->wait.cost_ns;
    f->backlog_ns -= call->wait.cost_ns;
    if (--f->count > 0) {
        rank_update(l, slot);
        return;
    }
    l->flow_count--;
    turn_leave(l, slot);
    rank_leave(l, slot);
}

/* ---- who has to leave ---- */

struct call *line_oldest(const struct line *l)
{
    struct call *oldest = NULL;
    for (int i = 0; i < LINE_CLASSES; i++) {
        struct call *first = l->classes[i].first;
        if (first && (!oldest || first->wait.ticket < oldest->wait.ticket)) oldest = first;
    }
    return oldest;
}

struct call *line_lowest(const struct line *l, enum priority priority)
{
    for (int lowest = PRIORITY_SHEDDABLE; lowest > (int)priority; lowest--)
        if (l->classes[lowest - PRIORITY_CRITICAL].last) return l->classes[lowest - PRIORITY_CRITICAL].last;
    return NULL;
}

uint64_t line_backlog_of(const struct line *l, uint64_t conn)
{
    uint32_t slot = (uint32_t)conn;
    return slot < l->flow_room && l->flows[slot].count > 0 ? l->flows[slot].backlog_ns : 0;
}

struct call *line_greediest(const struct line *l, enum priority priority, uint32_t least, uint64_t least_ns)
{
    if (l->ranks_used == 0) return NULL;
    const struct line_flow *f = &l->flows[l->ranks[63 - __builtin_clzll(l->ranks_used)]];
    if (f->count <= least || f->backlog_ns <= least_ns) return NULL;
    struct call *call = f->last;
    for (int i = 0; call && i < LOOK_BACK; i++, call = call->wait.flow_prev)
        if (call->request.priority >= priority) return call;
    return NULL;
}
