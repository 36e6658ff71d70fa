/* The loop's bookkeeping of connections: slots that turn ids into connections, lists, spare calls, time. */
#include <stdlib.h>

#include "daemon/base/fault.h"
#include "daemon/net/loop_impl.h"

#define FIRST_SLOTS    64
#define NO_SLOT        UINT32_MAX
#define SPARE_CALLS    1024 /* kept for reuse; more are given back to the allocator */

uint64_t loop_now_ns(struct loop *loop)
{
    if (loop->now_ns == 0) {
        loop->now_ns = clock_ns(loop->options.clock);
        if (loop->turn_ns == 0) loop->turn_ns = loop->now_ns;
    }
    return loop->now_ns;
}

struct call *loop_call_new(struct loop *loop)
{
    struct call *call = loop->free_calls;
    if (call) {
        loop->free_calls = call->next;
        loop->free_count--;
        call->next = NULL;
    } else {
        call = fault_hit(FAULT_CALL_ALLOC) ? NULL : malloc(sizeof *call);
        if (!call) return NULL;
        call_init(call);
    }
    call->lane = loop->options.lane;
    return call;
}

void loop_call_free(struct loop *loop, struct call *call)
{
    call_clear(call);
    if (loop->free_count == SPARE_CALLS) {
        free(call);
        return;
    }
    call->next = loop->free_calls;
    loop->free_calls = call;
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
    conn->lists &= (uint8_t)~(1U << list);
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
