/*
 * What a loop and its connections share: time, spare calls, lists, the slots that turn ids into connections, the
 * deadline timer. It knows neither the turn of the loop nor the life of a connection.
 */
#include <stdlib.h>

#include "daemon/base/fault.h"
#include "daemon/net/loop_impl.h"

#define FIRST_SLOTS 64
#define NO_SLOT     UINT32_MAX
#define SLEPT_NS    20000 /* a poll that took longer has slept */
#define SPARE_CALLS 1024  /* kept for reuse; more are given back to the allocator */

uint64_t loop_read_clock(struct loop *loop)
{
    loop->now_ns = clock_ns(loop->options.clock);
    if (loop->turn_ns == 0) loop->turn_ns = loop->now_ns;
    return loop->now_ns;
}

/*
 * If the poll slept, what woke it has just arrived. If it found something at once, that may have arrived at any
 * time since the poll before it returned: it waited for this thread, and that counts as waiting.
 */
uint64_t loop_arrival_ns(struct loop *loop)
{
    uint64_t now_ns = loop_now_ns(loop);
    if (loop->last_turn_ns == 0 || loop->turn_ns > loop->turn_ended_ns + SLEPT_NS) return loop->turn_ns;
    return loop->last_turn_ns < now_ns ? loop->last_turn_ns : now_ns;
}

struct task *loop_call_new(struct loop *loop)
{
    struct task *task = loop->free_calls;
    if (task) {
        loop->free_calls = task->next;
        loop->free_count--;
        task->next = NULL;
    } else {
        task = fault_hit(FAULT_CALL_ALLOC) ? NULL : malloc(sizeof *task);
        if (!task) return NULL;
        task_init(task);
        counter_add(&loop->stats->call_bytes, sizeof *task);
    }
    task->lane = loop->options.lane;
    return task;
}

void loop_call_free(struct loop *loop, struct task *task)
{
    task_clear(task);
    if (loop->free_count == SPARE_CALLS) {
        counter_set(&loop->stats->call_bytes, counter_get(&loop->stats->call_bytes) - sizeof *task);
        free(task);
        return;
    }
    task->next = loop->free_calls;
    loop->free_calls = task;
    loop->free_count++;
}

void loop_list_add(struct loop *loop, enum conn_list_id list, struct conn *conn)
{
    struct conn_list *l = &loop->lists[list];
    if (conn->lists & (1U << list)) return;
    conn->lists |= (uint8_t)(1U << list);
    conn->prev[list] = l->last;
    conn->next[list] = NULL;
    if (l->last)
        l->last->next[list] = conn;
    else
        l->first = conn;
    l->last = conn;
}

void loop_list_remove(struct loop *loop, enum conn_list_id list, struct conn *conn)
{
    struct conn_list *l = &loop->lists[list];
    if (!(conn->lists & (1U << list))) return;
    conn->lists &= (uint8_t) ~(1U << list);
    if (conn->prev[list])
        conn->prev[list]->next[list] = conn->next[list];
    else
        l->first = conn->next[list];
    if (conn->next[list])
        conn->next[list]->prev[list] = conn->prev[list];
    else
        l->last = conn->prev[list];
}

static bool grow_slots(struct loop *loop)
{
    uint32_t count = loop->slot_count ? loop->slot_count * 2 : FIRST_SLOTS;
    struct slot *slots = realloc(loop->slots, count * sizeof *slots);
    if (!slots) return false;
    for (uint32_t i = count; i-- > loop->slot_count;) {
        slots[i] = (struct slot){.conn = NULL, .generation = 0, .next_free = loop->slot_free};
        loop->slot_free = i;
    }
    loop->slots = slots;
    loop->slot_count = count;
    return true;
}

bool loop_slot_take(struct loop *loop, struct conn *conn)
{
    if (loop->slot_free == NO_SLOT && !grow_slots(loop)) return false;
    uint32_t index = loop->slot_free;
    struct slot *slot = &loop->slots[index];
    loop->slot_free = slot->next_free;
    slot->conn = conn;
    slot->generation++;
    conn->id = (uint64_t)slot->generation << 32 | index;
    return true;
}

void loop_slot_give(struct loop *loop, struct conn *conn)
{
    uint32_t index = (uint32_t)conn->id;
    loop->slots[index].conn = NULL;
    loop->slots[index].next_free = loop->slot_free;
    loop->slot_free = index;
}

struct conn *loop_find(struct loop *loop, uint64_t conn_id)
{
    uint32_t index = (uint32_t)conn_id;
    struct conn *conn = index < loop->slot_count ? loop->slots[index].conn : NULL;
    return conn && conn->id == conn_id ? conn : NULL;
}

/* ---- deadlines ---- */

void loop_schedule_timer(struct loop *loop)
{
    uint64_t now_ms = loop_now_ms(loop);
    uint64_t wait_ms = deadlines_wait(&loop->deadlines, now_ms);
    loop->timer_at_ms = UINT64_MAX;
    if (wait_ms == UINT64_MAX) return;
    loop->timer_at_ms = now_ms + wait_ms;
    uv_update_time(&loop->uv);
    uv_timer_start(&loop->timer, loop->on_timer, wait_ms + 1, 0);
}

void loop_set_deadline(struct loop *loop, struct conn *conn, uint64_t at_ms)
{
    deadline_set(&loop->deadlines, &conn->deadline, at_ms);
    if (conn->deadline.tick * loop->deadlines.tick_ms < loop->timer_at_ms) loop_schedule_timer(loop);
}

/* ---- the end ---- */

void loop_note_drained(struct loop *loop)
{
    if (!loop->draining || loop->drained || loop->conn_count > 0) return;
    loop->drained = true;
    loop->options.drained(loop->options.drained_ctx);
}

void loop_conn_closed(struct loop *loop)
{
    loop->conn_count--;
    counter_set(&loop->stats->connections_open, loop->conn_count);
    atomic_fetch_sub(loop->options.open, 1);
    loop_note_drained(loop);
}

void loop_add_facts(const struct loop *loop, struct facts *f)
{
    loop_stats_add_facts(loop->stats, f);
}
