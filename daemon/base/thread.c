#include "daemon/base/thread.h"

#include <signal.h>

int thread_start(pthread_t *thread, const char *name, void *(*main)(void *arg), void *arg)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* a new thread has the mask of its maker */
    int failed = pthread_create(thread, NULL, main, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed == 0) pthread_setname_np(*thread, name);
    return failed;
}
