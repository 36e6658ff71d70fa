/*
 * The waiting line of one I/O thread in front of one thread of the backend: calls that were let in and that the
 * backend has not been given yet.
 *
 *     a flow per connection:   c1  [a d e]            served by deficit round robin, so that who asks for much
 *                              c2  [b]                takes no time from who asks for little
 *                              c3  [c f]
 *     a list per class:        critical [b]  normal [a c d f]  sheddable [e]      who has to leave first
 *     ranks:                   flows by how much they claim                       who claims most
 *
 * Calls of one connection leave in the order in which they came. Round robin: M. Shreedhar, G. Varghese, "Efficient
 * Fair Queuing using Deficit Round Robin" (1995), in the form of RFC 8290, where a flow may overdraw its deficit.
 *
 * One thread's. It holds calls, but does not own their memory; every call in it is linked through call->wait.
 */
#ifndef ADMIT_LINE_H
#define ADMIT_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/queue/task.h"

#define LINE_CLASSES 3  /* PRIORITY_CRITICAL, PRIORITY_NORMAL, PRIORITY_SHEDDABLE */
#define LINE_RANKS   64 /* a rank's flows differ by about a quarter at most in what they have waiting */

/* Earlier rings go first; but where later ones wait, those have one turn in 17. */
enum line_ring {
    RING_CRITICAL, /* flows whose next call is critical */
    RING_LIGHT,    /* flows that claim at most half of what flows do on average */
    RING_OTHERS,
    RING_LAST, /* flows whose next call is sheddable */
    LINE_RINGS
};

struct line_flow {
    uint64_t conn; /* whose it is, or was last */
    struct task *first, *last;
    uint32_t count;
    uint32_t rank;
    enum line_ring ring;
    uint64_t backlog_ns;
    int64_t deficit_ns;
    uint64_t used_ns; /* what of it was served lately, as of `epoch` */
    uint64_t epoch;
    uint64_t favoured_ns;          /* of the line's favour_ns, used up for its critical calls */
    uint32_t turn_next, turn_prev; /* round robin: slots of the neighbours */
    uint32_t rank_next, rank_prev; /* flows of the same rank */
};

struct line_class {
    struct task *first, *last;
};

struct line {
    struct line_flow *flows; /* by the connection's slot: the lower half of call->conn */
    uint32_t flow_room;
    uint32_t flow_count; /* flows with calls */
    uint32_t count;      /* calls */
    uint64_t backlog_ns; /* what they are expected to cost */
    uint64_t tickets;
    uint64_t served_ns; /* in this epoch, by all flows */
    uint64_t epoch;     /* what was used before it counts for half, before the one before for a quarter, ... */
    uint64_t favour_ns; /* a part of all that was served: so much one flow may have been favoured */
    uint64_t claims_ns; /* what the flows with calls claim together */
    uint32_t turns[LINE_RINGS];    /* the flow whose turn it is; LINE_NONE: the ring is empty */
    uint32_t in_a_row[LINE_RINGS]; /* calls served from this ring since one of a later ring was */
    uint32_t ranks[LINE_RANKS];
    uint64_t ranks_used; /* bit per rank that has flows */
    struct line_class classes[LINE_CLASSES];
};

#define LINE_NONE UINT32_MAX

void line_init(struct line *l);
void line_free(struct line *l); /* gives back the line's own memory; the calls in it are left alone */

/* Appends the call to its connection's flow. call->wait.cost_ns and the request's priority (not the default) must
 * be set. False when memory is out. */
bool line_add(struct line *l, struct task *task);

/* False: it is critical, but is to count as a normal one. Of what the line serves, one connection's critical calls
 * go first for a quarter; beyond that and some, they take their turn. (Else one that sends nothing but critical
 * calls, and as many as it can, would leave nothing to others.) */
bool line_favours(const struct line *l, const struct task *task);

/* The call whose turn it is; NULL when the line is empty. It stays in the line. */
struct task *line_peek(struct line *l);

/* Takes a call out, whichever it is. `served`: its connection pays for it. */
void line_remove(struct line *l, struct task *task, bool served);

/* The call that came first; NULL when the line is empty. */
struct task *line_oldest(const struct line *l);

/* The same, of one class. */
struct task *line_oldest_of(const struct line *l, enum priority priority);

/* The oldest and the newest call of the lowest class that has any, if that is below `priority`; else NULL. */
struct task *line_oldest_below(const struct line *l, enum priority priority);
struct task *line_newest_below(const struct line *l, enum priority priority);

/* The call of the connection `conn` that came first; NULL: it has none here. */
struct task *line_first_of(const struct line *l, uint64_t conn);

/* What the connection `conn` has waiting. */
uint64_t line_backlog_of(const struct line *l, uint64_t conn);

/* What it claims: that, and what was served of it lately. */
uint64_t line_claim_of(const struct line *l, uint64_t conn);

enum line_end { LINE_OLDEST, LINE_NEWEST };

/* The oldest or newest call, of a class not above `priority`, of the flow that claims most (within a quarter); NULL
 * when that has no such call at that end, or claims without it not more than `least_ns`. */
struct task *line_greediest(const struct line *l, enum priority priority, uint64_t least_ns, enum line_end end);

#endif
