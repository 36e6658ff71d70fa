/*
 * sluice-bench tcp: loads a server over TCP or a Unix socket and measures what it does with it.
 *
 *     options.c     command line -> struct load_settings
 *     tcp.c         the run: connects, fills, starts the threads, watches them, reports    (main thread)
 *     generator*.c  one generator thread: its life, its event loop                         (each thread)
 *     channel.c     one connection: bytes out, bytes in
 *     core.c        what is due, in flight, answered: no socket, no clock
 *     timeline.c    rows per interval, live progress                                       (main thread)
 *     result.c      what it came to, as JSON                                               (main thread)
 */
#ifndef BENCH_LOAD_LOAD_H
#define BENCH_LOAD_LOAD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include <jansson.h>

#include "bench/common/workload.h"
#include "bench/load/channel.h"
#include "proto/request.h"

/* Where the server is: resolved once, connected to many times. Immutable after parsing, thread-safe. */
#define TARGET_TEXT 300

struct target {
    struct sockaddr_storage address;
    socklen_t address_len;
    char text[TARGET_TEXT]; /* for people */
};

/* By the first that is given, not NULL: a URL (sluice://host[:port] or unix:/path), the path of a Unix socket, or
 * a host. False after a complaint. */
bool target_find(struct target *t, const char *url, const char *path, const char *host, uint16_t port);

/* A connected blocking socket, after `timeout_ms` at most; -1 and errno. */
int target_connect(const struct target *t, unsigned timeout_ms);

#define LOAD_THREADS_MAX     64
#define LOAD_CONNECTIONS_MAX 60000

/* Everything that the command line decides; immutable once the run begins. */
struct load_settings {
    struct target target;
    const struct adapter *adapter;
    uint64_t connections, threads;
    uint64_t depth;     /* closed loop: requests in flight per connection */
    uint64_t in_flight; /* open loop: the same, at most */
    bool open_loop;
    struct arrival_plan plan; /* open loop; instants from the start of the warm-up */
    double rate;              /* the plan's first rate */
    struct mix mix;
    struct keys keys;
    struct values *values; /* owned */
    enum ttl_kind ttl_kind;
    uint64_t ttl_ms;
    uint64_t deadline_ms;
    enum priority priority;
    bool early_refusals; /* requests ask for them; the number of each is its tag */
    bool fill;
    bool fills; /* this is the filling: every key is put once */
    uint64_t retries;
    uint64_t duration_ns, warmup_ns, drain_ns, count;
    uint64_t spin_ns;
    uint64_t seed;
    uint64_t server_pid;
    const char *json;
    bool distributions;   /* in it */
    uint64_t interval_ns; /* of the time line */
    bool quiet;
};

/* The options (options_parse), owned by the caller as settings->values is; NULL after a complaint on standard
 * error. */
json_t *load_settings_parse(struct load_settings *settings, int argc, char **argv);

#endif
