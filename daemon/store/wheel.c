/* The timing wheel: filing entries under their deadlines, and a cursor that finds those that are due. */
#include "daemon/store/wheel.h"

#include "daemon/store/entry_impl.h"

#define OVERDUE WHEEL_SLOTS        /* the list's slot */
#define NO_SLOT (WHEEL_SLOTS + 1U) /* none */

_Static_assert(WHEEL_LEVELS < 8, "an entry has three bits for its level, one value being the overdue list");

static inline unsigned level_shift(unsigned level)
{
    return level == 0 ? 0 : 4 + 6 * level;
}

static inline uint64_t level_ring(unsigned level)
{
    return level == 0 ? WHEEL_NEAR : WHEEL_FAR;
}

static inline unsigned level_first(unsigned level)
{
    return level == 0 ? 0 : WHEEL_NEAR + (level - 1) * WHEEL_FAR;
}

/* The slot for time unit `unit` of a level. */
static inline unsigned slot_at(unsigned level, uint64_t unit)
{
    return level_first(level) + (unsigned)(unit & (level_ring(level) - 1));
}

/* WHEEL_LEVELS for the overdue list. */
static unsigned level_for(const struct wheel *w, uint64_t due)
{
    if (due < w->cursor) return WHEEL_LEVELS;
    unsigned level = 0;
    while (level < WHEEL_LEVELS - 1 &&
           (due >> level_shift(level)) - (w->cursor >> level_shift(level)) >= level_ring(level))
        level++;
    return level;
}

static inline unsigned slot_for(unsigned level, uint64_t due)
{
    return level == WHEEL_LEVELS ? OVERDUE : slot_at(level, due >> level_shift(level));
}

static inline void mark(struct wheel *w, unsigned slot, bool used)
{
    if (slot == OVERDUE) return;
    uint64_t bit = UINT64_C(1) << (slot % 64);
    if (used)
        w->used[slot / 64] |= bit;
    else
        w->used[slot / 64] &= ~bit;
}

static inline struct entry *at(const struct wheel *w, uint32_t handle)
{
    return entry_at(w->slab, handle);
}

static void put_in(struct wheel *w, unsigned slot, uint32_t handle)
{
    struct wheel_slot *s = &w->slots[slot];
    struct entry *e = at(w, handle);
    e->prev = SLAB_NONE;
    e->next = s->head;
    if (s->head != SLAB_NONE) at(w, s->head)->prev = handle;
    s->head = handle;
    if (s->count++ == 0) mark(w, slot, true);
    counter_add(w->filed, 1);
}

/* What leads to the entry: another one, or the slot. */
static uint32_t *link_to(struct wheel *w, unsigned slot, const struct entry *e)
{
    return e->prev != SLAB_NONE ? &at(w, e->prev)->next : &w->slots[slot].head;
}

static void take_out(struct wheel *w, unsigned slot, struct entry *e)
{
    struct wheel_slot *s = &w->slots[slot];
    assert(s->count > 0);
    *link_to(w, slot, e) = e->next;
    if (e->next != SLAB_NONE) at(w, e->next)->prev = e->prev;
    if (--s->count == 0) mark(w, slot, false);
    counter_add(w->filed, UINT64_MAX); /* one less */
}

void wheel_init(struct wheel *w, const struct slab *slab, counter *filed, uint64_t now_ms)
{
    *w = (struct wheel){.slab = slab, .filed = filed, .cursor = now_ms, .now = now_ms, .busy = NO_SLOT};
}

void wheel_forget(struct wheel *w)
{
    for (unsigned slot = 0; slot <= OVERDUE; slot++)
        counter_add(w->filed, 0 - (uint64_t)w->slots[slot].count);
}

void wheel_link(struct wheel *w, uint32_t handle)
{
    struct entry *e = at(w, handle);
    uint64_t due = entry_due(e);
    if (due == ENTRY_NEVER) return;
    unsigned level = level_for(w, due);
    e->level = level & 7;
    put_in(w, slot_for(level, due), handle);
}

void wheel_unlink(struct wheel *w, struct entry *e)
{
    uint64_t due = entry_due(e);
    if (due != ENTRY_NEVER) take_out(w, slot_for(e->level, due), e);
}

bool wheel_stay(struct wheel *w, struct entry *e, uint64_t deadline_ms)
{
    uint64_t old = entry_due(e), due = entry_due_from(deadline_ms);
    if (old == due) return true;
    if (old == ENTRY_NEVER || due == ENTRY_NEVER) return false;
    unsigned level = level_for(w, due);
    if (level != e->level || slot_for(level, due) != slot_for(level, old)) return false;
    entry_set_due(e, due);
    return true;
}

void wheel_move(struct wheel *w, uint32_t handle, uint64_t deadline_ms)
{
    struct entry *e = at(w, handle);
    if (wheel_stay(w, e, deadline_ms))
        return; /* the usual touch of a busy session: the neighbours stay out of it */
    wheel_unlink(w, e);
    entry_set_due(e, entry_due_from(deadline_ms));
    wheel_link(w, handle);
}

void wheel_relocate(struct wheel *w, const struct entry *e, uint32_t copy)
{
    uint64_t due = entry_due(e);
    if (due == ENTRY_NEVER) return;
    *link_to(w, slot_for(e->level, due), e) = copy;
    if (e->next != SLAB_NONE) at(w, e->next)->prev = copy;
}

void wheel_prefetch(const struct wheel *w, const struct entry *e)
{
    if (entry_due(e) == ENTRY_NEVER) return;
    if (e->next != SLAB_NONE) __builtin_prefetch(at(w, e->next), 1);
    if (e->prev != SLAB_NONE) __builtin_prefetch(at(w, e->prev), 1);
}

/* ---- the cursor ---- */

/* How far behind `unit` the level's next used slot is, 0 if `unit` itself is; the ring's size if none is used. */
static uint64_t next_used(const struct wheel *w, unsigned level, uint64_t unit)
{
    uint64_t ring = level_ring(level), start = unit & (ring - 1);
    const uint64_t *used = &w->used[level_first(level) / 64];
    for (uint64_t i = 0; i <= ring / 64; i++) {
        uint64_t word = (start / 64 + i) & (ring / 64 - 1), bits = used[word];
        if (i == 0) bits &= UINT64_MAX << (start % 64);
        if (i == ring / 64) bits &= ~(UINT64_MAX << (start % 64));
        if (bits != 0) return (word * 64 + (unsigned)__builtin_ctzll(bits) - start) & (ring - 1);
    }
    return ring;
}

/* A slot above level 0 that the cursor is in or next to, and that is not empty yet; from the top, as what comes
 * down may need to go further. */
static unsigned slot_to_move_down(const struct wheel *w)
{
    for (unsigned level = WHEEL_LEVELS - 1; level > 0; level--) {
        uint64_t unit = w->cursor >> level_shift(level);
        if (w->slots[slot_at(level, unit)].count > 0) return slot_at(level, unit);
        if (w->slots[slot_at(level, unit + 1)].count > 0) return slot_at(level, unit + 1);
    }
    return NO_SLOT;
}

static unsigned slot_to_empty(const struct wheel *w)
{
    if (w->slots[OVERDUE].count > 0) return OVERDUE;
    unsigned slot = slot_to_move_down(w);
    if (slot != NO_SLOT) return slot;
    slot = slot_at(0, w->cursor);
    return w->cursor <= w->now && w->slots[slot].count > 0 ? slot : NO_SLOT;
}

/* Where the cursor has something to do next, given that nothing waits to move down: at an entry's own slot, or
 * one slot before a slot above. */
static uint64_t next_stop(const struct wheel *w)
{
    uint64_t ahead = next_used(w, 0, w->cursor);
    uint64_t stop = ahead < WHEEL_NEAR ? w->cursor + ahead : UINT64_MAX;
    for (unsigned level = 1; level < WHEEL_LEVELS; level++) {
        uint64_t unit = w->cursor >> level_shift(level);
        ahead = next_used(w, level, unit);
        if (ahead == WHEEL_FAR) continue;
        assert(ahead >= 2);
        uint64_t at = (unit + ahead - 1) << level_shift(level);
        if (at < stop) stop = at;
    }
    return stop;
}

/* Skips to the next stop, but not beyond the first millisecond that is still to come. */
static bool move_cursor(struct wheel *w)
{
    if (w->cursor > w->now) return false;
    uint64_t stop = next_stop(w);
    assert(stop > w->cursor);
    w->cursor = stop <= w->now ? stop : w->now + 1;
    return true;
}

static void hear(struct wheel *w, uint64_t now_ms)
{
    if (now_ms > ENTRY_TIME_MAX) now_ms = ENTRY_TIME_MAX;
    if (now_ms > w->now) w->now = now_ms;
}

enum wheel_step wheel_advance(struct wheel *w, uint64_t now_ms, size_t *moves, uint32_t *out)
{
    hear(w, now_ms);
    for (;;) {
        if (w->busy == NO_SLOT || w->slots[w->busy].count == 0) w->busy = slot_to_empty(w);
        if (w->busy == NO_SLOT) {
            if (!move_cursor(w)) return WHEEL_DONE;
            continue;
        }
        if (*moves == 0) return WHEEL_LIMIT;
        --*moves;
        uint32_t handle = w->slots[w->busy].head;
        struct entry *e = at(w, handle);
        take_out(w, w->busy, e);
        uint32_t after = w->slots[w->busy].head; /* in the cache by now; the one behind it soon */
        if (after != SLAB_NONE && at(w, after)->next != SLAB_NONE) __builtin_prefetch(at(w, at(w, after)->next), 1);
        if (entry_due(e) <= w->now) {
            *out = handle;
            return WHEEL_EXPIRED;
        }
        wheel_link(w, handle);
    }
}

uint64_t wheel_next_due(const struct wheel *w)
{
    if (w->slots[OVERDUE].count > 0 || slot_to_move_down(w) != NO_SLOT) return w->now;
    return next_stop(w);
}

/* ---- counting ---- */

static uint64_t expired_in_slot(const struct wheel *w, unsigned slot, uint64_t now)
{
    uint64_t n = 0;
    for (uint32_t handle = w->slots[slot].head; handle != SLAB_NONE; handle = at(w, handle)->next)
        n += entry_due(at(w, handle)) <= now;
    return n;
}

/* Slots that end at or before `now` count whole; at most one that begins before it and ends after is walked. */
static uint64_t expired_in_level(const struct wheel *w, unsigned level, uint64_t now)
{
    unsigned shift = level_shift(level);
    uint64_t ring = level_ring(level), first = w->cursor >> shift, end = (now + 1) >> shift, n = 0;
    for (uint64_t unit = first;; unit++) {
        unit += next_used(w, level, unit);
        if (unit >= end || unit >= first + ring) break;
        n += w->slots[slot_at(level, unit)].count;
    }
    bool inside = (end << shift) <= now && end < first + ring;
    return inside ? n + expired_in_slot(w, slot_at(level, end), now) : n;
}

uint64_t wheel_expired(const struct wheel *w, uint64_t now_ms)
{
    uint64_t now = now_ms > ENTRY_TIME_MAX ? ENTRY_TIME_MAX : now_ms;
    if (now < w->now) now = w->now;
    uint64_t n = w->slots[OVERDUE].count;
    if (now < w->cursor) return n;
    for (unsigned level = 0; level < WHEEL_LEVELS; level++)
        n += expired_in_level(w, level, now);
    return n;
}
