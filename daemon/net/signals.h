/*
 * Signals as a descriptor of an event loop: they are blocked and read, so no handler ever runs between two
 * instructions of some thread. (uv_signal_t installs handlers; one that interrupts a thread inside another
 * library's signal handling, as that of a thread sanitizer, can be lost.)
 */
#ifndef NET_SIGNALS_H
#define NET_SIGNALS_H

#include <stdbool.h>
#include <uv.h>

struct signals {
    uv_poll_t poll;
    int fd; /* signalfd */
    void (*received)(void *ctx, int number);
    void *ctx;
};

/*
 * Blocks these signals in the calling thread, and so in those it starts from now on, for good; `received` is called
 * on the loop's thread, once for each. Before other threads exist that do not block them. False: out of
 * descriptors or memory; errno says which.
 */
bool signals_start(struct signals *s, uv_loop_t *loop, const int *numbers, int count,
                   void (*received)(void *ctx, int number), void *ctx);

/* After the loop has closed `poll`. */
void signals_close(struct signals *s);

#endif
