/*
 * Accepted sockets on their way to the loop that shall have them. Any thread puts, the loop takes; a lock, as this
 * happens once in a connection's life. Holds no more than there may be connections.
 */
#ifndef NET_INBOX_H
#define NET_INBOX_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "daemon/net/loop.h"

struct inbox {
    pthread_mutex_t lock;
    struct loop_socket *sockets; /* a ring; guarded by the lock, as are the numbers */
    size_t first, count, capacity;
    _Atomic bool filled; /* there may be something */
};

void inbox_init(struct inbox *in);
/* Closes what is left in it. */
void inbox_free(struct inbox *in);

/* False when memory is out. */
bool inbox_put(struct inbox *in, const struct loop_socket *socket);

/* Takes up to `most`, in the order they were put; returns how many. */
size_t inbox_take(struct inbox *in, struct loop_socket *out, size_t most);

/* The loop: is there something? A moment old. */
static inline bool inbox_filled(const struct inbox *in)
{
    return atomic_load_explicit(&in->filled, memory_order_relaxed);
}

#endif
