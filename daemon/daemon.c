/*
 * Where everything meets:
 *
 *     server (net) --service--> dispatch --> admission policy
 *        ^                          +------> backend --> tables (store)
 *        +--completed calls, room-----------+
 */
#include "daemon/daemon.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "daemon/admin/admin.h"
#include "daemon/base/log.h"
#include "daemon/base/machine.h"
#include "daemon/dispatch.h"
#include "daemon/net/server.h"
#include "daemon/plan.h"
#include "proto/memcached/memcached.h"
#include "proto/resp/resp.h"
#include "proto/text/text.h"

/* Ten million sessions are a second's work to free one by one. The end of the process does it in a fraction of
 * that; builds that look for leaks do it all the same. */
#ifdef SLUICE_SANITIZED
#define LEAVES_SESSIONS false
#else
#define LEAVES_SESSIONS true
#endif

struct daemon {
    const struct settings *settings; /* as it was started */
    struct plan plan;
    const struct daemon_source *source;
    const struct clock *clock;
    uint64_t started_ns;
    struct metrics *metrics;
    struct admin *admin;
    struct live *live; /* the settings in force */
    struct backend *backend;
    struct dispatch *dispatch;
    struct server *server;
    int resident_fd; /* of resident_open */
};

static bool fail(const char *what, const char *why)
{
    log_error(what, LOG_STR("error", why));
    return false;
}

/* ---- what it tells about itself, and lets itself be told: on the control thread ---- */

/* The loops learn of settings that have changed. */
static void changed(void *ctx)
{
    server_settings_changed(((struct daemon *)ctx)->server);
}

static void answer(void *ctx, struct call *call)
{
    admin_answer(((struct daemon *)ctx)->admin, call);
}

/* SIGHUP. */
static void reload(void *ctx)
{
    struct daemon *d = ctx;
    struct settings *settings = malloc(sizeof *settings);
    if (settings && d->source->load(d->source->ctx, settings)) {
        live_replace(d->live, settings);
        changed(d);
        log_info("settings read again");
    }
    free(settings);
}

static uint64_t uptime_s(void *ctx)
{
    const struct daemon *d = ctx;
    return (clock_ns(d->clock) - d->started_ns) / 1000000000U;
}

/* What the process has in memory altogether, as the system sees it. */
static uint64_t resident(void *ctx)
{
    return resident_bytes(((struct daemon *)ctx)->resident_fd);
}

/* ---- building it ---- */

/* Backend threads: a batch of calls is done. */
static void complete(void *ctx, uint32_t lane, struct mail_batch *batch)
{
    server_complete(((struct daemon *)ctx)->server, lane, batch);
}

static void room(void *ctx, uint32_t lane)
{
    server_room(((struct daemon *)ctx)->server, lane);
}

/* Another I/O thread, or another owner. */
static void wake(void *ctx, uint32_t lane)
{
    server_wake(((struct daemon *)ctx)->server, lane);
}

static bool start_dispatch(struct daemon *d)
{
    const struct settings *s = d->settings;
    struct dispatch_options options = {
        .backend = d->backend,
        .lanes = d->plan.threads,
        .clock = d->clock,
        .tuning = live_tuning(d->live),
        .room = room,
        .room_ctx = d,
        .classes = {[OP_CLASS_GET] = s->class.get,
                    [OP_CLASS_PUT] = s->class.put,
                    [OP_CLASS_DELETE] = s->class.delete,
                    [OP_CLASS_TOUCH] = s->class.touch,
                    [OP_CLASS_OTHER] = s->class.other},
    };
    d->dispatch = dispatch_create(&options);
    return d->dispatch || fail("cannot start admission", "out of memory");
}

static bool start_backend(struct daemon *d)
{
    const struct settings *s = d->settings;
    struct backend_options options = {
        .clock = d->clock,
        .ttl_default_ms = s->ttl.default_ms,
        .ttl_max_lifetime_ms = s->ttl.max_lifetime_ms,
        .value_max = s->limits.value,
        .sweep_interval_ms = s->ttl.sweep_interval_ms,
        .memory_limit = d->plan.memory_limit,
        .work_iterations = s->work.iterations,
        .work_outside = s->work.where == WORK_OUTSIDE,
        .queue_bound = d->plan.ring_bound,
        .shards = s->shards,
        .in_place = d->plan.in_place,
        .cpus = s->owner.cpus,
        .shares_processor = d->plan.shares_processor,
        .leaves_sessions = LEAVES_SESSIONS,
        .workers = d->plan.workers,
        .stripes = s->mutex.stripes,
        .lock = s->mutex.lock,
        .lanes = {.count = d->plan.threads, .complete = complete, .wake = wake, .ctx = d},
    };
    const struct backend_design *design = s->backend == BACKEND_MUTEX ? &backend_mutex : &backend_owner;
    const char *error = NULL;
    d->backend = design->make(&options, &error);
    return (d->backend && design->start(d->backend, &error)) || fail("cannot start the backend", error);
}

static bool start_server(struct daemon *d)
{
    const struct settings *s = d->settings;
    struct server_options options = {
        .threads = d->plan.threads,
        .grace_ms = s->shutdown.grace_ms,
        .receive_buffer = d->plan.receive_buffer,
        .hangup = reload,
        .answer = answer,
        .control_ctx = d,
        .loop =
            {
                .clock = d->clock,
                .service = dispatch_service(d->dispatch),
                .cpus = s->threads_cpus,
                .limits = {.line = s->limits.line,
                           .key = s->limits.key,
                           .value = s->limits.value,
                           .command = s->limits.value + s->limits.line,
                           .parts = s->limits.parts,
                           .held = s->limits.requests},
                .connections = s->limits.connections,
                .output_soft = s->limits.output_soft,
                .output_hard = s->limits.output_hard,
                .idle_timeout_ms = s->limits.idle_timeout_ms,
                .request_timeout_ms = s->limits.request_timeout_ms,
            },
    };
    const char *error = NULL;
    d->server = server_create(&options, &error);
    return d->server || fail("cannot start the network", error);
}

static bool listen_all(struct daemon *d, const char *name, const struct settings_addresses *addresses,
                       const struct codec *codec)
{
    for (size_t i = 0; i < addresses->count; i++) {
        char error[512];
        if (!server_listen(d->server, name, &addresses->at[i], codec, &transport_plain, error, sizeof error))
            return fail("cannot start", error);
    }
    return true;
}

static uint64_t lines_dropped(void *ctx)
{
    (void)ctx;
    return log_dropped();
}

static bool register_metrics(struct daemon *d)
{
    struct metrics *m = d->metrics;
    struct backend *b = d->backend;
    return metrics_text(m, "version", SLUICE_VERSION) && metrics_gauge_read(m, "uptime_s", uptime_s, d) &&
           metrics_text(m, "backend", d->plan.backend) && dispatch_register_metrics(d->dispatch, m) &&
           b->design->register_metrics(b, m) && server_register_metrics(d->server, m) &&
           metrics_gauge_read(m, "memory.resident", resident, d) &&
           metrics_gauge_read(m, "log.dropped", lines_dropped, NULL);
}

/* For a person at a terminal: where it listens and how to talk to it. */
static void greet(const struct daemon *d)
{
    const struct settings *s = d->settings;
    const struct address *a = &s->listen.text.at[0];
    if (s->listen.text.count == 0 || !isatty(STDOUT_FILENO)) return;
    printf("sluiced %s (%s) listens on %s\n", SLUICE_VERSION, d->plan.backend, a->text);
    if (a->is_unix)
        printf("talk to it:  nc -C -U %s   then type  PUT alice 30m hello   (Ctrl-C stops the daemon)\n", a->path);
    else
        printf("talk to it:  nc -C %s %u   then type  PUT alice 30m hello   (Ctrl-C stops the daemon)\n", a->host,
               a->port);
    fflush(stdout);
}

/* What limits.memory came to. */
static void log_memory(const struct daemon *d, const struct machine *m)
{
    const char *from = d->settings->limits.memory != SETTINGS_MEMORY_AUTO ? "limits.memory"
                       : m->memory_capped                                 ? "three quarters of the cgroup's limit"
                                          : "three quarters of the machine's memory";
    if (d->plan.memory_limit > 0)
        log_info("memory for sessions", LOG_U64("bytes", d->plan.memory_limit), LOG_STR("from", from));
    else
        log_info("memory for sessions is not limited");
}

static bool start_admin(struct daemon *d)
{
    const struct settings *s = d->settings;
    struct admin_options options = {.clock = d->clock,
                                    .metrics = d->metrics,
                                    .live = d->live,
                                    .known = {.version = SLUICE_VERSION,
                                              .backend = d->plan.backend,
                                              .threads = d->plan.threads,
                                              .connections_max = s->limits.connections,
                                              .idle_timeout_s = s->limits.idle_timeout_ms / 1000,
                                              .memory_limit = d->plan.memory_limit,
                                              .value_max = s->limits.value},
                                    .changed = changed,
                                    .changed_ctx = d};
    if (register_metrics(d)) d->admin = admin_create(&options);
    return d->admin || fail("cannot start", "out of memory");
}

static bool daemon_start(struct daemon *d)
{
    const struct settings *s = d->settings;
    struct machine machine;
    char error[512];
    machine_read(&machine, "");
    plan_make(&d->plan, s, &machine);
    log_memory(d, &machine);
    if (!server_raise_file_limit(s->limits.connections, d->plan.threads, error, sizeof error))
        return fail("cannot start with these limits", error);
    d->metrics = metrics_create();
    if (!d->metrics) return fail("cannot start", "out of memory");
    d->live = live_create(s);
    if (!d->live) return fail("cannot start", "out of memory");
    if (!start_backend(d) || !start_dispatch(d) || !start_server(d) || !start_admin(d)) return false;
    return listen_all(d, "text", &s->listen.text, &codec_text) &&
           listen_all(d, "resp", &s->listen.resp, &codec_resp) &&
           listen_all(d, "memcached", &s->listen.memcached, &codec_memcached);
}

int daemon_run(const struct settings *settings, const struct daemon_source *source, const struct clock *clock)
{
    struct daemon d = {.settings = settings, .source = source, .clock = clock, .started_ns = clock_ns(clock)};
    if (!log_start(settings->log.level, settings->log.format)) {
        fprintf(stderr, "sluiced: cannot start the log: %s\n", strerror(errno));
        return 1;
    }
    d.resident_fd = resident_open();
    bool started = daemon_start(&d);
    if (started) {
        log_info("ready", LOG_STR("version", SLUICE_VERSION), LOG_STR("backend", d.plan.backend),
                 LOG_U64("threads", d.plan.threads), LOG_U64("pid", getpid()));
        greet(&d);
        server_run(d.server);
    } else if (d.server) {
        server_stop(d.server);
    }
    if (d.backend) {
        backend_abandon(d.backend); /* no connection is left: what is still queued is for nobody */
        d.backend->design->stop(d.backend);
    }
    if (d.server) server_free(d.server);
    if (d.dispatch) dispatch_destroy(d.dispatch);
    if (d.admin) admin_destroy(d.admin);
    if (d.live) live_destroy(d.live);
    if (d.metrics) metrics_destroy(d.metrics);
    if (started) log_info("stopped", LOG_STR("version", SLUICE_VERSION));
    if (d.resident_fd >= 0) close(d.resident_fd);
    log_stop();
    return started ? 0 : 1;
}
