/* What a run came to: gathered, judged, printed, written. Main thread only. */
#ifndef BENCH_LOAD_RESULT_H
#define BENCH_LOAD_RESULT_H

#include <jansson.h>

#include "bench/load/load.h"
#include "bench/load/server_cpu.h"
#include "bench/load/tally.h"

#define LOAD_LAG_LIMIT_NS 50000 /* p99 send lag above which the generator spoiled the run */
#define LOAD_CPU_LIMIT    0.7   /* share of a core above which a generator thread did */

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

/* The share of a core that the busiest generator thread used, spinning left out. */
double load_busiest(const struct load_result *r);

/* CPU time of the server per answer, in ns; 0 when it is not known. */
double load_server_ns(const struct load_result *r);

/* Why the generator spoiled the run: puts up to two texts into `reasons`, returns their number. */
size_t load_spoiled(const struct load_result *r, char reasons[2][120]);

/* {"rates", "outcomes", "latency_ns", ...}. */
json_t *load_json(const struct load_result *r);

#endif
