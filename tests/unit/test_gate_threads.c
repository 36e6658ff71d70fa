/* Several gates at one station, each on a thread of its own, with a bound that has most of them hold their calls
 * most of the time: nobody is left waiting for room that was made while it looked. A hang is ended by an alarm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/admit/gate.h"
#include "daemon/queue/mailbox.h"

#define HANG_S 60
#define LANES  3
#define CALLS  4000 /* of each lane */
#define BOUND  1    /* that may wait, of all lanes */

struct world;

struct lane {
    struct world *world;
    uint32_t number;
    struct gate gate;
    struct gate_stats *stats;
    struct mailbox mailbox;
    sem_t wakeup;
    struct task *tasks;
    uint32_t sent, back;
    struct task *held;
};

struct world {
    struct gate_station station;
    struct costs costs;
    struct ring *ring;
    sem_t work;
    struct lane lanes[LANES];
};

static void send(struct lane *l, struct task *task)
{
    if (!ring_push(l->world->ring, task)) abort();
    gate_sent(&l->gate, task);
    sem_post(&l->world->work);
}

/* True when the call found a place; else it is held. */
static bool submit(struct lane *l, struct task *task)
{
    enum gate_verdict verdict = gate_judge(&l->gate, task, 1);
    if (verdict == GATE_PASS) {
        gate_pass(&l->gate, task, 1);
        send(l, task);
    }
    if (verdict == GATE_LINE || (verdict == GATE_HOLD && gate_hold(&l->gate)))
        verdict = gate_enter(&l->gate, task, 1);
    if (verdict == GATE_REFUSE || verdict == GATE_LATE) abort();
    l->held = verdict == GATE_HOLD ? task : NULL;
    return !l->held;
}

/* As dispatch does it: room goes to others that wait for it, while calls of our own are under way. */
static bool flush(struct lane *l, bool room)
{
    struct task *task;
    while ((task = gate_next(&l->gate, 1)) != NULL)
        send(l, task);
    uint64_t others = gate_others_starved(&l->gate);
    if (others && (l->gate.out > 0 || l->gate.line.count > 0)) room = false;
    for (; others; others &= others - 1)
        sem_post(&l->world->lanes[__builtin_ctzll(others)].wakeup);
    return room;
}

static void *lane_main(void *arg)
{
    struct lane *l = arg;
    while (l->back < CALLS) {
        bool room = true;
        struct mail *mail = mailbox_take(&l->mailbox);
        bool returned = mail;
        for (; mail; mail = mail->next) {
            gate_returned(&l->gate, task_of_mail(mail), 1);
            l->back++;
        }
        if (returned) room = flush(l, true);
        if (room && l->held) submit(l, l->held);
        while (!l->held && l->sent < CALLS)
            submit(l, &l->tasks[l->sent++]);
        flush(l, false);
        if (l->back < CALLS) sem_wait(&l->wakeup);
    }
    return NULL;
}

static void *server_main(void *arg)
{
    struct world *w = arg;
    struct mail_batch batch = {0};
    for (uint32_t done = 0; done < LANES * CALLS; done++) {
        void *item;
        sem_wait(&w->work);
        while (ring_pop(w->ring, &item, 1) == 0)
            sched_yield(); /* claimed but not yet written */
        struct task *task = item;
        struct lane *lane = &w->lanes[task->lane];
        task->taken_ns = task->done_ns = 1;
        task->call.reply.kind = REPLY_OK;
        mail_batch_add(&batch, &task->mail);
        mailbox_post(&lane->mailbox, &batch);
        sem_post(&lane->wakeup);
    }
    return NULL;
}

static void open_lane(struct world *w, uint32_t number)
{
    struct lane *l = &w->lanes[number];
    l->world = w;
    l->number = number;
    l->stats = calloc(1, sizeof *l->stats);
    l->tasks = calloc(CALLS, sizeof *l->tasks);
    sem_init(&l->wakeup, 0, 0);
    struct gate_options options = {.station = &w->station, .lane = number, .costs = &w->costs, .stats = l->stats};
    gate_init(&l->gate, &options);
    gate_tune(&l->gate, &policy_wait, BOUND, 0);
    for (uint32_t i = 0; i < CALLS; i++) {
        task_init(&l->tasks[i]);
        l->tasks[i].lane = number;
        l->tasks[i].conn = i % 5;
        l->tasks[i].call.request.priority = PRIORITY_NORMAL;
    }
}

static void nobody_is_left_waiting(void **state)
{
    struct world *w = aligned_alloc(64, sizeof *w); /* a multiple of 64: it holds mailboxes */
    pthread_t threads[LANES + 1];
    (void)state;
    memset(w, 0, sizeof *w);
    w->ring = ring_create(LANES * GATE_WINDOW_MOST);
    w->station = (struct gate_station){.gates = LANES, .degree = 1, .ring = w->ring};
    costs_init(&w->costs);
    sem_init(&w->work, 0, 0);
    for (uint32_t i = 0; i < LANES; i++)
        open_lane(w, i);
    assert_int_equal(pthread_create(&threads[LANES], NULL, server_main, w), 0);
    for (uint32_t i = 0; i < LANES; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, lane_main, &w->lanes[i]), 0);
    for (uint32_t i = 0; i <= LANES; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(gate_station_depth(&w->station), 0);
    for (uint32_t i = 0; i < LANES; i++) {
        assert_int_equal(w->lanes[i].gate.out, 0);
        gate_free(&w->lanes[i].gate, NULL);
        free(w->lanes[i].stats);
        free(w->lanes[i].tasks);
    }
    ring_destroy(w->ring);
    free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(nobody_is_left_waiting)};
    alarm(HANG_S);
    return cmocka_run_group_tests_name("gate_threads", tests, NULL, NULL);
}
