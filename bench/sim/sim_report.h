/* What the command `simulate` was asked, and how it tells its results. */
#ifndef BENCH_SIM_SIM_REPORT_H
#define BENCH_SIM_SIM_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "bench/common/report.h"
#include "bench/sim/sim.h"

struct sim_command {
    const struct admit_policy *policy;
    uint64_t bound, connections, threads, seed, greedy, retries;
    uint64_t target_ns, service_ns, refill_ns, away_ns, network_ns, duration_ns, deadline_ns, stall_ns, from_ns,
        piece_ns;
    double load, critical, slower, burst;
    bool exponential, overtake, greedy_critical;
    const char *json;
};

void sim_report_print(const struct sim_command *c, const struct sim_options *o, const struct sim_result *r);

/* To what report_open(c->json) has opened. False, with a message on standard error, when that fails. */
bool sim_report_json(const struct sim_command *c, const struct sim_options *o, const struct sim_result *r, int argc,
                     char **argv, FILE *file);

#endif
