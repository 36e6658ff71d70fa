/* Threads that signals never reach: SIGTERM and SIGINT are the control thread's. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>
#include <stdint.h>

#define THREAD_CPUS_MAX 256

/* Processors that a thread may run on: bit per number. All zero: any. */
struct thread_cpus {
    uint64_t bits[THREAD_CPUS_MAX / 64];
};

/* Starts a thread with every signal blocked, named `name` (15 bytes at most). As pthread_create: 0, or an error. */
int thread_start(pthread_t *thread, const char *name, void *(*main)(void *arg), void *arg);

/* The same on these processors only (NULL: any); fails where there is none of them. */
int thread_start_on(pthread_t *thread, const char *name, const struct thread_cpus *cpus, void *(*main)(void *arg),
                    void *arg);

#endif
