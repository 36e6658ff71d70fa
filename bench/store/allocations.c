#include "bench/store/allocations.h"

#include <stddef.h>

/* Weak, as sanitized builds run on the sanitizer's allocator. */
int mallctl(const char *name, void *old, size_t *old_len, void *new_value, size_t new_len) __attribute__((weak));

static bool read_count(const char *name, uint64_t *value)
{
    size_t len = sizeof *value;
    return mallctl(name, value, &len, NULL, 0) == 0 && len == sizeof *value;
}

bool allocations_so_far(uint64_t *count)
{
    uint64_t epoch = 1, small = 0, large = 0;
    if (mallctl == NULL) return false;
    if (mallctl("epoch", NULL, NULL, &epoch, sizeof epoch) != 0) return false; /* gathers the numbers */
    /* Arena 4096 stands for all of them together (MALLCTL_ARENAS_ALL). */
    if (!read_count("stats.arenas.4096.small.nrequests", &small) ||
        !read_count("stats.arenas.4096.large.nrequests", &large))
        return false;
    *count = small + large;
    return true;
}
