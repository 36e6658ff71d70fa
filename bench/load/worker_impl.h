/* Between worker.c (life of a worker) and worker_run.c (its event loop). */
#ifndef BENCH_LOAD_WORKER_IMPL_H
#define BENCH_LOAD_WORKER_IMPL_H

#include "bench/load/worker.h"

/* The thread. */
void *worker_run(void *arg);

/* Registers the lane's socket for reading, and for writing as channel.wants_output says. */
bool worker_register(struct worker *w, uint32_t lane, int operation);

#endif
