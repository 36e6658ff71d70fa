#include "daemon/base/lock.h"

void lock_init(struct lock *lock, enum lock_kind kind)
{
    lock->kind = kind;
    if (kind == LOCK_RWLOCK) pthread_rwlock_init(&lock->rwlock, NULL);
    if (kind != LOCK_MUTEX) return;
    /* A session is had in a fraction of what a sleep and a wakeup cost, so who meets a held lock spins a little
     * first (glibc learns how long, and does not on one processor). */
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ADAPTIVE_NP);
    pthread_mutex_init(&lock->mutex, &attributes);
    pthread_mutexattr_destroy(&attributes);
}

void lock_destroy(struct lock *lock)
{
    if (lock->kind == LOCK_MUTEX) pthread_mutex_destroy(&lock->mutex);
    if (lock->kind == LOCK_RWLOCK) pthread_rwlock_destroy(&lock->rwlock);
}

void lock_take(struct lock *lock, bool reads_only)
{
    if (lock->kind == LOCK_MUTEX)
        pthread_mutex_lock(&lock->mutex);
    else if (lock->kind == LOCK_RWLOCK && reads_only)
        pthread_rwlock_rdlock(&lock->rwlock);
    else if (lock->kind == LOCK_RWLOCK)
        pthread_rwlock_wrlock(&lock->rwlock);
}

void lock_release(struct lock *lock)
{
    if (lock->kind == LOCK_MUTEX)
        pthread_mutex_unlock(&lock->mutex);
    else if (lock->kind == LOCK_RWLOCK)
        pthread_rwlock_unlock(&lock->rwlock);
}
