#include "daemon/dispatch.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/admit/gate.h"
#include "daemon/admit/order.h"
#include "daemon/local.h"

/* The way from one I/O thread to one station. */
struct door {
    struct gate gate;
    struct station *station;
    bool sent; /* something, since the station was woken last */
};

/* What belongs to one I/O thread. */
struct lane {
    _Alignas(64) struct door *doors; /* one per station */
    uint32_t door_count;
    struct door *here;   /* of tasks that the lane runs itself; NULL: it does not */
    struct order order;  /* where tasks of a connection may be for several stations */
    uint32_t generation; /* of the tuning that the gates have */
    bool room;           /* something came back, or the rules have changed */
    uint32_t together;   /* tasks that `submit` left to `run` */
    struct gate_stats stats;
};

struct dispatch {
    struct dispatch_options options;
    uint32_t station_count;
    bool spreads; /* tasks of a connection may be for several stations */
    struct gate_station *stations;
    struct lane *lanes;
};

/* ---- which gate, which class ---- */

static enum priority class_of_parts(const enum priority *classes, const struct call *call);

static inline enum priority class_by_operation(const enum priority *classes, const struct call *call)
{
    return call->parts ? class_of_parts(classes, call) : classes[request_class(&call->request)];
}

/* A batch is as important as the most important of its parts. */
static enum priority class_of_parts(const enum priority *classes, const struct call *call)
{
    enum priority best = PRIORITY_SHEDDABLE;
    for (const struct call *part = call->parts; part; part = part->part_next) {
        enum priority own = class_by_operation(classes, part);
        if (own < best) best = own;
    }
    return best;
}

static struct door *door_of(const struct dispatch *d, const struct task *task)
{
    return &d->lanes[task->lane].doors[task->wait.station];
}

/* The station for a task. Where a connection's tasks may go to several, and this thread is one of them, a pipeline
 * is executed here: its tasks have to stay together, and here they can do so without waiting for anybody. */
static uint32_t station_for(const struct dispatch *d, const struct task *task)
{
    const struct lane *lane = &d->lanes[task->lane];
    const struct backend *b = d->options.backend;
    if (!d->spreads) return b->design->station_of(b, task);
    bool stays = lane->here && task->followed;
    return order_station(&lane->order, task,
                         stays ? (uint32_t)(lane->here - lane->doors) : b->design->station_of(b, task));
}

/* The request gets its class, and is told which door it comes through. */
static struct door *door_for(const struct dispatch *d, struct task *task)
{
    struct request *r = &task->call.request;
    if (r->priority == PRIORITY_DEFAULT) r->priority = class_by_operation(d->options.classes, &task->call);
    task->wait.station = d->station_count > 1 ? station_for(d, task) : 0;
    return door_of(d, task);
}

/* ---- submitting ---- */

static enum service_verdict out_of_memory(struct task *task)
{
    reply_error(&task->call.reply, ERR_OUT_OF_MEMORY, "no memory for this request just now; not executed");
    return SERVICE_ANSWERED;
}

/* Runs tasks on this thread; returns how many are done, at the front. */
static size_t run_here(const struct dispatch *d, struct lane *lane, struct task **tasks, size_t count,
                       uint64_t now_ns)
{
    count = station_run(lane->here->station, tasks, count, now_ns);
    for (size_t i = 0; d->spreads && i < count; i++)
        order_leave(&lane->order, tasks[i]);
    if (count > 0) gate_executed(&lane->here->gate, tasks, count, now_ns);
    return count;
}

static size_t run(void *ctx, struct task **tasks, size_t count, uint64_t now_ns)
{
    struct dispatch *d = ctx;
    struct lane *lane = &d->lanes[tasks[0]->lane];
    lane->together -= (uint32_t)count;
    return run_here(d, lane, tasks, count, now_ns);
}

/* It may wait for others of its turn, to be run with them, unless it may take long: then what comes after it has to
 * know. Behind tasks that wait it waits too. */
static enum service_verdict submit_here(const struct dispatch *d, struct lane *lane, struct task *task,
                                        uint64_t now_ns)
{
    if (lane->together == 0 && lane->here->station->is_slow)
        return run_here(d, lane, &task, 1, now_ns) > 0 ? SERVICE_ANSWERED : SERVICE_QUEUED;
    lane->together++;
    return SERVICE_HERE;
}

/* Gives it to the station, which has room for as much as all gates let through together. */
static void send(struct door *door, struct task *task)
{
    bool has_room = station_submit(door->station, task);
    assert(has_room);
    (void)has_room;
    gate_sent(&door->gate, task);
    door->sent = true;
}

static enum service_verdict enter_line(const struct dispatch *d, struct door *door, struct task *task,
                                       uint64_t now_ns)
{
    enum gate_verdict verdict = gate_enter(&door->gate, task, now_ns);
    if (verdict == GATE_LINE) return SERVICE_QUEUED;
    if (d->spreads) order_leave(&d->lanes[task->lane].order, task);
    return verdict == GATE_HOLD ? SERVICE_HOLD : SERVICE_ANSWERED;
}

/* It was executed in part, so it has been let in, and must not be told that it was not executed. */
static enum service_verdict go_on(const struct dispatch *d, struct lane *lane, struct door *door, struct task *task,
                                  uint64_t now_ns)
{
    if (door->gate.out >= GATE_WINDOW_MOST) return SERVICE_HOLD; /* the ring has room for no more */
    if (d->spreads && !order_enter(&lane->order, task)) return SERVICE_HOLD;
    task->call.request.deadline_ms = 0; /* it was of the beginning */
    gate_pass(&door->gate, task, now_ns);
    if (door == lane->here) return submit_here(d, lane, task, now_ns);
    send(door, task);
    return SERVICE_QUEUED;
}

static enum service_verdict submit_to_table(struct dispatch *d, struct task *task, uint64_t now_ns)
{
    struct door *door = door_for(d, task);
    struct lane *lane = &d->lanes[task->lane];
    if (task->taken_ns != 0) return go_on(d, lane, door, task, now_ns);
    enum gate_verdict verdict = gate_judge(&door->gate, task, now_ns);
    if (verdict == GATE_REFUSE || verdict == GATE_LATE) {
        gate_refuse(&door->gate, task, verdict, now_ns);
        return SERVICE_ANSWERED;
    }
    bool runs_here = verdict == GATE_PASS && door == lane->here; /* then its bytes stay where they are */
    if (!runs_here && !call_own(&task->call)) return out_of_memory(task);
    if (verdict == GATE_HOLD && !gate_hold(&door->gate)) return SERVICE_HOLD;
    if (d->spreads && !order_enter(&lane->order, task)) return out_of_memory(task);
    if (verdict != GATE_PASS) return enter_line(d, door, task, now_ns);
    gate_pass(&door->gate, task, now_ns);
    if (runs_here) return submit_here(d, lane, task, now_ns);
    send(door, task);
    return SERVICE_QUEUED;
}

static enum service_verdict submit(void *ctx, struct task *task, uint64_t now_ns)
{
    struct dispatch *d = ctx;
    enum local_rest rest = LOCAL_TABLE;
    if (!op_is_single(task->call.request.op)) rest = local_answer(d->options.clock, &task->call);
    if (rest == LOCAL_NONE) return SERVICE_ANSWERED;
    return rest == LOCAL_TABLE ? submit_to_table(d, task, now_ns) : SERVICE_CONTROL;
}

static enum service_verdict admit(void *ctx, struct task *task, uint64_t now_ns)
{
    struct gate *g = &door_for(ctx, task)->gate;
    enum gate_verdict verdict = gate_judge(g, task, now_ns);
    if (verdict != GATE_REFUSE && verdict != GATE_LATE) return SERVICE_ADMITTED;
    gate_refuse(g, task, verdict, now_ns);
    return SERVICE_ANSWERED;
}

/* ---- the end of a batch ---- */

static void returned(void *ctx, struct task *task, uint64_t now_ns)
{
    struct dispatch *d = ctx;
    d->lanes[task->lane].room = true;
    if (d->spreads) order_leave(&d->lanes[task->lane].order, task);
    gate_returned(&door_of(d, task)->gate, task, now_ns);
}

/* The rules as they are now. */
static void tune(const struct dispatch *d, struct lane *lane)
{
    const struct tuning *t = d->options.tuning;
    lane->generation = atomic_load(&t->generation);
    lane->room = true;
    uint32_t bound = (atomic_load(&t->bound) + lane->door_count - 1) / lane->door_count; /* shared out evenly */
    for (uint32_t i = 0; i < lane->door_count; i++)
        gate_tune(&lane->doors[i].gate, admit_policy((enum policy_id)atomic_load(&t->policy)), bound,
                  atomic_load(&t->target_ns));
}

static void append(struct service_batch *batch, struct task *tasks)
{
    struct task **end = &batch->answered;
    while (*end)
        end = &(*end)->next;
    *end = tasks;
}

/* Runs tasks from the line, within this turn's budget. */
static void work_off(const struct dispatch *d, struct lane *lane, uint64_t now_ns, struct service_batch *batch)
{
    struct gate *g = &lane->here->gate;
    struct task *task, *first = NULL, **end = &first;
    while (g->line.count > 0 && (task = gate_next(g, now_ns)) != NULL) {
        if (run_here(d, lane, &task, 1, now_ns) == 0) continue;
        if (task->done_ns > now_ns) now_ns = task->done_ns;
        task->next = NULL;
        *end = task;
        end = &task->next;
    }
    if (!first) return;
    append(batch, first);
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

static void serve(const struct dispatch *d, struct lane *lane, struct door *door, uint64_t now_ns,
                  struct service_batch *batch)
{
    struct gate *g = &door->gate;
    struct task *task;
    uint32_t before = g->line.count;
    if (door == lane->here)
        work_off(d, lane, now_ns, batch);
    else
        while ((task = gate_next(g, now_ns)) != NULL)
            send(door, task);
    struct task *answered = gate_answered(g);
    for (task = answered; task && d->spreads; task = task->next)
        order_leave(&lane->order, task);
    if (answered) append(batch, answered);
    batch->room = batch->room || g->line.count < before;
    batch->more = batch->more || gate_has_more(g);
}

static void keep_house(struct station *s, uint64_t now_ms, struct service_batch *batch)
{
    if (station_is_due(s, now_ms)) station_keep_house(s, now_ms);
    batch->more = batch->more || s->keep_ms <= now_ms;
    batch->wake_ms = s->keep_ms;
}

static struct service_batch flush(void *ctx, uint32_t index, uint64_t now_ns)
{
    struct dispatch *d = ctx;
    struct lane *lane = &d->lanes[index];
    struct service_batch batch = {.wake_ms = UINT64_MAX};
    if (lane->generation != atomic_load(&d->options.tuning->generation)) tune(d, lane);
    batch.room = lane->room;
    lane->room = false;
    for (uint32_t i = 0; i < lane->door_count; i++) {
        struct door *door = &lane->doors[i];
        if (door == lane->here) gate_begin_turn(&door->gate);
        if (door->gate.line.count > 0 || door->gate.first_answered) serve(d, lane, door, now_ns, &batch);
        if (d->options.lanes > 1) tell_starved(d, &door->gate, &batch);
        gate_publish(&door->gate);
        if (door->sent) station_wake(door->station);
        door->sent = false;
    }
    if (lane->here) keep_house(lane->here->station, now_ns / 1000000U, &batch);
    return batch;
}

/* What other I/O threads have for this one: a batch of it. */
static bool work_for_others(void *ctx, uint32_t index)
{
    struct station *s = ((struct dispatch *)ctx)->lanes[index].here->station;
    return station_run_batch(s, 0) != 0 || station_is_disturbed(s);
}

struct service dispatch_service(struct dispatch *d)
{
    return (struct service){.ctx = d,
                            .admit = admit,
                            .submit = submit,
                            .run = run,
                            .returned = returned,
                            .serve = d->lanes[0].here && d->lanes[0].here->station->ring ? work_for_others : NULL,
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
        for (uint32_t j = 0; d->lanes[i].doors && j < d->lanes[i].door_count; j++)
            gate_free(&d->lanes[i].doors[j].gate, drop);
        free(d->lanes[i].doors);
        order_free(&d->lanes[i].order);
    }
    free(d->lanes);
    free(d->stations);
    free(d);
}

static bool make_stations(struct dispatch *d)
{
    const struct backend *b = d->options.backend;
    d->station_count = b->station_count;
    d->spreads = b->spreads;
    d->stations = calloc(d->station_count, sizeof *d->stations);
    if (!d->stations) return false;
    for (uint32_t i = 0; i < d->station_count; i++)
        d->stations[i] =
            (struct gate_station){.gates = d->options.lanes, .degree = 1, .ring = b->stations[i]->ring};
    return true;
}

static bool make_doors(struct dispatch *d, struct lane *lane)
{
    const struct backend *b = d->options.backend;
    uint32_t index = (uint32_t)(lane - d->lanes);
    const struct backend_here *here = &b->here[index];
    lane->doors = calloc(d->station_count, sizeof *lane->doors);
    if (!lane->doors) return false;
    for (; lane->door_count < d->station_count; lane->door_count++) {
        uint32_t i = lane->door_count;
        struct door *door = &lane->doors[i];
        bool is_here = here->station && here->number == i;
        door->station = is_here ? here->station : b->stations[i];
        if (is_here) lane->here = door;
        struct gate_options options = {.station = &d->stations[i],
                                       .lane = index,
                                       .costs = &door->station->costs,
                                       .in_place = is_here,
                                       .stats = &lane->stats};
        gate_init(&door->gate, &options);
    }
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
        ok = make_doors(d, &d->lanes[i]);
    if (ok) return d;
    dispatch_destroy(d);
    return NULL;
}

/* ---- metrics ---- */

static uint64_t read_depth(void *ctx)
{
    const struct dispatch *d = ctx;
    uint64_t depth = 0;
    for (uint32_t i = 0; i < d->station_count; i++)
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
    }
    return ok;
}
