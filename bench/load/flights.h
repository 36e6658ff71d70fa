/* The requests in flight on a connection, oldest first. Each can be found by a number of its own, below the most
 * there may be: answers need not come in the order of the requests. All in constant time, in few cache lines. One
 * thread. */
#ifndef BENCH_LOAD_FLIGHTS_H
#define BENCH_LOAD_FLIGHTS_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct flight {
    uint64_t intended_ns;
    uint32_t key;   /* number of the key, for whoever asks */
    uint16_t tries; /* times that it was sent before */
    uint8_t op;     /* enum op */
    bool measured, taken;
    TAILQ_ENTRY(flight) link; /* in the order of sending; of a free one: only `tqe_next`, the next free one */
};

struct flights {
    struct flight *slots; /* by number, with room for all that will ever be in flight together; borrowed */
    TAILQ_HEAD(, flight) sent;
    uint32_t count;           /* in flight */
    struct flight *unflushed; /* the oldest that flights_flush has not seen */
    uint32_t used;            /* slots that have been in use: those behind them are free */
    struct flight *free;      /* and so are these: the one freed last first */
};

static inline void flights_init(struct flights *f, struct flight *slots)
{
    *f = (struct flights){.slots = slots};
    TAILQ_INIT(&f->sent);
}

static inline bool flights_has(const struct flights *f, uint32_t number)
{
    return number < f->used && f->slots[number].taken;
}

static inline void flights_append(struct flights *f, struct flight *flight)
{
    TAILQ_INSERT_TAIL(&f->sent, flight, link);
    if (!f->unflushed) f->unflushed = flight;
}

static inline void flights_take_out(struct flights *f, struct flight *flight)
{
    assert(flight->taken);
    if (f->unflushed == flight) f->unflushed = TAILQ_NEXT(flight, link);
    TAILQ_REMOVE(&f->sent, flight, link);
}

/* Adds the newest, with what `flight` says; returns its number. */
static inline uint32_t flights_add(struct flights *f, struct flight flight)
{
    struct flight *slot = f->free ? f->free : &f->slots[f->used++];
    if (f->free) f->free = TAILQ_NEXT(slot, link);
    *slot = flight;
    slot->taken = true;
    flights_append(f, slot);
    f->count++;
    return (uint32_t)(slot - f->slots);
}

/* Takes it out. It must be there. */
static inline struct flight flights_remove(struct flights *f, struct flight *flight)
{
    flights_take_out(f, flight);
    flight->taken = false;
    TAILQ_NEXT(flight, link) = f->free;
    f->free = flight;
    f->count--;
    return *flight;
}

/* Makes it the newest, still to be flushed, under the same number. */
static inline void flights_renew(struct flights *f, struct flight *flight)
{
    flights_take_out(f, flight);
    flights_append(f, flight);
}

/* The oldest that was not flushed, which now is; NULL: there is none. */
static inline const struct flight *flights_flush(struct flights *f)
{
    const struct flight *flight = f->unflushed;
    if (flight) f->unflushed = TAILQ_NEXT(flight, link);
    return flight;
}

#endif
