#include "daemon/dispatch.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/admit/gate.h"
#include "daemon/admit/order.h"

#define SAMPLE_EVERY 64   /* executed in place: so many fast operations per one that is timed */
#define SLOW_NS      5000 /* what costs more on average is always timed */

/* What belongs to one I/O thread. */
struct lane {
    _Alignas(64) struct gate *gates; /* one per station; one where there is none */
    uint32_t gate_count;
    struct gate *here;   /* of calls that the lane executes itself; NULL: it does not */
    struct order order;  /* where calls of a connection may be for several stations */
    uint32_t generation; /* of the tuning that the gates have */
    bool room;           /* something came back, or the rules have changed */
    bool submitted;      /* something for the backend since the last flush */
    uint32_t untimed;    /* calls executed in place since one was timed */
    bool ran;            /* calls were executed in place since housekeeping was looked at */
    uint64_t kept_ms;    /* when it was looked at last */
    uint64_t keep_ms;    /* when it wants its next slice; UINT64_MAX: not before a call has run */
    uint32_t together;   /* calls that `submit` left to `run` */
    struct costs costs;  /* of calls executed in place */
    struct gate_stats stats;
};

struct dispatch {
    struct dispatch_options options;
    uint32_t station_count;        /* 0: executed in place */
    bool spreads;                  /* calls of a connection may be for several stations */
    struct gate_station *stations; /* at least one */
    struct lane *lanes;
};

static const struct backend_design *design_of(const struct dispatch *d)
{
    return d->options.backend->design;
}

/* ---- which gate, which class ---- */

static enum priority class_by_operation(const struct dispatch_classes *c, const struct call *call)
{
    switch (call->request.op) {
    case OP_GET:
    case OP_META: return call->request.effects & EFFECT_DELETE ? c->delete : c->get;
    case OP_PUT:
    case OP_APPEND:
    case OP_PREPEND:
    case OP_ADD: return c->put;
    case OP_DELETE: return c->delete;
    case OP_TOUCH: return c->touch;
    default: break;
    }
    enum priority best = call->parts ? PRIORITY_SHEDDABLE : c->other;
    for (const struct call *part = call->parts; part; part = part->part_next) {
        enum priority own = class_by_operation(c, part);
        if (own < best) best = own; /* a batch is as important as the most important of its parts */
    }
    return best;
}

static struct gate *gate_of(const struct dispatch *d, const struct task *task)
{
    return &d->lanes[task->lane].gates[task->wait.station];
}

/* The station for a call. Where a connection's calls may go to several, and this thread is one of them, a pipeline
 * is executed here: its calls have to stay together, and here they can do so without waiting for anybody. */
static uint32_t station_for(const struct dispatch *d, const struct task *task)
{
    const struct lane *lane = &d->lanes[task->lane];
    if (d->spreads && lane->here && task->followed)
        return order_station(&lane->order, task, (uint32_t)(lane->here - lane->gates));
    uint32_t best = design_of(d)->station_of(d->options.backend, task);
    return d->spreads ? order_station(&lane->order, task, best) : best;
}

/* The request gets its class, and is told which gate it comes through. */
static struct gate *gate_for(const struct dispatch *d, struct task *task)
{
    struct request *r = &task->call.request;
    if (r->priority == PRIORITY_DEFAULT) r->priority = class_by_operation(&d->options.classes, &task->call);
    task->wait.station = d->station_count > 1 ? station_for(d, task) : 0;
    return gate_of(d, task);
}

/* A call is about to be let in. False when memory is out. */
static inline bool enter(const struct dispatch *d, const struct task *task)
{
    return __builtin_expect(!d->spreads, 1) || order_enter(&d->lanes[task->lane].order, task);
}

/* It is done, or was not let in after all. */
static inline void leave(const struct dispatch *d, const struct task *task)
{
    if (d->spreads) order_leave(&d->lanes[task->lane].order, task);
}

/* ---- submitting ---- */

static enum service_verdict out_of_memory(struct task *task)
{
    reply_error(&task->call.reply, ERR_OUT_OF_MEMORY, "no memory for this request just now; not executed");
    return SERVICE_ANSWERED;
}

/* Executes it on this thread. What is slow is timed each time, what is fast now and then. */
static void execute_in_place(const struct dispatch *d, struct gate *g, struct task *task, uint64_t now_ns)
{
    struct lane *lane = &d->lanes[task->lane];
    bool timed = costs_mean(&lane->costs) > SLOW_NS || ++lane->untimed >= SAMPLE_EVERY;
    if (timed) now_ns = clock_ns(d->options.clock);
    task->taken_ns = task->done_ns = now_ns;
    lane->ran = true;
    enum backend_submit outcome = design_of(d)->submit(d->options.backend, task);
    assert(outcome == BACKEND_DONE);
    (void)outcome;
    if (timed) {
        lane->untimed = 0;
        task->done_ns = clock_ns(d->options.clock);
        task->wait.cost_ns = task->done_ns - task->taken_ns;
        costs_note(&lane->costs, &task, 1, task->wait.cost_ns);
    }
    gate_executed(g, &task, 1, now_ns);
}

/* May it wait for others of its turn, to be executed with them? Not if it may take long: then who comes after it
 * has to know. (Behind such as wait it waits too.) */
static bool runs_with_others(struct lane *lane)
{
    if (lane->together == 0 && costs_mean(&lane->costs) > SLOW_NS) return false;
    lane->together++;
    return true;
}

static void run(void *ctx, struct task **tasks, size_t count, uint64_t now_ns)
{
    struct dispatch *d = ctx;
    struct lane *lane = &d->lanes[tasks[0]->lane];
    lane->ran = true;
    lane->together -= (uint32_t)count;
    lane->untimed += (uint32_t)count;
    bool timed = lane->untimed >= SAMPLE_EVERY;
    if (timed) now_ns = clock_ns(d->options.clock);
    uint64_t end_ns = now_ns;
    for (size_t i = 0; i < count; i++)
        tasks[i]->taken_ns = now_ns;
    design_of(d)->run(d->options.backend, tasks, count);
    if (timed) {
        lane->untimed = 0;
        end_ns = clock_ns(d->options.clock);
        costs_note(&lane->costs, tasks, count, end_ns - now_ns);
    }
    for (size_t i = 0; i < count; i++) {
        tasks[i]->done_ns = end_ns;
        leave(d, tasks[i]);
    }
    gate_executed(lane->here, tasks, count, end_ns);
}

/* Gives it to the backend, which has room for as much as all gates let through together. */
static void send(const struct dispatch *d, struct gate *g, struct task *task)
{
    enum backend_submit outcome = design_of(d)->submit(d->options.backend, task);
    assert(outcome == BACKEND_QUEUED);
    (void)outcome;
    gate_sent(g, task);
    d->lanes[task->lane].submitted = true;
}

static enum service_verdict enter_line(const struct dispatch *d, struct gate *g, struct task *task, uint64_t now_ns)
{
    enum gate_verdict verdict = gate_enter(g, task, now_ns);
    if (verdict == GATE_LINE) return SERVICE_QUEUED;
    leave(d, task);
    return verdict == GATE_HOLD ? SERVICE_HOLD : SERVICE_ANSWERED;
}

static enum service_verdict submit_here(const struct dispatch *d, struct gate *g, struct task *task,
                                        uint64_t now_ns)
{
    struct lane *lane = &d->lanes[task->lane];
    if (!runs_with_others(lane)) {
        execute_in_place(d, g, task, now_ns);
        return SERVICE_ANSWERED;
    }
    if (enter(d, task)) return SERVICE_HERE;
    lane->together--;
    return out_of_memory(task);
}

static enum service_verdict submit_to_table(struct dispatch *d, struct task *task, uint64_t now_ns)
{
    struct gate *g = gate_for(d, task);
    switch (gate_judge(g, task, now_ns)) {
    case GATE_REFUSE: return SERVICE_ANSWERED;
    case GATE_HOLD: return call_own(&task->call) ? SERVICE_HOLD : out_of_memory(task);
    case GATE_LINE:
        if (!call_own(&task->call) || !enter(d, task)) return out_of_memory(task);
        return enter_line(d, g, task, now_ns);
    case GATE_PASS: break;
    }
    if (g->options.in_place) return submit_here(d, g, task, now_ns);
    if (!call_own(&task->call) || !enter(d, task)) return out_of_memory(task);
    send(d, g, task);
    return SERVICE_QUEUED;
}

static enum service_verdict submit(void *ctx, struct task *task, uint64_t now_ns)
{
    struct dispatch *d = ctx;
    if (!op_needs_table(task->call.request.op)) {
        local_answer(&d->options.local, &task->call);
        return SERVICE_ANSWERED;
    }
    if (task->call.request.op == OP_BATCH && local_answer_parts(&d->options.local, &task->call))
        return SERVICE_ANSWERED;
    return submit_to_table(d, task, now_ns);
}

static enum service_verdict admit(void *ctx, struct task *task, uint64_t now_ns)
{
    struct dispatch *d = ctx;
    struct gate *g = gate_for(d, task);
    return gate_judge(g, task, now_ns) == GATE_REFUSE ? SERVICE_ANSWERED : SERVICE_ADMITTED;
}

/* ---- the end of a batch ---- */

static void returned(void *ctx, struct task *task, uint64_t now_ns)
{
    struct dispatch *d = ctx;
    d->lanes[task->lane].room = true;
    leave(d, task);
    gate_returned(gate_of(d, task), task, now_ns);
}

static void tune(const struct dispatch *d, struct lane *lane)
{
    const struct tuning *t = d->options.tuning;
    uint32_t generation = atomic_load(&t->generation);
    if (lane->generation == generation) return;
    lane->generation = generation;
    lane->room = true;
    uint32_t bound = (atomic_load(&t->bound) + lane->gate_count - 1) / lane->gate_count; /* shared out evenly */
    for (uint32_t i = 0; i < lane->gate_count; i++)
        gate_tune(&lane->gates[i], admit_policy((enum policy_id)atomic_load(&t->policy)), bound,
                  atomic_load(&t->target_ns));
}

static void append(struct service_batch *batch, struct task *tasks)
{
    struct task **end = &batch->answered;
    while (*end)
        end = &(*end)->next;
    *end = tasks;
}

/* Executes calls from the line, within this turn's budget. */
static void work_off(const struct dispatch *d, struct gate *g, uint64_t now_ns, struct service_batch *batch)
{
    struct task *task, *first = NULL, **end = &first;
    gate_begin_turn(g);
    while ((task = gate_next(g, now_ns)) != NULL) {
        execute_in_place(d, g, task, now_ns);
        if (task->done_ns > now_ns) now_ns = task->done_ns;
        leave(d, task);
        task->next = NULL;
        *end = task;
        end = &task->next;
    }
    if (first) append(batch, first);
    gate_begin_turn(g);
}

/* Tells other I/O threads that hold calls of the room there is, and gives them a chance to take it: this one comes
 * back to its own when its next call does. */
static void tell_starved(const struct dispatch *d, struct gate *g, struct service_batch *batch)
{
    uint64_t others = gate_others_starved(g);
    if (others && (g->out > 0 || g->line.count > 0)) batch->room = false;
    for (; others; others &= others - 1)
        d->options.room(d->options.room_ctx, (uint32_t)__builtin_ctzll(others));
}

static void serve(const struct dispatch *d, struct gate *g, uint64_t now_ns, struct service_batch *batch)
{
    struct task *task;
    uint32_t before = g->line.count;
    if (g->options.in_place)
        work_off(d, g, now_ns, batch);
    else
        while ((task = gate_next(g, now_ns)) != NULL)
            send(d, g, task);
    struct task *answered = gate_answered(g);
    for (task = answered; task; task = task->next)
        leave(d, task);
    if (answered) append(batch, answered);
    batch->room = batch->room || g->line.count < before;
    tell_starved(d, g, batch);
    batch->more = batch->more || gate_has_more(g);
    gate_publish(g);
}

/* Housekeeping of a backend that has no thread of its own for it: a slice when it is due, and when calls have run,
 * which may have changed what is due, at most an interval after the last one. */
static void keep_house(const struct dispatch *d, struct lane *lane, uint64_t now_ms, struct service_batch *batch)
{
    uint64_t recheck_ms = lane->kept_ms + d->options.housekeep_interval_ms;
    if (lane->ran && recheck_ms < lane->keep_ms) lane->keep_ms = recheck_ms;
    lane->ran = false;
    if (lane->keep_ms <= now_ms) {
        lane->keep_ms = design_of(d)->housekeep(d->options.backend, (uint32_t)(lane - d->lanes), now_ms);
        lane->kept_ms = now_ms;
    }
    batch->more = batch->more || lane->keep_ms <= now_ms;
    batch->wake_ms = lane->keep_ms;
}

static struct service_batch flush(void *ctx, uint32_t index, uint64_t now_ns)
{
    struct dispatch *d = ctx;
    struct lane *lane = &d->lanes[index];
    struct service_batch batch = {.wake_ms = UINT64_MAX};
    tune(d, lane);
    batch.room = lane->room;
    lane->room = false;
    for (uint32_t i = 0; i < lane->gate_count; i++)
        serve(d, &lane->gates[i], now_ns, &batch);
    if (lane->submitted) design_of(d)->flush(d->options.backend, index);
    lane->submitted = false;
    if (lane->here && design_of(d)->housekeep) keep_house(d, lane, now_ns / 1000000U, &batch);
    return batch;
}

/* What other I/O threads have for this one: a batch of it. */
static bool work_for_others(void *ctx, uint32_t index)
{
    struct dispatch *d = ctx;
    if (!design_of(d)->serve(d->options.backend, index)) return false;
    d->lanes[index].ran = true;
    return true;
}

struct service dispatch_service(struct dispatch *d)
{
    return (struct service){.ctx = d,
                            .admit = admit,
                            .submit = submit,
                            .run = run,
                            .returned = returned,
                            .serve = d->lanes[0].here && d->station_count > 1 ? work_for_others : NULL,
                            .flush = flush};
}

/* ---- life cycle ---- */

static void drop(struct task *task)
{
    task_clear(task);
    free(task);
}

void dispatch_destroy(struct dispatch *d)
{
    for (uint32_t i = 0; d->lanes && i < d->options.lanes; i++) {
        for (uint32_t j = 0; d->lanes[i].gates && j < d->lanes[i].gate_count; j++)
            gate_free(&d->lanes[i].gates[j], drop);
        free(d->lanes[i].gates);
        order_free(&d->lanes[i].order);
    }
    free(d->lanes);
    free(d->stations);
    free(d);
}

static bool make_stations(struct dispatch *d)
{
    const struct backend *b = d->options.backend;
    d->station_count = design_of(d)->stations(b);
    d->spreads = design_of(d)->spreads && design_of(d)->spreads(b);
    d->stations = calloc(d->station_count ? d->station_count : 1, sizeof *d->stations);
    if (!d->stations) return false;
    d->stations[0].gates = d->options.lanes;
    for (uint32_t i = 0; i < d->station_count; i++)
        d->stations[i] = (struct gate_station){.gates = d->options.lanes, .ring = design_of(d)->ring(b, i)};
    return true;
}

/* Does the lane execute the calls for this station itself? */
static bool executes(const struct dispatch *d, uint32_t lane, uint32_t station)
{
    if (d->station_count == 0) return true;
    return design_of(d)->here && design_of(d)->here(d->options.backend, lane, station);
}

static bool make_gates(struct dispatch *d, struct lane *lane)
{
    uint32_t count = d->station_count ? d->station_count : 1, index = (uint32_t)(lane - d->lanes);
    costs_init(&lane->costs);
    lane->keep_ms = UINT64_MAX;
    lane->gates = calloc(count, sizeof *lane->gates);
    if (!lane->gates) return false;
    for (; lane->gate_count < count; lane->gate_count++) {
        uint32_t i = lane->gate_count;
        struct gate_options options = {.station = &d->stations[i],
                                       .lane = index,
                                       .costs = &lane->costs,
                                       .in_place = executes(d, index, i),
                                       .stats = &lane->stats};
        if (options.in_place)
            lane->here = &lane->gates[i];
        else
            options.costs = design_of(d)->costs(d->options.backend, i);
        gate_init(&lane->gates[i], &options);
    }
    lane->generation = atomic_load(&d->options.tuning->generation) - 1;
    tune(d, lane);
    return true;
}

struct dispatch *dispatch_create(const struct dispatch_options *options)
{
    struct dispatch *d = calloc(1, sizeof *d);
    if (!d) return NULL;
    d->options = *options;
    size_t size = options->lanes * sizeof(struct lane);
    d->lanes = aligned_alloc(_Alignof(struct lane), size);
    if (d->lanes) memset(d->lanes, 0, size);
    bool ok = d->lanes && make_stations(d);
    for (uint32_t i = 0; ok && i < options->lanes; i++)
        ok = make_gates(d, &d->lanes[i]);
    if (ok) return d;
    dispatch_destroy(d);
    return NULL;
}

/* ---- metrics ---- */

static uint64_t read_depth(void *ctx)
{
    const struct dispatch *d = ctx;
    uint64_t depth = 0;
    for (uint32_t i = 0; i < (d->station_count ? d->station_count : 1); i++)
        depth += gate_station_depth(&d->stations[i]);
    return depth;
}

static uint64_t read_bound(void *ctx)
{
    return atomic_load(&((const struct dispatch *)ctx)->options.tuning->bound);
}

static uint64_t read_target(void *ctx)
{
    return atomic_load(&((const struct dispatch *)ctx)->options.tuning->target_ns);
}

static const char *read_policy(void *ctx)
{
    const struct tuning *t = ((const struct dispatch *)ctx)->options.tuning;
    return admit_policy((enum policy_id)atomic_load(&t->policy))->name;
}

bool dispatch_register_metrics(struct dispatch *d, struct metrics *m)
{
    bool ok = metrics_text_read(m, "queue.policy", read_policy, d) &&
              metrics_gauge_read(m, "queue.depth", read_depth, d) &&
              metrics_gauge_read(m, "queue.bound", read_bound, d) &&
              metrics_gauge_read(m, "queue.target_ns", read_target, d);
    for (uint32_t i = 0; ok && i < d->options.lanes; i++) {
        struct gate_stats *s = &d->lanes[i].stats;
        ok = metrics_maximum(m, "queue.max", &s->deepest) &&
             metrics_counter(m, "queue.supplanted", &s->supplanted) &&
             metrics_counter(m, "queue.stale", &s->stale) && metrics_counter(m, "queue.late", &s->late) &&
             metrics_counter(m, "queue.expired", &s->expired) &&
             metrics_histogram(m, "queue.wait_ns", &s->wait_ns) &&
             metrics_histogram(m, "queue.service_ns", &s->service_ns) &&
             metrics_histogram(m, "queue.sojourn_ns", &s->sojourn_ns);
        if (d->lanes[i].here) ok = ok && metrics_maximum(m, "queue.cost_ns", &d->lanes[i].costs.mean_ns);
    }
    return ok;
}
