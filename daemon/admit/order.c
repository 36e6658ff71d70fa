#include "daemon/admit/order.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/fault.h"

#define FLOWS_FIRST 64

static uint32_t slot_of(const struct task *task)
{
    return (uint32_t)task->conn;
}

void order_free(struct order *o)
{
    free(o->flows);
    *o = (struct order){0};
}

uint32_t order_station(const struct order *o, const struct task *task, uint32_t best)
{
    uint32_t slot = slot_of(task);
    return slot < o->room && o->flows[slot].out > 0 ? o->flows[slot].station : best;
}

static bool make_room(struct order *o, uint32_t slot)
{
    uint32_t room = o->room ? o->room : FLOWS_FIRST;
    assert(slot < UINT32_MAX / 2);
    while (room <= slot)
        room *= 2;
    struct order_flow *flows = fault_hit(FAULT_CALL_ALLOC) ? NULL : realloc(o->flows, room * sizeof *flows);
    if (!flows) return false;
    memset(flows + o->room, 0, (room - o->room) * sizeof *flows);
    o->flows = flows;
    o->room = room;
    return true;
}

bool order_enter(struct order *o, const struct task *task)
{
    uint32_t slot = slot_of(task);
    if (slot >= o->room && !make_room(o, slot)) return false;
    struct order_flow *f = &o->flows[slot];
    assert(f->out == 0 || f->station == task->wait.station);
    f->station = task->wait.station;
    f->out++;
    return true;
}

void order_leave(struct order *o, const struct task *task)
{
    struct order_flow *f = &o->flows[slot_of(task)];
    assert(f->out > 0 && f->station == task->wait.station);
    f->out--;
}
