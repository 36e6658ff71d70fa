#include "daemon/base/thread.h"

#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#define CPUS (sizeof(struct thread_cpus) * 8)

static bool is_any(const struct thread_cpus *cpus)
{
    return !cpus || !(cpus->bits[0] | cpus->bits[1] | cpus->bits[2] | cpus->bits[3]);
}

static void to_set(const struct thread_cpus *cpus, cpu_set_t *set)
{
    CPU_ZERO(set);
    for (size_t cpu = 0; cpu < CPUS; cpu++)
        if (cpus->bits[cpu / 64] >> (cpu % 64) & 1) CPU_SET(cpu, set);
}

int thread_start_on(pthread_t *thread, const char *name, const struct thread_cpus *cpus, void *(*main)(void *arg),
                    void *arg)
{
    sigset_t all, before;
    cpu_set_t set;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    int failed = 0;
    if (!is_any(cpus)) {
        to_set(cpus, &set);
        failed = pthread_attr_setaffinity_np(&attributes, sizeof set, &set);
    }
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* a new thread has the mask of its maker */
    if (!failed) failed = pthread_create(thread, &attributes, main, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (!failed) pthread_setname_np(*thread, name);
    return failed;
}

int thread_start(pthread_t *thread, const char *name, void *(*main)(void *arg), void *arg)
{
    return thread_start_on(thread, name, NULL, main, arg);
}
