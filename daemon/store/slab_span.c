/*
 * Spans and the system. Address space comes in chunks of 16 spans and stays until the slab ends; memory comes with
 * the first touch of a page and goes (MADV_DONTNEED) with its span.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "daemon/base/fault.h"
#include "daemon/store/slab_impl.h"

#define CHUNK_BYTES  (SLAB_CHUNK * SLAB_SPAN)
#define CAPACITY_MIN (4 * SLAB_CHUNK)
#define SHORT_PART   8 /* memory is short where less than so small a part of the limit is left */

/* ---- address space ---- */

static void *map(size_t bytes)
{
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return at == MAP_FAILED ? NULL : at;
}

/* A chunk, aligned to spans. The system tends to put one below the other, so that the second try is for the first.
 */
static char *map_chunk(void)
{
    char *at = map(CHUNK_BYTES);
    if (!at || ((uintptr_t)at & (SLAB_SPAN - 1)) == 0) return at;
    munmap(at, CHUNK_BYTES);
    char *wide = map(CHUNK_BYTES + SLAB_SPAN);
    if (!wide) return NULL;
    size_t before = -(uintptr_t)wide & (SLAB_SPAN - 1);
    if (before > 0) munmap(wide, before);
    munmap(wide + before + CHUNK_BYTES, SLAB_SPAN - before);
    return wide + before;
}

/* Doubling copies 16 bytes per span: at 64 GiB, a few MiB. */
static bool extend_directory(struct slab *s)
{
    uint32_t capacity = s->capacity == 0 ? CAPACITY_MIN : s->capacity * 2;
    uint64_t *place = realloc(s->place, capacity * sizeof *place);
    if (!place) return false;
    s->place = place;
    s->places.at = place;
    union span_entry *spans = realloc(s->spans, capacity * sizeof *spans);
    if (!spans) return false;
    s->spans = spans;
    s->capacity = capacity;
    return true;
}

static bool add_chunk(struct slab *s)
{
    if (fault_hit(FAULT_SLAB_GROW)) return false;
    if (s->count + SLAB_CHUNK > SLAB_SPANS_MAX) return false;
    if (s->count + SLAB_CHUNK >= s->capacity && !extend_directory(s)) return false;
    char *at = map_chunk();
    if (!at) return false;
    /* Huge pages would be taken whole at the first touch, and again where something was given back. */
    (void)madvise(at, CHUNK_BYTES, MADV_NOHUGEPAGE);
    for (uint32_t i = SLAB_CHUNK; i > 0; i--) { /* the lowest first, later */
        uint32_t number = s->count + i;
        s->place[number] = (uint64_t)(uintptr_t)(at + (i - 1) * SLAB_SPAN);
        s->spans[number].idle.next = s->first_free;
        s->first_free = number;
    }
    s->count += SLAB_CHUNK;
    return true;
}

/* True: no span of the chunk is in use. */
static bool chunk_is_free(const struct slab *s, uint32_t first)
{
    for (uint32_t i = 0; i < SLAB_CHUNK; i++)
        if (s->place[first + i] & (SLAB_SPAN - 1)) return false;
    return true;
}

bool slab_unmap(struct slab *s, uint32_t *at, size_t limit)
{
    for (; *at < s->count; *at += SLAB_CHUNK) {
        uint32_t first = *at + 1;
        if (!chunk_is_free(s, first)) continue;
        if (limit-- == 0) return false;
        munmap(span_start(s, first), CHUNK_BYTES);
        s->place[first] = 0;
    }
    return true;
}

void slab_dispose(struct slab *s)
{
    for (uint32_t first = 1; first <= s->count; first += SLAB_CHUNK) {
        if (s->place[first] == 0) continue;
        SLAB_SHOW(span_start(s, first), CHUNK_BYTES);
        munmap(span_start(s, first), CHUNK_BYTES);
        for (uint32_t i = 0; i < SLAB_CHUNK; i++)
            if (s->place[first + i] & (SLAB_SPAN - 1)) free(s->spans[first + i].span);
    }
    free(s->place);
    free(s->spans);
    free(s);
}

/* ---- charging ---- */

bool span_touch(struct slab *s, struct span *span, size_t end, bool over_budget)
{
    size_t wanted = (end + SLAB_PAGE - 1) & ~(size_t)(SLAB_PAGE - 1);
    if (wanted > SLAB_SPAN) wanted = SLAB_SPAN;
    if (wanted <= span->touched) return true;
    size_t more = wanted - span->touched;
    if (over_budget)
        budget_force(s->budget, more);
    else if (!budget_take(s->budget, more))
        return false;
    counter_add(s->bytes, more);
    s->charged += more;
    span->touched = (uint32_t)wanted;
    return true;
}

void slab_discharge(struct slab *s, size_t bytes)
{
    budget_give(s->budget, bytes);
    counter_set(s->bytes, counter_get(s->bytes) - bytes);
    s->charged -= bytes;
}

static void give_back(struct slab *s, uint32_t number, uint32_t touched)
{
    SLAB_SHOW(span_start(s, number), SLAB_SPAN);
    if (touched > 0) (void)madvise(span_start(s, number), touched, MADV_DONTNEED);
    slab_discharge(s, touched);
    s->spans[number].idle.next = s->first_free;
    s->first_free = number;
}

/* A spare span's number; 0: there is none. */
static uint32_t take_spare(struct slab *s, uint32_t *touched)
{
    uint32_t number = s->first_spare;
    if (number == 0) return 0;
    *touched = s->spans[number].idle.touched;
    s->first_spare = s->spans[number].idle.next;
    return number;
}

bool slab_trim(struct slab *s, size_t limit)
{
    for (; s->first_spare != 0 && limit > 0; limit--) {
        uint32_t touched, number = take_spare(s, &touched);
        give_back(s, number, touched);
    }
    return s->first_spare == 0;
}

/* ---- spans ---- */

static struct span *make_span(unsigned size_class, size_t size)
{
    size_t slots = (SLAB_SPAN - SLAB_HEAD) / size, words = (slots + 63) / 64;
    struct span *span = malloc(sizeof *span + words * sizeof span->bits[0]);
    if (!span) return NULL;
    *span = (struct span){.size = (uint32_t)size,
                          .slots = (uint16_t)slots,
                          .size_class = (uint8_t)size_class,
                          .group = SLAB_NO_GROUP};
    memset(span->bits, 0, words * sizeof span->bits[0]);
    if (slots % 64 != 0) span->bits[words - 1] = SLAB_BITS_FULL << slots % 64;
    return span;
}

/* A number with memory behind it, a spare one if there is one. 0: none. */
static uint32_t take_number(struct slab *s, uint32_t *touched)
{
    uint32_t number = take_spare(s, touched);
    if (number != 0) return number;
    *touched = 0;
    if (s->first_free == 0 && !add_chunk(s)) return 0;
    number = s->first_free;
    s->first_free = s->spans[number].idle.next;
    return number;
}

struct span *span_create(struct slab *s, unsigned size_class, size_t size, bool over_budget)
{
    struct span *span = make_span(size_class, size);
    if (!span) return NULL;
    span->number = take_number(s, &span->touched);
    if (span->number == 0) {
        free(span);
        return NULL;
    }
    if (!span_touch(s, span, SLAB_HEAD + size, over_budget)) {
        span_destroy(s, span);
        return NULL;
    }
    char *start = span_start(s, span->number);
    *(struct span_head *)(void *)start = (struct span_head){s, span->number};
    SLAB_HIDE(start + SLAB_HEAD, SLAB_SPAN - SLAB_HEAD);
    s->place[span->number] |= size;
    s->spans[span->number].span = span;
    return span;
}

/* Is memory short, so that what is spare here is missed elsewhere? */
static bool is_short(const struct budget *b)
{
    return b->limit != 0 && budget_used(b) > b->limit - b->limit / SHORT_PART;
}

void span_destroy(struct slab *s, struct span *span)
{
    uint32_t number = span->number, touched = span->touched;
    free(span);
    s->place[number] &= ~(uint64_t)(SLAB_SPAN - 1);
    if (is_short(s->budget)) {
        give_back(s, number, touched);
        return;
    }
    s->spans[number].idle.next = s->first_spare;
    s->spans[number].idle.touched = touched;
    s->first_spare = number;
}
