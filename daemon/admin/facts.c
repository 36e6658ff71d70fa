#include "daemon/admin/facts.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

/* A metric, and the number in struct facts that it adds to. */
struct figure {
    const struct metrics_entry *metric;
    size_t offset;
};

struct facts_view {
    struct facts known;
    size_t count;
    struct figure figures[];
};

#define FACT(field) offsetof(struct facts, field)

static const struct {
    const char *metric;
    size_t offset;
} fixed[] = {
    {"uptime_s", FACT(uptime_s)},
    {"connections.open", FACT(connections)},
    {"connections.accepted", FACT(connections_total)},
    {"connections.refused", FACT(connections_refused)},
    {"net.bytes_in", FACT(bytes_in)},
    {"net.bytes_out", FACT(bytes_out)},
    {"memory.resident", FACT(memory_resident)},
    {"memory.slabs", FACT(memory_sessions)},
    {"memory.buckets", FACT(memory_sessions)},
    {"sessions.expired", FACT(expired)},
    {"operations.get.ok", FACT(hits)},
    {"operations.get.not_found", FACT(misses)},
    {"queue.refused", FACT(overloaded)},
};

static const char *const executed[] = {"ok", "not_found", "conflict"}; /* outcomes */

enum {
    FIXED = sizeof fixed / sizeof fixed[0],
    EXECUTED = sizeof executed / sizeof executed[0],
    FIGURES = FIXED + 2 * DATABASES + (OP_TABLE_LAST + 1) * EXECUTED
};

/* What is not registered stays 0: of some operations, some outcomes. */
static void add(struct facts_view *view, const struct metrics *m, const char *name, size_t offset)
{
    const struct metrics_entry *metric = metrics_find(m, name);
    if (metric) view->figures[view->count++] = (struct figure){metric, offset};
}

struct facts_view *facts_view_create(const struct metrics *m, const struct facts *known)
{
    char name[64];
    struct facts_view *view = malloc(sizeof *view + FIGURES * sizeof view->figures[0]);
    if (!view) return NULL;
    view->known = *known;
    view->count = 0;
    for (size_t i = 0; i < FIXED; i++)
        add(view, m, fixed[i].metric, fixed[i].offset);
    for (unsigned i = 0; i < DATABASES; i++) {
        snprintf(name, sizeof name, "databases.%u.sessions", i);
        add(view, m, name, FACT(sessions) + i * sizeof known->sessions[0]);
        snprintf(name, sizeof name, "databases.%u.mortal", i);
        add(view, m, name, FACT(mortal) + i * sizeof known->mortal[0]);
    }
    for (size_t op = 0; op <= OP_TABLE_LAST; op++)
        for (size_t i = 0; i < EXECUTED; i++) {
            snprintf(name, sizeof name, "operations.%s.%s", op_name((enum op)op), executed[i]);
            add(view, m, name, FACT(operations) + op * sizeof known->operations[0]);
        }
    return view;
}

void facts_view_destroy(struct facts_view *view)
{
    free(view);
}

static uint64_t microseconds(struct timeval t)
{
    return (uint64_t)t.tv_sec * 1000000U + (uint64_t)t.tv_usec;
}

void facts_view_fill(const struct facts_view *view, const struct clock *clock, struct facts *f)
{
    struct rusage usage;
    *f = view->known;
    f->pid = (uint64_t)getpid();
    f->time_us = clock_wall_us(clock);
    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        f->cpu_user_us = microseconds(usage.ru_utime);
        f->cpu_system_us = microseconds(usage.ru_stime);
    }
    for (size_t i = 0; i < view->count; i++) {
        uint64_t *number = (uint64_t *)(void *)((char *)f + view->figures[i].offset);
        *number += metrics_value(view->figures[i].metric);
    }
}
