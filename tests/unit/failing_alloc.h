/* Lets an allocation of the program under test fail. The linker has to lead malloc, calloc, realloc and
 * aligned_alloc through here: see the Makefile. */
#ifndef SLUICE_TESTS_FAILING_ALLOC_H
#define SLUICE_TESTS_FAILING_ALLOC_H

/* Allocations until one fails, in all threads; once one has failed, or if none is to, -1. */
extern _Atomic long allocations_left;

#endif
