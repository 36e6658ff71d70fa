#include "daemon/base/longest.h"

#include <stdio.h>

#define NAME_MAX_BYTES 64

void longest_init(struct longest *l, const struct clock *clock)
{
    *l = (struct longest){.clock = clock};
}

uint64_t longest_ever_ns(const struct longest *l)
{
    return counter_get(&l->ever_ns);
}

uint64_t longest_recent_ns(const struct longest *l)
{
    uint64_t now = clock_ns(l->clock) >> LONGEST_WINDOW_BITS, longest = 0;
    for (int i = 0; i < 2; i++) {
        uint64_t word = counter_get(&l->windows[i]), window = word >> LONGEST_NS_BITS, ns = word & LONGEST_NS_MAX;
        if (window + 1 >= now && ns > longest) longest = ns; /* the writer may be ahead of this look at the clock */
    }
    return longest;
}

static uint64_t read_recent(void *ctx)
{
    return longest_recent_ns(ctx);
}

bool longest_register(struct longest *l, struct metrics *m, const char *name)
{
    char ever[NAME_MAX_BYTES], recent[NAME_MAX_BYTES];
    snprintf(ever, sizeof ever, "%s_ns", name);
    snprintf(recent, sizeof recent, "%s_recent_ns", name);
    return metrics_maximum(m, ever, &l->ever_ns) && metrics_maximum_read(m, recent, read_recent, l);
}
