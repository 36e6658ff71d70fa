/* One run, seen from the main thread. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "bench/commands.h"
#include "bench/common/report.h"
#include "bench/load/generator.h"
#include "bench/load/result.h"
#include "daemon/base/clock.h"

#define START_DELAY 10000000U             /* ns until the generators all run */
#define POLL_NS     10000000U             /* how often to look whether the generators are done */
#define FILL_DEPTH  100                   /* few enough for any queue bound */
#define FILL_WAIT   UINT64_C(10000000000) /* ns without an answer, after which the server is given up */

struct run {
    struct load_settings settings;
    struct generator_shared shared;
    struct generator *generators[LOAD_THREADS_MAX];
    const struct tally *tallies[LOAD_THREADS_MAX];
    struct timeline timeline;
    struct load_result result;
    struct server_cpu server_before;
    sigset_t signals;
    struct report report;
    bool live; /* show progress */
    bool interrupted;
};

/* ---- before ---- */

/* Puts every key once over one connection, again where the server refused. False, with a complaint, when it answers
 * with errors or not at all. */
static bool fill(const struct load_settings *settings)
{
    struct load_settings s = *settings;
    s.connections = s.threads = 1;
    s.depth = FILL_DEPTH;
    s.open_loop = s.early_refusals = false;
    s.fills = true;
    s.deadline_ms = 0;
    s.drain_ns = UINT64_MAX; /* for the last answers */
    s.count = s.keys.count;
    s.retries = CORE_ALWAYS;
    struct generator_shared shared = {.settings = &s, .until_ns = UINT64_MAX};
    struct generator *g = generator_create(&shared, 0);
    bool ok = g && generator_start(g);
    if (ok) {
        const struct timespec pause = {.tv_nsec = POLL_NS};
        uint64_t seen = 0, at = clock_ns(&clock_system);
        while (!atomic_load_explicit(&g->done, memory_order_acquire)) {
            uint64_t now = clock_ns(&clock_system),
                     answers = tally_sum(g->tally->live) + counter_get(&g->tally->retried);
            bool stuck = answers == seen && now - at > FILL_WAIT;
            if (answers != seen) at = now;
            seen = answers;
            if (stuck || counter_get(&g->tally->lost)) atomic_store(&shared.abort, true);
            nanosleep(&pause, NULL);
        }
        pthread_join(g->thread, NULL);
        ok = counter_get(&g->tally->outcomes[OUTCOME_SERVED]) == s.count;
        if (!ok) {
            report_fail("filling %s: %s%s", s.target.text,
                        g->first_error[0] ? "it answered with an error: " : "no answer, or none that is a reply",
                        g->first_error);
        }
    }
    generator_destroy(g);
    return ok;
}

static bool prepare(struct run *run)
{
    const struct load_settings *s = &run->settings;
    run->shared.settings = s;
    run->live = !s->quiet && isatty(STDERR_FILENO);
    run->result.settings = s;
    run->result.first_error = "";
    run->result.tally = calloc(1, sizeof *run->result.tally);
    if (!run->result.tally) return report_fail("out of memory");
    if (s->server_pid && !server_cpu_read(&run->server_before, s->server_pid))
        return report_fail("--server-pid: there is no such process");
    for (uint32_t i = 0; i < s->threads; i++) {
        run->generators[i] = generator_create(&run->shared, i);
        if (!run->generators[i]) return false;
        run->tallies[i] = run->generators[i]->tally;
    }
    return true;
}

/* Threads started before one that fails are ended again. */
static bool start(struct run *run)
{
    const struct load_settings *s = &run->settings;
    struct generator_shared *shared = &run->shared;
    sigemptyset(&run->signals);
    sigaddset(&run->signals, SIGINT);
    sigaddset(&run->signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &run->signals, NULL); /* the generators inherit this */
    shared->zero_ns = clock_ns(&clock_system) + START_DELAY;
    shared->from_ns = shared->zero_ns + s->warmup_ns;
    atomic_store(&shared->until_ns, s->count ? UINT64_MAX : shared->from_ns + s->duration_ns);
    for (uint32_t i = 0; i < s->threads; i++) {
        if (generator_start(run->generators[i])) continue;
        atomic_store(&shared->abort, true);
        while (i > 0)
            pthread_join(run->generators[--i]->thread, NULL);
        return false;
    }
    return true;
}

/* ---- during ---- */

/* Sleeps until `at`, or until a signal asks for the end: the first ends the measuring, the second everything. */
static void sleep_until(struct run *run, uint64_t at)
{
    uint64_t now = clock_ns(&clock_system);
    struct timespec wait = {0};
    if (at > now) {
        wait.tv_sec = (time_t)((at - now) / 1000000000U);
        wait.tv_nsec = (long)((at - now) % 1000000000U);
    }
    if (sigtimedwait(&run->signals, NULL, &wait) < 0) return;
    if (run->interrupted) atomic_store(&run->shared.abort, true);
    run->interrupted = true;
    now = clock_ns(&clock_system);
    if (now < atomic_load(&run->shared.until_ns)) atomic_store(&run->shared.until_ns, now);
}

static bool all_done(const struct run *run)
{
    for (uint64_t i = 0; i < run->settings.threads; i++)
        if (!atomic_load_explicit(&run->generators[i]->done, memory_order_acquire)) return false;
    return true;
}

static void sample(struct run *run, uint64_t now)
{
    double at = ((double)now - (double)run->shared.from_ns) / 1e9;
    const json_t *row = timeline_sample(&run->timeline, run->tallies, run->settings.threads, at);
    if (row && run->live) timeline_print_live(stderr, row);
}

/* What the generator and the server have used so far; `after` minus `before` is what the measuring took. */
static void read_cpu(struct run *run, bool after)
{
    const struct load_settings *s = &run->settings;
    struct load_result *r = &run->result;
    for (uint64_t i = 0; i < s->threads; i++) {
        struct load_thread *t = &r->threads[i];
        uint64_t cpu = generator_cpu_ns(run->generators[i]), spin = counter_get(&run->generators[i]->spin_ns);
        t->cpu_ns = after ? cpu - t->cpu_ns : cpu;
        t->spin_ns = after ? spin - t->spin_ns : spin;
    }
    if (!s->server_pid) return;
    if (!after) {
        (void)server_cpu_read(&run->server_before, s->server_pid);
    } else if (server_cpu_read(&r->server, s->server_pid)) {
        r->server_cpu_ns = server_cpu_since(&r->server, &run->server_before);
        r->has_server = true;
    }
}

static void watch(struct run *run)
{
    uint64_t interval = run->settings.interval_ns, from = run->shared.from_ns;
    uint64_t now = clock_ns(&clock_system), next = from + interval;
    while (now < from && !run->interrupted) {
        sleep_until(run, from);
        now = clock_ns(&clock_system);
    }
    read_cpu(run, false);
    sample(run, now);
    uint64_t began = now;
    while (!all_done(run) && now < atomic_load(&run->shared.until_ns)) {
        uint64_t until = atomic_load(&run->shared.until_ns), wake = next < until ? next : until;
        if (run->settings.count && wake > now + POLL_NS) wake = now + POLL_NS;
        sleep_until(run, wake);
        now = clock_ns(&clock_system);
        if (now < next) continue;
        sample(run, now);
        next += ((now - next) / interval + 1) * interval;
    }
    read_cpu(run, true);
    if (now + interval / 2 > next) sample(run, now); /* a last row that is not much shorter than the others */
    run->result.cpu_seconds = (double)(now - began) / 1e9;
    uint64_t end = atomic_load(&run->shared.until_ns);
    if (end > now) end = now; /* a count has no end of its own: the last answer is it */
    for (uint64_t i = 0; run->settings.count && i < run->settings.threads; i++) {
        uint64_t ended = counter_get(&run->generators[i]->ended_ns);
        if (!run->interrupted && ended > from && (i == 0 || ended > end)) end = ended;
    }
    run->result.seconds = end > from ? (double)(end - from) / 1e9 : 0;
    while (!all_done(run))
        sleep_until(run, clock_ns(&clock_system) + POLL_NS);
}

/* ---- after ---- */

static bool report(struct run *run)
{
    const struct load_settings *s = &run->settings;
    struct load_result *r = &run->result;
    for (uint64_t i = 0; i < s->threads; i++) {
        tally_merge(r->tally, run->tallies[i]);
        if (run->generators[i]->first_error[0]) r->first_error = run->generators[i]->first_error;
    }
    if (run->live) fprintf(stderr, "\r%-110s\r", "");
    json_object_set_new(run->report.document, "interrupted", json_boolean(run->interrupted));
    json_object_set(run->report.document, "timeline", run->timeline.rows);
    return report_end(&run->report, load_json(r)) && tally_accounted(r->tally);
}

static bool run_all(struct run *run, int argc, char **argv, json_t *options)
{
    const struct load_settings *s = &run->settings;
    /* The file before there are results: a run may take hours. */
    if (!prepare(run) || !report_begin(&run->report, "tcp", argc, argv, options, s->json)) return false;
    if ((s->fill && !fill(s)) || !start(run)) return false;
    watch(run);
    for (uint64_t i = 0; i < s->threads; i++)
        pthread_join(run->generators[i]->thread, NULL);
    return report(run);
}

int tcp_main(int argc, char **argv)
{
    struct run *run = calloc(1, sizeof *run);
    int status = 2;
    json_t *options = run ? load_settings_parse(&run->settings, argc, argv) : NULL;
    if (options) {
        status = run_all(run, argc, argv, options) ? 0 : 1;
        for (uint64_t i = 0; i < run->settings.threads; i++)
            generator_destroy(run->generators[i]);
        if (run->report.document) report_end(&run->report, NULL);
        json_decref(options);
        json_decref(run->timeline.rows);
        free(run->result.tally);
        values_close(run->settings.values);
    }
    free(run);
    return status;
}
