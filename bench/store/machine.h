/* What the machine was busy with, to tell a spoiled measurement from a good one. */
#ifndef BENCH_STORE_MACHINE_H
#define BENCH_STORE_MACHINE_H

#include <stdint.h>

/* Processor time that everything on the machine together has used since it started, in ns; steps of some 10 ms.
 * 0 when the system does not tell. */
uint64_t machine_busy_ns(void);

#endif
