/* Slabs from the inside, for the slab*.c files only. */
#ifndef STORE_SLAB_IMPL_H
#define STORE_SLAB_IMPL_H

#include <assert.h>
#include <stdatomic.h>

#include "daemon/store/slab.h"

#define SLAB_FINE      512U /* sizes up to here are 8 bytes apart; beyond, 16 to a doubling */
#define SLAB_CLASSES   ((SLAB_FINE - SLAB_SLOT_MIN) / 8 + 1 + 9 * 16)
#define SLAB_GROUPS    4
#define SLAB_CHUNK     16 /* spans that are got from the system together */
#define SLAB_NO_GROUP  SLAB_GROUPS
#define SLAB_BITS_FULL UINT64_MAX

/* What an address leads to: at the beginning of each span. */
struct span_head {
    struct slab *slab;
    uint32_t number;
};
_Static_assert(sizeof(struct span_head) <= SLAB_HEAD, "the head of a span has room for this");

/* A span in use. Kept outside it: all spans start at the same cache set. */
struct span {
    struct span *next, *prev; /* in the list of its group */
    uint32_t number;
    uint32_t touched; /* bytes from its start that are charged */
    uint32_t size;    /* of a slot */
    uint16_t slots;
    uint16_t used;
    uint16_t floor, ceiling; /* of `used`, within its group */
    uint16_t hint;           /* no free slot lies in the words of `bits` before it */
    uint8_t size_class;
    uint8_t group;   /* SLAB_NO_GROUP: in no list, being full, fresh, or about to be emptied */
    uint64_t bits[]; /* 1: in use, or there is no such slot */
};

/* One slot size. */
struct size_class {
    struct span *groups[SLAB_GROUPS]; /* touched spans with free slots, by how full they are */
    struct span *fresh;               /* the one span that has not been touched to its end; NULL: none */
    uint32_t spans;                   /* fresh one not counted, nor the one to be emptied */
    uint32_t vacant;                  /* free slots in those */
};

/* What is at a span's number. If the span is not in use: the next such number, and how much of it is still charged.
 */
union span_entry {
    struct span *span;
    struct {
        uint32_t next;
        uint32_t touched;
    } idle;
};

struct slab {
    struct slab_places places; /* first: see slab_at */
    uint64_t *place;           /* the same, to write. An unused number keeps its address, with size 0 */
    union span_entry *spans;   /* by number */
    uint32_t capacity;         /* numbers there is room for */
    uint32_t count;            /* numbers that have an address; 0 has none, so no handle is 0 */
    uint32_t first_free;       /* number; 0: none */
    uint32_t first_spare;      /* the same, of those that still have their memory */
    struct budget *budget;
    counter *bytes;
    size_t charged;       /* the part of both that is this slab's */
    struct span *leaving; /* being emptied by compaction; NULL: none */
    uint32_t leaving_at;  /* the slot to look at next */
    uint64_t rest_ms;     /* no compaction before that */
    uint64_t live;        /* slots in use, given ones that were not collected yet included */
    uint64_t collected;
    void *collecting;  /* taken off `given`, to be freed */
    uint32_t unmapped; /* by slab_destroy: numbers looked at */
    struct size_class classes[SLAB_CLASSES];

    _Alignas(64) _Atomic(void *) given; /* linked by the slots' first word */
    _Atomic int64_t left;               /* see slab_destroy */
};

#define BITS_WORD(slot) ((slot) / 64)
#define BITS_BIT(slot)  (UINT64_C(1) << ((slot) % 64))

/* slab.c: the lists of a class. A full span is in none. */
void span_list_add(struct size_class *c, struct span *span);
void span_list_remove(struct size_class *c, struct span *span);

/* slab_span.c: spans, and where they come from and go to. */

/* A span with room for one slot charged; NULL when the system has no memory, or the budget refuses. */
struct span *span_create(struct slab *s, unsigned size_class, size_t size, bool over_budget);
/* Keeps the empty span's memory as spare, for slab_trim to give back; at once where the budget is nearly used up.
 */
void span_destroy(struct slab *s, struct span *span);
/* Makes sure that the bytes up to `end` are charged. */
bool span_touch(struct slab *s, struct span *span, size_t end, bool over_budget);

/* So many bytes are no longer charged. */
void slab_discharge(struct slab *s, size_t bytes);

/* Returns the address space of up to `limit` chunks that hold nothing; true: there are no more. */
bool slab_unmap(struct slab *s, uint32_t *at, size_t limit);
/* All of it, and the slab itself. */
void slab_dispose(struct slab *s);

static inline char *span_start(const struct slab *s, uint32_t number)
{
    return (char *)(uintptr_t)(s->place[number] & ~(uint64_t)(SLAB_SPAN - 1));
}

/* Sanitizers see sessions as blocks of their own. */
#if defined(__SANITIZE_ADDRESS__)
void __asan_poison_memory_region(const volatile void *at, size_t len);
void __asan_unpoison_memory_region(const volatile void *at, size_t len);
#define SLAB_HIDE(at, len) __asan_poison_memory_region(at, len)
#define SLAB_SHOW(at, len) __asan_unpoison_memory_region(at, len)
#else
#define SLAB_HIDE(at, len) ((void)(at), (void)(len))
#define SLAB_SHOW(at, len) ((void)(at), (void)(len))
#endif

#endif
