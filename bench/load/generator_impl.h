/* Between generator.c (life of a generator) and generator_run.c (its event loop). */
#ifndef BENCH_LOAD_GENERATOR_IMPL_H
#define BENCH_LOAD_GENERATOR_IMPL_H

#include "bench/load/generator.h"

/* The thread. */
void *generator_run(void *arg);

/* Registers the lane's socket for reading, and for writing as channel.wants_output says. */
bool generator_register(struct generator *g, uint32_t lane, int operation);

#endif
