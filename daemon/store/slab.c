/* Slots: taking, freeing, and collecting what other threads gave. */
#include "daemon/store/slab.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/store/slab_impl.h"

#define NEVER_LEFT  (INT64_C(1) << 62)
#define TRIM_LIMIT  2 /* empty spans given back in one call of slab_destroy */
#define UNMAP_LIMIT 8 /* chunks unmapped in one call */

/* ---- sizes ---- */

/* The class of a size, and in *size what its slots have. */
static unsigned class_of(size_t bytes, size_t *size)
{
    assert(bytes <= SLAB_BLOCK_MAX);
    if (bytes < SLAB_SLOT_MIN) bytes = SLAB_SLOT_MIN;
    if (bytes <= SLAB_FINE) {
        *size = (bytes + 7) & ~(size_t)7;
        return (unsigned)((*size - SLAB_SLOT_MIN) / 8);
    }
    unsigned doublings = 63 - (unsigned)__builtin_clzll((bytes - 1) / SLAB_FINE); /* of SLAB_FINE, below bytes */
    size_t step = (SLAB_FINE / 16) << doublings;
    size_t steps = (bytes - 1 - (SLAB_FINE << doublings)) / step + 1; /* 1 to 16 */
    *size = (SLAB_FINE << doublings) + steps * step;
    return (unsigned)((SLAB_FINE - SLAB_SLOT_MIN) / 8 + doublings * 16 + steps);
}

size_t slab_slot_size(size_t bytes)
{
    size_t size;
    (void)class_of(bytes, &size);
    return size;
}

/* ---- the spans of a class, by how full they are ---- */

void span_list_remove(struct size_class *c, struct span *span)
{
    if (span->group == SLAB_NO_GROUP) return;
    if (span->next) span->next->prev = span->prev;
    if (span->prev)
        span->prev->next = span->next;
    else
        c->groups[span->group] = span->next;
    span->group = SLAB_NO_GROUP;
}

void span_list_add(struct size_class *c, struct span *span)
{
    if (span->used == span->slots) { /* in no list; the first free slot brings it back */
        span->floor = span->slots;
        span->ceiling = span->slots;
        return;
    }
    unsigned group = (unsigned)span->used * SLAB_GROUPS / span->slots;
    span->floor = (uint16_t)((group * span->slots + SLAB_GROUPS - 1) / SLAB_GROUPS);
    span->ceiling = (uint16_t)(((group + 1) * span->slots - 1) / SLAB_GROUPS);
    span->group = (uint8_t)group;
    span->prev = NULL;
    span->next = c->groups[group];
    if (span->next) span->next->prev = span;
    c->groups[group] = span;
}

static void list_update(struct size_class *c, struct span *span)
{
    if (span->used >= span->floor && span->used <= span->ceiling) return;
    span_list_remove(c, span);
    span_list_add(c, span);
}

/* ---- taking ---- */

static bool is_fresh(const struct size_class *c, const struct span *span)
{
    return c->fresh == span;
}

/* The lowest free slot. */
static unsigned first_free(struct span *span)
{
    while (span->bits[span->hint] == SLAB_BITS_FULL)
        span->hint++;
    return span->hint * 64U + (unsigned)__builtin_ctzll(~span->bits[span->hint]);
}

static uint32_t take(struct slab *s, struct span *span, unsigned slot)
{
    span->bits[BITS_WORD(slot)] |= BITS_BIT(slot);
    span->used++;
    s->live++;
    uint32_t handle = span->number << SLAB_SLOT_BITS | slot;
    SLAB_SHOW(slab_at(s, handle), span->size);
    return handle;
}

/* From the span that is being touched for the first time. */
static uint32_t take_fresh(struct slab *s, struct size_class *c, unsigned class, size_t size, bool over_budget)
{
    if (!c->fresh) c->fresh = span_create(s, class, size, over_budget);
    if (!c->fresh) return SLAB_NONE;
    struct span *span = c->fresh;
    unsigned slot = first_free(span);
    if (!span_touch(s, span, SLAB_HEAD + (slot + 1) * size, over_budget)) return SLAB_NONE;
    uint32_t handle = take(s, span, slot);
    if (slot == span->slots - 1U) { /* touched to its end: one of the others from now on */
        c->fresh = NULL;
        c->spans++;
        c->vacant += span->slots - span->used;
        span_list_add(c, span);
    }
    return handle;
}

uint32_t slab_alloc(struct slab *s, size_t bytes, bool over_budget)
{
    size_t size;
    unsigned class = class_of(bytes, &size);
    struct size_class *c = &s->classes[class];
    for (unsigned group = SLAB_GROUPS; group-- > 0;) {
        struct span *span = c->groups[group];
        if (!span) continue;
        uint32_t handle = take(s, span, first_free(span));
        c->vacant--;
        list_update(c, span);
        return handle;
    }
    return take_fresh(s, c, class, size, over_budget);
}

size_t slab_vacant(const struct slab *s, size_t bytes)
{
    size_t size;
    const struct size_class *c = &s->classes[class_of(bytes, &size)];
    if (!c->fresh) return c->vacant;
    return c->vacant + (c->fresh->touched - SLAB_HEAD) / size - c->fresh->used;
}

/* The first slot in use from `slot` on; `slots` of the span: there is none. */
static unsigned next_used_of(const struct span *span, unsigned slot)
{
    while (slot < span->slots) {
        uint64_t used = span->bits[BITS_WORD(slot)] >> slot % 64;
        if (used != 0) return slot + (unsigned)__builtin_ctzll(used);
        slot = (slot | 63) + 1;
    }
    return span->slots;
}

uint32_t slab_next_used(const struct slab *s, uint32_t handle)
{
    uint32_t number = handle >> SLAB_SLOT_BITS;
    unsigned slot = handle & ((1U << SLAB_SLOT_BITS) - 1);
    for (; number <= s->count; number++, slot = 0) {
        if (number == 0 || !(s->place[number] & (SLAB_SPAN - 1))) continue; /* not in use */
        const struct span *span = s->spans[number].span;
        slot = next_used_of(span, slot);
        if (slot < span->slots) return number << SLAB_SLOT_BITS | slot;
    }
    return SLAB_NONE;
}

/* ---- freeing ---- */

static void emptied(struct slab *s, struct size_class *c, struct span *span)
{
    if (s->leaving == span) {
        s->leaving = NULL;
    } else if (is_fresh(c, span)) {
        c->fresh = NULL;
    } else {
        span_list_remove(c, span);
        c->spans--;
        c->vacant -= span->slots;
    }
    span_destroy(s, span);
}

void slab_free(struct slab *s, uint32_t handle)
{
    struct span *span = s->spans[handle >> SLAB_SLOT_BITS].span;
    struct size_class *c = &s->classes[span->size_class];
    unsigned slot = handle & ((1U << SLAB_SLOT_BITS) - 1), word = BITS_WORD(slot);
    assert(span->bits[word] & BITS_BIT(slot));
    SLAB_HIDE(slab_at(s, handle), span->size);
    span->bits[word] &= ~BITS_BIT(slot);
    if (word < span->hint) span->hint = (uint16_t)word;
    span->used--;
    s->live--;
    bool listed = s->leaving != span && !is_fresh(c, span);
    if (listed) c->vacant++;
    if (span->used == 0)
        emptied(s, c, span);
    else if (listed)
        list_update(c, span);
}

/* ---- across threads ---- */

static void *slot_link(void *slot)
{
    void *next;
    memcpy(&next, slot, sizeof next);
    return next;
}

static const struct span_head *head_of(void *slot)
{
    return (const void *)((uintptr_t)slot & ~(uintptr_t)(SLAB_SPAN - 1));
}

/*
 * A stack that others push to and its owner takes as a whole (R. K. Treiber, 1986; nothing is ever popped, so there
 * is no ABA problem). The second step counts who is still to come once the slab's owner has left: after it, the
 * slab may be gone.
 */
void slab_give(void *slot)
{
    struct slab *s = head_of(slot)->slab;
    void *top = atomic_load_explicit(&s->given, memory_order_relaxed);
    do {
        memcpy(slot, &top, sizeof top);
    } while (
        !atomic_compare_exchange_weak_explicit(&s->given, &top, slot, memory_order_release, memory_order_relaxed));
    if (atomic_fetch_sub_explicit(&s->left, 1, memory_order_acq_rel) == 1) slab_dispose(s);
}

static uint32_t handle_of(const struct slab *s, void *slot)
{
    const struct span_head *head = head_of(slot);
    size_t offset = (size_t)((char *)slot - (const char *)head) - SLAB_HEAD;
    return head->number << SLAB_SLOT_BITS | (uint32_t)(offset / s->spans[head->number].span->size);
}

size_t slab_collect(struct slab *s, size_t limit)
{
    if (!s->collecting) {
        if (atomic_load_explicit(&s->given, memory_order_relaxed) == NULL) return 0;
        s->collecting = atomic_exchange_explicit(&s->given, NULL, memory_order_acquire);
    }
    size_t n = 0;
    for (; s->collecting && n < limit; n++) {
        void *slot = s->collecting;
        s->collecting = slot_link(slot);
        slab_free(s, handle_of(s, slot));
    }
    s->collected += n;
    return n;
}

/* ---- life cycle ---- */

struct slab *slab_create(struct budget *budget, counter *bytes)
{
    struct slab *s = aligned_alloc(_Alignof(struct slab), sizeof *s);
    if (!s) return NULL;
    memset(s, 0, sizeof *s);
    s->budget = budget;
    s->bytes = bytes;
    atomic_init(&s->left, NEVER_LEFT);
    return s;
}

/* Every slot that is given counts `left` down by one. While the slab is in use, that leads nowhere. Now what is
 * left of it becomes the number of slots still to come: whoever makes it 0 is the last. */
bool slab_destroy(struct slab *s)
{
    (void)slab_collect(s, SIZE_MAX);
    if (!slab_trim(s, TRIM_LIMIT)) return false;
    if (!slab_unmap(s, &s->unmapped, UNMAP_LIMIT)) return false;
    slab_discharge(s, s->charged);
    int64_t to_come = NEVER_LEFT - (int64_t)(s->collected + s->live);
    if (atomic_fetch_sub_explicit(&s->left, to_come, memory_order_acq_rel) == to_come) slab_dispose(s);
    return true;
}
