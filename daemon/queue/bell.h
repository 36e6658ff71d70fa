/*
 * The bell: how a thread that sleeps is woken by threads that hand it work, once per batch and not at all while
 * it is awake. (uv_async_send may lose a wakeup when the queue beside it is lock-free; see docs/architecture.md.)
 *
 *     consumer: bell_arm(b); look for work; if none: block; bell_disarm(b)
 *     producer: publish work; ...; bell_ring(b)      once for all it published
 *
 * Both sides meet in sequentially consistent read-modify-writes of one flag, so either the consumer sees the
 * work or the producer sees the flag: no wakeup is lost. Modelled in tests/model/bell.pml.
 */
#ifndef QUEUE_BELL_H
#define QUEUE_BELL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct bell {
    _Alignas(64) _Atomic uint32_t armed; /* 1: the consumer sleeps or is about to */
    int fd;                              /* eventfd for a consumer that sleeps in an event loop; -1: futex */
};

/* A bell for a thread that sleeps in bell_wait. */
void bell_init(struct bell *b);
/* A bell for an event loop: rings by making b->fd readable. False: errno says why. */
bool bell_init_fd(struct bell *b);
/* Once no thread can ring it any more. */
void bell_close(struct bell *b);

/* Consumer: announces that it is about to sleep. Look for work once more after this. */
void bell_arm(struct bell *b);
/* Consumer: it is awake. */
void bell_disarm(struct bell *b);
/* Consumer, futex bell, armed: sleeps until rung or `timeout_ns` passed (UINT64_MAX: no limit). May return early.
 */
void bell_wait(struct bell *b, uint64_t timeout_ns);
/* Consumer, fd bell: makes the fd unreadable again. Before it arms again. */
void bell_drain(struct bell *b);

/*
 * Any thread, after publishing work: wakes the consumer if it sleeps. True when it had to (a system call). Also
 * due before waiting for the consumer, as on a full ring that holds work not yet rung for.
 */
bool bell_ring(struct bell *b);

#endif
