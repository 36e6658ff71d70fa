/* What an I/O thread counts. Written by its thread, read by any. */
#ifndef NET_LOOP_STATS_H
#define NET_LOOP_STATS_H

#include "daemon/base/longest.h"
#include "daemon/base/metrics.h"
#include "daemon/queue/task.h"

/* How an operation ended, as STATS names it. */
enum outcome {
    OUTCOME_OK,
    OUTCOME_NOT_FOUND,
    OUTCOME_CONFLICT,
    OUTCOME_OVERLOADED,
    OUTCOME_LATE,
    OUTCOME_ERROR,
    OUTCOME_COUNT
};

enum close_reason {
    CLOSE_PEER,     /* the peer closed, or QUIT */
    CLOSE_ERROR,    /* socket error or reset */
    CLOSE_PROTOCOL, /* bytes that are no request */
    CLOSE_IDLE,
    CLOSE_REQUEST_TIMEOUT,
    CLOSE_OUTPUT_LIMIT,
    CLOSE_SHUTDOWN,
    CLOSE_REASONS
};

/* Latencies are kept by operation, of executed requests; and of refused ones, OVERLOADED or LATE, together: both in
 * one histogram would tell of neither. */
enum { LATENCY_REFUSED = OP_TABLE_LAST + 1, LATENCY_COUNT };
_Static_assert(LATENCY_COUNT <= 32, "a bit per latency");

struct loop_stats {
    counter operations[OP_COUNT][OUTCOME_COUNT];
    counter malformed; /* bytes that were no request */
    counter connections_open, connections_accepted;
    counter closed[CLOSE_REASONS];
    counter bytes_in, bytes_out;
    counter turns;
    struct longest turn;
    counter call_bytes; /* calls in existence, spare ones included; what they allocated beside is not counted */
    struct histogram latency[LATENCY_COUNT];   /* operations on the table: from arrival to reply, in ns */
    struct histogram_run alike[LATENCY_COUNT]; /* latencies not recorded yet; I/O thread only */
    uint32_t batch[LATENCY_COUNT];             /* answered since the last loop_stats_batch; I/O thread only */
    uint32_t answered;                         /* bit per latency in either of them; I/O thread only */
    uint64_t batch_arrived_ns;                 /* when that batch was read; 0: nothing is in it */
};

struct loop_stats *loop_stats_create(const struct clock *clock);
bool loop_stats_register(struct loop_stats *s, struct metrics *m);

/* Counts a reply that leaves at now_ns, or, with 0, at the time that the next loop_stats_batch says: one clock
 * read serves all replies of a batch that was read at once. Latencies become visible then, too. */
void loop_stats_reply(struct loop_stats *s, const struct task *task, uint64_t now_ns);
void loop_stats_batch(struct loop_stats *s, uint64_t now_ns);

#endif
