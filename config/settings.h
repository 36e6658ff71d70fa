/*
 * What the configuration says, validated and complete. Filled by config.h, read-only afterwards. Only the
 * composition root reads it whole; rooms get their own small option structs.
 */
#ifndef CONFIG_SETTINGS_H
#define CONFIG_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/admit/tuning.h"
#include "daemon/base/lock.h"
#include "daemon/base/log.h"
#include "daemon/base/thread.h"
#include "proto/address.h"
#include "proto/request.h"

#define SETTINGS_ADDRESSES_MAX 16 /* addresses per listener key */
#define SETTINGS_THREADS_MAX   64
#define SETTINGS_SHARDS_MAX    SETTINGS_THREADS_MAX /* so that each I/O thread may own one */

struct settings_addresses {
    size_t count; /* 0: off */
    struct address at[SETTINGS_ADDRESSES_MAX];
};

enum settings_backend { BACKEND_MUTEX, BACKEND_OWNER, BACKEND_BACKPRESSURE };
enum settings_placement { PLACEMENT_AUTO, PLACEMENT_LOOP, PLACEMENT_THREAD };
enum settings_where { WORK_INSIDE, WORK_OUTSIDE };

struct settings {
    struct {
        struct settings_addresses text, resp, memcached;
    } listen;
    uint32_t threads; /* I/O loops; 0: auto */
    struct thread_cpus threads_cpus;
    enum settings_backend backend;
    struct {
        uint32_t workers; /* SETTINGS_AUTO: auto; 0: the I/O threads take the lock */
        uint32_t stripes;
        enum lock_kind lock;
    } mutex;
    uint32_t shards; /* owners */
    struct {
        enum settings_placement placement;
        struct thread_cpus cpus;
    } owner;
    struct {
        uint32_t bound;
        enum policy_id policy;
        uint64_t target_us; /* 0: off */
    } queue;
    struct {
        enum priority get, put, delete, touch, other;
    } class;
    struct {
        uint64_t default_ms; /* UINT64_MAX: never */
        uint64_t sweep_interval_ms;
        uint64_t max_lifetime_ms; /* UINT64_MAX: off */
    } ttl;
    struct {
        uint64_t iterations;
        enum settings_where where;
    } work;
    struct {
        uint32_t connections, parts;
        uint64_t key, line, value;
        uint64_t requests; /* bytes */
        uint64_t output_soft, output_hard;
        uint64_t memory;             /* SETTINGS_MEMORY_AUTO: by what there is; 0: off */
        uint64_t idle_timeout_ms;    /* 0: off */
        uint64_t request_timeout_ms; /* 0: off */
    } limits;
    struct {
        enum log_level level;
        enum log_format format;
    } log;
    struct {
        uint64_t grace_ms;
    } shutdown;
};

#define SETTINGS_AUTO        UINT32_MAX
#define SETTINGS_MEMORY_AUTO UINT64_MAX

#endif
