/*
 * The requests in flight on a connection, oldest first. Each has a number of its own, below the most there may be,
 * by which it can be found: answers need not come in the order of the requests. All in constant time; where few are
 * in flight they stay in few cache lines.
 */
#ifndef BENCH_LOAD_FLIGHTS_H
#define BENCH_LOAD_FLIGHTS_H

#include <stdbool.h>
#include <stdint.h>

#define FLIGHTS_NONE UINT32_MAX

struct flight {
    uint64_t intended_ns;
    uint32_t key;   /* number of the key, for whoever asks */
    uint16_t tries; /* times that it was sent before */
    uint8_t op;     /* enum op */
    bool measured;
};

struct flight_slot {
    struct flight flight;
    uint32_t older,
        newer; /* the neighbours; FLIGHTS_NONE at the ends. Of a free slot: `newer` is the next free one */
    bool taken;
};

struct flights {
    struct flight_slot *slots; /* by number; borrowed */
    uint32_t count;            /* in flight */
    uint32_t oldest, newest;
    uint32_t unflushed; /* the oldest that flights_flush has not seen */
    uint32_t used;      /* slots that have been in use: those behind them are free */
    uint32_t free;      /* and so are these: a list, the one freed last first */
};

/* `slots` have room for all that will ever be in flight together. */
void flights_init(struct flights *f, struct flight_slot *slots);

/* Adds the newest; returns its number. */
uint32_t flights_add(struct flights *f, const struct flight *flight);

/* Is there one with this number? */
static inline bool flights_has(const struct flights *f, uint32_t number)
{
    return number < f->used && f->slots[number].taken;
}

/* Takes it out. There must be one. */
struct flight flights_remove(struct flights *f, uint32_t number);

/* Makes it the newest, still to be flushed, under the same number. */
struct flight *flights_renew(struct flights *f, uint32_t number);

/* The oldest that was not flushed, which now is; NULL: there is none. */
const struct flight *flights_flush(struct flights *f);

#endif
