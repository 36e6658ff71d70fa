#include "tests/unit/store_contract.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct store_config configs[] = {
    {.name = "mutex, no workers", .design = &backend_mutex, .stripes = 1},
    {.name = "mutex, no workers, 4 stripes", .design = &backend_mutex, .stripes = 4},
    {.name = "mutex, no workers, rwlock", .design = &backend_mutex, .stripes = 1, .lock = LOCK_RWLOCK},
    {.name = "mutex, no workers, 4 stripes, rwlock",
     .design = &backend_mutex,
     .stripes = 4,
     .lock = LOCK_RWLOCK,
     .work_outside = true},
    {.name = "mutex, 1 worker, bound 1", .design = &backend_mutex, .bound = 1, .workers = 1, .stripes = 1},
    {.name = "mutex, 2 workers", .design = &backend_mutex, .bound = 64, .workers = 2, .stripes = 1},
    {.name = "mutex, 2 workers, rwlock, work outside",
     .design = &backend_mutex,
     .bound = 64,
     .workers = 2,
     .stripes = 1,
     .lock = LOCK_RWLOCK,
     .work_outside = true},
    {.name = "mutex, 3 workers, 4 stripes", .design = &backend_mutex, .bound = 64, .workers = 3, .stripes = 4},
    {.name = "mutex, 3 workers, 4 stripes, rwlock",
     .design = &backend_mutex,
     .bound = 64,
     .workers = 3,
     .stripes = 4,
     .lock = LOCK_RWLOCK},
    {.name = "owner, bound 1", .design = &backend_owner, .bound = 1},
    {.name = "owner, bound 64", .design = &backend_owner, .bound = 64},
    {.name = "owner, bound 1024", .design = &backend_owner, .bound = 1024},
    {.name = "owner, 3 shards", .design = &backend_owner, .bound = 64, .shards = 3},
    {.name = "owner, in place", .design = &backend_owner, .in_place = true},
};
#define CONFIGS (sizeof configs / sizeof configs[0])

bool store_config_has_sweeper(const struct store_config *config)
{
    return config->design == &backend_mutex && config->workers == 0;
}

bool store_config_is_here(const struct store_config *config)
{
    return config->in_place || store_config_has_sweeper(config);
}

bool store_config_queues(const struct store_config *config)
{
    return !store_config_is_here(config);
}

bool store_config_has_lanes(const struct store_config *config)
{
    return !config->in_place;
}

int store_contract_run(const char *group, const struct CMUnitTest *tests, size_t count,
                       bool (*wanted)(const struct store_config *config))
{
    struct CMUnitTest *all = calloc(count * CONFIGS, sizeof *all);
    size_t total = 0;
    if (!all) return 1;
    alarm(STORE_HANG_S);
    for (size_t i = 0; i < CONFIGS; i++) {
        for (size_t t = 0; t < count && (!wanted || wanted(&configs[i])); t++) {
            char *name = NULL;
            if (asprintf(&name, "%s [%s]", tests[t].name, configs[i].name) < 0) return 1;
            all[total] = tests[t];
            all[total].name = name;
            all[total].initial_state = (void *)(uintptr_t)&configs[i];
            total++;
        }
    }
    int failed = _cmocka_run_group_tests(group, all, total, NULL, NULL);
    for (size_t i = 0; i < total; i++)
        free((void *)(uintptr_t)all[i].name);
    free(all);
    return failed;
}

/* ---- the lanes' side, called by the backend ---- */

static void wait_while_blocked(struct store *s)
{
    pthread_mutex_lock(&s->lock);
    s->waiting++;
    pthread_cond_broadcast(&s->changed);
    while (s->blocked)
        pthread_cond_wait(&s->changed, &s->lock);
    s->waiting--;
    pthread_mutex_unlock(&s->lock);
}

static void complete(void *ctx, uint32_t lane, struct mail_batch *batch)
{
    struct store *s = ctx;
    mailbox_post(&s->lanes[lane].box, batch);
    bell_ring(&s->lanes[lane].bell);
    wait_while_blocked(s);
}

void store_block(struct store *s)
{
    pthread_mutex_lock(&s->lock);
    s->blocked = true;
    pthread_mutex_unlock(&s->lock);
}

void store_await_blocked(struct store *s)
{
    pthread_mutex_lock(&s->lock);
    while (s->waiting == 0)
        pthread_cond_wait(&s->changed, &s->lock);
    pthread_mutex_unlock(&s->lock);
}

void store_unblock(struct store *s)
{
    pthread_mutex_lock(&s->lock);
    s->blocked = false;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

/* ---- life cycle ---- */

static uint64_t or_else(uint64_t wanted, uint64_t usual)
{
    return wanted ? wanted : usual;
}

struct store *store_open(const struct store_config *config, const struct store_options *options)
{
    static const struct store_options usual;
    const struct store_options *o = options ? options : &usual;
    struct store *s = aligned_alloc(64, (sizeof *s + 63) / 64 * 64);
    assert_non_null(s);
    memset(s, 0, sizeof *s);
    s->config = config;
    s->lane_count = o->lanes ? o->lanes : 1;
    fake_clock_init(&s->clock);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    for (uint32_t i = 0; i < STORE_LANES; i++)
        bell_init(&s->lanes[i].bell);
    task_init(&s->scratch);
    struct backend_options backend = {
        .clock = &s->clock.clock,
        .ttl_default_ms = or_else(o->ttl_default_ms, UINT64_MAX),
        .ttl_max_lifetime_ms = or_else(o->max_lifetime_ms, UINT64_MAX),
        .sweep_interval_ms = or_else(o->sweep_interval_ms, 3600000),
        .memory_limit = o->memory_limit,
        .work_iterations = o->work_iterations,
        .work_outside = config->work_outside,
        .queue_bound = (uint32_t)or_else(o->bound, config->bound),
        .workers = config->workers,
        .stripes = config->stripes,
        .shards = config->shards,
        .in_place = config->in_place,
        .lock = config->lock,
        .lanes = {.count = s->lane_count, .complete = complete, .ctx = s},
    };
    const char *error = NULL;
    s->backend = config->design->make(&backend, &error);
    if (!s->backend || (!o->unstarted && !config->design->start(s->backend, &error)))
        fail_msg("%s does not start: %s", config->name, error);
    s->metrics = metrics_create();
    assert_non_null(s->metrics);
    assert_true(config->design->register_metrics(s->backend, s->metrics));
    return s;
}

void store_stop(struct store *s)
{
    metrics_destroy(s->metrics);
    s->backend->design->stop(s->backend);
    s->backend = NULL;
}

void store_free(struct store *s)
{
    for (uint32_t i = 0; i < STORE_LANES; i++) {
        assert_null(store_take(s, i)); /* nothing may be left over */
        bell_close(&s->lanes[i].bell);
        order_free(&s->lanes[i].order);
    }
    task_clear(&s->scratch);
    fake_clock_destroy(&s->clock);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->changed);
    free(s);
}

void store_close(struct store *s)
{
    store_stop(s);
    store_free(s);
}

/* ---- many calls ---- */

void store_fill_call(struct call *call, const struct ask *ask)
{
    struct request *r = &call->request;
    r->op = ask->op;
    r->condition = ask->condition;
    r->if_version = ask->if_version;
    r->ttl_kind = ask->ttl_ms ? TTL_RELATIVE : ask->ttl_kind;
    r->ttl_ms = ask->ttl_ms;
    r->key = slice_text(ask->key ? ask->key : "");
    const char *value = ask->value ? ask->value : "";
    r->value = slice_of(value, ask->value_len ? ask->value_len : strlen(value));
    if (!call_own(call)) abort();
}

void store_fill(struct task *task, const struct ask *ask, uint32_t lane, uint64_t conn)
{
    task->lane = lane;
    task->conn = conn;
    store_fill_call(&task->call, ask);
}

/* Says where it goes, as admission would. */
static void place(struct store *s, struct task *task)
{
    if (s->backend->station_count < 2) return;
    task->wait.station = s->config->design->station_of(s->backend, task);
    if (s->backend->spreads)
        task->wait.station = order_station(&s->lanes[task->lane].order, task, task->wait.station);
}

enum store_outcome store_submit(struct store *s, struct task *task)
{
    const struct backend_here *here = &s->backend->here[task->lane];
    task->arrived_ns = atomic_load(&s->clock.ns);
    place(s, task);
    if (here->station && here->number == task->wait.station) {
        assert_int_equal(station_run(here->station, &task, 1, task->arrived_ns), 1);
        return STORE_DONE;
    }
    if (!station_submit(s->backend->stations[task->wait.station], task)) return STORE_FULL;
    s->lanes[task->lane].unrung |= 1U << task->wait.station;
    if (s->backend->spreads) order_enter(&s->lanes[task->lane].order, task);
    return STORE_QUEUED;
}

void store_flush(struct store *s, uint32_t lane)
{
    for (uint32_t i = 0; i < s->backend->station_count; i++)
        if (s->lanes[lane].unrung >> i & 1) station_wake(s->backend->stations[i]);
    s->lanes[lane].unrung = 0;
}

struct mail *store_take(struct store *s, uint32_t lane)
{
    struct mail *taken = mailbox_take(&s->lanes[lane].box);
    for (struct mail *mail = taken; mail && s->config->shards > 1; mail = mail->next)
        order_leave(&s->lanes[lane].order, task_of_mail(mail));
    return taken;
}

struct mail *store_wait(struct store *s, uint32_t lane)
{
    struct store_lane *l = &s->lanes[lane];
    struct mail *taken;
    for (;;) {
        bell_arm(&l->bell);
        taken = store_take(s, lane);
        if (taken) break;
        bell_wait(&l->bell, UINT64_MAX);
    }
    bell_disarm(&l->bell);
    return taken;
}

/* ---- one call at a time ---- */

const struct reply *store_ask(struct store *s, const struct ask *ask)
{
    struct task *task = &s->scratch;
    task_clear(task);
    store_fill(task, ask, 0, 1ULL << 32);
    switch (store_submit(s, task)) {
    case STORE_DONE: break;
    case STORE_QUEUED:
        store_flush(s, 0);
        assert_ptr_equal(store_wait(s, 0), &task->mail);
        assert_null(task->mail.next);
        break;
    case STORE_FULL: fail_msg("full, with one call at a time"); break;
    }
    assert_int_not_equal(task->call.reply.kind, REPLY_NONE);
    return &task->call.reply;
}

void store_expect_kind(const struct reply *reply, enum reply_kind kind)
{
    assert_int_equal(reply->kind, kind);
}

void store_expect_conflict(const struct reply *reply, uint64_t version)
{
    assert_int_equal(reply->kind, REPLY_CONFLICT);
    assert_int_equal(reply->version, version);
}

void store_expect_value(const struct reply *reply, const char *value)
{
    assert_int_equal(reply->kind, REPLY_VALUE);
    assert_int_equal(reply->body.len, strlen(value));
    assert_memory_equal(reply->body.ptr, value, reply->body.len);
}

uint64_t store_put(struct store *s, const char *key, const char *value)
{
    const struct reply *reply = ASK(s, .op = OP_PUT, .key = key, .value = value);
    assert_int_equal(reply->kind, REPLY_STORED);
    assert_true(reply->version > 0);
    return reply->version;
}

int64_t store_len(struct store *s)
{
    const struct reply *reply = ASK(s, .op = OP_LEN);
    assert_int_equal(reply->kind, REPLY_LEN);
    return reply->number;
}

/* ---- housekeeping, where it is the lane's ---- */

static void keep_house(struct store *s)
{
    struct station *here = s->backend->here[0].station;
    uint64_t now_ms = fake_clock_ms(&s->clock);
    if (here && station_is_due(here, now_ms)) station_keep_house(here, now_ms);
}

/* ---- metrics ---- */

struct search {
    const char *name;
    uint64_t value;
    bool found;
};

static void look_for(void *ctx, const struct metric *metric)
{
    struct search *search = ctx;
    if (strcmp(metric->name, search->name) != 0) return;
    search->value = metric->value;
    search->found = true;
}

uint64_t store_metric(struct store *s, const char *name)
{
    struct search search = {.name = name};
    metrics_visit(s->metrics, look_for, &search);
    if (!search.found) fail_msg("no metric %s", name);
    return search.value;
}

void store_await_metric(struct store *s, const char *name, uint64_t value)
{
    while (store_metric(s, name) != value) { /* the alarm ends a wait in vain */
        keep_house(s);
        sched_yield();
    }
}
