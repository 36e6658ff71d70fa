/*
 * The bell. Why no wakeup is lost:
 *
 *     producer: publish; x = exchange(armed, 0); x == 1: wake        consumer: exchange(armed, 1); look; sleep
 *
 * All operations on `armed` are sequentially consistent read-modify-writes, so they stand in one order and each
 * one reads the one before it.
 *   - The ring comes before the arm: the arm reads from it (directly, or along the read-modify-writes between
 *     them), so what was published before the ring is visible to the look that follows the arm.
 *   - The arm comes before the ring: that ring, or another one between them, reads 1 and wakes. Who rang in
 *     vain (it read 0) comes before the next arm, so the look after that one sees its work.
 *
 * A producer must not first look at `armed` with a plain load to save the exchange: the processor may do the
 * load before its publishing store is visible, the consumer may arm and look in between, and both go away
 * content. Nor may disarm be a plain store: it would cut the chain along which the arm sees earlier rings.
 */
#include "daemon/queue/bell.h"

#include <assert.h>
#include <errno.h>
#include <linux/futex.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S 1000000000ULL

_Static_assert(sizeof(_Atomic uint32_t) == sizeof(uint32_t), "the kernel takes a futex as four plain bytes");

void bell_init(struct bell *b)
{
    atomic_init(&b->armed, 0);
    b->fd = -1;
}

bool bell_init_fd(struct bell *b)
{
    bell_init(b);
    b->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return b->fd >= 0;
}

void bell_close(struct bell *b)
{
    if (b->fd >= 0) close(b->fd);
    b->fd = -1;
}

void bell_arm(struct bell *b)
{
    atomic_exchange_explicit(&b->armed, 1, memory_order_seq_cst);
}

void bell_disarm(struct bell *b)
{
    atomic_exchange_explicit(&b->armed, 0, memory_order_seq_cst);
}

void bell_wait(struct bell *b, uint64_t timeout_ns)
{
    assert(b->fd < 0);
    struct timespec limit = {
        .tv_sec = (time_t)(timeout_ns / NS_PER_S),
        .tv_nsec = (long)(timeout_ns % NS_PER_S),
    };
    /*
     * The kernel sleeps only while the flag still is 1, so a ring between arm and here is not missed. The limit
     * is relative, on the monotonic clock. Every way of returning (woken, already rung, time passed, a signal)
     * is the same to the consumer: it looks for work.
     */
    long rc =
        syscall(SYS_futex, &b->armed, FUTEX_WAIT_PRIVATE, 1, timeout_ns == UINT64_MAX ? NULL : &limit, NULL, 0);
    assert(rc == 0 || errno == EAGAIN || errno == EINTR || errno == ETIMEDOUT);
    (void)rc;
}

void bell_drain(struct bell *b)
{
    assert(b->fd >= 0);
    uint64_t rings;
    ssize_t n;
    do {
        n = read(b->fd, &rings, sizeof rings);
    } while (n < 0 && errno == EINTR);
    assert(n == (ssize_t)sizeof rings || (n < 0 && errno == EAGAIN)); /* EAGAIN: was not rung */
}

bool bell_ring(struct bell *b)
{
    if (atomic_exchange_explicit(&b->armed, 0, memory_order_seq_cst) == 0) return false;
    if (b->fd < 0) {
        syscall(SYS_futex, &b->armed, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
        return true;
    }
    const uint64_t one = 1;
    ssize_t n;
    do {
        n = write(b->fd, &one, sizeof one);
    } while (n < 0 && errno == EINTR);
    assert(n == (ssize_t)sizeof one || (n < 0 && errno == EAGAIN)); /* EAGAIN: readable 2^64 times over */
    return true;
}
