/* Facts about the daemon (proto/facts.h) as a view of the registry of metrics: nothing is counted for them. */
#ifndef ADMIN_FACTS_H
#define ADMIN_FACTS_H

#include "daemon/base/clock.h"
#include "daemon/base/metrics.h"
#include "proto/facts.h"

struct facts_view;

/* Of a registry that is complete, borrowed. `known` is what stays as it is while the daemon runs. NULL when memory
 * is out. */
struct facts_view *facts_view_create(const struct metrics *m, const struct facts *known);
void facts_view_destroy(struct facts_view *view);

/* Fills in all but what is about the connection that asks. Any thread. */
void facts_view_fill(const struct facts_view *view, const struct clock *clock, struct facts *f);

#endif
