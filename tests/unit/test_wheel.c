/* The timing wheel on its own: against a plain array of deadlines, at its edges, and within its work limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "daemon/store/entry_impl.h"
#include "daemon/store/wheel.h"

#define TEN_YEARS UINT64_C(315360000000)

static uint64_t next_random(uint64_t *s) /* splitmix64 */
{
    uint64_t z = *s += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static struct budget budget; /* mutable on purpose: of the running test */
static counter slab_bytes;   /* mutable on purpose: of the running test */
static counter filed;        /* mutable on purpose: of the running test */
static struct slab *slab;    /* mutable on purpose: of the running test */

static uint32_t make(uint64_t deadline)
{
    struct table_item item = {.key = "k", .key_len = 1};
    uint32_t handle = entry_create(slab, &budget, &item, false);
    assert_int_not_equal(handle, SLAB_NONE);
    entry_set_due(entry_at(slab, handle), entry_due_from(deadline));
    return handle;
}

static struct entry *at(uint32_t handle)
{
    return entry_at(slab, handle);
}

static struct wheel *new_wheel(uint64_t now)
{
    struct wheel *w = malloc(sizeof *w);
    budget_init(&budget, 0);
    slab = slab_create(&budget, &slab_bytes);
    assert_non_null(slab);
    filed = 0;
    wheel_init(w, slab, &filed, now);
    return w;
}

static void free_wheel(struct wheel *w)
{
    while (!slab_destroy(slab)) {
    }
    assert_int_equal(budget_used(&budget), 0);
    free(w);
}

/* Everything due by `now`, freed. */
static uint64_t expire(struct wheel *w, uint64_t now)
{
    uint64_t n = 0;
    size_t moves = SIZE_MAX;
    uint32_t e;
    while (wheel_advance(w, now, &moves, &e) == WHEEL_EXPIRED) {
        assert_true(entry_deadline(at(e)) <= w->now);
        entry_drop(slab, e);
        n++;
    }
    return n;
}

static void expires_on_the_millisecond_at_every_distance(void **state)
{
    (void)state;
    static const uint64_t starts[] = {0, 1, 1023, 2047, 65535, 65536, 123456789, TEN_YEARS};
    for (size_t s = 0; s < sizeof starts / sizeof starts[0]; s++) {
        for (unsigned shift = 0; shift <= 38; shift++) {
            for (int delta = -2; delta <= 2; delta++) {
                uint64_t after = (UINT64_C(1) << shift) + (uint64_t)(delta + 3) - 3;
                if ((int64_t)after < 1) continue;
                struct wheel *w = new_wheel(starts[s]);
                uint64_t due = starts[s] + after;
                wheel_link(w, make(due));
                assert_int_equal(filed, 1);
                assert_true(wheel_next_due(w) <= due);
                assert_int_equal(wheel_expired(w, due - 1), 0);
                assert_int_equal(wheel_expired(w, due), 1);
                assert_int_equal(expire(w, starts[s] + after / 2), 0);
                assert_int_equal(wheel_expired(w, due - 1), 0);
                assert_int_equal(wheel_expired(w, due), 1);
                assert_int_equal(expire(w, due - 1), 0);
                assert_int_equal(wheel_next_due(w), due);
                assert_int_equal(expire(w, due), 1);
                assert_true(wheel_next_due(w) == UINT64_MAX);
                assert_int_equal(filed, 0);
                free_wheel(w);
            }
        }
    }
}

static void never_and_beyond_the_end_of_time(void **state)
{
    (void)state;
    struct wheel *w = new_wheel(5);
    uint32_t never = make(UINT64_MAX), far = make(UINT64_MAX - 1);
    wheel_link(w, never);
    assert_true(wheel_next_due(w) == UINT64_MAX);
    wheel_link(w, far);
    assert_true(entry_deadline(at(never)) == UINT64_MAX);
    assert_true(entry_deadline(at(far)) == ENTRY_TIME_MAX);
    assert_int_equal(wheel_expired(w, ENTRY_TIME_MAX - 1), 0);
    assert_int_equal(expire(w, ENTRY_TIME_MAX - 1), 0);
    assert_int_equal(wheel_expired(w, UINT64_MAX), 1);
    assert_int_equal(expire(w, UINT64_MAX), 1);
    wheel_move(w, never, UINT64_MAX); /* still in no slot */
    wheel_unlink(w, at(never));
    entry_drop(slab, never);
    free_wheel(w);
}

static void past_deadlines_are_due_at_once(void **state)
{
    (void)state;
    struct wheel *w = new_wheel(1000);
    assert_int_equal(expire(w, 5000), 0);
    wheel_link(w, make(3));
    wheel_link(w, make(5000));
    uint32_t taken_back = make(4999);
    wheel_link(w, taken_back);
    assert_int_equal(wheel_expired(w, 5000), 3);
    assert_true(wheel_next_due(w) <= 5000);
    wheel_unlink(w, at(taken_back));
    entry_drop(slab, taken_back);
    assert_int_equal(wheel_expired(w, 0), 2); /* time does not go back */
    assert_int_equal(expire(w, 5000), 2);
    for (unsigned i = 1; i <= 3; i++)
        wheel_link(w, make(5000 + 10 * i));
    size_t moves = 0;
    uint32_t none;
    assert_int_equal(wheel_advance(w, 6000, &moves, &none), WHEEL_LIMIT);
    assert_int_equal(wheel_expired(w, 5005), 3); /* nor behind a cursor that lags */
    assert_int_equal(expire(w, 5005), 3);
    free_wheel(w);
}

static uint64_t in_far_slots(const struct wheel *w)
{
    uint64_t n = 0;
    for (unsigned slot = WHEEL_NEAR; slot < WHEEL_SLOTS; slot++)
        n += w->slots[slot].count;
    return n;
}

static void a_crowded_slot_moves_down_in_slices(void **state)
{
    (void)state;
    enum { CROWD = 1000, SLICE = 7 };
    struct wheel *w = new_wheel(0);
    uint32_t kept[2] = {SLAB_NONE, SLAB_NONE};
    for (unsigned i = 0; i < CROWD; i++) { /* all in one slot of level 1 */
        uint32_t e = make(64 * 1024 + i);
        wheel_link(w, e);
        if (i < 2) kept[i] = e;
    }
    assert_int_equal(in_far_slots(w), CROWD);
    assert_int_equal(wheel_next_due(w), 63 * 1024);
    uint64_t now = 63 * 1024; /* the slot before theirs: time to move them down */
    uint64_t moved = 0;
    for (;;) {
        size_t moves = SLICE;
        uint32_t e;
        enum wheel_step step = wheel_advance(w, now, &moves, &e);
        assert_true(step != WHEEL_EXPIRED);
        moved += SLICE - moves;
        assert_int_equal(in_far_slots(w), CROWD - moved);
        assert_int_equal(wheel_expired(w, now), 0);
        assert_int_equal(wheel_expired(w, 64 * 1024 + 499), 500); /* exact on the way, looking ahead */
        if (step == WHEEL_DONE) break;
        assert_int_equal(moves, 0);
        assert_true(wheel_next_due(w) <= now);
    }
    assert_int_equal(moved, CROWD);
    wheel_move(w, kept[0], 64 * 1024 + 600);
    wheel_unlink(w, at(kept[1]));
    entry_drop(slab, kept[1]);
    assert_int_equal(wheel_next_due(w), 64 * 1024 + 2);
    assert_int_equal(expire(w, 64 * 1024 + 599), 598);
    assert_int_equal(expire(w, 64 * 1024 + 2000), CROWD - 599);
    free_wheel(w);
}

static void empty_time_is_skipped(void **state)
{
    (void)state;
    struct wheel *w = new_wheel(0);
    for (unsigned i = 1; i <= 10; i++)
        wheel_link(w, make(i * (TEN_YEARS / 10)));
    size_t moves = 10 * WHEEL_LEVELS;
    uint32_t e;
    unsigned expired = 0;
    enum wheel_step step;
    while ((step = wheel_advance(w, TEN_YEARS, &moves, &e)) == WHEEL_EXPIRED) {
        entry_drop(slab, e);
        expired++;
    }
    assert_int_equal(step, WHEEL_DONE);
    assert_int_equal(expired, 10);
    free_wheel(w);
}

/* ---- against a model ---- */

#define CROWD 400

static uint64_t random_deadline(uint64_t *seed, uint64_t now)
{
    uint64_t r = next_random(seed);
    if (r % 32 == 0) return UINT64_MAX;
    uint64_t after = next_random(seed) >> (24 + r / 32 % 40);
    return r % 16 == 1 && now > after ? now - after : now + after;
}

static uint64_t model_expired(const uint32_t *crowd, uint64_t now)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < CROWD; i++)
        n += crowd[i] != SLAB_NONE && entry_deadline(at(crowd[i])) <= now;
    return n;
}

static void forget(uint32_t *crowd, uint32_t e)
{
    for (unsigned i = 0; i < CROWD; i++) {
        if (crowd[i] != e) continue;
        crowd[i] = SLAB_NONE;
        entry_drop(slab, e);
        return;
    }
    fail();
}

static void check_sweep(struct wheel *w, uint32_t *crowd, uint64_t now, size_t moves)
{
    uint64_t due = model_expired(crowd, now);
    uint32_t e;
    enum wheel_step step;
    while ((step = wheel_advance(w, now, &moves, &e)) == WHEEL_EXPIRED) {
        assert_true(entry_deadline(at(e)) <= now);
        forget(crowd, e);
        due--;
    }
    if (step == WHEEL_LIMIT) {
        assert_int_equal(moves, 0);
        assert_true(wheel_next_due(w) <= now);
    } else {
        assert_int_equal(due, 0);
        assert_true(wheel_next_due(w) > now);
    }
}

static void random_walk_equals_the_model(void **state)
{
    (void)state;
    for (uint64_t round = 0; round < 6; round++) {
        uint64_t seed = 77 + round, now = round * 12345;
        struct wheel *w = new_wheel(now);
        uint32_t crowd[CROWD] = {SLAB_NONE};
        for (int step = 0; step < 6000; step++) {
            uint64_t r = next_random(&seed), i = r / 64 % CROWD;
            if (r % 64 < 30 && crowd[i] == SLAB_NONE) {
                crowd[i] = make(random_deadline(&seed, now));
                wheel_link(w, crowd[i]);
            } else if (r % 64 < 40 && crowd[i] != SLAB_NONE) {
                wheel_move(w, crowd[i], random_deadline(&seed, now));
            } else if (r % 64 < 46 && crowd[i] != SLAB_NONE) {
                wheel_unlink(w, at(crowd[i]));
                forget(crowd, crowd[i]);
            } else if (r % 64 < 54) {
                now += next_random(&seed) >> (28 + r / 4096 % 36); /* up to 2 years, often little */
                if (now > ENTRY_TIME_MAX / 2) now = ENTRY_TIME_MAX / 2;
            } else if (r % 64 < 60) {
                check_sweep(w, crowd, now, next_random(&seed) % 40);
            }
            uint64_t later = now + (next_random(&seed) >> (26 + r / 4096 % 38));
            assert_int_equal(wheel_expired(w, now), model_expired(crowd, now));
            assert_int_equal(wheel_expired(w, later), model_expired(crowd, later));
        }
        for (unsigned i = 0; i < CROWD; i++) {
            if (crowd[i] == SLAB_NONE) continue;
            wheel_unlink(w, at(crowd[i]));
            entry_drop(slab, crowd[i]);
        }
        assert_true(wheel_next_due(w) == UINT64_MAX);
        free_wheel(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expires_on_the_millisecond_at_every_distance),
        cmocka_unit_test(never_and_beyond_the_end_of_time),
        cmocka_unit_test(past_deadlines_are_due_at_once),
        cmocka_unit_test(a_crowded_slot_moves_down_in_slices),
        cmocka_unit_test(empty_time_is_skipped),
        cmocka_unit_test(random_walk_equals_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
