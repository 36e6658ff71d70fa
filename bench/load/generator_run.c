/*
 * The event loop of a generator thread. A turn: send what is due, one write per connection; sleep until shortly
 * before the next request is due, then watch the clock; read what came, and send between two connections what fell
 * due. The time of turns in which nothing happened while a request is about to fall due is spinning, told apart
 * from work.
 */
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "bench/load/generator.h"
#include "daemon/base/clock.h"
#include "proto/number.h"

#define EVENTS        64
#define TURN_REQUESTS 256        /* taken before they are flushed: the first must not wait long for the last */
#define RETRY_NS      100000000U /* between two attempts to connect */
#define RETRY_TIMEOUT 20         /* ms that one may take */
#define SPIN_TURN_MAX 2000U   /* ns; a turn of spinning that took longer was interrupted: that is no CPU of ours */
#define SHORT_SLICE   100000U /* ns: the shortest there is */
#define LONGEST_WAIT  20000000U /* ns; then look at `until` and `abort` again */

static uint64_t now_ns(void)
{
    return clock_ns(&clock_system);
}

/* ---- connections that end ---- */

static void go_down(struct generator *g, uint32_t lane, uint64_t now)
{
    struct channel *ch = &g->channels[lane];
    counter_add(&g->tally->lost, 1);
    channel_detach(ch);
    ch->retry_ns = now + RETRY_NS;
    core_lost(g->core, lane);
    g->down_count++;
}

/* Tries to make lost connections anew. On loopback that takes no time; elsewhere it holds up the others. */
static void reconnect(struct generator *g, uint64_t now)
{
    for (uint32_t i = 0; g->down_count > 0 && i < g->lanes; i++) {
        struct channel *ch = &g->channels[i];
        if (ch->fd >= 0 || ch->retry_ns > now) continue;
        ch->retry_ns = now + RETRY_NS;
        if (!generator_connect(g, i, RETRY_TIMEOUT)) continue;
        g->down_count--;
        counter_add(&g->tally->reconnected, 1);
        core_release(g->core, i, CORE_HOLD_DOWN, now);
    }
}

/* ---- sending ---- */

static void flush(struct generator *g, uint32_t lane)
{
    struct channel *ch = &g->channels[lane];
    if (ch->fd < 0) return;
    uint64_t now = now_ns();
    core_flushed(g->core, lane, now);
    enum channel_status status = channel_flush(ch);
    if (status == CHANNEL_GONE) {
        go_down(g, lane, now);
        return;
    }
    bool blocked = status == CHANNEL_BLOCKED;
    if (blocked == ch->wants_output) return;
    ch->wants_output = blocked;
    (void)generator_register(g, lane, EPOLL_CTL_MOD);
    if (blocked)
        core_hold(g->core, lane, CORE_HOLD_OUTPUT);
    else
        core_release(g->core, lane, CORE_HOLD_OUTPUT, now_ns());
}

static void flush_dirty(struct generator *g)
{
    for (uint32_t i = 0; i < g->dirty_count; i++) {
        g->channels[g->dirty[i]].dirty = false;
        flush(g, g->dirty[i]);
    }
    g->dirty_count = 0;
}

/* `number` is that of core_take. */
static void put_out(struct generator *g, uint32_t lane, uint32_t number, struct request *request)
{
    struct channel *ch = &g->channels[lane];
    char tag[TAG_MAX];
    if (g->shared->settings->early_refusals) {
        request->tag = slice_of(tag, number_format(tag, number));
        request->overtakes = true;
    }
    g->shared->settings->adapter->encode_request(&ch->out, request);
    if (!ch->dirty) {
        ch->dirty = true;
        g->dirty[g->dirty_count++] = lane;
    }
}

static void send_one(struct generator *g, uint32_t lane, uint64_t now)
{
    struct request request;
    uint32_t key = source_next(&g->source, &request);
    put_out(g, lane, core_take(g->core, lane, request.op, key, now), &request);
    if (g->channels[lane].out.len >= CHANNEL_OUTPUT) flush(g, lane);
}

/* Sends what is due at `now`. True when there was something. */
static bool send_due(struct generator *g, uint64_t now)
{
    uint32_t lane = 0;
    int taken = 0;
    for (; taken < TURN_REQUESTS && core_due(g->core, now, &lane); taken++)
        send_one(g, lane, now);
    flush_dirty(g);
    return taken > 0;
}

/* ---- receiving ---- */

static void note_error(struct generator *g, const struct reply *reply)
{
    if (g->first_error[0] || reply->kind != REPLY_ERROR) return;
    size_t len = reply->body.len < GENERATOR_ERROR_TEXT - 1 ? reply->body.len : GENERATOR_ERROR_TEXT - 1;
    if (len > 0) memcpy(g->first_error, reply->body.ptr, len);
    g->first_error[len] = '\0';
}

/* A refused request may be tried again; it goes out with the next flush. */
static void take_answer(struct generator *g, uint32_t lane, uint32_t number, enum outcome outcome, uint64_t now)
{
    struct flight again;
    struct request request;
    if (!core_retried(g->core, lane, number, outcome, now, &again)) {
        core_answered(g->core, lane, number, outcome, now);
        return;
    }
    source_again(&g->source, (enum op)again.op, again.key, &request);
    put_out(g, lane, number, &request);
}

/* Whose answer is it? The oldest one's; but where refusals may be early, that of the request whose number is the
 * tag, and only refusals may be out of turn. An error may come without a tag. False: nobody's. */
static bool find_request(const struct generator *g, uint32_t lane, struct slice tag, enum outcome outcome,
                         uint32_t *number)
{
    uint64_t n = 0;
    *number = CORE_OLDEST;
    if (core_in_flight(g->core, lane) == 0) return false;
    if (!g->shared->settings->early_refusals || (tag.len == 0 && outcome == OUTCOME_ERROR)) return true;
    if (!number_parse(tag, UINT32_MAX, &n) || !core_has(g->core, lane, (uint32_t)n)) return false;
    *number = (uint32_t)n;
    return outcome_refused(outcome) || core_is_oldest(g->core, lane, *number);
}

/* Takes all whole replies. False when the connection is of no more use. */
static bool take_replies(struct generator *g, uint32_t lane, uint64_t now)
{
    const struct adapter *adapter = g->shared->settings->adapter;
    struct channel *ch = &g->channels[lane];
    struct reply reply;
    struct slice tag;
    uint32_t number;
    for (;;) {
        enum decode_status status = channel_reply(ch, adapter, &reply, &tag);
        if (status == DECODE_MORE) return true;
        if (status == DECODE_REQUEST) note_error(g, &reply);
        if (status != DECODE_REQUEST || !find_request(g, lane, tag, outcome_of(&reply), &number)) {
            counter_add(&g->tally->nonsense, 1);
            return false;
        }
        take_answer(g, lane, number, outcome_of(&reply), now);
    }
}

static void receive(struct generator *g, uint32_t lane)
{
    enum channel_status status = channel_read(&g->channels[lane]);
    uint64_t now = now_ns();
    if (status == CHANNEL_BLOCKED) return;
    if (status == CHANNEL_GONE || !take_replies(g, lane, now)) go_down(g, lane, now);
}

static void handle(struct generator *g, const struct epoll_event *event)
{
    uint32_t lane = event->data.u32;
    struct channel *ch = &g->channels[lane];
    if (ch->fd >= 0 && (event->events & EPOLLOUT)) flush(g, lane);
    if (ch->fd >= 0 && (event->events & (EPOLLIN | EPOLLHUP | EPOLLERR))) receive(g, lane);
    uint64_t now = now_ns();
    if (core_next_due(g->core) <= now) send_due(g, now);
    flush_dirty(g); /* refused requests that are tried again */
}

/* ---- turns ---- */

/* How long to sleep in epoll at most; 0: watch the clock. */
static uint64_t sleep_ns(struct generator *g, uint64_t now, bool *about_to_send)
{
    uint64_t due = core_next_due(g->core), spin = g->shared->settings->spin_ns;
    if (!g->shared->settings->open_loop && now >= atomic_load(&g->shared->until_ns)) due = ARRIVALS_NEVER;
    *about_to_send = due != ARRIVALS_NEVER && due <= now + spin;
    if (*about_to_send) return 0;
    uint64_t wait = due == ARRIVALS_NEVER ? LONGEST_WAIT : due - now - spin;
    return wait < LONGEST_WAIT ? wait : LONGEST_WAIT;
}

static int wait_events(struct generator *g, struct epoll_event *events, uint64_t wait)
{
    struct timespec limit = {.tv_nsec = (long)wait};
    int n = wait ? epoll_pwait2(g->epoll, events, EVENTS, &limit, NULL) : epoll_wait(g->epoll, events, EVENTS, 0);
    if (n < 0 && errno == ENOSYS)
        n = epoll_wait(g->epoll, events, EVENTS, (int)(wait / 1000000)); /* Linux < 5.11 */
    return n < 0 ? 0 : n;
}

static void turn(struct generator *g, uint64_t now)
{
    struct epoll_event events[EVENTS];
    bool about_to_send = false;
    bool sent = send_due(g, now);
    int n = wait_events(g, events, sleep_ns(g, now, &about_to_send));
    for (int i = 0; i < n; i++)
        handle(g, &events[i]);
    if (about_to_send && !sent && n == 0) {
        uint64_t spent = now_ns() - now;
        counter_add(&g->spin_ns, spent < SPIN_TURN_MAX ? spent : SPIN_TURN_MAX);
    }
    if (g->down_count > 0) reconnect(g, now);
}

/* Nothing is in flight, and nothing that is due could still be sent. */
static bool all_answered(struct generator *g)
{
    bool open_loop = g->shared->settings->open_loop;
    return core_all_in_flight(g->core) == 0 && (!open_loop || core_next_due(g->core) == ARRIVALS_NEVER);
}

static uint64_t own_cpu_ns(void)
{
    struct timespec t = {0};
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

/* Wakes exactly when asked, and soon even where another thread is running on the core: since Linux 6.12 a thread
 * that asks for short slices is let in earlier. Where either is refused, the send lag shows it. */
static void ask_for_promptness(void)
{
    struct {
        uint32_t size, policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t runtime_ns, deadline_ns, period_ns;
    } attributes = {.size = sizeof attributes, .policy = SCHED_OTHER, .runtime_ns = SHORT_SLICE};

    (void)prctl(PR_SET_TIMERSLACK, 1UL);
    if (sched_getscheduler(0) != SCHED_OTHER) return;
    attributes.nice = getpriority(PRIO_PROCESS, 0);
    (void)syscall(SYS_sched_setattr, 0, &attributes, 0);
}

void *generator_run(void *arg)
{
    struct generator *g = arg;
    struct generator_shared *shared = g->shared;
    const struct load_settings *s = shared->settings;
    uint64_t stopped = 0, now = now_ns();
    ask_for_promptness();
    for (;; now = now_ns()) {
        core_set_end(g->core, atomic_load_explicit(&shared->until_ns, memory_order_relaxed));
        if (!stopped && core_exhausted(g->core, now)) stopped = now;
        if (stopped && (all_answered(g) || now - stopped >= s->drain_ns)) break;
        if (atomic_load_explicit(&shared->abort, memory_order_relaxed)) break;
        turn(g, now);
    }
    core_finish(g->core, now);
    counter_set(&g->ended_ns, now);
    counter_set(&g->cpu_ns, own_cpu_ns());
    atomic_store_explicit(&g->done, 1, memory_order_release);
    return NULL;
}
