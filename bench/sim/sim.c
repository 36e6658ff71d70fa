#include "bench/sim/sim.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/admit/gate.h"

#define START_NS  1000000000ULL /* the clock's first instant: policies take 0 for "never" */
#define NEVER     UINT64_MAX
#define BATCH_NS  COSTS_FIRST_NS /* as the backend's worker does it */
#define BATCH_MAX 64
#define GATES_MAX 64

struct sim_call {
    struct call call; /* first: the gate hands these back */
    struct sim_call *next;
    uint32_t stream, attempt;
    uint64_t first_ns; /* of its first attempt */
    uint64_t again_ns; /* when it is sent again */
};

/* One I/O thread. */
struct sim_lane {
    struct gate gate;
    struct gate_stats stats;
    struct sim_call *returned, **returned_end;
    uint64_t turn_ns; /* when it looks at them; NEVER: there is nothing */
};

struct sim {
    const struct sim_options *o;
    struct sim_result *result;
    uint64_t now_ns;
    struct rng rng;
    struct arrivals arrivals[SIM_STREAMS];
    uint32_t first_conn[SIM_STREAMS];
    struct sim_lane *lanes;
    struct gate_station station;
    struct costs costs;
    struct ring *ring;
    struct sim_call *batch[BATCH_MAX];
    size_t batch_count;
    uint64_t batch_from_ns, batch_end_ns; /* NEVER: the backend idles */
    struct sim_call *again, **again_end;  /* to be sent again, in order of time */
    struct sim_call *spare;
    uint64_t under_way;
};

/* ---- counting ---- */

static bool in_window(const struct sim *s, size_t window, uint64_t at_ns)
{
    const struct sim_window *w = &s->o->windows[window];
    return at_ns >= START_NS + w->from_ns && at_ns < START_NS + w->to_ns;
}

static void count_answer(struct sim *s, const struct sim_call *c, struct sim_count *n, bool now, bool then)
{
    enum reply_kind kind = c->call.reply.kind;
    uint64_t sent_ns = c->call.arrived_ns;
    if (now && kind == REPLY_OVERLOADED) n->overloaded++;
    if (now && kind == REPLY_LATE) n->late++;
    if (now && kind == REPLY_OK) n->served++;
    if (now && kind != REPLY_OK && (kind == REPLY_LATE || c->attempt >= s->o->streams[c->stream].retries))
        n->lost++;
    if (!then || kind != REPLY_OK) return;
    histogram_record(&n->latency_ns, s->now_ns - sent_ns);
    histogram_record(&n->whole_ns, s->now_ns - c->first_ns);
}

/* ---- clients ---- */

static void send_again(struct sim *s, struct sim_call *c)
{
    c->again_ns = s->now_ns + s->o->network_ns;
    c->next = NULL;
    *s->again_end = c;
    s->again_end = &c->next;
}

/* A client has its reply. */
static void answered(struct sim *s, struct sim_call *c)
{
    const struct sim_stream *stream = &s->o->streams[c->stream];
    enum reply_kind kind = c->call.reply.kind;
    count_answer(s, c, &s->result->total[c->stream], true, true);
    for (size_t w = 0; w < s->o->window_count; w++)
        count_answer(s, c, &s->result->windows[w][c->stream], in_window(s, w, s->now_ns),
                     in_window(s, w, c->call.arrived_ns));
    if (kind == REPLY_OVERLOADED && (uint64_t)c->call.reply.number > s->result->retry_ms_max)
        s->result->retry_ms_max = (uint64_t)c->call.reply.number;
    bool open = s->now_ns < START_NS + s->o->duration_ns;
    bool retry = kind == REPLY_OVERLOADED && c->attempt < stream->retries;
    s->under_way--;
    if (open && (retry || stream->depth > 0)) {
        c->attempt = retry ? c->attempt + 1 : 0;
        send_again(s, c);
        return;
    }
    c->next = s->spare;
    s->spare = c;
}

static struct sim_lane *lane_of(struct sim *s, const struct sim_call *c)
{
    return &s->lanes[c->call.lane];
}

static void serve(struct sim *s, struct sim_lane *lane);

/* A request is at the door. */
static void arrive(struct sim *s, struct sim_call *c)
{
    const struct sim_stream *stream = &s->o->streams[c->stream];
    struct sim_lane *lane = lane_of(s, c);
    struct call *call = &c->call;
    uint64_t conn = call->conn;
    uint32_t lane_number = call->lane;
    call_clear(call);
    call->conn = conn;
    call->lane = lane_number;
    call->arrived_ns = s->now_ns;
    call->request.op = OP_GET;
    call->request.priority = stream->priority ? stream->priority : PRIORITY_NORMAL;
    call->request.deadline_ms = stream->deadline_ms;
    if (c->attempt == 0) c->first_ns = s->now_ns;
    s->under_way++;
    s->result->total[c->stream].sent++;
    for (size_t w = 0; w < s->o->window_count; w++)
        if (in_window(s, w, s->now_ns)) s->result->windows[w][c->stream].sent++;
    enum gate_verdict verdict = gate_judge(&lane->gate, call, s->now_ns);
    if (verdict == GATE_LINE) verdict = gate_enter(&lane->gate, call, s->now_ns);
    assert(verdict != GATE_HOLD); /* clients that send whatever comes back would have to be modelled */
    if (verdict == GATE_REFUSE) {
        answered(s, c);
    } else if (verdict == GATE_PASS) {
        bool pushed = ring_push(s->ring, call);
        assert(pushed);
        (void)pushed;
        gate_sent(&lane->gate, call);
    }
    uint32_t depth = gate_station_depth(&s->station);
    if (depth > s->result->deepest) s->result->deepest = depth;
    serve(s, lane);
}

static struct sim_call *new_call(struct sim *s, uint32_t stream, uint32_t conn)
{
    struct sim_call *c = s->spare;
    if (c) {
        s->spare = c->next;
    } else {
        c = malloc(sizeof *c);
        if (!c) abort();
        call_init(&c->call);
    }
    c->stream = stream;
    c->attempt = 0;
    c->call.conn = s->first_conn[stream] + conn;
    c->call.lane = (uint32_t)c->call.conn % s->o->gates;
    return c;
}

/* ---- the backend's thread ---- */

static uint64_t service_ns(struct sim *s)
{
    uint64_t mean_ns = 0;
    for (size_t i = 0; i < s->o->step_count; i++)
        if (s->now_ns >= START_NS + s->o->steps[i].at_ns) mean_ns = s->o->steps[i].mean_ns;
    if (!s->o->exponential) return mean_ns;
    return (uint64_t)(rng_exponential(&s->rng) * (double)mean_ns) + 1;
}

static bool stalled(const struct sim *s)
{
    return s->now_ns >= START_NS + s->o->stall_at_ns && s->now_ns < START_NS + s->o->stall_at_ns + s->o->stall_ns;
}

/* Takes a batch, if it has nothing to do and there is one: what is there, but not more work than BATCH_NS. */
static void begin_batch(struct sim *s)
{
    if (s->batch_count > 0 || s->ring == NULL || stalled(s)) return;
    uint64_t limit = BATCH_NS / (costs_mean(&s->costs) + 1);
    if (limit < 1) limit = 1;
    if (limit > BATCH_MAX) limit = BATCH_MAX;
    s->batch_count = ring_pop(s->ring, (void **)s->batch, limit);
    if (s->batch_count == 0) return;
    s->batch_from_ns = s->batch_end_ns = s->now_ns;
    uint64_t own_start_ns = s->now_ns; /* by estimate */
    for (size_t i = 0; i < s->batch_count; i++) {
        struct call *call = &s->batch[i]->call;
        uint64_t deadline_ns =
            call->request.deadline_ms ? call->arrived_ns + call->request.deadline_ms * 1000000U : NEVER;
        call->taken_ns = s->now_ns;
        if (own_start_ns > deadline_ns) {
            call->reply.kind = REPLY_LATE;
            continue;
        }
        own_start_ns += call->wait.cost_ns;
        uint64_t took_ns = service_ns(s);
        if (s->batch_end_ns > deadline_ns) s->result->wasted_ns += took_ns;
        s->batch_end_ns += took_ns;
        call->reply.kind = REPLY_OK;
    }
}

static void end_batch(struct sim *s)
{
    uint64_t took_ns = s->batch_end_ns - s->batch_from_ns;
    struct call *calls[BATCH_MAX];
    bool late = false;
    for (size_t i = 0; i < s->batch_count; i++) {
        struct sim_call *c = s->batch[i];
        struct sim_lane *lane = lane_of(s, c);
        calls[i] = &c->call;
        late = late || c->call.reply.kind == REPLY_LATE;
        c->call.done_ns = s->now_ns;
        c->next = NULL;
        *lane->returned_end = c;
        lane->returned_end = &c->next;
        if (lane->turn_ns == NEVER) lane->turn_ns = s->now_ns + s->o->refill_ns;
    }
    if (!late) costs_note(&s->costs, calls, s->batch_count, took_ns);
    s->result->all_busy_ns += took_ns;
    for (size_t w = 0; w < s->o->window_count; w++)
        if (in_window(s, w, s->now_ns)) s->result->busy_ns[w] += took_ns;
    s->batch_count = 0;
    s->batch_end_ns = NEVER;
    begin_batch(s);
}

/* ---- I/O threads ---- */

/* Gives the backend what it wants of the line. */
static void serve(struct sim *s, struct sim_lane *lane)
{
    struct call *call;
    while ((call = gate_next(&lane->gate, s->now_ns)) != NULL) {
        bool pushed = ring_push(s->ring, call);
        assert(pushed);
        (void)pushed;
        gate_sent(&lane->gate, call);
    }
    for (call = gate_answered(&lane->gate); call;) {
        struct call *next = call->next;
        answered(s, (struct sim_call *)call);
        call = next;
    }
    begin_batch(s);
}

static void take_turn(struct sim *s, struct sim_lane *lane)
{
    struct sim_call *c = lane->returned;
    lane->returned = NULL;
    lane->returned_end = &lane->returned;
    lane->turn_ns = NEVER;
    while (c) {
        struct sim_call *next = c->next;
        gate_returned(&lane->gate, &c->call, s->now_ns);
        answered(s, c);
        c = next;
    }
    do
        serve(s, lane);
    while (gate_has_more(&lane->gate));
}

/* ---- time ---- */

static void send_next(struct sim *s, uint32_t stream)
{
    arrivals_pop(&s->arrivals[stream]);
    arrive(s, new_call(s, stream, (uint32_t)rng_below(&s->rng, s->o->streams[stream].connections)));
}

static uint64_t due_ns(const struct sim *s, uint32_t stream)
{
    uint64_t at_ns = arrivals_peek(&s->arrivals[stream]);
    return s->o->streams[stream].depth || at_ns >= s->o->duration_ns ? NEVER : START_NS + at_ns;
}

/* Does what comes next; false when nothing does. */
static bool step(struct sim *s)
{
    uint64_t next_ns = s->batch_end_ns, stall_end_ns = START_NS + s->o->stall_at_ns + s->o->stall_ns;
    uint32_t stream = SIM_STREAMS, lane = GATES_MAX;
    bool again = false;
    if (stalled(s) && stall_end_ns < next_ns) next_ns = stall_end_ns;
    for (uint32_t i = 0; i < s->o->gates; i++)
        if (s->lanes[i].turn_ns < next_ns) next_ns = s->lanes[lane = i].turn_ns;
    for (uint32_t i = 0; i < s->o->stream_count; i++)
        if (due_ns(s, i) < next_ns) next_ns = due_ns(s, stream = i);
    if (s->again && s->again->again_ns < next_ns) {
        next_ns = s->again->again_ns;
        again = true;
    }
    if (next_ns == NEVER) return false;
    s->now_ns = next_ns;
    if (again) {
        struct sim_call *c = s->again;
        s->again = c->next;
        if (!s->again) s->again_end = &s->again;
        arrive(s, c);
    } else if (stream < SIM_STREAMS) {
        send_next(s, stream);
    } else if (lane < GATES_MAX) {
        take_turn(s, &s->lanes[lane]);
    } else if (s->batch_count > 0 && next_ns == s->batch_end_ns) {
        end_batch(s);
    } else {
        begin_batch(s); /* the stall is over */
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
        gate_tune(&lane->gate, s->o->policy, s->o->bound, s->o->target_ns);
        lane->returned_end = &lane->returned;
        lane->turn_ns = NEVER;
    }
}

static void open_streams(struct sim *s)
{
    uint32_t conn = 0;
    for (uint32_t i = 0; i < s->o->stream_count; i++) {
        const struct sim_stream *stream = &s->o->streams[i];
        s->first_conn[i] = conn;
        conn += stream->connections;
        if (!stream->depth) arrivals_init(&s->arrivals[i], &stream->plan, 0, 1, s->o->seed + i);
        for (uint32_t d = 0; d < stream->depth; d++)
            for (uint32_t c = 0; c < stream->connections; c++)
                send_again(s, new_call(s, i, c));
    }
}

static void drop(struct call *call)
{
    free(call);
}

static void close_all(struct sim *s)
{
    for (uint32_t i = 0; s->lanes && i < s->o->gates; i++)
        gate_free(&s->lanes[i].gate, drop);
    for (struct sim_call *c = s->spare; c;) {
        struct sim_call *next = c->next;
        free(c);
        c = next;
    }
    if (s->ring) ring_destroy(s->ring);
    free(s->lanes);
}

struct sim_result *sim_run(const struct sim_options *options)
{
    assert(options->gates >= 1 && options->gates <= GATES_MAX && options->step_count >= 1);
    struct sim s = {.o = options, .now_ns = START_NS, .batch_end_ns = NEVER};
    s.again_end = &s.again;
    s.station.gates = options->gates;
    s.ring = ring_create(options->gates * GATE_WINDOW_MOST);
    s.station.ring = s.ring;
    s.lanes = calloc(options->gates, sizeof *s.lanes);
    s.result = calloc(1, sizeof *s.result);
    if (s.ring && s.lanes && s.result) {
        costs_init(&s.costs);
        rng_seed(&s.rng, options->seed, 1000);
        open_lanes(&s);
        open_streams(&s);
        while (step(&s))
            ;
        assert(s.under_way == 0);
        s.result->window_last = s.lanes[0].gate.window;
    } else {
        free(s.result);
        s.result = NULL;
    }
    close_all(&s);
    return s.result;
}

void sim_result_free(struct sim_result *r)
{
    free(r);
}

double sim_goodput(const struct sim_options *o, const struct sim_result *r, size_t window)
{
    uint64_t served = 0;
    for (size_t i = 0; i < o->stream_count; i++)
        served += r->windows[window][i].served;
    return (double)served * 1e9 / (double)(o->windows[window].to_ns - o->windows[window].from_ns);
}
