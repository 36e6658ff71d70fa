#include "bench/store/run.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* Weak, as sanitized builds run on the sanitizer's allocator. */
int mallctl(const char *name, void *old, size_t *old_len, void *new_value, size_t new_len) __attribute__((weak));

static bool count_allocations(uint64_t *count)
{
    uint64_t epoch = 1, small = 0, large = 0;
    size_t len = sizeof small;
    if (!mallctl || mallctl("epoch", NULL, NULL, &epoch, sizeof epoch) != 0) return false; /* gathers the numbers */
    /* Arena 4096 stands for all of them together (MALLCTL_ARENAS_ALL). */
    bool known = mallctl("stats.arenas.4096.small.nrequests", &small, &len, NULL, 0) == 0 &&
                 mallctl("stats.arenas.4096.large.nrequests", &large, &len, NULL, 0) == 0;
    *count = small + large;
    return known;
}

/* proc(5), /proc/stat: user, nice, system, idle, iowait, irq, softirq in ticks, of all processors. */
static uint64_t busy_ns(void)
{
    uint64_t t[7] = {0};
    FILE *f = fopen("/proc/stat", "re");
    if (!f) return 0;
    int n = fscanf(f, "cpu %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64, &t[0],
                   &t[1], &t[2], &t[3], &t[4], &t[5], &t[6]);
    fclose(f);
    long ticks_per_s = sysconf(_SC_CLK_TCK);
    if (n != 7 || ticks_per_s <= 0) return 0;
    return (t[0] + t[1] + t[2] + t[5] + t[6]) * (1000000000U / (uint64_t)ticks_per_s);
}

static uint64_t clock_of(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

void usage_add(struct usage *u, uint64_t sign)
{
    struct rusage own;
    uint64_t allocations = 0;
    getrusage(RUSAGE_SELF, &own);
    u->wall_ns += clock_of(CLOCK_MONOTONIC) * sign;
    u->cpu_ns += clock_of(CLOCK_PROCESS_CPUTIME_ID) * sign;
    u->busy_ns += busy_ns() * sign;
    u->switches_voluntary += (uint64_t)own.ru_nvcsw * sign;
    u->switches_involuntary += (uint64_t)own.ru_nivcsw * sign;
    u->allocations_known = count_allocations(&allocations);
    u->allocations += allocations * sign;
}
