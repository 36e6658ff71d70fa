/*
 * A simulation of overload: the daemon's own admission (daemon/admit) under a virtual clock, between clients and
 * one thread of the backend that are simulated.
 *
 *     clients --arrival--> [gate of I/O thread 1] --+--> ring --> the backend's thread: batches, as station.c takes
 *      ^  ^                [gate of I/O thread 2] --'                 |        them
 *      |  '--- refused ----------'                                    |
 *      '---------- executed: the I/O thread sees it `refill_ns` after the batch's end
 *
 * What costs time here is the work alone: reading, refusing and answering are free. The same seed gives the same
 * run on any machine. A client gets the answers of a connection in the order of its requests, so that a refusal
 * waits for what was accepted before it, unless `overtake` is set. While an I/O thread is kept from its core
 * (`away_ns`), what arrives and what the backend has done wait until it is back; their age counts from when they
 * came.
 */
#ifndef BENCH_SIM_SIM_H
#define BENCH_SIM_SIM_H

#include "bench/common/workload.h"
#include "daemon/admit/admit.h"
#include "daemon/base/histogram.h"
#include "proto/request.h"

#define SIM_STREAMS 4
#define SIM_WINDOWS 8
#define SIM_STEPS   4

/* Clients of one kind. */
struct sim_stream {
    uint32_t connections;
    struct arrival_plan plan; /* open loop: what all connections send together, each as often as the others */
    uint32_t depth;           /* closed loop in place of the plan: each connection has so many requests under way */
    enum priority priority;   /* PRIORITY_DEFAULT: normal */
    uint64_t deadline_ms;     /* 0: none */
    uint32_t retries;         /* a refused request is sent again so often, at once */
};

/* From `at_ns` on an operation takes `mean_ns`. */
struct sim_step {
    uint64_t at_ns, mean_ns;
};

/* A span of time that is reported on by itself. */
struct sim_window {
    uint64_t from_ns, to_ns;
};

struct sim_options {
    const struct admit_policy *policy;
    uint64_t bound, target_ns;
    uint64_t gates;         /* I/O threads; connections are dealt out in turn */
    uint64_t refill_ns;     /* from the end of a batch until its I/O threads have seen it */
    uint64_t network_ns;    /* a client that had its reply sends again after this */
    bool overtake;          /* a refusal does not wait for the answers of earlier requests */
    uint64_t away_ns;       /* an I/O thread is kept from its core for so long on average (exponential); 0: never */
    uint64_t away_every_ns; /* ... and has it for so long on average in between (exponential) */
    bool exponential;       /* service times; else constant */
    size_t step_count;
    struct sim_step steps[SIM_STEPS]; /* the first at 0 */
    uint64_t stall_at_ns, stall_ns;   /* the backend stands still; 0: it never does */
    size_t stream_count;
    struct sim_stream streams[SIM_STREAMS];
    size_t window_count;
    struct sim_window windows[SIM_WINDOWS];
    uint64_t piece_ns;    /* length of the pieces that `pieces` of the result tells of; 0: none */
    uint64_t duration_ns; /* clients send for so long; then what is under way comes to its end */
    uint64_t seed;
};

/* What one stream met in one window. Counted at the moment of the answer, but `sent` and the histograms by the
 * moment of sending. A retry is a request of its own. */
struct sim_count {
    uint64_t sent, served, overloaded, late;
    uint64_t lost;               /* given up: refused, and no retry left */
    struct histogram latency_ns; /* of served ones: from sending until the client has the reply */
    struct histogram refused_ns; /* of those answered OVERLOADED or LATE: from sending likewise */
};

/* What the first stream met in a piece of time, by the moment of the answer. */
struct sim_piece {
    uint64_t served, refused;
    uint64_t longest_ns; /* of served ones */
};

struct sim_result {
    struct sim_count total[SIM_STREAMS];
    struct sim_count windows[SIM_WINDOWS][SIM_STREAMS];
    uint64_t busy_ns[SIM_WINDOWS]; /* the backend's time in that window; what a batch takes counts at its end */
    uint64_t all_busy_ns;
    uint64_t wasted_ns;  /* of it, spent on requests whose deadline had passed when they began */
    uint64_t expired;    /* requests that the backend itself found to be late */
    uint64_t supplanted; /* refused after they had been let in, for the sake of others */
    uint32_t deepest;    /* most requests that waited */
    size_t piece_count;
    struct sim_piece *pieces; /* up to the end of the sending */
};

/* NULL when memory is out. Free with sim_result_free. */
struct sim_result *sim_run(const struct sim_options *options);
void sim_result_free(struct sim_result *r);

/* Served per second in a window, by all streams. */
double sim_goodput(const struct sim_options *o, const struct sim_result *r, size_t window);

#endif
