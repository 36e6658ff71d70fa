#include "daemon/net/io.h"

#include <stdlib.h>

#include "daemon/base/fault.h"
#include "daemon/net/conn.h"

#define FIRST_SLOTS 64
#define NO_SLOT     UINT32_MAX
#define SLEPT_NS    20000 /* a poll that took longer has slept */
#define SPARE_TASKS 1024  /* kept for reuse; more are given back to the allocator */
#define TICKS       32    /* the shortest timeout is watched with a 32nd of its length */
#define TICK_MAX_MS 1000

static uint64_t tick_for(const struct loop_options *o)
{
    uint64_t shortest = UINT64_MAX;
    if (o->idle_timeout_ms) shortest = o->idle_timeout_ms;
    if (o->request_timeout_ms && o->request_timeout_ms < shortest) shortest = o->request_timeout_ms;
    uint64_t tick = shortest / TICKS;
    return tick < 1 ? 1 : tick < TICK_MAX_MS ? tick : TICK_MAX_MS;
}

bool io_init(struct io *io, const struct loop_options *options)
{
    io->options = *options;
    io->held_most = options->limits.held;
    io->slot_free = NO_SLOT;
    io->timer_at_ms = UINT64_MAX;
    /* Room for the longest unfinished line, its line end, and a read behind it. */
    io->input_size = options->limits.line + 2 + IO_READ_SIZE;
    deadlines_init(&io->deadlines, tick_for(options), clock_ms(options->clock));
    io->input = malloc(IO_BORROWED + io->input_size);
    io->stats = loop_stats_create(options->clock);
    return io->input && io->stats;
}

void io_free(struct io *io)
{
    while (io->free_tasks) {
        struct task *task = io->free_tasks;
        io->free_tasks = task->next;
        free(task);
    }
    buffer_free(&io->output);
    free(io->input);
    free(io->slots);
    free(io->stats);
}

/* ---- time ---- */

uint64_t io_read_clock(struct io *io)
{
    io->now_ns = clock_ns(io->options.clock);
    if (io->turn_ns == 0) {
        io->turn_ns = io->now_ns;
        io_hold(io, 0, 0); /* other threads' connections may have given some back */
    }
    return io->now_ns;
}

/*
 * If the poll slept, what woke it has just arrived. If it found something at once, that may have arrived at any
 * time since the poll before it returned: it waited for this thread, and that counts as waiting.
 */
uint64_t io_arrival_ns(struct io *io)
{
    uint64_t now_ns = io_now_ns(io);
    if (io->last_turn_ns == 0 || io->turn_ns > io->turn_ended_ns + SLEPT_NS) return io->turn_ns;
    return io->last_turn_ns < now_ns ? io->last_turn_ns : now_ns;
}

void io_set_deadline(struct io *io, struct conn *c, uint64_t at_ms)
{
    deadline_set(&io->deadlines, &c->deadline, at_ms);
    if (c->deadline.tick * io->deadlines.tick_ms < io->timer_at_ms) io->timer_is_late = true;
}

/* ---- tasks ---- */

struct task *io_task_new(struct io *io)
{
    struct task *task = io->free_tasks;
    if (task) {
        io->free_tasks = task->next;
        io->free_count--;
        task->next = NULL;
    } else {
        task = fault_hit(FAULT_CALL_ALLOC) ? NULL : malloc(sizeof *task);
        if (!task) return NULL;
        task_init(task);
        counter_add(&io->stats->call_bytes, sizeof *task);
    }
    task->lane = io->options.lane;
    return task;
}

void io_task_free(struct io *io, struct task *task)
{
    if (task->held > 0) io_hold(io, task->held, 0);
    task_clear(task);
    if (io->free_count == SPARE_TASKS) {
        counter_set(&io->stats->call_bytes, counter_get(&io->stats->call_bytes) - sizeof *task);
        free(task);
        return;
    }
    task->next = io->free_tasks;
    io->free_tasks = task;
    io->free_count++;
}

/* ---- lists ---- */

void io_list_add(struct io *io, enum conn_list_id list, struct conn *c)
{
    struct conn_list *l = &io->lists[list];
    if (c->lists & (1U << list)) return;
    c->lists |= (uint8_t)(1U << list);
    c->prev[list] = l->last;
    c->next[list] = NULL;
    if (l->last)
        l->last->next[list] = c;
    else
        l->first = c;
    l->last = c;
}

void io_list_remove(struct io *io, enum conn_list_id list, struct conn *c)
{
    struct conn_list *l = &io->lists[list];
    if (!(c->lists & (1U << list))) return;
    c->lists &= (uint8_t) ~(1U << list);
    if (c->prev[list])
        c->prev[list]->next[list] = c->next[list];
    else
        l->first = c->next[list];
    if (c->next[list])
        c->next[list]->prev[list] = c->prev[list];
    else
        l->last = c->prev[list];
}

/* ---- slots ---- */

static bool grow_slots(struct io *io)
{
    uint32_t count = io->slot_count ? io->slot_count * 2 : FIRST_SLOTS;
    struct slot *slots = realloc(io->slots, count * sizeof *slots);
    if (!slots) return false;
    for (uint32_t i = count; i-- > io->slot_count;) {
        slots[i] = (struct slot){.conn = NULL, .generation = 0, .next_free = io->slot_free};
        io->slot_free = i;
    }
    io->slots = slots;
    io->slot_count = count;
    return true;
}

bool io_slot_take(struct io *io, struct conn *c)
{
    if (io->slot_free == NO_SLOT && !grow_slots(io)) return false;
    uint32_t index = io->slot_free;
    struct slot *slot = &io->slots[index];
    io->slot_free = slot->next_free;
    slot->conn = c;
    slot->generation++;
    c->id = (uint64_t)slot->generation << 32 | index;
    return true;
}

void io_slot_give(struct io *io, struct conn *c)
{
    uint32_t index = (uint32_t)c->id;
    io->slots[index].conn = NULL;
    io->slots[index].next_free = io->slot_free;
    io->slot_free = index;
}

struct conn *io_find(const struct io *io, uint64_t conn_id)
{
    uint32_t index = (uint32_t)conn_id;
    struct conn *c = index < io->slot_count ? io->slots[index].conn : NULL;
    return c && c->id == conn_id ? c : NULL;
}

void io_note_value(struct io *io, uint64_t size)
{
    _Atomic uint64_t *largest = io->options.largest_value;
    uint64_t seen = atomic_load_explicit(largest, memory_order_relaxed);
    while (size > seen && !atomic_compare_exchange_weak(largest, &seen, size))
        ;
}

void io_hold(struct io *io, size_t before, size_t after)
{
    _Atomic size_t *held = io->options.held;
    size_t all = before == after ? atomic_load_explicit(held, memory_order_relaxed)
                                 : atomic_fetch_add(held, after - before) + after - before;
    io->options.limits.held = all < io->held_most ? io->held_most - all : 0;
}
