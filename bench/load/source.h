/* Makes requests as the settings say. One per thread; the request's slices live until the next one is made. */
#ifndef BENCH_LOAD_SOURCE_H
#define BENCH_LOAD_SOURCE_H

#include "bench/load/load.h"

struct source {
    const struct load_settings *settings; /* borrowed */
    struct rng rng;
    uint32_t next; /* key, of settings->fills */
    char key[KEYS_SIZE_MAX];
};

void source_init(struct source *s, const struct load_settings *settings, uint64_t stream);

/* The next request of the mix; with settings->fills, a PUT of the next key. Returns the number of its key. */
uint32_t source_next(struct source *s, struct request *out);

/* A request like one that was made before. */
void source_again(struct source *s, enum op op, uint32_t key, struct request *out);

#endif
