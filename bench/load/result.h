/* What a run came to: gathered, judged, told. Main thread only. */
#ifndef BENCH_LOAD_RESULT_H
#define BENCH_LOAD_RESULT_H

#include <jansson.h>
#include <stdio.h>

#include "bench/load/load.h"
#include "bench/load/tally.h"

#define LOAD_LAG_LIMIT_NS 50000 /* p99 send lag above which the generator spoiled the run */
#define LOAD_CPU_LIMIT    0.7   /* share of a core above which a generator thread did */

/* CPU time of another process on this machine, thread by thread, from /proc. */
#define SERVER_CPU_THREADS 256

struct server_thread {
    int tid;
    char name[16];
    uint64_t cpu_ns; /* since the thread began */
};

struct server_cpu {
    size_t count; /* 0: nothing could be read */
    struct server_thread threads[SERVER_CPU_THREADS];
};

/* What the threads of `pid` have used so far, SERVER_CPU_THREADS of them at most. False when there is no such
 * process, or the kernel does not count. */
bool server_cpu_read(struct server_cpu *out, uint64_t pid);

/* Makes `after` hold what was used since `before`. Returns the sum over all threads. */
uint64_t server_cpu_since(struct server_cpu *after, const struct server_cpu *before);

struct load_thread {
    uint64_t cpu_ns, spin_ns; /* within the measured time; spinning is part of the CPU time */
};

struct load_result {
    const struct load_settings *settings; /* borrowed */
    struct tally *tally;                  /* all generators' together; owned by the caller */
    double seconds;                       /* of the measuring */
    double cpu_seconds;                   /* between the two readings of all CPU times, a little more or less */
    struct load_thread threads[LOAD_THREADS_MAX];
    bool has_server;
    struct server_cpu server; /* within the measured time */
    uint64_t server_cpu_ns;
    const char *first_error; /* of the server's ERROR replies; "" when there was none */
};

/* Requests a second that were executed within the measured time. */
double load_goodput(const struct load_result *r);

/* CPU time of the server per answer, in ns; 0 when it is not known. */
double load_server_ns(const struct load_result *r);

/* Why the generator spoiled the run: puts up to two texts into `reasons`, returns their number. */
size_t load_spoiled(const struct load_result *r, char reasons[2][120]);

/* {"rates", "outcomes", "latency_ns", ...}. */
json_t *load_json(const struct load_result *r);

/* What happened in each interval, as JSON: the differences between readings of the generators' running tallies.
 * Answers count in the interval in which they came. */
#define TIMELINE_ROWS_MAX 50000
#define TIMELINE_KINDS    3 /* of latencies */

/* All zero at first. */
struct timeline {
    json_t *rows; /* the caller's to free; NULL: no reading yet */
    double at_s;  /* of the last reading, as what follows */
    uint64_t sent, outcomes[OUTCOME_COUNT];
    struct histogram before[TIMELINE_KINDS];
    struct histogram now, between; /* scratch: of all generators together, and what is new in it */
};

/* Reads the tallies, which are `count` pointers, at `at_s`. NULL the first time; then adds a row and returns it:
 * {"at_s" (end of the interval, from the start of the measuring), "seconds" (its length), "sent", "in_flight" (at
 * its end), a member per outcome, "accepted_ns", "refused_ns", "send_lag_ns": {"count", "p50", "p99", "p99_9",
 * "max"}}. */
const json_t *timeline_sample(struct timeline *t, const struct tally *const *tallies, size_t count, double at_s);

/* Prints a row as the live line, over the one before. */
void timeline_print_live(FILE *out, const json_t *row);

#endif
