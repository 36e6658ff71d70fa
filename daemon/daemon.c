/*
 * Where everything meets:
 *
 *     server (net) --service--> dispatch --> admission policy
 *        ^                          +------> backend --> tables (store)
 *        +--completed calls, room-----------+
 */
#include "daemon/daemon.h"

#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "config/config.h"
#include "daemon/admin/stats.h"
#include "daemon/base/log.h"
#include "daemon/dispatch.h"
#include "daemon/net/server.h"
#include "proto/memcached/memcached.h"
#include "proto/resp/resp.h"
#include "proto/text/text.h"

struct daemon {
    const struct settings *settings;
    const struct clock *clock;
    uint64_t started_ns;
    struct metrics *metrics;
    struct dispatch dispatch;
    struct server *server;
};

static uint32_t cores(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > SETTINGS_THREADS_MAX ? SETTINGS_THREADS_MAX : (uint32_t)n;
}

/* With its own thread for the sessions, an owner leaves one core less for the loops. */
static uint32_t threads_of(const struct settings *s)
{
    if (s->threads != 0) return s->threads;
    uint32_t n = cores();
    return s->backend != BACKEND_MUTEX && n > 1 ? n - 1 : n;
}

static const struct admit_policy *policy_of(const struct settings *s)
{
    if (s->queue.policy == POLICY_WAIT) return &admit_wait;
    if (s->queue.policy == POLICY_REJECT) return &admit_reject;
    return s->backend == BACKEND_BACKPRESSURE ? &admit_reject : &admit_wait;
}

static const char *backend_name(const struct settings *s)
{
    static const char *const names[] = {"mutex", "owner", "backpressure"};
    return names[s->backend];
}

static bool fail(const char *what, const char *why)
{
    log_error(what, LOG_STR("error", why));
    return false;
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
        .memory_limit = s->limits.memory,
        .work_iterations = s->work.iterations,
        .work_outside = s->work.where == WORK_OUTSIDE,
        .queue_bound = s->queue.bound,
        .workers = s->mutex.workers == SETTINGS_AUTO ? cores() : s->mutex.workers,
        .stripes = s->mutex.stripes,
        .lock = s->mutex.lock == LOCK_RWLOCK ? BACKEND_LOCK_RWLOCK : BACKEND_LOCK_MUTEX,
        .lanes = {.count = threads_of(s), .complete = server_complete, .room = server_room, .ctx = d->server},
    };
    const struct backend_design *design = s->backend == BACKEND_MUTEX ? &backend_mutex : &backend_owner;
    const char *error = NULL;
    d->dispatch.backend = design->start(&options, &error);
    return d->dispatch.backend || fail("cannot start the backend", error);
}

static bool start_server(struct daemon *d)
{
    const struct settings *s = d->settings;
    struct server_options options = {
        .threads = threads_of(s),
        .grace_ms = s->shutdown.grace_ms,
        .loop =
            {
                .clock = d->clock,
                .service = dispatch_service(&d->dispatch),
                .limits = {.line = s->limits.line,
                           .key = s->limits.key,
                           .value = s->limits.value,
                           .command = s->limits.value + s->limits.line},
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
        const struct settings_address *a = &addresses->at[i];
        struct server_address address = {a->kind == ADDRESS_UNIX, a->host, a->port, a->path, a->mode};
        char error[512];
        if (!server_listen(d->server, name, &address, codec, error, sizeof error))
            return fail("cannot start", error);
    }
    return true;
}

/* ---- what it tells about itself ---- */

static void visit_setting(void *ctx, const char *key, const char *value, bool is_literal)
{
    stats_object_set(ctx, key, value, is_literal);
}

static bool write_config(const void *settings, struct buffer *out)
{
    struct stats_object *object = stats_object_create();
    if (!object) return false;
    config_visit(settings, visit_setting, object);
    bool ok = stats_object_render(object, out);
    stats_object_destroy(object);
    return ok;
}

static uint64_t uptime_s(void *ctx)
{
    const struct daemon *d = ctx;
    return (clock_ns(d->clock) - d->started_ns) / 1000000000U;
}

/* What the process has in memory altogether, as the system sees it. */
static uint64_t resident_bytes(void *ctx)
{
    (void)ctx;
    unsigned long long total = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (!f) return 0;
    if (fscanf(f, "%llu %llu", &total, &resident) != 2) resident = 0;
    fclose(f);
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t microseconds(struct timeval t)
{
    return (uint64_t)t.tv_sec * 1000000U + (uint64_t)t.tv_usec;
}

static void gather_facts(void *ctx, struct facts *f)
{
    struct daemon *d = ctx;
    struct rusage usage;
    f->version = SLUICE_VERSION;
    f->backend = backend_name(d->settings);
    f->pid = (uint64_t)getpid();
    f->time_us = clock_wall_us(d->clock);
    f->uptime_s = uptime_s(d);
    f->started_unix_s = f->time_us / 1000000U - f->uptime_s;
    f->memory_resident = resident_bytes(NULL);
    f->memory_limit = d->settings->limits.memory;
    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        f->cpu_user_us = microseconds(usage.ru_utime);
        f->cpu_system_us = microseconds(usage.ru_stime);
    }
    server_add_facts(d->server, f);
    d->dispatch.backend->design->add_facts(d->dispatch.backend, f);
}

static uint64_t lines_dropped(void *ctx)
{
    (void)ctx;
    return log_dropped();
}

static bool register_metrics(struct daemon *d)
{
    struct metrics *m = d->metrics;
    struct backend *b = d->dispatch.backend;
    return metrics_text(m, "version", SLUICE_VERSION) && metrics_gauge_read(m, "uptime_s", uptime_s, d) &&
           metrics_text(m, "backend", backend_name(d->settings)) &&
           metrics_text(m, "queue.policy", d->dispatch.policy->name) && b->design->register_metrics(b, m) &&
           server_register_metrics(d->server, m) &&
           metrics_gauge_read(m, "memory.resident", resident_bytes, NULL) &&
           metrics_gauge_read(m, "log.dropped", lines_dropped, NULL);
}

/* For a person at a terminal: where it listens and how to talk to it. */
static void greet(const struct settings *s)
{
    const struct settings_address *a = &s->listen.text.at[0];
    if (s->listen.text.count == 0 || !isatty(STDOUT_FILENO)) return;
    printf("sluiced %s (%s) listens on %s\n", SLUICE_VERSION, backend_name(s), a->text);
    if (a->kind == ADDRESS_UNIX)
        printf("talk to it:  nc -C -U %s   then type  PUT alice 30m hello   (Ctrl-C stops the daemon)\n", a->path);
    else
        printf("talk to it:  nc -C %s %u   then type  PUT alice 30m hello   (Ctrl-C stops the daemon)\n", a->host,
               a->port);
    fflush(stdout);
}

static bool daemon_start(struct daemon *d)
{
    const struct settings *s = d->settings;
    char error[512];
    if (!server_raise_file_limit(s->limits.connections, threads_of(s), error, sizeof error))
        return fail("cannot start with these limits", error);
    d->metrics = metrics_create();
    if (!d->metrics) return fail("cannot start", "out of memory");
    d->dispatch.policy = policy_of(s);
    d->dispatch.metrics = d->metrics;
    d->dispatch.write_config = write_config;
    d->dispatch.config_ctx = s;
    d->dispatch.gather_facts = gather_facts;
    d->dispatch.facts_ctx = d;
    d->dispatch.clock = d->clock;
    if (!start_server(d) || !start_backend(d)) return false;
    if (!register_metrics(d)) return fail("cannot start", "out of memory");
    return listen_all(d, "text", &s->listen.text, &codec_text) &&
           listen_all(d, "resp", &s->listen.resp, &codec_resp) &&
           listen_all(d, "memcached", &s->listen.memcached, &codec_memcached);
}

int daemon_run(const struct settings *settings, const struct clock *clock)
{
    struct daemon d = {.settings = settings, .clock = clock, .started_ns = clock_ns(clock)};
    log_start((enum log_level)settings->log.level, (enum log_format)settings->log.format);
    bool started = daemon_start(&d);
    if (started) {
        log_info("ready", LOG_STR("version", SLUICE_VERSION), LOG_STR("backend", backend_name(settings)),
                 LOG_U64("threads", threads_of(settings)), LOG_U64("pid", getpid()));
        greet(settings);
        server_run(d.server);
    } else if (d.server) {
        server_stop(d.server);
    }
    struct backend *backend = d.dispatch.backend;
    if (backend) {
        backend->design->abandon(backend); /* no connection is left: what is still queued is for nobody */
        backend->design->stop(backend);
    }
    if (d.server) server_free(d.server);
    if (d.metrics) metrics_destroy(d.metrics);
    if (started) log_info("stopped", LOG_STR("version", SLUICE_VERSION));
    log_stop();
    return started ? 0 : 1;
}
