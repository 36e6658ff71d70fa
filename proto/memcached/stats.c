/* Facts about the daemon as memcached's clients ask for them; only such as are true here. */
#include <stdio.h>

#include "proto/facts.h"
#include "proto/memcached/impl.h"

static void put_number(struct buffer *out, const char *name, uint64_t n)
{
    mc_put(out, "STAT ");
    mc_put(out, name);
    mc_put(out, " ");
    buffer_append_u64(out, n);
    mc_put(out, "\r\n");
}

static void put_text(struct buffer *out, const char *name, const char *text)
{
    mc_put(out, "STAT ");
    mc_put(out, name);
    mc_put(out, " ");
    mc_put(out, text);
    mc_put(out, "\r\n");
}

static void put_seconds(struct buffer *out, const char *name, uint64_t us)
{
    char text[40];
    snprintf(text, sizeof text, "%llu.%06llu", (unsigned long long)us / 1000000, (unsigned long long)us % 1000000);
    put_text(out, name, text);
}

static void put_process(struct buffer *out, const struct facts *f)
{
    put_number(out, "pid", f->pid);
    put_number(out, "uptime", f->uptime_s);
    put_number(out, "time", f->time_us / 1000000);
    put_text(out, "version", MC_VERSION);
    put_text(out, "sluice_version", f->version);
    put_text(out, "sluice_backend", f->backend);
    put_number(out, "pointer_size", sizeof(void *) * 8);
    put_seconds(out, "rusage_user", f->cpu_user_us);
    put_seconds(out, "rusage_system", f->cpu_system_us);
    put_number(out, "max_connections", f->connections_max);
    put_number(out, "curr_connections", f->connections);
    put_number(out, "total_connections", f->connections_total);
    put_number(out, "rejected_connections", f->connections_refused);
    put_number(out, "threads", f->threads);
}

static void put_work(struct buffer *out, const struct facts *f)
{
    put_number(out, "cmd_get", f->operations[OP_GET]);
    put_number(out, "cmd_set", f->operations[OP_PUT] + f->operations[OP_APPEND] + f->operations[OP_PREPEND]);
    put_number(out, "cmd_flush", f->operations[OP_FLUSH]);
    put_number(out, "cmd_touch", f->operations[OP_TOUCH]);
    put_number(out, "cmd_meta", f->operations[OP_META]);
    put_number(out, "get_hits", f->hits);
    put_number(out, "get_misses", f->misses);
    put_number(out, "overloaded", f->overloaded);
    put_number(out, "bytes_read", f->bytes_in);
    put_number(out, "bytes_written", f->bytes_out);
    put_number(out, "limit_maxbytes", f->memory_limit);
    put_number(out, "bytes", f->memory_sessions);
    put_number(out, "curr_items", f->sessions[0]);
    put_number(out, "evictions", 0);
}

void mc_render_stats(struct buffer *out, const struct call *call)
{
    const struct facts *f = call->reply.held;
    if ((call->form & MC_FORM_MASK) == MC_STATS_ITEMS) {
        if (f->sessions[0] > 0) put_number(out, "items:1:number", f->sessions[0]);
    } else {
        put_process(out, f);
        put_work(out, f);
    }
    mc_put(out, "END\r\n");
}
