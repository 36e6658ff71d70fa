/*
 * The frame of the contract suite: one set of tests, run against every backend design and configuration. A `store`
 * is a backend with a fake clock and lanes of its own, as the I/O loops would be.
 *
 *     test -> store_ask(GET ...) -> submit -> [backend] -> complete -> mailbox of the lane -> reply -> test
 */
#ifndef TESTS_STORE_CONTRACT_H
#define TESTS_STORE_CONTRACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/admit/order.h"
#include "daemon/backend/backend.h"
#include "daemon/queue/bell.h"
#include "tests/unit/fake_clock.h"

#define STORE_LANES  3
#define STORE_HANG_S 200 /* a lost wakeup hangs; the alarm then kills the test */

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define STORE_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define STORE_SANITIZED 1
#endif
#endif
#ifndef STORE_SANITIZED
#define STORE_SANITIZED 0
#endif

struct store_config {
    const char *name;
    const struct backend_design *design;
    uint32_t bound;
    uint32_t workers;
    uint32_t stripes;
    uint32_t shards;
    bool in_place;
    enum lock_kind lock;
    bool work_outside;
};

/* What a test wants to be different; 0 stands for the usual. */
struct store_options {
    uint32_t lanes;             /* 1 */
    uint32_t bound;             /* the configuration's */
    uint64_t ttl_default_ms;    /* never */
    uint64_t max_lifetime_ms;   /* no cap */
    uint64_t sweep_interval_ms; /* an hour, so that nothing is swept by the way */
    uint64_t memory_limit;
    uint64_t work_iterations;
    bool unstarted; /* made only: no thread runs */
};

struct store_lane {
    struct mailbox box;
    struct bell bell;
    struct order order; /* where a call may go to several stations */
    uint32_t unrung;    /* bit per station that has been given calls and not been woken */
};

struct store {
    const struct store_config *config;
    struct backend *backend;
    struct metrics *metrics;
    struct fake_clock clock;
    uint32_t lane_count;
    struct store_lane lanes[STORE_LANES];
    struct task scratch; /* of store_ask */
    /* While blocked, backend threads wait at the end of `complete`. */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool blocked;
    unsigned waiting;
};

/* One operation, from text. */
struct ask {
    enum op op;
    const char *key;
    const char *value;
    size_t value_len; /* 0: the length of the text */
    enum ttl_kind ttl_kind;
    uint64_t ttl_ms; /* not 0: TTL_RELATIVE, whatever ttl_kind says */
    enum condition condition;
    uint64_t if_version;
};

struct CMUnitTest;

/* Runs every test once per configuration that is `wanted` (NULL: all). A test's *state is its configuration.
 * Returns the number of failures. */
int store_contract_run(const char *group, const struct CMUnitTest *tests, size_t count,
                       bool (*wanted)(const struct store_config *config));
bool store_config_is_here(const struct store_config *config); /* the lane executes itself, ... */
bool store_config_queues(const struct store_config *config);  /* ... or it does not */
bool store_config_has_sweeper(const struct store_config *config);
bool store_config_has_lanes(const struct store_config *config); /* more than one, if wanted */

/* Starts the backend, or fails the test. NULL options: all as usual. */
struct store *store_open(const struct store_config *config, const struct store_options *options);
void store_close(struct store *s);
/* In two steps: after the first, completed calls can still be taken. */
void store_stop(struct store *s);
void store_free(struct store *s);

/* ---- one call at a time, on lane 0; the reply is valid until the next ---- */

const struct reply *store_ask(struct store *s, const struct ask *ask);
#define ASK(s_, ...) store_ask((s_), &(struct ask){__VA_ARGS__})

uint64_t store_put(struct store *s, const char *key,
                   const char *value); /* its version; fails the test on failure */
int64_t store_len(struct store *s);
void store_expect_value(const struct reply *reply, const char *value);
void store_expect_kind(const struct reply *reply, enum reply_kind kind);
void store_expect_conflict(const struct reply *reply, uint64_t version);

/* ---- many calls, any lane ---- */

/* Makes `task` (after task_init) the operation, with bytes of its own; or a part of one. */
void store_fill(struct task *task, const struct ask *ask, uint32_t lane, uint64_t conn);
void store_fill_call(struct call *call, const struct ask *ask);
/* Runs or submits it at the fake clock's time, where admission would have it go. */
enum store_outcome { STORE_DONE, STORE_QUEUED, STORE_FULL };
enum store_outcome store_submit(struct store *s, struct task *task);
/* Wakes the stations that have been given something. */
void store_flush(struct store *s, uint32_t lane);
/* Completed tasks of the lane, oldest first; NULL: none now. */
struct mail *store_take(struct store *s, uint32_t lane);
/* The same, waiting until there is one. */
struct mail *store_wait(struct store *s, uint32_t lane);

/* Lets the next backend thread that completes calls stay in there, until unblocked. */
void store_block(struct store *s);
void store_await_blocked(struct store *s);
void store_unblock(struct store *s);

/* ---- what the backend counts ---- */

uint64_t store_metric(struct store *s, const char *name);
/* Waits until the metric has this value. */
void store_await_metric(struct store *s, const char *name, uint64_t value);

#endif
