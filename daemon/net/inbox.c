#include "daemon/net/inbox.h"

#include <stdlib.h>
#include <unistd.h>

#define CAPACITY_FIRST 16

void inbox_init(struct inbox *in)
{
    *in = (struct inbox){.sockets = NULL};
    pthread_mutex_init(&in->lock, NULL);
}

void inbox_free(struct inbox *in)
{
    for (size_t i = 0; i < in->count; i++)
        close(in->sockets[(in->first + i) % in->capacity].fd);
    free(in->sockets);
    pthread_mutex_destroy(&in->lock);
}

static bool grow(struct inbox *in)
{
    size_t capacity = in->capacity ? in->capacity * 2 : CAPACITY_FIRST;
    struct loop_socket *sockets = malloc(capacity * sizeof *sockets);
    if (!sockets) return false;
    for (size_t i = 0; i < in->count; i++)
        sockets[i] = in->sockets[(in->first + i) % in->capacity];
    free(in->sockets);
    in->sockets = sockets;
    in->first = 0;
    in->capacity = capacity;
    return true;
}

bool inbox_put(struct inbox *in, const struct loop_socket *socket)
{
    pthread_mutex_lock(&in->lock);
    bool ok = in->count < in->capacity || grow(in);
    if (ok) in->sockets[(in->first + in->count++) % in->capacity] = *socket;
    atomic_store(&in->filled, in->count > 0);
    pthread_mutex_unlock(&in->lock);
    return ok;
}

size_t inbox_take(struct inbox *in, struct loop_socket *out, size_t most)
{
    size_t taken = 0;
    pthread_mutex_lock(&in->lock);
    for (; taken < most && in->count > 0; in->count--) {
        out[taken++] = in->sockets[in->first];
        in->first = (in->first + 1) % in->capacity;
    }
    atomic_store(&in->filled, in->count > 0);
    pthread_mutex_unlock(&in->lock);
    return taken;
}
