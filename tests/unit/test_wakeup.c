/* The bell under racing threads: no wakeup is lost between publishing work and falling asleep. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/queue/bell.h"

#define HANG_S    120 /* a lost wakeup hangs; the alarm then kills the test */
#define RINGERS   2
#define EXCHANGES 30000
#define MEETINGS  20000

/*
 * The two sides of the handshake at one instant, many times over, each time on untouched memory: whoever comes
 * second must notice the other. Plain loads or stores instead of exchanges fail here on any x86 or ARM machine.
 */
struct meeting {
    struct bell bell;
    _Alignas(64) _Atomic uint32_t work;
    bool rang;   /* the producer saw the flag */
    bool looked; /* the consumer saw the work */
};

struct meetings {
    struct meeting *all;
    _Alignas(64) _Atomic uint32_t at[2]; /* how far either side is */
};

static void meet(struct meetings *m, int side, uint32_t n)
{
    atomic_store(&m->at[side], n + 1);
    for (uint32_t turns = 1; atomic_load(&m->at[!side]) <= n; turns++)
        if (turns % 1024 == 0) sched_yield();
}

static void *meeting_producer(void *arg)
{
    struct meetings *m = arg;
    for (uint32_t n = 0; n < MEETINGS; n++) {
        meet(m, 0, n);
        atomic_store_explicit(&m->all[n].work, 1, memory_order_relaxed);
        m->all[n].rang = bell_ring(&m->all[n].bell);
    }
    return NULL;
}

static void one_side_always_notices(void **state)
{
    (void)state;
    struct meetings m = {.all = aligned_alloc(64, MEETINGS * sizeof(struct meeting))};
    pthread_t thread;
    assert_non_null(m.all);
    memset(m.all, 0, MEETINGS * sizeof(struct meeting));
    for (uint32_t n = 0; n < MEETINGS; n++)
        bell_init(&m.all[n].bell);
    assert_int_equal(pthread_create(&thread, NULL, meeting_producer, &m), 0);
    for (uint32_t n = 0; n < MEETINGS; n++) {
        meet(&m, 1, n);
        bell_arm(&m.all[n].bell);
        m.all[n].looked = atomic_load_explicit(&m.all[n].work, memory_order_relaxed) != 0;
    }
    pthread_join(thread, NULL);
    for (uint32_t n = 0; n < MEETINGS; n++)
        assert_true(m.all[n].rang || m.all[n].looked);
    free(m.all);
}

/*
 * Ringers publish a number without any ordering of its own and wait for the answer; the consumer sleeps each
 * time it sees nothing new. Only the bell orders the two sides, and one lost wakeup stops both for ever.
 */
struct exchange {
    struct bell bell;
    struct {
        _Alignas(64) _Atomic uint32_t asked;
        _Alignas(64) _Atomic uint32_t answered;
    } lane[RINGERS];
};

struct ringer {
    struct exchange *exchange;
    int id;
};

static void *ringer_main(void *arg)
{
    struct ringer *me = arg;
    struct exchange *x = me->exchange;
    for (uint32_t n = 1; n <= EXCHANGES; n++) {
        atomic_store_explicit(&x->lane[me->id].asked, n, memory_order_relaxed);
        bell_ring(&x->bell);
        while (atomic_load_explicit(&x->lane[me->id].answered, memory_order_relaxed) != n)
            sched_yield();
    }
    return NULL;
}

/* Answers what was asked; returns how many questions there were. */
static uint32_t answer(struct exchange *x)
{
    uint32_t questions = 0;
    for (int i = 0; i < RINGERS; i++) {
        uint32_t asked = atomic_load_explicit(&x->lane[i].asked, memory_order_relaxed);
        if (asked == atomic_load_explicit(&x->lane[i].answered, memory_order_relaxed)) continue;
        atomic_store_explicit(&x->lane[i].answered, asked, memory_order_relaxed);
        questions++;
    }
    return questions;
}

static void sleep_until_rung(struct bell *b)
{
    if (b->fd < 0) {
        bell_wait(b, UINT64_MAX);
        return;
    }
    struct pollfd p = {.fd = b->fd, .events = POLLIN};
    while (poll(&p, 1, -1) < 0)
        assert_int_equal(errno, EINTR);
    bell_drain(b);
}

static void exchange_over(struct exchange *x)
{
    struct ringer ringers[RINGERS];
    pthread_t threads[RINGERS];
    for (int i = 0; i < RINGERS; i++) {
        ringers[i] = (struct ringer){.exchange = x, .id = i};
        assert_int_equal(pthread_create(&threads[i], NULL, ringer_main, &ringers[i]), 0);
    }
    for (uint32_t total = 0; total < RINGERS * EXCHANGES;) {
        bell_arm(&x->bell);
        uint32_t questions = answer(x);
        if (questions == 0) sleep_until_rung(&x->bell);
        bell_disarm(&x->bell);
        total += questions;
    }
    for (int i = 0; i < RINGERS; i++)
        pthread_join(threads[i], NULL);
    bell_close(&x->bell);
}

static void no_wakeup_is_lost(void **state)
{
    (void)state;
    struct exchange x = {0};
    bell_init(&x.bell);
    exchange_over(&x);
}

static void no_wakeup_is_lost_with_an_fd(void **state)
{
    (void)state;
    struct exchange x = {0};
    assert_true(bell_init_fd(&x.bell));
    exchange_over(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_side_always_notices),
        cmocka_unit_test(no_wakeup_is_lost),
        cmocka_unit_test(no_wakeup_is_lost_with_an_fd),
    };
    alarm(HANG_S);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
