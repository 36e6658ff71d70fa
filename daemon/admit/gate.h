/*
 * The gate: what an I/O thread has in front of one station of the backend.
 *
 *     task at the door --gate_judge--+--> GATE_PASS    nobody waits and the station wants more   --> gate_pass
 *     (a question: nothing changes)  +--> GATE_LINE    there is room in the waiting line         --> gate_enter
 *                                    +--> GATE_HOLD    keep it, stop reading its connection      --> gate_hold
 *                                    +--> GATE_REFUSE  to be answered OVERLOADED                 --> gate_refuse
 *                                    '--> GATE_LATE    to be answered LATE                       --> gate_refuse
 *     waiting line --gate_next--> the station, as fast as that works them off
 *                  `--> gate_answered: supplanted, too late, stale: answered without having been executed
 *
 * Calls wait here and not in the backend's ring, because here they can still be turned away in favour of others,
 * and taken in a fair order. The ring gets only what keeps the backend busy: a window of calls that begins small
 * and grows by an eighth whenever the backend ran dry while calls were waiting, up to a millisecond of work; in
 * good times it shrinks. Where the I/O thread executes calls itself (`in_place`), there is a budget of time per
 * turn in the window's place, so that sockets are read between slow operations.
 *
 * One thread's, and pure: time comes from the caller. The costs are told by whoever executes.
 */
#ifndef ADMIT_GATE_H
#define ADMIT_GATE_H

#include "daemon/admit/admit.h"
#include "daemon/admit/line.h"
#include "daemon/base/histogram.h"
#include "daemon/queue/costs.h"
#include "daemon/queue/ring.h"

/* What the gates of one I/O thread count. Written by that thread, read by any. */
struct gate_stats {
    counter deepest;             /* most calls that waited at a gate */
    counter supplanted;          /* refused after they had been let in, for the sake of others */
    counter stale;               /* refused after they had been let in, because they had waited too long */
    counter late;                /* past their own deadline, at the door or later */
    counter expired;             /* of these, who were found out by the thread that should have executed them */
    struct histogram wait_ns;    /* of executed calls: from arrival until execution began */
    struct histogram service_ns; /* execution */
    struct histogram sojourn_ns; /* from arrival until executed */
};

/* What the gates of all I/O threads in front of one station have in common. */
struct gate_station {
    _Atomic uint32_t lined;   /* calls in their lines */
    _Atomic uint64_t starved; /* bit per I/O thread that holds calls for want of room */
    uint32_t gates;           /* how many there are */
    uint32_t degree;          /* tasks that the station works on at the same time: 1 where it is a thread */
    const struct ring *ring;  /* calls that the backend has been given and not begun; NULL with in_place */
};

struct gate_options {
    struct gate_station *station;
    uint32_t lane; /* the I/O thread's number, below 64 */
    const struct costs *costs;
    bool in_place;
    struct gate_stats *stats;
};

enum gate_verdict { GATE_PASS, GATE_LINE, GATE_HOLD, GATE_REFUSE, GATE_LATE };

struct gate {
    struct gate_options options;
    const struct admit_policy *policy;
    struct admit_state state;
    uint32_t bound; /* calls that may wait for the station */
    uint64_t target_ns;
    struct line line;

    /* With the backend: given to it and not yet back. */
    uint32_t out;
    uint64_t out_ns;
    uint32_t window;
    uint32_t calm;           /* returns in a row at which the backend still had half a window */
    bool returned;           /* something came back since the window was looked at */
    uint64_t quiet_since_ns; /* when something came back last, or was given to a backend that had nothing */
    int64_t budget_ns;       /* in_place: left of this turn's */

    uint32_t stretch;         /* waits as they were, per wait as estimated, in 4096ths: a moving average */
    uint64_t rate_end_ns;     /* end of the interval in which rates are counted */
    uint32_t offered, served; /* in this interval */
    uint32_t excess;          /* offered per served, in 4096ths: a moving average */

    struct task *first_answered, *last_answered;
    uint64_t run_wait_ns, run_service_ns; /* calls that came back alike, not yet in the histograms */
    uint32_t run_calls;
};

#define GATE_WINDOW_MOST 1024 /* calls: what the backend's ring must have room for, per gate */

void gate_init(struct gate *g, const struct gate_options *options);
/* Hands the calls that still wait to `drop`. */
void gate_free(struct gate *g, void (*drop)(struct task *task));

/* The rules from now on; nothing that waits is touched by a change. */
void gate_tune(struct gate *g, const struct admit_policy *policy, uint32_t bound, uint64_t target_ns);

/* At the door, with the header or with all of the request here: what is to become of it? The request's priority is
 * no longer the default; the answer sets what the task is expected to cost, and its class here. */
enum gate_verdict gate_judge(const struct gate *g, struct task *task, uint64_t now_ns);

/* After GATE_PASS: it goes to the station, or is run here. */
void gate_pass(struct gate *g, struct task *task, uint64_t now_ns);

/* After GATE_LINE, once the task owns its bytes: into the line. GATE_HOLD where that did not work out because other
 * threads took the last places; GATE_REFUSE likewise, or for lack of memory: then the reply is in the task. */
enum gate_verdict gate_enter(struct gate *g, struct task *task, uint64_t now_ns);

/* After GATE_HOLD: this thread holds tasks, and is to be told of room (gate_others_starved of the other gates).
 * True: there is room now, gate_enter may be tried. */
bool gate_hold(struct gate *g);

/* After GATE_REFUSE or GATE_LATE: fills in the reply. */
void gate_refuse(struct gate *g, struct task *task, enum gate_verdict verdict, uint64_t now_ns);

/* The next call for the backend, out of the line now; NULL: there is none, or the backend has enough. */
struct task *gate_next(struct gate *g, uint64_t now_ns);

/* The station has got it: after gate_pass or gate_next. Not with in_place. */
void gate_sent(struct gate *g, struct task *task);

/* It came back by mail, done; with in_place it was parked. */
void gate_returned(struct gate *g, struct task *task, uint64_t now_ns);

/* They were run together, from taken_ns to done_ns of each; in_place, that is taken from this turn's budget. */
void gate_executed(struct gate *g, struct task *const *tasks, size_t count, uint64_t now_ns);
/* in_place: a new turn begins. */
void gate_begin_turn(struct gate *g);

/* Calls that were answered without having been executed, linked by call->next, oldest first; NULL: none. */
struct task *gate_answered(struct gate *g);

/* True when gate_next may have more to give without anything coming back first. */
bool gate_has_more(const struct gate *g);

/* If there is room: the other I/O threads that hold calls for this station, bit per number. They are to be told,
 * and are not in the next answer unless they find no room again. */
uint64_t gate_others_starved(struct gate *g);

/* Any thread: calls that wait for the station, in lines and in the backend's ring. A moment old. */
uint32_t gate_station_depth(const struct gate_station *station);

/* End of a batch: what was counted becomes visible. */
void gate_publish(struct gate *g);

#endif
