/*
 * What the configuration says, validated and complete. Filled by config.h, read-only afterwards. Only the
 * composition root reads it whole; rooms get their own small option structs.
 */
#ifndef CONFIG_SETTINGS_H
#define CONFIG_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SETTINGS_ADDRESSES_MAX 16 /* addresses per listener key */
#define SETTINGS_THREADS_MAX   64
#define SETTINGS_SHARDS_MAX    SETTINGS_THREADS_MAX /* so that each I/O thread may own one */

/* One place to listen on. */
struct settings_address {
    enum { ADDRESS_TCP, ADDRESS_UNIX } kind;
    char host[256]; /* TCP: IPv4, IPv6 (without brackets) or name */
    uint16_t port;  /* TCP; 0: any free one */
    char path[108]; /* Unix */
    uint32_t mode;  /* Unix: permission bits of the socket file */
    char text[280]; /* as written, for messages */
};

struct settings_addresses {
    size_t count; /* 0: off */
    struct settings_address at[SETTINGS_ADDRESSES_MAX];
};

#define SETTINGS_CPUS_MAX 256

/* A set of processors; empty: any. */
struct settings_cpus {
    uint64_t bits[SETTINGS_CPUS_MAX / 64];
};

enum settings_backend { BACKEND_MUTEX, BACKEND_OWNER, BACKEND_BACKPRESSURE };
enum settings_placement { PLACEMENT_AUTO, PLACEMENT_LOOP, PLACEMENT_THREAD };
enum settings_lock { LOCK_MUTEX, LOCK_RWLOCK };
enum settings_policy {
    POLICY_BY_BACKEND,
    POLICY_WAIT,
    POLICY_REJECT,
    POLICY_DROP_OLDEST,
    POLICY_CODEL,
    POLICY_CODEL_RFC,
    POLICY_ADAPTIVE
};
enum settings_class { CLASS_CRITICAL, CLASS_NORMAL, CLASS_SHEDDABLE };
enum settings_where { WORK_INSIDE, WORK_OUTSIDE };

struct settings {
    struct {
        struct settings_addresses text, resp, memcached;
    } listen;
    uint32_t threads; /* I/O loops; 0: auto */
    struct settings_cpus threads_cpus;
    enum settings_backend backend;
    struct {
        uint32_t workers; /* SETTINGS_AUTO: auto; 0: the I/O threads take the lock */
        uint32_t stripes;
        enum settings_lock lock;
    } mutex;
    uint32_t shards; /* owners */
    struct {
        enum settings_placement placement;
        struct settings_cpus cpus;
    } owner;
    struct {
        uint32_t bound;
        enum settings_policy policy;
        uint64_t target_us; /* 0: off */
    } queue;
    struct {
        enum settings_class get, put, delete, touch, other;
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
        uint32_t connections;
        uint64_t key, line, value;
        uint64_t output_soft, output_hard;
        uint64_t memory;             /* 0: off */
        uint64_t idle_timeout_ms;    /* 0: off */
        uint64_t request_timeout_ms; /* 0: off */
    } limits;
    struct {
        int level;  /* enum log_level by number: debug, info, warn, error */
        int format; /* enum log_format by number: logfmt, json */
    } log;
    struct {
        uint64_t grace_ms;
    } shutdown;
};

#define SETTINGS_AUTO UINT32_MAX

#endif
