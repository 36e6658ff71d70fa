/* Inside the simulation: sim.c (time, I/O threads), sim_clients.c and sim_backend.c. See sim.h. */
#ifndef BENCH_SIM_SIM_IMPL_H
#define BENCH_SIM_SIM_IMPL_H

#include <sys/queue.h>

#include "bench/common/rng.h"
#include "bench/sim/sim.h"
#include "daemon/admit/gate.h"

#define SIM_START_NS 1000000000ULL /* the clock's first instant: policies take 0 for "never" */
#define SIM_NEVER    UINT64_MAX
#define SIM_BATCH    64 /* calls, as the backend's worker takes them */

struct sim_call {
    struct task task; /* first: the gate hands these back */
    STAILQ_ENTRY(sim_call) link;
    TAILQ_ENTRY(sim_call) in_pipe; /* under way on its connection, in the order of the requests */
    uint32_t stream, attempt;
    bool answered; /* the client does not have it yet if an earlier one is not answered */
    uint64_t sent_ns;
    uint64_t again_ns; /* when it is sent again */
};

STAILQ_HEAD(sim_list, sim_call);
TAILQ_HEAD(sim_pipe, sim_call);

/* One I/O thread. */
struct sim_lane {
    struct gate gate;
    struct gate_stats stats;
    struct sim_list returned;
    struct sim_list unread; /* came while it was away */
    uint64_t turn_ns;       /* when it looks at what returned; SIM_NEVER: there is nothing */
    bool away;
    uint64_t change_ns; /* when it goes away or comes back; SIM_NEVER: it stays */
};

struct sim {
    const struct sim_options *o;
    struct sim_result *result;
    uint64_t now_ns;
    struct rng rng, away_rng;
    struct arrivals arrivals[SIM_STREAMS];
    uint32_t first_conn[SIM_STREAMS];
    struct sim_pipe *pipes; /* per connection */
    struct sim_lane *lanes;
    struct gate_station station;
    struct costs costs;
    struct ring *ring;
    struct sim_call *batch[SIM_BATCH];
    size_t batch_count;
    uint64_t batch_from_ns, batch_end_ns; /* SIM_NEVER: the backend idles */
    struct sim_list again;                /* to be sent again, in order of time */
    struct sim_list spare;
    uint64_t under_way;
};

bool sim_in_window(const struct sim *s, size_t window, uint64_t at_ns);

/* ---- clients ---- */

bool sim_clients_open(struct sim *s);
void sim_clients_close(struct sim *s);

/* When a stream sends next; SIM_NEVER: never again, or only when it is answered. */
uint64_t sim_due_ns(const struct sim *s, uint32_t stream);
/* The next request of an open loop, and of the list of those to be sent again. Now on its way to the I/O thread. */
struct sim_call *sim_send_next(struct sim *s, uint32_t stream);
struct sim_call *sim_send_again(struct sim *s);

/* The reply is there: it leaves as soon as those before it have left. `c` may be gone afterwards. */
void sim_answer(struct sim *s, struct sim_call *c);

/* ---- the backend's thread ---- */

bool sim_stalled(const struct sim *s);
/* Takes a batch if it has nothing to do and there is one. */
void sim_batch_begin(struct sim *s);
/* The batch is done: its calls are the lanes' again, and it takes another. */
void sim_batch_end(struct sim *s);

#endif
