/* A lock of a kind that is chosen at run time: none where one thread comes only, a mutex, or one that readers
 * share. */
#ifndef BASE_LOCK_H
#define BASE_LOCK_H

#include <pthread.h>
#include <stdbool.h>

enum lock_kind {
    LOCK_MUTEX,  /* one at a time */
    LOCK_RWLOCK, /* those who read together */
    LOCK_NONE,   /* one thread comes only: there is nothing to lock */
};

struct lock {
    enum lock_kind kind;
    union {
        pthread_mutex_t mutex;
        pthread_rwlock_t rwlock;
    };
};

void lock_init(struct lock *lock, enum lock_kind kind);
void lock_destroy(struct lock *lock);

/* `reads_only`: the caller changes nothing, and others who do not may come in too. */
void lock_take(struct lock *lock, bool reads_only);
void lock_release(struct lock *lock);

#endif
