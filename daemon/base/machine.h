/* What of the machine this process may use, and what it does use. */
#ifndef BASE_MACHINE_H
#define BASE_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/base/thread.h"

struct machine {
    uint32_t processors;        /* that are online, at least 1 */
    struct thread_cpus allowed; /* those that the calling thread may run on; none: not known */
    uint64_t memory;    /* bytes: what the machine has, or what a cgroup allows if that is less; 0: not known */
    bool memory_capped; /* it is a cgroup that says so */
};

/* `root` stands in front of /proc and /sys: "" except in tests. */
void machine_read(struct machine *m, const char *root);

/*
 * Bytes that this process has in memory, as the system counts them. The descriptor stays open, so that reading does
 * not fail when descriptors have run out. Thread-safe.
 */
int resident_open(void); /* a descriptor for resident_bytes and close, or -1 with errno */
uint64_t resident_bytes(int fd);

#endif
