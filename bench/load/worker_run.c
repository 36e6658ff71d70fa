/*
 * The event loop of a generator thread.
 *
 *     turn:  send what is due   one write per connection           (send_due, send_more)
 *            wait               sleep until shortly before the next request is due, then watch the clock
 *            read what came     and, between two connections, send again if something fell due meanwhile
 *
 * Time that passes in turns in which nothing happened while a request is about to fall due is deliberate spinning,
 * and is told apart from work.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>

#include "bench/load/worker_impl.h"
#include "daemon/base/clock.h"

#define EVENTS        64
#define TURN_REQUESTS 256        /* taken before they are flushed: the first must not wait long for the last */
#define RETRY_NS      100000000U /* between two attempts to connect */
#define LONGEST_WAIT  20000000U  /* ns; then look at `until` and `abort` again */

static uint64_t now_ns(void)
{
    return clock_ns(&clock_system);
}

/* ---- connections that end ---- */

static void go_down(struct worker *w, uint32_t lane, uint64_t now)
{
    struct channel *ch = &w->channels[lane];

    if (ch->state == CHANNEL_UP) counter_add(&w->tally->lost, 1);
    channel_detach(ch);
    ch->retry_ns = now + RETRY_NS;
    core_lost(w->core, lane);
    w->down_count++;
}

static void come_up(struct worker *w, uint32_t lane, uint64_t now)
{
    struct channel *ch = &w->channels[lane];
    int error = 0;
    socklen_t size = sizeof(error);

    if (getsockopt(ch->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error) {
        go_down(w, lane, now);
        return;
    }
    ch->state = CHANNEL_UP;
    ch->wants_output = false;
    (void)worker_register(w, lane, EPOLL_CTL_MOD);
    counter_add(&w->tally->reconnected, 1);
    core_release(w->core, lane, CORE_HOLD_DOWN, now);
}

static void reconnect(struct worker *w, uint64_t now)
{
    for (uint32_t i = 0; w->down_count > 0 && i < w->lanes; i++) {
        struct channel *ch = &w->channels[i];
        if (ch->state != CHANNEL_DOWN || ch->retry_ns > now) continue;
        ch->retry_ns = now + RETRY_NS;
        int fd = target_connect_start(&w->shared->settings->target);
        if (fd < 0) continue;
        channel_attach(ch, fd, CHANNEL_CONNECTING);
        ch->wants_output = true;
        w->down_count--;
        if (!worker_register(w, i, EPOLL_CTL_ADD)) go_down(w, i, now);
    }
}

/* ---- sending ---- */

static void flush(struct worker *w, uint32_t lane)
{
    struct channel *ch = &w->channels[lane];

    if (ch->state != CHANNEL_UP) return;
    uint64_t now = now_ns();
    core_flushed(w->core, lane, now);
    enum channel_status status = channel_flush(ch);
    if (status == CHANNEL_GONE) {
        go_down(w, lane, now);
        return;
    }
    bool blocked = status == CHANNEL_BLOCKED;
    if (blocked == ch->wants_output) return;
    ch->wants_output = blocked;
    (void)worker_register(w, lane, EPOLL_CTL_MOD);
    if (blocked) {
        core_hold(w->core, lane, CORE_HOLD_OUTPUT);
    } else {
        core_release(w->core, lane, CORE_HOLD_OUTPUT, now_ns());
    }
}

static void flush_dirty(struct worker *w)
{
    for (uint32_t i = 0; i < w->dirty_count; i++) {
        w->channels[w->dirty[i]].dirty = false;
        flush(w, w->dirty[i]);
    }
    w->dirty_count = 0;
}

static void send_one(struct worker *w, uint32_t lane, uint64_t now)
{
    struct channel *ch = &w->channels[lane];
    struct request request;
    uint32_t key = source_next(&w->source, &request);

    core_take(w->core, lane, request.op, key, now);
    w->shared->settings->adapter->codec->encode_request(&ch->out, &request);
    if (!ch->dirty) {
        ch->dirty = true;
        w->dirty[w->dirty_count++] = lane;
    }
    if (ch->out.len >= CHANNEL_OUTPUT) flush(w, lane);
}

/* Open loop: sends what is due at `now`. True when there was something. */
static bool send_due(struct worker *w, uint64_t now)
{
    uint32_t lane = 0;
    int taken = 0;

    for (; taken < TURN_REQUESTS && core_due(w->core, now, &lane); taken++) {
        send_one(w, lane, now);
    }
    flush_dirty(w);
    return taken > 0;
}

/* Closed loop: fills the lane up. */
static void send_more(struct worker *w, uint32_t lane, uint64_t now)
{
    while (core_may_send(w->core, lane, now)) {
        send_one(w, lane, now);
    }
    flush_dirty(w);
}

/* ---- receiving ---- */

static void note_error(struct worker *w, const struct reply *reply)
{
    if (w->first_error[0] || reply->kind != REPLY_ERROR) return;
    size_t len = reply->body.len < WORKER_ERROR_TEXT - 1 ? reply->body.len : WORKER_ERROR_TEXT - 1;
    if (len > 0) memcpy(w->first_error, reply->body.ptr, len);
    w->first_error[len] = '\0';
}

/* Takes all whole replies. False when the connection is of no more use. */
static bool take_replies(struct worker *w, uint32_t lane, uint64_t now)
{
    const struct codec *codec = w->shared->settings->adapter->codec;
    struct channel *ch = &w->channels[lane];
    struct reply reply;

    for (;;) {
        enum decode_status status = channel_reply(ch, codec, &reply);
        if (status == DECODE_MORE) return true;
        if (status == DECODE_REQUEST) note_error(w, &reply);
        if (status != DECODE_REQUEST || core_in_flight(w->core, lane) == 0) {
            counter_add(&w->tally->nonsense, 1);
            return false;
        }
        core_answered(w->core, lane, outcome_of(&reply), now);
    }
}

static void receive(struct worker *w, uint32_t lane)
{
    enum channel_status status = channel_read(&w->channels[lane]);
    uint64_t now = now_ns();

    if (status == CHANNEL_BLOCKED) return;
    if (status == CHANNEL_GONE || !take_replies(w, lane, now)) {
        go_down(w, lane, now);
        return;
    }
    if (!w->shared->settings->open_loop) send_more(w, lane, now);
}

static void handle(struct worker *w, const struct epoll_event *event)
{
    uint32_t lane = event->data.u32;
    struct channel *ch = &w->channels[lane];
    bool open_loop = w->shared->settings->open_loop;

    if (ch->state == CHANNEL_CONNECTING) {
        come_up(w, lane, now_ns());
        if (!open_loop) send_more(w, lane, now_ns());
        return;
    }
    if (ch->state == CHANNEL_UP && (event->events & EPOLLOUT)) {
        flush(w, lane);
        if (!open_loop) send_more(w, lane, now_ns());
    }
    if (ch->state == CHANNEL_UP && (event->events & (EPOLLIN | EPOLLHUP | EPOLLERR))) receive(w, lane);
    if (!open_loop) return;
    uint64_t now = now_ns();
    if (core_next_due(w->core) <= now) send_due(w, now);
}

/* ---- turns ---- */

/* How long to sleep in epoll at most; 0: watch the clock. */
static uint64_t sleep_ns(struct worker *w, uint64_t now, bool *about_to_send)
{
    uint64_t due = w->shared->settings->open_loop ? core_next_due(w->core) : ARRIVALS_NEVER;
    uint64_t spin = w->shared->settings->spin_ns;

    *about_to_send = due != ARRIVALS_NEVER && due <= now + spin;
    if (*about_to_send) return 0;
    uint64_t wait = due == ARRIVALS_NEVER ? LONGEST_WAIT : due - now - spin;
    return wait < LONGEST_WAIT ? wait : LONGEST_WAIT;
}

static int wait_events(struct worker *w, struct epoll_event *events, uint64_t wait)
{
    struct timespec limit = {.tv_nsec = (long)wait};
    int n = wait ? epoll_pwait2(w->epoll, events, EVENTS, &limit, NULL) : epoll_wait(w->epoll, events, EVENTS, 0);

    if (n < 0 && errno == ENOSYS)
        n = epoll_wait(w->epoll, events, EVENTS, (int)(wait / 1000000)); /* Linux < 5.11 */
    return n < 0 ? 0 : n;
}

static void turn(struct worker *w, uint64_t now)
{
    struct epoll_event events[EVENTS];
    bool about_to_send = false;
    bool sent = w->shared->settings->open_loop && send_due(w, now);
    int n = wait_events(w, events, sleep_ns(w, now, &about_to_send));

    for (int i = 0; i < n; i++) {
        handle(w, &events[i]);
    }
    if (about_to_send && !sent && n == 0) counter_add(&w->spin_ns, now_ns() - now);
    if (w->down_count > 0) reconnect(w, now);
}

static void start_closed(struct worker *w)
{
    for (uint32_t i = 0; i < w->lanes; i++) {
        send_more(w, i, now_ns());
    }
}

void *worker_run(void *arg)
{
    struct worker *w = arg;
    struct worker_shared *shared = w->shared;
    const struct load_settings *s = shared->settings;
    uint64_t stopped = 0, now = now_ns();

    (void)prctl(PR_SET_TIMERSLACK, 1UL);
    if (!s->open_loop) start_closed(w);
    for (;; now = now_ns()) {
        core_set_end(w->core, atomic_load_explicit(&shared->until_ns, memory_order_relaxed));
        if (!stopped && core_exhausted(w->core, now)) stopped = now;
        if (stopped && (core_all_in_flight(w->core) == 0 || now - stopped >= s->drain_ns)) break;
        if (atomic_load_explicit(&shared->abort, memory_order_relaxed)) break;
        turn(w, now);
    }
    core_finish(w->core, now);
    counter_set(&w->ended_ns, now);
    atomic_store_explicit(&w->done, 1, memory_order_release);
    return NULL;
}
