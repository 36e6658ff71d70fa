#include "bench/load/flights.h"

#include <assert.h>
#include <stddef.h>

void flights_init(struct flights *f, struct flight_slot *slots)
{
    *f = (struct flights){.slots = slots,
                          .oldest = FLIGHTS_NONE,
                          .newest = FLIGHTS_NONE,
                          .unflushed = FLIGHTS_NONE,
                          .free = FLIGHTS_NONE};
}

static void link_newest(struct flights *f, uint32_t number)
{
    struct flight_slot *s = &f->slots[number];

    s->older = f->newest;
    s->newer = FLIGHTS_NONE;
    *(f->newest != FLIGHTS_NONE ? &f->slots[f->newest].newer : &f->oldest) = number;
    f->newest = number;
    if (f->unflushed == FLIGHTS_NONE) f->unflushed = number;
}

static void take_out(struct flights *f, uint32_t number)
{
    const struct flight_slot *s = &f->slots[number];

    assert(flights_has(f, number));
    *(s->older != FLIGHTS_NONE ? &f->slots[s->older].newer : &f->oldest) = s->newer;
    *(s->newer != FLIGHTS_NONE ? &f->slots[s->newer].older : &f->newest) = s->older;
    if (f->unflushed == number) f->unflushed = s->newer;
}

uint32_t flights_add(struct flights *f, const struct flight *flight)
{
    uint32_t number = f->free;

    if (number == FLIGHTS_NONE)
        number = f->used++;
    else
        f->free = f->slots[number].newer;
    f->slots[number].flight = *flight;
    f->slots[number].taken = true;
    link_newest(f, number);
    f->count++;
    return number;
}

struct flight flights_remove(struct flights *f, uint32_t number)
{
    struct flight_slot *s = &f->slots[number];

    take_out(f, number);
    s->taken = false;
    s->newer = f->free;
    f->free = number;
    f->count--;
    return s->flight;
}

struct flight *flights_renew(struct flights *f, uint32_t number)
{
    take_out(f, number);
    link_newest(f, number);
    return &f->slots[number].flight;
}

const struct flight *flights_flush(struct flights *f)
{
    if (f->unflushed == FLIGHTS_NONE) return NULL;
    const struct flight_slot *s = &f->slots[f->unflushed];
    f->unflushed = s->newer;
    return &s->flight;
}
