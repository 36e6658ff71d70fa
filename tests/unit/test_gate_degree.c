/* A station that works on several tasks at the same time: the gate keeps all of it busy. Simulated: no thread, no
 * clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "daemon/admit/gate.h"

#define MS         UINT64_C(1000000)
#define SERVERS    8
#define SERVICE_NS (MS / 2) /* on average */
#define CALLS      64       /* wait or are under way at any time */
#define SECOND_NS  (1000 * MS)

struct fixture {
    struct costs costs;
    struct gate_station station;
    struct gate_stats *stats;
    struct gate gate;
    struct task tasks[CALLS];
    struct task *queue[CALLS]; /* with the station and not begun, oldest first */
    size_t first, queued;
    struct task *served[SERVERS]; /* NULL: it idles */
    uint64_t busy_ns;             /* of all servers together */
    uint64_t random;
};

/* From half to one and a half times the average. */
static uint64_t service_ns(struct fixture *f)
{
    f->random ^= f->random << 13;
    f->random ^= f->random >> 7;
    f->random ^= f->random << 17;
    return SERVICE_NS / 2 + f->random % SERVICE_NS;
}

static void begin(struct fixture *f, uint64_t now_ns)
{
    for (int i = 0; i < SERVERS && f->queued > 0; i++) {
        if (f->served[i]) continue;
        struct task *task = f->served[i] = f->queue[f->first++ % CALLS];
        f->queued--;
        task->taken_ns = now_ns;
        task->done_ns = now_ns + service_ns(f);
        f->busy_ns += task->done_ns - now_ns;
    }
}

static void send(struct fixture *f, struct task *task)
{
    f->queue[(f->first + f->queued++) % CALLS] = task;
    gate_sent(&f->gate, task);
}

static void offer(struct fixture *f, struct task *task, uint64_t now_ns)
{
    uint64_t conn = (uint64_t)(task - f->tasks);
    task_clear(task);
    task->conn = conn;
    task->call.request.op = OP_GET;
    task->call.request.priority = PRIORITY_NORMAL;
    task->arrived_ns = now_ns;
    enum gate_verdict verdict = gate_judge(&f->gate, task, now_ns);
    if (verdict == GATE_LINE) verdict = gate_enter(&f->gate, task, now_ns);
    assert_in_range(verdict, GATE_PASS, GATE_LINE);
    if (verdict == GATE_LINE) return;
    gate_pass(&f->gate, task, now_ns);
    send(f, task);
}

/* The one that is done first comes back, is offered again, and the gate says who is next. Returns when. */
static uint64_t step(struct fixture *f)
{
    struct task **done = NULL, *task;
    for (int i = 0; i < SERVERS; i++)
        if (f->served[i] && (!done || f->served[i]->done_ns < (*done)->done_ns)) done = &f->served[i];
    assert_non_null(done);
    task = *done;
    *done = NULL;
    uint64_t now_ns = task->done_ns;
    task->call.reply.kind = REPLY_OK;
    costs_note(&f->costs, &task, 1, task->done_ns - task->taken_ns);
    gate_returned(&f->gate, task, now_ns);
    offer(f, task, now_ns);
    while ((task = gate_next(&f->gate, now_ns)) != NULL)
        send(f, task);
    begin(f, now_ns);
    return now_ns;
}

static void forget(struct task *task)
{
    (void)task;
}

/* The servers' use, in percent, of a second in which there is always more to do. */
static uint64_t use_of(uint32_t degree)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->stats = calloc(1, sizeof *f->stats);
    f->random = 88172645463325252;
    costs_init(&f->costs);
    f->station = (struct gate_station){.gates = 1, .degree = degree};
    gate_init(&f->gate, &(struct gate_options){.station = &f->station, .costs = &f->costs, .stats = f->stats});
    gate_tune(&f->gate, &policy_wait, CALLS, 0);
    for (int i = 0; i < CALLS; i++) {
        task_init(&f->tasks[i]);
        offer(f, &f->tasks[i], MS);
    }
    begin(f, MS);
    uint64_t now_ns = MS;
    while (now_ns < SECOND_NS)
        now_ns = step(f);
    f->busy_ns = 0;
    while (now_ns < 2 * SECOND_NS)
        now_ns = step(f);
    uint64_t use = f->busy_ns * 100 / SERVERS / SECOND_NS;
    gate_free(&f->gate, forget);
    free(f->stats);
    free(f);
    return use;
}

static void all_servers_are_kept_busy(void **state)
{
    (void)state;
    assert_in_range(use_of(SERVERS), 99, 101);
}

/* The same station, taken for a thread: what is known of it is that it always has something to do. */
static void where_the_degree_is_not_said_they_are_not(void **state)
{
    (void)state;
    assert_in_range(use_of(1), 10, 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_servers_are_kept_busy),
        cmocka_unit_test(where_the_degree_is_not_said_they_are_not),
    };
    return cmocka_run_group_tests_name("degree", tests, NULL, NULL);
}
