#include "config/cpus.h"

#include <stdio.h>
#include <string.h>

#include "proto/units.h"

static bool has(const struct thread_cpus *cpus, unsigned cpu)
{
    return cpu < THREAD_CPUS_MAX && (cpus->bits[cpu / 64] >> (cpu % 64) & 1);
}

/* "3" or "0-3" into the set. */
static bool add(struct thread_cpus *cpus, const char *text, size_t len)
{
    const char *dash = memchr(text, '-', len);
    size_t first_len = dash ? (size_t)(dash - text) : len, rest;
    uint64_t first, last;
    if (units_parse(units_none, text, first_len, &first, &rest) != UNITS_OK) return false;
    last = first;
    if (dash && units_parse(units_none, dash + 1, len - first_len - 1, &last, &rest) != UNITS_OK) return false;
    if (last < first || last >= THREAD_CPUS_MAX) return false;
    for (uint64_t cpu = first; cpu <= last; cpu++)
        cpus->bits[cpu / 64] |= 1ULL << (cpu % 64);
    return true;
}

bool config_cpus_parse(struct thread_cpus *out, const char *text, size_t len, struct config_reason *why)
{
    struct thread_cpus cpus = {{0}};
    bool ok = len > 0;
    if (len == 3 && memcmp(text, "any", 3) == 0) {
        *out = cpus;
        return true;
    }
    while (ok && len > 0) {
        const char *comma = memchr(text, ',', len);
        size_t item = comma ? (size_t)(comma - text) : len;
        ok = add(&cpus, text, item) && (!comma || item + 1 < len);
        if (comma) item++;
        text += item;
        len -= item;
    }
    if (ok)
        *out = cpus;
    else
        config_reason_set(why, "no set of processors, expected any, or numbers and ranges below %d, as in 0-3,6",
                          THREAD_CPUS_MAX);
    return ok;
}

const char *config_cpus_format(const struct thread_cpus *cpus, char out[CONFIG_CPUS_MAX])
{
    size_t used = 0;
    for (unsigned first = 0; first < THREAD_CPUS_MAX; first++) {
        if (!has(cpus, first)) continue;
        unsigned last = first;
        while (has(cpus, last + 1))
            last++;
        const char *form = last > first ? "%s%u-%u" : "%s%u";
        used += (size_t)snprintf(out + used, CONFIG_CPUS_MAX - used, form, used ? "," : "", first, last);
        first = last;
    }
    if (used == 0) strcpy(out, "any");
    return out;
}
