/* Threads that signals never reach: SIGTERM and SIGINT are the control thread's. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>

/* Starts a thread with every signal blocked, named `name` (15 bytes at most). As pthread_create: 0, or an error. */
int thread_start(pthread_t *thread, const char *name, void *(*main)(void *arg), void *arg);

#endif
