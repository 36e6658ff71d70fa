/* Which span is to be emptied, and what of it is to be moved next. */
#include "daemon/store/slab_impl.h"

#define WASTE_SHARE 8    /* a part in so many may be free without being worth a move */
#define REST_MS     1000 /* the pause after a span that could not be emptied */

static bool worth_emptying(const struct size_class *c, const struct span *span, bool pressing)
{
    uint64_t slots = (uint64_t)c->spans * span->slots, elsewhere = c->vacant - (uint64_t)(span->slots - span->used);
    return elsewhere >= span->used && (pressing || (uint64_t)c->vacant * WASTE_SHARE > slots + span->slots);
}

/* A span whose slots have room in the others of its class, from the class where that gains most. */
static struct span *choose_leaving(const struct slab *s, bool pressing)
{
    struct span *best = NULL;
    uint64_t most = 0;
    for (unsigned class = 0; class < SLAB_CLASSES; class ++) {
        const struct size_class *c = &s->classes[class];
        if (c->vacant == 0) continue;
        unsigned group = 0;
        while (!c->groups[group]) {
            group++;
            assert(group < SLAB_GROUPS); /* vacant slots are in listed spans */
        }
        struct span *span = c->groups[group];
        uint64_t vacant = (uint64_t)c->vacant * span->size;
        if (vacant <= most || !worth_emptying(c, span, pressing)) continue;
        most = vacant;
        best = span;
    }
    return best;
}

static void begin_leaving(struct slab *s, struct span *span)
{
    struct size_class *c = &s->classes[span->size_class];
    span_list_remove(c, span);
    c->spans--;
    c->vacant -= span->slots - span->used;
    s->leaving = span;
    s->leaving_at = 0;
}

/* Something in it cannot be moved just now. */
static void stop_leaving(struct slab *s, uint64_t now_ms)
{
    struct span *span = s->leaving;
    struct size_class *c = &s->classes[span->size_class];
    s->leaving = NULL;
    c->spans++;
    c->vacant += span->slots - span->used;
    span_list_add(c, span);
    s->rest_ms = now_ms + REST_MS;
}

uint32_t slab_next_to_move(struct slab *s, bool pressing, uint64_t now_ms)
{
    if (!s->leaving) {
        if (now_ms < s->rest_ms) return SLAB_NONE;
        struct span *span = choose_leaving(s, pressing);
        if (!span) return SLAB_NONE;
        begin_leaving(s, span);
    }
    struct span *span = s->leaving;
    for (; s->leaving_at < span->slots; s->leaving_at++) {
        if (!(span->bits[BITS_WORD(s->leaving_at)] & BITS_BIT(s->leaving_at))) continue;
        return span->number << SLAB_SLOT_BITS | s->leaving_at++;
    }
    stop_leaving(s, now_ms);
    return SLAB_NONE;
}
