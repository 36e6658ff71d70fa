/*
 * sluice-bench tcp: loads a server over TCP or a Unix socket and measures what it does with it.
 *
 *     options.c   command line -> struct load_settings
 *     tcp.c       the run: connects, fills, starts the threads, watches them, reports     (main thread)
 *     generator.c    one generator thread: its event loop                                     (each thread)
 *     channel.c   one connection: bytes out, bytes in
 *     core.c      what is due, in flight, answered: no socket, no clock
 *     timeline.c  rows per interval, live progress, CSV                                    (main thread)
 *     result.c    the final table and JSON                                                 (main thread)
 */
#ifndef BENCH_LOAD_LOAD_H
#define BENCH_LOAD_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/common/arrivals.h"
#include "bench/common/keys.h"
#include "bench/common/mix.h"
#include "bench/common/values.h"
#include "bench/load/adapter.h"
#include "bench/load/target.h"
#include "proto/request.h"

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
    const char *mix_text, *value_text, *key_law_text;
    struct keys keys;
    struct values *values; /* owned */
    enum ttl_kind ttl_kind;
    uint64_t ttl_ms;
    uint64_t deadline_ms;
    enum priority priority;
    bool early_refusals; /* requests ask for them; the number of each is its tag */
    bool fill;
    uint64_t retries;
    uint64_t duration_ns, warmup_ns, drain_ns, count;
    uint64_t spin_ns;
    uint64_t seed;
    uint64_t server_pid;
    const char *ratio_to, *json, *hgrm, *csv;
    uint64_t csv_interval_ns;
    bool quiet;
};

/* False after a complaint on standard error. On success the caller owns settings->values. */
bool load_settings_parse(struct load_settings *settings, int argc, char **argv);
void load_settings_help(void);

/* The subcommand; returns the exit status. */
int tcp_main(int argc, char **argv);

#endif
