#include "daemon/plan.h"

#include "daemon/admit/gate.h"

#define RECEIVE_BUFFER (64 * 1024)

static bool any(const struct thread_cpus *cpus)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < THREAD_CPUS_MAX / 64; i++)
        bits |= cpus->bits[i];
    return bits == 0;
}

/* May the I/O threads own the sessions, if there are as many as shards? */
static bool loops_may_own(const struct settings *s)
{
    if (s->backend == BACKEND_MUTEX || s->owner.placement == PLACEMENT_THREAD) return false;
    if (s->owner.placement == PLACEMENT_LOOP) return true;
    return s->work.iterations == 0 && any(&s->owner.cpus);
}

static uint32_t at_most(uint32_t n, uint32_t most)
{
    return n < most ? n : most;
}

/* With threads of their own for the sessions, owners leave as many processors less for the I/O threads. */
static uint32_t threads_of(const struct settings *s, const struct machine *m)
{
    if (s->threads != 0) return s->threads;
    if (loops_may_own(s) && (s->shards > 1 || s->owner.placement == PLACEMENT_LOOP)) return s->shards;
    uint32_t n = at_most(m->processors, SETTINGS_THREADS_MAX);
    if (s->backend == BACKEND_MUTEX) return n;
    return n > s->shards ? n - s->shards : 1;
}

static uint32_t workers_of(const struct settings *s, const struct machine *m)
{
    if (s->backend != BACKEND_MUTEX) return 0;
    return s->mutex.workers == SETTINGS_AUTO ? at_most(m->processors, SETTINGS_THREADS_MAX) : s->mutex.workers;
}

/* Are I/O threads and owners bound to one processor, the same, while the process has more? */
static bool share_processor(const struct settings *s, const struct machine *m)
{
    unsigned io = 0, owner = 0, both = 0, all = 0;
    if (any(&s->threads_cpus) || any(&s->owner.cpus)) return false;
    for (size_t i = 0; i < THREAD_CPUS_MAX / 64; i++) {
        uint64_t allowed = m->allowed.bits[i];
        uint64_t a = s->threads_cpus.bits[i] & allowed, b = s->owner.cpus.bits[i] & allowed;
        all += (unsigned)__builtin_popcountll(allowed);
        io += (unsigned)__builtin_popcountll(a);
        owner += (unsigned)__builtin_popcountll(b);
        both += (unsigned)__builtin_popcountll(a | b);
    }
    return io < all && owner < all && both < 2;
}

/* A quarter is left for connections, buffers, the other processes of a container, and the system's cache. */
static uint64_t memory_of(const struct settings *s, const struct machine *m)
{
    return s->limits.memory == SETTINGS_MEMORY_AUTO ? m->memory / 4 * 3 : s->limits.memory;
}

enum policy_id plan_policy(const struct settings *s)
{
    if (s->queue.policy != POLICY_BY_BACKEND) return s->queue.policy;
    return s->backend == BACKEND_BACKPRESSURE ? POLICY_REJECT : POLICY_WAIT;
}

void plan_make(struct plan *plan, const struct settings *s, const struct machine *m)
{
    static const char *const names[] = {
        [BACKEND_MUTEX] = "mutex", [BACKEND_OWNER] = "owner", [BACKEND_BACKPRESSURE] = "backpressure"};
    uint32_t threads = threads_of(s, m), workers = workers_of(s, m);
    *plan = (struct plan){
        .backend = names[s->backend],
        .threads = threads,
        .in_place = loops_may_own(s) && threads == s->shards,
        .workers = workers,
        /* room for what all gates in front of a thread of the backend let through */
        .ring_bound = threads * GATE_WINDOW_MOST * (workers > 0 ? workers : 1),
        .shares_processor = share_processor(s, m),
        /* Where requests are refused, it should be seen soon what has arrived. */
        .receive_buffer = plan_policy(s) == POLICY_WAIT ? 0 : RECEIVE_BUFFER,
        .memory_limit = memory_of(s, m),
    };
}
