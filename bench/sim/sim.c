/* Time, and the I/O threads: what comes next, and what they do about it. */
#include "bench/sim/sim.h"

#include <assert.h>
#include <stdlib.h>

#include "bench/sim/sim_impl.h"

#define GATES_MAX 64

/* ---- I/O threads ---- */

static void give(struct sim *s, struct sim_lane *lane, struct task *task)
{
    bool pushed = ring_push(s->ring, task);
    assert(pushed);
    (void)pushed;
    gate_sent(&lane->gate, task);
}

/* A request is at the door. */
static void judge(struct sim *s, struct sim_lane *lane, struct sim_call *c)
{
    struct task *task = &c->task;
    enum gate_verdict verdict = gate_judge(&lane->gate, task, s->now_ns);
    if (verdict == GATE_LINE)
        verdict = gate_enter(&lane->gate, task, s->now_ns);
    else if (verdict == GATE_REFUSE || verdict == GATE_LATE)
        gate_refuse(&lane->gate, task, verdict, s->now_ns);
    assert(verdict != GATE_HOLD); /* clients that wait to be read would have to be modelled */
    if (verdict == GATE_PASS) {
        gate_pass(&lane->gate, task, s->now_ns);
        give(s, lane, task);
    } else if (verdict != GATE_LINE) {
        sim_answer(s, c);
    }
    uint32_t depth = gate_station_depth(&s->station);
    if (depth > s->result->deepest) s->result->deepest = depth;
}

/* Gives the backend what it wants of the line. */
static void serve(struct sim *s, struct sim_lane *lane)
{
    struct task *task;
    do {
        while ((task = gate_next(&lane->gate, s->now_ns)) != NULL)
            give(s, lane, task);
        for (task = gate_answered(&lane->gate); task;) {
            struct task *next = task->next;
            sim_answer(s, (struct sim_call *)task);
            task = next;
        }
    } while (gate_has_more(&lane->gate));
    sim_batch_begin(s);
}

static void arrive(struct sim *s, struct sim_call *c)
{
    struct sim_lane *lane = &s->lanes[c->task.lane];
    if (lane->away) {
        STAILQ_INSERT_TAIL(&lane->unread, c, link);
        return;
    }
    judge(s, lane, c);
    serve(s, lane);
}

/* What the backend has done, then what has come. */
static void take_turn(struct sim *s, struct sim_lane *lane)
{
    lane->turn_ns = SIM_NEVER;
    struct sim_list returned = STAILQ_HEAD_INITIALIZER(returned), unread = STAILQ_HEAD_INITIALIZER(unread);
    STAILQ_CONCAT(&returned, &lane->returned);
    STAILQ_CONCAT(&unread, &lane->unread);
    for (struct sim_call *c; (c = STAILQ_FIRST(&returned));) {
        STAILQ_REMOVE_HEAD(&returned, link);
        gate_returned(&lane->gate, &c->task, s->now_ns);
        sim_answer(s, c);
    }
    for (struct sim_call *c; (c = STAILQ_FIRST(&unread));) {
        STAILQ_REMOVE_HEAD(&unread, link);
        judge(s, lane, c);
    }
    serve(s, lane);
}

/* It goes away or comes back. When nobody sends any more, it stays. */
static void change(struct sim *s, struct sim_lane *lane)
{
    bool over = s->now_ns >= SIM_START_NS + s->o->duration_ns;
    if (over && !lane->away) {
        lane->change_ns = SIM_NEVER;
        return;
    }
    lane->away = !lane->away;
    double mean_ns = (double)(lane->away ? s->o->away_ns : s->o->away_every_ns);
    lane->change_ns = s->now_ns + (uint64_t)(rng_exponential(&s->away_rng) * mean_ns) + 1;
    if (!lane->away) take_turn(s, lane);
}

/* ---- time ---- */

enum event { EVENT_NONE, EVENT_BATCH, EVENT_STALL_END, EVENT_CHANGE, EVENT_TURN, EVENT_SEND, EVENT_AGAIN };

struct next {
    uint64_t at_ns;
    enum event event;
    uint32_t which; /* lane or stream */
};

static void consider(struct next *n, uint64_t at_ns, enum event event, uint32_t which)
{
    if (at_ns < n->at_ns) *n = (struct next){at_ns, event, which};
}

static struct next what_next(const struct sim *s)
{
    struct next n = {SIM_NEVER, EVENT_NONE, 0};
    consider(&n, s->batch_end_ns, EVENT_BATCH, 0);
    if (sim_stalled(s)) consider(&n, SIM_START_NS + s->o->stall_at_ns + s->o->stall_ns, EVENT_STALL_END, 0);
    for (uint32_t i = 0; i < s->o->gates; i++) {
        consider(&n, s->lanes[i].change_ns, EVENT_CHANGE, i);
        if (!s->lanes[i].away) consider(&n, s->lanes[i].turn_ns, EVENT_TURN, i);
    }
    for (uint32_t i = 0; i < s->o->stream_count; i++)
        consider(&n, sim_due_ns(s, i), EVENT_SEND, i);
    if (!STAILQ_EMPTY(&s->again)) consider(&n, STAILQ_FIRST(&s->again)->again_ns, EVENT_AGAIN, 0);
    return n;
}

/* Does what comes next; false when nothing does. */
static bool step(struct sim *s)
{
    struct next n = what_next(s);
    if (n.event != EVENT_NONE && n.at_ns > s->now_ns) s->now_ns = n.at_ns;
    switch (n.event) {
    case EVENT_NONE: return false;
    case EVENT_BATCH: sim_batch_end(s); break;
    case EVENT_STALL_END: sim_batch_begin(s); break;
    case EVENT_CHANGE: change(s, &s->lanes[n.which]); break;
    case EVENT_TURN: take_turn(s, &s->lanes[n.which]); break;
    case EVENT_SEND: arrive(s, sim_send_next(s, n.which)); break;
    case EVENT_AGAIN: arrive(s, sim_send_again(s)); break;
    }
    return true;
}

/* ---- life cycle ---- */

static void open_lanes(struct sim *s)
{
    for (uint32_t i = 0; i < s->o->gates; i++) {
        struct sim_lane *lane = &s->lanes[i];
        struct gate_options options = {
            .station = &s->station, .lane = i, .costs = &s->costs, .stats = &lane->stats};
        gate_init(&lane->gate, &options);
        gate_tune(&lane->gate, s->o->policy, (uint32_t)s->o->bound, s->o->target_ns);
        STAILQ_INIT(&lane->returned);
        STAILQ_INIT(&lane->unread);
        lane->turn_ns = SIM_NEVER;
        lane->away = false;
        lane->change_ns = s->o->away_ns ? SIM_START_NS : SIM_NEVER;
    }
}

static bool open_all(struct sim *s)
{
    const struct sim_options *o = s->o;
    s->station.gates = (uint32_t)o->gates;
    s->station.degree = 1;
    s->ring = ring_create((uint32_t)o->gates * GATE_WINDOW_MOST);
    s->station.ring = s->ring;
    s->lanes = calloc(o->gates, sizeof *s->lanes);
    s->result = calloc(1, sizeof *s->result);
    if (!s->ring || !s->lanes || !s->result) return false;
    if (o->piece_ns) {
        s->result->piece_count = (o->duration_ns + o->piece_ns - 1) / o->piece_ns;
        s->result->pieces = calloc(s->result->piece_count, sizeof *s->result->pieces);
        if (!s->result->pieces) return false;
    }
    costs_init(&s->costs);
    rng_seed(&s->rng, o->seed, 1000);
    rng_seed(&s->away_rng, o->seed, 2000);
    STAILQ_INIT(&s->again);
    STAILQ_INIT(&s->spare);
    open_lanes(s);
    return sim_clients_open(s);
}

static void drop(struct task *task)
{
    free(task);
}

static void close_all(struct sim *s)
{
    for (uint32_t i = 0; s->lanes && i < s->o->gates; i++)
        gate_free(&s->lanes[i].gate, drop);
    sim_clients_close(s);
    if (s->ring) ring_destroy(s->ring);
    free(s->lanes);
}

struct sim_result *sim_run(const struct sim_options *options)
{
    assert(options->gates >= 1 && options->gates <= GATES_MAX && options->step_count >= 1);
    struct sim s = {.o = options, .now_ns = SIM_START_NS, .batch_end_ns = SIM_NEVER};
    if (open_all(&s)) {
        while (step(&s))
            ;
        assert(s.under_way == 0);
        for (uint32_t i = 0; i < options->gates; i++)
            s.result->supplanted += counter_get(&s.lanes[i].stats.supplanted);
    } else {
        sim_result_free(s.result);
        s.result = NULL;
    }
    close_all(&s);
    return s.result;
}

void sim_result_free(struct sim_result *r)
{
    if (!r) return;
    free(r->pieces);
    free(r);
}

double sim_goodput(const struct sim_options *o, const struct sim_result *r, size_t window)
{
    uint64_t served = 0;
    for (size_t i = 0; i < o->stream_count; i++)
        served += r->windows[window][i].served;
    return (double)served * 1e9 / (double)(o->windows[window].to_ns - o->windows[window].from_ns);
}
