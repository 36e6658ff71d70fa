/* The gate corrects its estimates of waiting by how they turn out. Simulated: no thread, no clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "daemon/admit/gate.h"

#define US         UINT64_C(1000)
#define MS         UINT64_C(1000000)
#define SERVICE_NS (250 * US)
#define TARGET_NS  (5 * MS)

/* A backend that takes one call after the other, SERVICE_NS each. */
struct fixture {
    struct costs costs;
    struct ring *ring; /* always empty: the window is so small that the ring hardly counts */
    struct gate_station station;
    struct gate_stats *stats;
    struct gate gate;
    struct task *out[GATE_WINDOW_MOST];
    size_t first, count;
    uint64_t free_ns;
    uint32_t deepest;
};

static void setup(struct fixture *f)
{
    *f = (struct fixture){.ring = ring_create(64), .stats = calloc(1, sizeof(struct gate_stats))};
    assert_non_null(f->ring);
    assert_non_null(f->stats);
    costs_init(&f->costs);
    f->station = (struct gate_station){.gates = 1, .degree = 1, .ring = f->ring};
    gate_init(&f->gate, &(struct gate_options){.station = &f->station, .costs = &f->costs, .stats = f->stats});
    gate_tune(&f->gate, &policy_reject, 1000, TARGET_NS);
}

static void teardown(struct fixture *f)
{
    while (f->count > 0) {
        free(f->out[f->first++ % GATE_WINDOW_MOST]);
        f->count--;
    }
    gate_free(&f->gate, (void (*)(struct task *))free);
    ring_destroy(f->ring);
    free(f->stats);
}

static void send(struct fixture *f, struct task *task, uint64_t now_ns)
{
    task->taken_ns = f->free_ns > now_ns ? f->free_ns : now_ns;
    f->free_ns = task->done_ns = task->taken_ns + SERVICE_NS;
    f->out[(f->first + f->count++) % GATE_WINDOW_MOST] = task;
    gate_sent(&f->gate, task);
}

/* What is done by `now_ns` comes back; others take its place. */
static void run_until(struct fixture *f, uint64_t now_ns)
{
    struct task *next;
    while (f->count > 0 && f->out[f->first % GATE_WINDOW_MOST]->done_ns <= now_ns) {
        struct task *task = f->out[f->first++ % GATE_WINDOW_MOST];
        f->count--;
        costs_note(&f->costs, &task, 1, SERVICE_NS);
        gate_returned(&f->gate, task, task->done_ns);
        while ((next = gate_next(&f->gate, task->done_ns)) != NULL)
            send(f, next, task->done_ns);
        free(task);
    }
}

/* It has waited for `age_ns` already, for the I/O thread to read it. */
static void offer_aged(struct fixture *f, uint64_t conn, uint64_t now_ns, uint64_t age_ns)
{
    struct task *task = malloc(sizeof *task);
    assert_non_null(task);
    task_init(task);
    task->conn = conn;
    task->call.request.op = OP_GET;
    task->call.request.priority = PRIORITY_NORMAL;
    task->arrived_ns = now_ns - age_ns;
    enum gate_verdict verdict = gate_judge(&f->gate, task, now_ns);
    if (verdict == GATE_LINE) verdict = gate_enter(&f->gate, task, now_ns);
    if (verdict == GATE_PASS) {
        gate_pass(&f->gate, task, now_ns);
        send(f, task, now_ns);
    }
    if (verdict == GATE_REFUSE) free(task);
    if (f->gate.line.count > f->deepest) f->deepest = f->gate.line.count;
}

static void offer(struct fixture *f, uint64_t conn, uint64_t now_ns)
{
    offer_aged(f, conn, now_ns, 0);
}

/* At first an operation is taken to cost a fifth of what it does, so waits come out five times as long as
 * estimated. That must not keep the line short for ever after. */
static void a_wrong_first_estimate_is_forgotten(void **state)
{
    struct fixture f;
    (void)state;
    setup(&f);
    for (uint64_t i = 0; i < 64; i++) /* all at once */
        offer(&f, i, 0);
    for (uint64_t i = 0; i < 8000; i++) { /* a second at twice the capacity */
        if (i == 4000) f.deepest = 0;
        run_until(&f, i * SERVICE_NS / 2);
        offer(&f, i % 64, i * SERVICE_NS / 2);
    }
    assert_in_range(f.deepest, TARGET_NS / SERVICE_NS * 7 / 10, TARGET_NS / SERVICE_NS);
    teardown(&f);
}

/* Where the I/O thread is what is too slow, requests have waited for long when they come to the door. That says
 * nothing of the line. */
static void waiting_for_the_io_thread_does_not_make_the_line_shorter(void **state)
{
    struct fixture f;
    (void)state;
    setup(&f);
    f.free_ns = 1000 * MS;
    for (uint64_t i = 0; i < 8000; i++) {
        uint64_t at = 1000 * MS + i * SERVICE_NS / 2;
        if (i == 4000) f.deepest = 0;
        run_until(&f, at);
        offer_aged(&f, i % 64, at, 100 * MS);
    }
    assert_in_range(f.deepest, TARGET_NS / SERVICE_NS * 7 / 10, TARGET_NS / SERVICE_NS);
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wrong_first_estimate_is_forgotten),
        cmocka_unit_test(waiting_for_the_io_thread_does_not_make_the_line_shorter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
