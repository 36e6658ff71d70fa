/*
 * One generator thread with its connections. Made, started, watched and destroyed by the main thread; between
 * worker_start and worker_join only the thread itself touches core and channels.
 */
#ifndef BENCH_LOAD_WORKER_H
#define BENCH_LOAD_WORKER_H

#include <pthread.h>
#include <stdatomic.h>

#include "bench/load/channel.h"
#include "bench/load/core.h"
#include "bench/load/source.h"

#define WORKER_ERROR_TEXT 160

/* What the main thread tells all workers. */
struct worker_shared {
    const struct load_settings *settings;
    uint64_t zero_ns, from_ns; /* monotonic: schedules begin, measuring begins; set before worker_start */
    _Atomic uint64_t until_ns; /* measuring ends; may be moved to an earlier instant during the run */
    _Atomic bool abort;        /* do not even wait for the last answers */
};

struct worker {
    struct worker_shared *shared;
    struct tally *tally;
    struct core *core;
    struct source source;
    struct channel *channels;
    uint32_t lanes;
    uint32_t *dirty; /* lanes with output */
    uint32_t dirty_count, down_count;
    int epoll;
    pthread_t thread;
    counter spin_ns;                     /* spent watching the clock on purpose; read by the main thread */
    counter done;                        /* 1: finished; ended_ns holds then */
    counter ended_ns;                    /* when the last answer had come, or was given up */
    char first_error[WORKER_ERROR_TEXT]; /* of an ERROR reply; read after worker_join */
};

/* Makes worker `index` of settings->threads and connects all its connections. NULL after a complaint on standard
 * error. */
struct worker *worker_create(struct worker_shared *shared, uint32_t index);
void worker_destroy(struct worker *w);

bool worker_start(struct worker *w); /* false, with a complaint, when there can be no thread */
void worker_join(struct worker *w);

/* CPU time that the thread has used so far, in ns. It must be running or not yet joined. */
uint64_t worker_cpu_ns(const struct worker *w);

#endif
