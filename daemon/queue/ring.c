/*
 * The ring: producers claim a place, write it, publish it; the consumer reads in order and gives places back.
 *
 *      head                                  tail
 *       |  published   claimed    published   |
 *     --[ ####### ][ not written ][ ####### ]-[ free ... ]--
 *       '---------- at most `bound` ----------'
 *     ring_pop stops at the first place that is claimed but not yet written
 *
 * After D. Vyukov's bounded queue (1024cores.net), with two changes. The consumer gives places back through
 * `head` and not through the sequence numbers: that makes the bound exact whatever the power of two behind it,
 * and costs one store for a whole batch. A sequence number therefore says only "written for position n". And
 * the producers look at a copy of `head` on their own cache line, refreshed only when the ring looks full, so
 * that in the good case producers and consumer share no line but the slots.
 *
 * Positions count up for ever in 64 bits; position n lives in slot n & mask.
 */
#include "daemon/queue/ring.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define LINE 64

struct slot {
    _Atomic uint64_t written; /* n + 1 once the item of position n is here; 0: never used */
    void *item;
};

struct ring {
    /* Read-only once made. */
    _Alignas(LINE) uint64_t mask;
    uint64_t bound;
    /* The producers' line. */
    _Alignas(LINE) _Atomic uint64_t tail; /* the next position to claim */
    _Atomic uint64_t seen_head;           /* a value that head once had */
    /* The consumer's line: producers read it only when the ring looks full. */
    _Alignas(LINE) _Atomic uint64_t head; /* the next position to take */
    _Alignas(LINE) struct slot slots[];
};

static uint64_t power_of_two_from(uint64_t n)
{
    uint64_t power = 1;
    while (power < n)
        power *= 2;
    return power;
}

struct ring *ring_create(uint32_t bound)
{
    assert(bound >= 1 && bound <= RING_BOUND_MAX);
    uint64_t places = power_of_two_from(bound);
    size_t size = sizeof(struct ring) + places * sizeof(struct slot);
    size = (size + LINE - 1) / LINE * LINE; /* aligned_alloc wants a multiple of the alignment */
    struct ring *r = aligned_alloc(LINE, size);
    if (!r) return NULL;
    memset(r, 0, size); /* also touches every page now and not under load */
    r->mask = places - 1;
    r->bound = bound;
    return r;
}

void ring_destroy(struct ring *r)
{
    free(r);
}

/*
 * Whether `bound` items lie between `head` and `tail`. The difference is signed because the caller's `tail` may
 * be old and `head` already past it: that is not full, and the compare-and-swap will say that it is old.
 */
static bool full(const struct ring *r, uint64_t tail, uint64_t head)
{
    return (int64_t)(tail - head) >= (int64_t)r->bound;
}

/*
 * Claims a position. A claim made with any value that head once had is within the bound, for head only grows
 * and the compare-and-swap succeeds only on the tail that was compared. "Full" is said only after a fresh look
 * at head, and then the ring was full at that look: the real tail was not behind ours, which was read earlier
 * (hence its acquire: head must not be read first).
 *
 * The acquire of head or seen_head (which hands on another producer's acquire of head) orders the consumer's
 * last read of the place before our write to it. The claim itself publishes nothing.
 */
static bool claim(struct ring *r, uint64_t *position)
{
    uint64_t tail = atomic_load_explicit(&r->tail, memory_order_acquire);
    do {
        uint64_t head = atomic_load_explicit(&r->seen_head, memory_order_acquire);
        if (full(r, tail, head)) {
            head = atomic_load_explicit(&r->head, memory_order_acquire);
            if (full(r, tail, head)) return false;
            /* May set seen_head back when producers race: that costs one refresh more, never a wrong answer. */
            atomic_store_explicit(&r->seen_head, head, memory_order_release);
        }
    } while (!atomic_compare_exchange_weak_explicit(&r->tail, &tail, tail + 1, memory_order_acquire,
                                                    memory_order_acquire));
    *position = tail;
    return true;
}

bool ring_push(struct ring *r, void *item)
{
    uint64_t position;
    if (!claim(r, &position)) return false;
    struct slot *slot = &r->slots[position & r->mask];
    slot->item = item;
    atomic_store_explicit(&slot->written, position + 1, memory_order_release);
    return true;
}

size_t ring_pop(struct ring *r, void **items, size_t max)
{
    uint64_t head = atomic_load_explicit(&r->head, memory_order_relaxed); /* nobody else writes it */
    size_t taken = 0;
    while (taken < max) {
        struct slot *slot = &r->slots[head & r->mask];
        if (atomic_load_explicit(&slot->written, memory_order_acquire) != head + 1) break;
        items[taken++] = slot->item;
        head++;
    }
    if (taken > 0) atomic_store_explicit(&r->head, head, memory_order_release);
    return taken;
}

uint32_t ring_depth(const struct ring *r)
{
    /* Head first, with acquire: the tail read after it is then never behind it. */
    uint64_t head = atomic_load_explicit(&r->head, memory_order_acquire);
    uint64_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    uint64_t depth = tail - head;
    return (uint32_t)(depth < r->bound ? depth : r->bound); /* items may have passed through between the looks */
}

uint32_t ring_bound(const struct ring *r)
{
    return (uint32_t)r->bound;
}
