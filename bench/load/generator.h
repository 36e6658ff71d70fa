/*
 * One generator thread with its connections. Made, started, watched and destroyed by the main thread; between
 * generator_start and generator_join only the thread itself touches core and channels.
 */
#ifndef BENCH_LOAD_GENERATOR_H
#define BENCH_LOAD_GENERATOR_H

#include <pthread.h>
#include <stdatomic.h>

#include "bench/load/channel.h"
#include "bench/load/core.h"
#include "bench/load/source.h"

#define GENERATOR_ERROR_TEXT 160

/* What the main thread tells all generators. */
struct generator_shared {
    const struct load_settings *settings;
    uint64_t zero_ns, from_ns; /* monotonic: schedules begin, measuring begins; set before generator_start */
    _Atomic uint64_t until_ns; /* measuring ends; may be moved to an earlier instant during the run */
    _Atomic bool abort;        /* do not even wait for the last answers */
};

struct generator {
    struct generator_shared *shared;
    struct tally *tally;
    struct core *core;
    struct source source;
    struct channel *channels;
    uint32_t lanes;
    uint32_t *dirty; /* lanes with output */
    uint32_t dirty_count, down_count;
    int epoll;
    pthread_t thread;
    counter spin_ns;                        /* spent watching the clock on purpose; read by the main thread */
    counter done;                           /* 1: finished; the next two hold then */
    counter ended_ns;                       /* when the last answer had come, or was given up */
    counter cpu_ns;                         /* CPU time of the whole thread */
    char first_error[GENERATOR_ERROR_TEXT]; /* of an ERROR reply; read after generator_join */
};

/* Makes generator `index` of settings->threads and connects all its connections. NULL after a complaint on standard
 * error. */
struct generator *generator_create(struct generator_shared *shared, uint32_t index);
void generator_destroy(struct generator *g);

bool generator_start(struct generator *g); /* false, with a complaint, when there can be no thread */
void generator_join(struct generator *g);

/* CPU time that the thread has used so far, in ns. The thread must have been started; not after generator_join. */
uint64_t generator_cpu_ns(const struct generator *g);

/* Between generator.c and generator_run.c: the thread; and to register the lane's socket for reading, and for
 * writing as channel.wants_output says. */
void *generator_run(void *arg);
bool generator_register(struct generator *g, uint32_t lane, int operation);
/* Connects the lane and registers its socket. False: errno says why. */
bool generator_connect(struct generator *g, uint32_t lane, unsigned timeout_ms);

#endif
