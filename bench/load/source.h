/* Makes requests as the settings say. One per thread; the request's slices live until the next one is made. */
#ifndef BENCH_LOAD_SOURCE_H
#define BENCH_LOAD_SOURCE_H

#include "bench/load/load.h"

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

#endif
