/*
 * One generator thread with its connections. Made, started, watched and destroyed by the main thread; between
 * generator_start and pthread_join only the thread itself touches core and channels.
 */
#ifndef BENCH_LOAD_GENERATOR_H
#define BENCH_LOAD_GENERATOR_H

#include <pthread.h>
#include <stdatomic.h>

#include "bench/load/channel.h"
#include "bench/load/core.h"
#include "bench/load/load.h"

#define GENERATOR_ERROR_TEXT 160

/* Makes requests as the settings say; a request's slices live until the next one is made. */
#define SOURCE_STREAM 0x10000 /* the streams below are those of the schedules */

struct source {
    const struct load_settings *settings; /* borrowed */
    struct rng rng;
    uint32_t next; /* key, of settings->fills */
    char key[KEYS_SIZE_MAX];
};

static inline void source_init(struct source *s, const struct load_settings *settings, uint64_t stream)
{
    s->settings = settings;
    rng_seed(&s->rng, settings->seed, SOURCE_STREAM + stream);
}

/* A request like one that was made before. */
static inline void source_again(struct source *s, enum op op, uint32_t key, struct request *out)
{
    const struct load_settings *settings = s->settings;
    *out = (struct request){.op = op, .priority = settings->priority, .deadline_ms = settings->deadline_ms};
    if (!op_has_one_key(op)) return;
    keys_format(&settings->keys, s->key, key);
    out->key = slice_of(s->key, settings->keys.size);
    if (op != OP_PUT && op != OP_TOUCH) return;
    out->ttl_kind = settings->ttl_kind;
    out->ttl_ms = settings->ttl_ms;
    if (op == OP_PUT) out->value = values_pick(settings->values, &s->rng);
}

/* The next request of the mix; with settings->fills, a PUT of the next key. Returns the number of its key. */
static inline uint32_t source_next(struct source *s, struct request *out)
{
    if (s->settings->fills) {
        source_again(s, OP_PUT, s->next, out);
        return s->next++;
    }
    enum op op = mix_pick(&s->settings->mix, &s->rng);
    uint32_t key = op_has_one_key(op) ? (uint32_t)keys_pick(&s->settings->keys, &s->rng) : 0;

    source_again(s, op, key, out);
    return key;
}

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
    char first_error[GENERATOR_ERROR_TEXT]; /* of an ERROR reply; read after pthread_join */
};

/* Makes generator `index` of settings->threads and connects all its connections. NULL after a complaint on standard
 * error. */
struct generator *generator_create(struct generator_shared *shared, uint32_t index);
void generator_destroy(struct generator *g);

/* To be ended by pthread_join. False, with a complaint, when there can be no thread. */
bool generator_start(struct generator *g);

/* CPU time that the thread has used so far, in ns. The thread must have been started; not after pthread_join. */
uint64_t generator_cpu_ns(const struct generator *g);

/* Between generator.c and generator_run.c: the thread; and to register the lane's socket for reading, and for
 * writing as channel.wants_output says. */
void *generator_run(void *arg);
bool generator_register(struct generator *g, uint32_t lane, int operation);
/* Connects the lane and registers its socket. False: errno says why. */
bool generator_connect(struct generator *g, uint32_t lane, unsigned timeout_ms);

#endif
