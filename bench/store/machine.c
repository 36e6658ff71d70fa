#include "bench/store/machine.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

/* proc(5), /proc/stat: user, nice, system, idle, iowait, irq, softirq in ticks, of all processors. */
uint64_t machine_busy_ns(void)
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
