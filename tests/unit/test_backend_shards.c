/*
 * What several shards add to an owner: keys are dealt out evenly; operations on several are whole for all who look;
 * lanes that are owners themselves serve each other, and full rings keep nobody waiting for ever; a change from
 * outside wakes the one who sweeps; nothing queued is lost at the end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/backend/execute.h"
#include "tests/unit/store_contract.h"

/* ---- routing ---- */

#define HASHES 65536

/* Is each of the first `kinds` values seen about as often as the others? */
static void expect_even(const uint32_t *seen, uint32_t kinds, uint32_t total)
{
    for (uint32_t i = 0; i < kinds; i++)
        assert_in_range(seen[i], total / kinds * 8 / 10, total / kinds * 12 / 10 + 1);
}

static void keys_are_dealt_out_evenly(void **state)
{
    static const struct siphash_key hash_key = {1, 2};
    (void)state;
    for (uint32_t shards = 2; shards <= 64; shards = shards * 2 - shards / 4) {
        uint32_t seen[64] = {0}, buckets[16] = {0}, tags[16] = {0}, first = 0;
        for (uint32_t i = 0; i < HASHES; i++) {
            uint64_t hash = siphash13(&hash_key, &i, sizeof i);
            uint32_t shard = execute_shard(hash, shards);
            seen[shard]++;
            if (shard > 0) continue;
            first++;
            buckets[hash & 15]++;
            tags[hash >> 60]++;
        }
        if (shards <= 16) expect_even(seen, shards, HASHES);
        /* Within a shard the bits that choose bucket and tag are as they were. */
        if (shards <= 4) expect_even(buckets, 16, first);
        if (shards <= 4) expect_even(tags, 16, first);
        for (uint32_t i = 0; i < shards; i++)
            assert_true(seen[i] > 0);
    }
}

/* ---- lanes that are owners ---- */

#define LANES    3
#define ROUNDS   (STORE_SANITIZED ? 400 : 3000)
#define TOGETHER 4 /* keys that are stored at once */

struct lane {
    struct place *place;
    uint32_t number;
    pthread_t thread;
    struct mailbox box;
    _Atomic unsigned woken;
    struct task task;
    unsigned torn; /* replies that saw something half done */
    unsigned wrong;
    uint64_t random;
};

struct place {
    struct backend *backend;
    struct metrics *metrics;
    struct fake_clock clock;
    struct lane lanes[LANES];
    _Atomic unsigned finished;
};

static void complete(void *ctx, uint32_t lane, struct mail_batch *batch)
{
    mailbox_post(&((struct place *)ctx)->lanes[lane].box, batch);
}

static void wake(void *ctx, uint32_t lane)
{
    atomic_fetch_add(&((struct place *)ctx)->lanes[lane].woken, 1);
}

static struct place *place_open(uint32_t bound)
{
    struct place *p = aligned_alloc(64, (sizeof *p + 63) / 64 * 64);
    memset(p, 0, sizeof *p);
    fake_clock_init(&p->clock);
    struct backend_options options = {
        .clock = &p->clock.clock,
        .ttl_default_ms = UINT64_MAX,
        .ttl_max_lifetime_ms = UINT64_MAX,
        .sweep_interval_ms = 1,
        .queue_bound = bound,
        .shards = LANES,
        .in_place = true,
        .lanes = {.count = LANES, .complete = complete, .wake = wake, .ctx = p},
    };
    const char *error = NULL;
    p->backend = backend_owner.make(&options, &error);
    assert_non_null(p->backend);
    assert_true(backend_owner.start(p->backend, &error));
    p->metrics = metrics_create();
    assert_true(backend_owner.register_metrics(p->backend, p->metrics));
    for (uint32_t i = 0; i < LANES; i++) {
        p->lanes[i].place = p;
        p->lanes[i].number = i;
        p->lanes[i].random = i + 1;
        task_init(&p->lanes[i].task);
    }
    return p;
}

static void place_free(struct place *p)
{
    metrics_destroy(p->metrics);
    for (uint32_t i = 0; i < LANES; i++)
        task_clear(&p->lanes[i].task);
    fake_clock_destroy(&p->clock);
    free(p);
}

static void place_close(struct place *p)
{
    backend_owner.stop(p->backend);
    place_free(p);
}

static uint64_t next_random(struct lane *l)
{
    l->random ^= l->random << 13;
    l->random ^= l->random >> 7;
    l->random ^= l->random << 17;
    return l->random;
}

static struct station *station_of(struct place *p, uint32_t number)
{
    return p->backend->stations[number];
}

/* Executes a batch of what others have for this lane; false: there is none. */
static bool serve(struct lane *l)
{
    return station_run_batch(station_of(l->place, l->number), 0) != 0;
}

/* Executes the lane's call at some station, serving others meanwhile, as an I/O thread does. */
static void execute_at(struct lane *l, uint32_t station)
{
    struct station *s = station_of(l->place, station);
    struct task *task = &l->task;
    task->arrived_ns = atomic_load(&l->place->clock.ns);
    if (station == l->number) {
        l->wrong += station_run(s, &task, 1, task->arrived_ns) != 1;
        return;
    }
    while (!station_submit(s, task))
        if (!serve(l)) sched_yield();
    station_wake(s);
    struct mail *answered;
    while ((answered = mailbox_take(&l->box)) == NULL)
        if (!serve(l)) sched_yield();
    if (answered != &task->mail || answered->next) l->wrong++;
}

/* Returns when it wants to do so again. */
static uint64_t keep_house(struct place *p, uint32_t number)
{
    struct station *s = station_of(p, number);
    uint64_t now_ms = fake_clock_ms(&p->clock);
    if (station_is_due(s, now_ms)) station_keep_house(s, now_ms);
    return s->keep_ms;
}

static void begin(struct lane *l, enum op op)
{
    task_clear(&l->task);
    l->task.call.request.op = op;
    l->task.lane = l->number;
    l->task.conn = 1;
}

static void add_part(struct lane *l, enum op op, const char *key, const char *value, uint64_t ttl_ms)
{
    store_fill_call(call_add_part(&l->task.call, CALL_INLINE),
                    &(struct ask){.op = op, .key = key, .value = value, .ttl_ms = ttl_ms});
}

static void store_together(struct lane *l, unsigned round)
{
    char key[16], value[16];
    snprintf(value, sizeof value, "%u.%u", l->number, round);
    for (int i = 0; i < TOGETHER; i++) {
        snprintf(key, sizeof key, "together%d", i);
        add_part(l, OP_PUT, key, value, 1000000);
    }
}

static void read_together(struct lane *l)
{
    char key[16];
    for (int i = TOGETHER; i-- > 0;) {
        snprintf(key, sizeof key, "together%d", i);
        add_part(l, OP_GET, key, NULL, 0);
    }
}

static void check_together(struct lane *l)
{
    for (const struct call *part = l->task.call.parts; part; part = part->part_next)
        l->torn += part->request.op == OP_GET && !slice_equal(part->reply.body, l->task.call.parts->reply.body);
    l->wrong += l->task.call.reply.kind != REPLY_PARTS;
}

/* Sessions of its own, one of which moves from name to name. */
static void on_its_own(struct lane *l, unsigned round)
{
    char from[24], to[24];
    snprintf(from, sizeof from, "own%u.%u", l->number, round);
    snprintf(to, sizeof to, "own%u.%u", l->number, round + 1);
    begin(l, OP_RENAME);
    store_fill(&l->task, &(struct ask){.op = OP_RENAME, .key = from, .value = to}, l->number, 1);
    execute_at(l, backend_owner.station_of(l->place->backend, &l->task));
    l->wrong += l->task.call.reply.kind != REPLY_OK;
    begin(l, OP_GET);
    store_fill(&l->task, &(struct ask){.op = OP_GET, .key = to}, l->number, 1);
    execute_at(l, (uint32_t)(next_random(l) % LANES)); /* as in a pipeline, which stays where it is */
    l->wrong += l->task.call.reply.kind != REPLY_VALUE;
}

static void *lane_main(void *arg)
{
    struct lane *l = arg;
    struct place *p = l->place;
    char key[24];
    begin(l, OP_PUT);
    snprintf(key, sizeof key, "own%u.0", l->number);
    store_fill(&l->task, &(struct ask){.op = OP_PUT, .key = key, .value = "x", .ttl_kind = TTL_NEVER}, l->number,
               1);
    execute_at(l, backend_owner.station_of(p->backend, &l->task));
    for (unsigned round = 0; round < ROUNDS; round++) {
        begin(l, OP_BATCH);
        if (next_random(l) % 2)
            store_together(l, round);
        else
            read_together(l);
        execute_at(l, (uint32_t)(next_random(l) % LANES));
        check_together(l);
        on_its_own(l, round);
        begin(l, OP_LEN);
        execute_at(l, (uint32_t)(next_random(l) % LANES));
        l->torn += l->task.call.reply.number > LANES + TOGETHER || l->task.call.reply.number < 1;
        if (round % 64 == 0) keep_house(p, l->number);
    }
    atomic_fetch_add(&p->finished, 1);
    while (atomic_load(&p->finished) < LANES)
        if (!serve(l)) sched_yield();
    return NULL;
}

/* Rings of one place are full nearly always. */
static void lanes_serve_each_other(void **state)
{
    (void)state;
    for (uint32_t bound = 1; bound <= 64; bound *= 64) {
        struct place *p = place_open(bound);
        for (uint32_t i = 0; i < LANES; i++)
            assert_int_equal(pthread_create(&p->lanes[i].thread, NULL, lane_main, &p->lanes[i]), 0);
        for (uint32_t i = 0; i < LANES; i++) {
            pthread_join(p->lanes[i].thread, NULL);
            assert_int_equal(p->lanes[i].torn, 0);
            assert_int_equal(p->lanes[i].wrong, 0);
        }
        place_close(p);
    }
}

/* ---- one thread plays all lanes ---- */

static uint64_t metric(struct place *p, const char *name)
{
    struct store s = {.metrics = p->metrics};
    return store_metric(&s, name);
}

/* A call with sessions on all shards, executed by the first lane, which has nothing to do with the others' sweep.
 */
static void put_everywhere(struct place *p, int from, int to, uint64_t ttl_ms)
{
    struct lane *l = &p->lanes[0];
    char key[16];
    begin(l, OP_BATCH);
    for (int i = from; i < to; i++) {
        snprintf(key, sizeof key, "k%d", i);
        add_part(l, OP_PUT, key, "v", ttl_ms);
    }
    execute_at(l, 0);
    assert_int_equal(l->task.call.reply.kind, REPLY_PARTS);
}

static void who_sweeps_is_told(void **state)
{
    (void)state;
    struct place *p = place_open(8);
    for (uint32_t i = 0; i < LANES; i++)
        assert_true(keep_house(p, i) == UINT64_MAX);
    put_everywhere(p, 0, 100, 50);
    put_everywhere(p, 100, 200, 50);
    for (uint32_t i = 0; i < LANES; i++) {
        assert_int_equal(atomic_load(&p->lanes[i].woken), i > 0); /* once, and not oneself */
        assert_int_equal(station_is_disturbed(station_of(p, i)), i > 0);
        assert_true(keep_house(p, i) != UINT64_MAX);
        assert_false(station_is_disturbed(station_of(p, i)));
    }
    fake_clock_advance_ms(&p->clock, 51);
    for (uint32_t i = 0; i < LANES; i++)
        while (keep_house(p, i) <= fake_clock_ms(&p->clock))
            ;
    assert_int_equal(metric(p, "sessions.stored"), 0);
    assert_int_equal(metric(p, "sessions.expired"), 200);
    place_close(p);
}

static void shards_are_counted(void **state)
{
    (void)state;
    struct place *p = place_open(8);
    put_everywhere(p, 0, 300, 1000);
    uint64_t sum = 0;
    for (int i = 0; i < LANES; i++) {
        char name[32];
        snprintf(name, sizeof name, "shards.%d.sessions", i);
        assert_in_range(metric(p, name), 70, 130);
        sum += metric(p, name);
    }
    assert_int_equal(sum, 300);
    assert_int_equal(metric(p, "shards.0.executed"), 1);
    assert_int_equal(metric(p, "shards.1.executed"), 0);
    place_close(p);
}

/* The second lane's thread never comes to them. */
static void fill_ring(struct place *p, struct task *tasks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char key[16];
        snprintf(key, sizeof key, "q%zu", i);
        task_init(&tasks[i]);
        store_fill(&tasks[i], &(struct ask){.op = OP_PUT, .key = key, .value = "v", .ttl_kind = TTL_NEVER}, 0, 1);
        assert_int_equal(station_submit(station_of(p, 1), &tasks[i]), i < 8);
    }
    assert_int_equal(metric(p, "shards.1.queued"), 8);
    assert_int_equal(atomic_load(&p->lanes[1].woken), 0);
    station_wake(station_of(p, 1));
    assert_int_equal(atomic_load(&p->lanes[1].woken), 1);
}

static void expect_end(bool abandoned)
{
    struct place *p = place_open(8);
    struct task tasks[9];
    fill_ring(p, tasks, 9);
    if (abandoned) backend_abandon(p->backend);
    backend_owner.stop(p->backend);
    struct mail *mail = mailbox_take(&p->lanes[0].box);
    for (int i = 0; i < 8; i++, mail = mail->next) {
        assert_ptr_equal(task_of_mail(mail), &tasks[i]);
        assert_int_equal(tasks[i].call.reply.kind, abandoned ? REPLY_NONE : REPLY_STORED);
    }
    assert_null(mail);
    for (int i = 0; i < 9; i++)
        task_clear(&tasks[i]);
    place_free(p);
}

static void what_is_queued_at_the_end_is_executed(void **state)
{
    (void)state;
    expect_end(false);
}

static void unless_nobody_waits_for_it(void **state)
{
    (void)state;
    expect_end(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_dealt_out_evenly),
        cmocka_unit_test(lanes_serve_each_other),
        cmocka_unit_test(who_sweeps_is_told),
        cmocka_unit_test(shards_are_counted),
        cmocka_unit_test(what_is_queued_at_the_end_is_executed),
        cmocka_unit_test(unless_nobody_waits_for_it),
    };
    alarm(STORE_HANG_S);
    return cmocka_run_group_tests_name("shards", tests, NULL, NULL);
}
