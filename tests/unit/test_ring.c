/* The ring: exact bounds, order, wraparound, and producers racing for the last places. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/queue/bell.h"
#include "daemon/queue/ring.h"

#define PRODUCERS   4
#define HANG_S      120 /* a lost wakeup hangs; the alarm then kills the test */
#define BATCH_MAX   1100
#define EACH_PUSHES 20000
#define RACE_ROUNDS 300

static const uint32_t bounds[] = {1, 2, 3, 64, 100, 1024};
#define BOUNDS (sizeof bounds / sizeof bounds[0])

static void *item_of(uint64_t n)
{
    return (void *)(uintptr_t)n;
}

static uint64_t number_of(void *item)
{
    return (uint64_t)(uintptr_t)item;
}

static void holds_exactly_its_bound(void **state)
{
    (void)state;
    for (size_t i = 0; i < BOUNDS; i++) {
        uint32_t bound = bounds[i];
        struct ring *r = ring_create(bound);
        assert_non_null(r);
        assert_int_equal(ring_bound(r), bound);
        assert_int_equal(ring_depth(r), 0);
        uint64_t in = 0, out = 0;
        for (; in < bound; in++) {
            assert_int_equal(ring_depth(r), in);
            assert_true(ring_push(r, item_of(in)));
        }
        /* One out, one in, over several laps: it is full before and after, and never takes one more. */
        for (uint32_t turn = 0; turn < 5 * bound + 7; turn++) {
            assert_false(ring_push(r, item_of(UINT32_MAX)));
            assert_int_equal(ring_depth(r), bound);
            void *item;
            assert_int_equal(ring_pop(r, &item, 1), 1);
            assert_int_equal(number_of(item), out++);
            assert_int_equal(ring_depth(r), bound - 1);
            assert_true(ring_push(r, item_of(in++)));
        }
        assert_false(ring_push(r, item_of(UINT32_MAX)));
        ring_destroy(r);
    }
}

static void holds_the_greatest_bound(void **state)
{
    (void)state;
    static void *items[1024];
    struct ring *r = ring_create(RING_BOUND_MAX);
    assert_non_null(r);
    for (uint64_t n = 0; n < RING_BOUND_MAX; n++)
        assert_true(ring_push(r, item_of(n)));
    assert_false(ring_push(r, item_of(0)));
    assert_int_equal(ring_depth(r), RING_BOUND_MAX);
    for (uint64_t n = 0; n < RING_BOUND_MAX; n += 1024) {
        assert_int_equal(ring_pop(r, items, 1024), 1024);
        assert_int_equal(number_of(items[0]), n);
        assert_int_equal(number_of(items[1023]), n + 1023);
    }
    assert_int_equal(ring_depth(r), 0);
    ring_destroy(r);
}

static void empty_gives_nothing(void **state)
{
    (void)state;
    struct ring *r = ring_create(3);
    void *items[4] = {item_of(9), item_of(9), item_of(9), item_of(9)};
    for (int lap = 0; lap < 20; lap++) {
        assert_int_equal(ring_pop(r, items, 4), 0);
        assert_true(ring_push(r, item_of(7)));
        assert_int_equal(ring_pop(r, items, 0), 0); /* no room for any: it stays */
        assert_int_equal(ring_depth(r), 1);
        assert_int_equal(ring_pop(r, items, 4), 1);
        assert_int_equal(number_of(items[0]), 7);
        assert_int_equal(number_of(items[1]), 9); /* untouched */
    }
    ring_destroy(r);
}

static void carries_null_like_any_other(void **state)
{
    (void)state;
    struct ring *r = ring_create(2);
    void *items[2] = {item_of(1), item_of(1)};
    assert_true(ring_push(r, NULL));
    assert_true(ring_push(r, NULL));
    assert_int_equal(ring_pop(r, items, 2), 2);
    assert_null(items[0]);
    assert_null(items[1]);
    ring_destroy(r);
}

/* What a pop took is free when it returns: exactly that many go in again. Batches of all sizes, many laps. */
static void batches_keep_order_and_free_their_places(void **state)
{
    (void)state;
    static void *items[BATCH_MAX];
    for (size_t i = 0; i < BOUNDS; i++) {
        uint32_t bound = bounds[i];
        struct ring *r = ring_create(bound);
        uint64_t in = 0, out = 0;
        for (size_t max = 1; in < 20ULL * bound + 2000; max = max % (bound + 5) + 1) {
            while (ring_push(r, item_of(in)))
                in++;
            assert_int_equal(in - out, bound);
            size_t expected = max < bound ? max : bound;
            assert_int_equal(ring_pop(r, items, max), expected);
            for (size_t n = 0; n < expected; n++)
                assert_int_equal(number_of(items[n]), out++);
        }
        ring_destroy(r);
    }
}

struct race {
    struct ring *ring;
    pthread_barrier_t start;
    pthread_barrier_t end;
    uint64_t pushed[PRODUCERS]; /* this round, each */
    bool over;
};

struct racer {
    struct race *race;
    uint64_t id;
};

static void *race_main(void *arg)
{
    struct racer *me = arg;
    struct race *race = me->race;
    for (uint64_t n = 0;;) {
        pthread_barrier_wait(&race->start);
        if (race->over) return NULL;
        uint64_t pushed = 0;
        while (ring_push(race->ring, item_of(me->id << 32 | n))) {
            pushed++;
            n++;
        }
        race->pushed[me->id] = pushed;
        pthread_barrier_wait(&race->end);
    }
}

/*
 * All producers push until each has met "full" while nobody pops: together they must have pushed exactly as
 * many as there were places. More: the bound leaks. Fewer: somebody was told "full" while there was room.
 */
static void race_for(uint32_t bound)
{
    static void *items[BATCH_MAX];
    struct race race = {.ring = ring_create(bound)};
    struct racer racers[PRODUCERS];
    pthread_t threads[PRODUCERS];
    uint64_t next[PRODUCERS] = {0};
    pthread_barrier_init(&race.start, NULL, PRODUCERS + 1);
    pthread_barrier_init(&race.end, NULL, PRODUCERS + 1);
    for (uint64_t i = 0; i < PRODUCERS; i++) {
        racers[i] = (struct racer){.race = &race, .id = i};
        assert_int_equal(pthread_create(&threads[i], NULL, race_main, &racers[i]), 0);
    }
    uint64_t room = bound;
    for (uint32_t round = 0; round < RACE_ROUNDS; round++) {
        pthread_barrier_wait(&race.start);
        pthread_barrier_wait(&race.end);
        uint64_t pushed = 0;
        for (int i = 0; i < PRODUCERS; i++)
            pushed += race.pushed[i];
        assert_int_equal(pushed, room);
        room = ring_pop(race.ring, items, round % bound + 1);
        assert_int_equal(room, round % bound + 1);
        for (uint64_t i = 0; i < room; i++) {
            uint64_t id = number_of(items[i]) >> 32;
            assert_true(id < PRODUCERS);
            assert_int_equal(number_of(items[i]) & UINT32_MAX, next[id]++);
        }
    }
    race.over = true;
    pthread_barrier_wait(&race.start);
    for (int i = 0; i < PRODUCERS; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&race.start);
    pthread_barrier_destroy(&race.end);
    ring_destroy(race.ring);
}

static void racing_producers_fill_it_exactly(void **state)
{
    (void)state;
    for (size_t i = 0; i < BOUNDS; i++)
        race_for(bounds[i]);
}

struct stream {
    struct ring *ring;
    struct bell bell;
};

struct streamer {
    struct stream *stream;
    uint64_t id;
};

/* Pushes in batches of 1 to 7, rings once per batch, and before it waits for room. */
static void *stream_main(void *arg)
{
    struct streamer *me = arg;
    struct stream *s = me->stream;
    for (uint64_t n = 0; n < EACH_PUSHES; n++) {
        while (!ring_push(s->ring, item_of(me->id << 32 | n))) {
            bell_ring(&s->bell);
            sched_yield();
        }
        if (n % (me->id * 2 + 1) == 0) bell_ring(&s->bell);
    }
    bell_ring(&s->bell);
    return NULL;
}

/* Pops at least one item, asleep until there is one. */
static size_t pop_or_sleep(struct stream *s, void **items, size_t max)
{
    for (;;) {
        size_t n = ring_pop(s->ring, items, max);
        if (n > 0) return n;
        bell_arm(&s->bell);
        n = ring_pop(s->ring, items, max);
        if (n == 0) bell_wait(&s->bell, UINT64_MAX);
        bell_disarm(&s->bell);
        if (n > 0) return n;
    }
}

static void stream_through(uint32_t bound)
{
    static void *items[BATCH_MAX];
    struct stream s = {.ring = ring_create(bound)};
    struct streamer streamers[PRODUCERS];
    pthread_t threads[PRODUCERS];
    uint64_t next[PRODUCERS] = {0};
    uint64_t sum = 0;
    bell_init(&s.bell);
    for (uint64_t i = 0; i < PRODUCERS; i++) {
        streamers[i] = (struct streamer){.stream = &s, .id = i};
        assert_int_equal(pthread_create(&threads[i], NULL, stream_main, &streamers[i]), 0);
    }
    for (uint64_t total = 0; total < PRODUCERS * EACH_PUSHES;) {
        size_t n = pop_or_sleep(&s, items, bound + 8);
        assert_true(n <= bound); /* one pop gives no place back before it returns */
        for (size_t i = 0; i < n; i++) {
            uint64_t id = number_of(items[i]) >> 32;
            assert_true(id < PRODUCERS);
            assert_int_equal(number_of(items[i]) & UINT32_MAX, next[id]++);
            sum += number_of(items[i]) & UINT32_MAX;
        }
        total += n;
    }
    for (int i = 0; i < PRODUCERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(sum, PRODUCERS * ((uint64_t)EACH_PUSHES * (EACH_PUSHES - 1) / 2));
    assert_int_equal(ring_pop(s.ring, items, BATCH_MAX), 0);
    assert_int_equal(ring_depth(s.ring), 0);
    bell_close(&s.bell);
    ring_destroy(s.ring);
}

/* Nothing lost, doubled or reordered between producers and a consumer that sleeps whenever it finds nothing. */
static void streams_in_order_with_a_sleeping_consumer(void **state)
{
    (void)state;
    for (size_t i = 0; i < BOUNDS; i++)
        stream_through(bounds[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_exactly_its_bound),
        cmocka_unit_test(holds_the_greatest_bound),
        cmocka_unit_test(empty_gives_nothing),
        cmocka_unit_test(carries_null_like_any_other),
        cmocka_unit_test(batches_keep_order_and_free_their_places),
        cmocka_unit_test(racing_producers_fill_it_exactly),
        cmocka_unit_test(streams_in_order_with_a_sleeping_consumer),
    };
    alarm(HANG_S);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
