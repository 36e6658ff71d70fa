/* Slots and spans: sizes, charging by the page, what comes back when, compaction, and what other threads give. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/fault.h"
#include "daemon/store/slab.h"

#define SIZE     312U
#define PER_SPAN ((SLAB_SPAN - SLAB_HEAD) / SIZE)
#define PAGE     4096U

static struct budget budget; /* mutable on purpose: of the running test, and read after its slab is gone */
static counter bytes;        /* mutable on purpose: of the running test */

static struct slab *new_slab(void)
{
    budget_init(&budget, 0);
    counter_set(&bytes, 0);
    struct slab *s = slab_create(&budget, &bytes);
    assert_non_null(s);
    return s;
}

static void end(struct slab *s)
{
    while (!slab_destroy(s)) {
    }
    assert_int_equal(budget_used(&budget), 0);
    assert_int_equal(counter_get(&bytes), 0);
}

/* A slot that knows its handle, to its last byte. */
static uint32_t take(struct slab *s, size_t size)
{
    uint32_t handle = slab_alloc(s, size, false);
    if (handle != SLAB_NONE) {
        memset(slab_at(s, handle), (int)(handle & 0xff), size);
        memcpy(slab_at(s, handle), &handle, sizeof handle);
    }
    return handle;
}

static void check(const struct slab *s, uint32_t handle, size_t size)
{
    uint32_t found;
    memcpy(&found, slab_at(s, handle), sizeof found);
    assert_int_equal(found, handle);
    assert_int_equal(((const uint8_t *)slab_at(s, handle))[size - 1], handle & 0xff);
}

static uint32_t *take_many(struct slab *s, size_t count, size_t size)
{
    uint32_t *handles = malloc(count * sizeof *handles);
    for (size_t i = 0; i < count; i++) {
        handles[i] = take(s, size);
        assert_int_not_equal(handles[i], SLAB_NONE);
    }
    return handles;
}

static void free_many(struct slab *s, uint32_t *handles, size_t count)
{
    for (size_t i = 0; i < count; i++)
        slab_free(s, handles[i]);
    free(handles);
}

/* ---- sizes ---- */

static void little_is_lost_to_rounding(void **state)
{
    (void)state;
    size_t before = 0;
    for (size_t size = 1; size <= SLAB_SLOT_MAX; size++) {
        size_t slot = slab_slot_size(size);
        assert_true(slot >= size && slot % 8 == 0 && slot >= before);
        assert_true(slot - size < 8 || slot == SLAB_SLOT_MIN || (slot - size) * 16 < size);
        assert_int_equal(slab_slot_size(slot), slot);
        before = slot;
    }
    assert_int_equal(slab_slot_size(SLAB_SLOT_MAX), SLAB_SLOT_MAX);
    assert_int_equal(slab_slot_size(SIZE), SIZE);
}

static void slots_of_all_sizes_keep_apart(void **state)
{
    (void)state;
    enum { COUNT = 3 * SLAB_SLOT_MAX / 8 };
    struct slab *s = new_slab();
    uint32_t *handles = calloc(COUNT, sizeof *handles);
    for (size_t i = 0; i < COUNT; i++) {
        handles[i] = take(s, i % (SLAB_SLOT_MAX / 8) * 8 + 8);
        assert_int_equal((uintptr_t)slab_at(s, handles[i]) % 8, 0);
    }
    for (size_t i = 0; i < COUNT; i++)
        check(s, handles[i], i % (SLAB_SLOT_MAX / 8) * 8 + 8);
    assert_int_equal(counter_get(&bytes), budget_used(&budget));
    for (size_t i = 0; i < COUNT; i++)
        slab_free(s, handles[i * 7 % COUNT]); /* 7 does not divide it */
    assert_true(slab_trim(s, SIZE_MAX));
    assert_int_equal(counter_get(&bytes), 0);
    free(handles);
    end(s);
}

/* ---- charging ---- */

static void pages_are_charged_when_touched(void **state)
{
    (void)state;
    struct slab *s = new_slab();
    uint32_t *handles = take_many(s, PER_SPAN, SIZE);
    assert_int_equal(counter_get(&bytes), SLAB_SPAN); /* to the last page */
    slab_free(s, handles[5]);
    assert_int_equal(counter_get(&bytes), SLAB_SPAN);
    assert_int_equal(take(s, SIZE), handles[5]);
    assert_int_equal(counter_get(&bytes), SLAB_SPAN);
    uint32_t one_more = take(s, SIZE);
    assert_int_equal(counter_get(&bytes), SLAB_SPAN + PAGE);
    for (size_t i = 0; i < PER_SPAN; i++)
        slab_free(s, handles[i]);
    slab_free(s, one_more);
    assert_int_equal(counter_get(&bytes), SLAB_SPAN + PAGE); /* empty ones are kept */
    uint32_t other = take(s, 1000), another = take(s, SLAB_SLOT_MAX);
    assert_int_equal(counter_get(&bytes), SLAB_SPAN + PAGE); /* and serve any size */
    slab_free(s, another);
    slab_free(s, other);
    assert_true(slab_trim(s, SIZE_MAX));
    assert_int_equal(counter_get(&bytes), 0);
    free(handles);
    end(s);
}

static void the_budget_is_asked_for_new_pages_only(void **state)
{
    (void)state;
    struct slab *s = new_slab();
    budget.limit = 3 * PAGE;
    size_t room = (3 * PAGE - SLAB_HEAD) / SIZE;
    uint32_t *handles = take_many(s, room, SIZE);
    assert_int_equal(take(s, SIZE), SLAB_NONE);
    assert_int_equal(take(s, 40), SLAB_NONE); /* a span of its own: none, not even its head */
    assert_int_equal(budget_used(&budget), 3 * PAGE);
    uint32_t forced = slab_alloc(s, SIZE, true);
    assert_int_not_equal(forced, SLAB_NONE);
    assert_int_equal(budget_used(&budget), 4 * PAGE);
    uint32_t beside = take(s, SIZE); /* on the same page */
    assert_int_not_equal(beside, SLAB_NONE);
    slab_free(s, handles[0]);
    assert_int_equal(take(s, SIZE), handles[0]);
    slab_free(s, forced);
    slab_free(s, beside);
    free_many(s, handles, room);
    end(s);
}

/* Written memory that was given back reads as zeros: it was the system's meanwhile. */
static void empty_spans_go_back_to_the_system(void **state)
{
    (void)state;
    struct slab *s = new_slab();
    enum { SPANS = 40 };
    uint32_t *handles = take_many(s, SPANS * PER_SPAN, SIZE);
    assert_int_equal(counter_get(&bytes), SPANS * SLAB_SPAN);
    for (size_t i = 0; i < SPANS * PER_SPAN; i++)
        slab_free(s, handles[i]);
    for (size_t left = SPANS; left > 0; left -= 4) {
        assert_int_equal(counter_get(&bytes), left * SLAB_SPAN);
        assert_int_equal(slab_trim(s, 4), left == 4); /* a few at a time */
    }
    assert_int_equal(budget_used(&budget), 0);
    for (size_t i = 0; i < SPANS * PER_SPAN; i++) { /* the same addresses again */
        handles[i] = slab_alloc(s, SIZE, false);
        const char *slot = slab_at(s, handles[i]);
        for (size_t k = 0; k < SIZE; k += 8)
            assert_int_equal(slot[k], 0);
    }
    free_many(s, handles, SPANS * PER_SPAN);
    end(s);
}

/* Where the budget is short others need the room now, and cannot trim what is spare here. */
static void empty_spans_do_not_keep_a_budget_short(void **state)
{
    (void)state;
    struct slab *s = new_slab();
    enum { SPANS = 40 };
    uint32_t *handles = take_many(s, SPANS * PER_SPAN, SIZE);
    budget.limit = SPANS * SLAB_SPAN;
    free_many(s, handles, SPANS * PER_SPAN);
    assert_int_equal(budget_used(&budget), SPANS * SLAB_SPAN / 8 * 7); /* of the rest, the slices see to it */
    assert_true(slab_trim(s, SIZE_MAX));
    assert_int_equal(budget_used(&budget), 0);
    end(s);
}

/* ---- failures ---- */

static int disarm(void **state)
{
    (void)state;
    fault_disarm_all();
    return 0;
}

static void no_address_space_is_no_slot(void **state)
{
    (void)state;
    struct slab *s = new_slab();
    fault_arm(FAULT_SLAB_GROW, 1, 1);
    assert_int_equal(take(s, SIZE), SLAB_NONE);
    assert_int_equal(budget_used(&budget), 0);
    uint32_t *handles = take_many(s, 16 * PER_SPAN, SIZE); /* a whole chunk */
    fault_arm(FAULT_SLAB_GROW, 1, 2);
    assert_int_equal(take(s, SIZE), SLAB_NONE);
    assert_int_equal(take(s, 5000), SLAB_NONE);
    slab_free(s, handles[1000]);
    assert_int_equal(take(s, SIZE), handles[1000]);
    uint32_t more[2] = {take(s, SIZE), take(s, 5000)};
    for (int i = 0; i < 2; i++) {
        assert_int_not_equal(more[i], SLAB_NONE);
        slab_free(s, more[i]);
    }
    free_many(s, handles, 16 * PER_SPAN);
    end(s);
}

/* ---- compaction ---- */

/* Moves until nothing is worth it; `pinned` stays where it is. Returns how many were moved. */
static size_t compact(struct slab *s, uint32_t *handles, size_t count, uint32_t pinned, bool pressing)
{
    size_t moved = 0;
    for (uint32_t from; (from = slab_next_to_move(s, pressing, 1000)) != SLAB_NONE;) {
        check(s, from, SIZE);
        if (from == pinned) continue;
        size_t i = 0;
        while (handles[i] != from)
            assert_true(++i < count);
        uint64_t charged = counter_get(&bytes);
        handles[i] = take(s, SIZE);
        assert_true(handles[i] >> SLAB_SLOT_BITS != from >> SLAB_SLOT_BITS);
        assert_true(counter_get(&bytes) <= charged); /* there was room elsewhere */
        slab_free(s, from);
        moved++;
    }
    return moved;
}

/* Frees all but every n-th of them. */
static size_t thin_out(struct slab *s, uint32_t *handles, size_t count, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (i % n == 0)
            handles[kept++] = handles[i];
        else
            slab_free(s, handles[i]);
    return kept;
}

static void sparse_spans_are_moved_together(void **state)
{
    (void)state;
    struct slab *s = new_slab();
    enum { SPANS = 24 };
    uint32_t *handles = take_many(s, SPANS * PER_SPAN, SIZE);
    assert_int_equal(slab_next_to_move(s, true, 0), SLAB_NONE); /* all are full */
    size_t kept = thin_out(s, handles, SPANS * PER_SPAN, 6);
    assert_int_equal(counter_get(&bytes), SPANS * SLAB_SPAN);
    size_t moved = compact(s, handles, kept, SLAB_NONE, false);
    assert_true(moved <= kept && moved > 0);
    assert_true(slab_trim(s, SIZE_MAX));
    assert_true(counter_get(&bytes) <= (SPANS / 6 + 2) * SLAB_SPAN);
    assert_int_equal(compact(s, handles, kept, SLAB_NONE, true), 0);
    for (size_t i = 0; i < kept; i++)
        check(s, handles[i], SIZE);
    free_many(s, handles, kept);
    end(s);
}

static void under_pressure_less_is_worth_it(void **state)
{
    (void)state;
    struct slab *s = new_slab();
    enum { SPANS = 20 };
    uint32_t *handles = take_many(s, SPANS * PER_SPAN, SIZE);
    size_t kept = 0;
    for (size_t i = 0; i < SPANS * PER_SPAN; i++)
        if (i % 12 == 0) /* less than an eighth, more than a span */
            slab_free(s, handles[i]);
        else
            handles[kept++] = handles[i];
    assert_int_equal(compact(s, handles, kept, SLAB_NONE, false), 0);
    assert_true(compact(s, handles, kept, SLAB_NONE, true) > 0);
    assert_true(slab_trim(s, SIZE_MAX));
    assert_int_equal(counter_get(&bytes), (SPANS - 1) * SLAB_SPAN);
    free_many(s, handles, kept);
    end(s);
}

static void what_cannot_be_moved_makes_it_rest(void **state)
{
    (void)state;
    struct slab *s = new_slab();
    enum { SPANS = 4 };
    uint32_t *handles = take_many(s, SPANS * PER_SPAN, SIZE);
    size_t kept = thin_out(s, handles, SPANS * PER_SPAN, 5);
    uint32_t pinned = slab_next_to_move(s, false, 1000); /* which is the first of its span */
    assert_int_not_equal(pinned, SLAB_NONE);
    compact(s, handles, kept, pinned, false);
    check(s, pinned, SIZE);
    assert_int_equal(slab_next_to_move(s, true, 1999), SLAB_NONE);
    uint32_t next = slab_next_to_move(s, true, 2000); /* tries again */
    assert_int_not_equal(next, SLAB_NONE);
    uint32_t taken = take(s, SIZE); /* never from the span that is being emptied */
    assert_true(taken >> SLAB_SLOT_BITS != next >> SLAB_SLOT_BITS);
    slab_free(s, taken);
    free_many(s, handles, kept);
    end(s);
}

/* ---- other threads ---- */

#define THREADS  4
#define EACH     2000
#define PER_GIVE 50

struct giver {
    pthread_t thread;
    struct slab *slab;
    void *slots[EACH];
};

static void *give_all(void *arg)
{
    struct giver *g = arg;
    for (size_t i = 0; i < EACH; i++)
        slab_give(g->slots[i]);
    return NULL;
}

static struct giver *start_givers(struct slab *s)
{
    struct giver *givers = calloc(THREADS, sizeof *givers);
    for (size_t k = 0; k < THREADS; k++) {
        for (size_t i = 0; i < EACH; i++)
            givers[k].slots[i] = slab_at(s, take(s, SIZE + k * 8));
        assert_int_equal(pthread_create(&givers[k].thread, NULL, give_all, &givers[k]), 0);
    }
    return givers;
}

static void join_givers(struct giver *givers)
{
    for (size_t k = 0; k < THREADS; k++)
        pthread_join(givers[k].thread, NULL);
    free(givers);
}

static void what_others_give_is_collected(void **state)
{
    (void)state;
    struct slab *s = new_slab();
    assert_int_equal(slab_collect(s, 1), 0);
    struct giver *givers = start_givers(s);
    size_t collected = 0;
    while (collected < THREADS * EACH) {
        size_t n = slab_collect(s, PER_GIVE);
        assert_true(n <= PER_GIVE);
        collected += n;
        slab_free(s, take(s, SIZE)); /* life goes on meanwhile */
    }
    join_givers(givers);
    assert_int_equal(slab_collect(s, SIZE_MAX), 0);
    assert_true(slab_trim(s, SIZE_MAX));
    assert_int_equal(counter_get(&bytes), 0);
    end(s);
}

/* The slab ends while they are at it; the last one takes everything down (which the sanitizers see). */
static void what_is_given_after_the_end_is_freed_too(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        struct slab *s = new_slab();
        uint32_t mine = take(s, 200);
        struct giver *givers = start_givers(s);
        if (round % 2 == 0) slab_free(s, mine);
        void *held = round % 2 != 0 ? slab_at(s, mine) : NULL;
        end(s);
        join_givers(givers);
        if (held) {
            memset(held, 1, 200);
            slab_give(held);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(little_is_lost_to_rounding),
        cmocka_unit_test(slots_of_all_sizes_keep_apart),
        cmocka_unit_test(pages_are_charged_when_touched),
        cmocka_unit_test(the_budget_is_asked_for_new_pages_only),
        cmocka_unit_test(empty_spans_go_back_to_the_system),
        cmocka_unit_test(empty_spans_do_not_keep_a_budget_short),
        cmocka_unit_test_teardown(no_address_space_is_no_slot, disarm),
        cmocka_unit_test(sparse_spans_are_moved_together),
        cmocka_unit_test(under_pressure_less_is_worth_it),
        cmocka_unit_test(what_cannot_be_moved_makes_it_rest),
        cmocka_unit_test(what_others_give_is_collected),
        cmocka_unit_test(what_is_given_after_the_end_is_freed_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
