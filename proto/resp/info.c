/* Facts about the daemon as Redis's clients ask for them: INFO, CONFIG GET, CLIENT LIST. */
#include <stdarg.h>
#include <stdio.h>

#include "proto/facts.h"
#include "proto/glob.h"
#include "proto/keys.h"
#include "proto/resp/state.h"

static const struct facts *facts_of(const struct call *call)
{
    return call->reply.held;
}

static void print(struct buffer *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void print(struct buffer *out, const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (n > 0) buffer_append(out, line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1);
}

/* The reply, or none if there was no memory for the whole of it. Frees the text. */
static void put_whole(struct buffer *out, const struct call *call, struct buffer *text)
{
    if (text->failed)
        out->failed = true;
    else
        resp_put_verbatim(out, slice_of(text->data, text->len), call->form & RESP_FORM_3);
    buffer_free(text);
}

/* 1.50M, as Redis writes sizes for people. */
static void print_size(struct buffer *out, const char *name, uint64_t bytes)
{
    static const char units[] = "BKMGT";
    double n = (double)bytes;
    int unit = 0;
    while (n >= 1024 && unit < 4) {
        n /= 1024;
        unit++;
    }
    if (unit == 0)
        print(out, "%s:%.0fB\r\n", name, n);
    else
        print(out, "%s:%.2f%c\r\n", name, n, units[unit]);
}

typedef unsigned long long ull;

/* ---- INFO ---- */

static void put_server(struct buffer *out, const struct facts *f)
{
    print(out,
          "# Server\r\nredis_version:" RESP_COMPATIBLE "\r\nsluice_version:%s\r\nsluice_backend:%s\r\n"
          "redis_mode:standalone\r\nos:Linux\r\narch_bits:%zu\r\nprocess_id:%llu\r\ntcp_port:%u\r\n",
          f->version, f->backend, sizeof(void *) * 8, (ull)f->pid, f->port);
    print(out, "server_time_usec:%llu\r\nuptime_in_seconds:%llu\r\nuptime_in_days:%llu\r\nio_threads_active:%d\r\n",
          (ull)f->time_us, (ull)f->uptime_s, (ull)f->uptime_s / 86400, f->threads > 1);
}

static void put_clients(struct buffer *out, const struct facts *f)
{
    print(out, "# Clients\r\nconnected_clients:%llu\r\nmaxclients:%llu\r\nblocked_clients:0\r\n",
          (ull)f->connections, (ull)f->connections_max);
}

static void put_memory(struct buffer *out, const struct facts *f)
{
    print(out, "# Memory\r\nused_memory:%llu\r\n", (ull)f->memory_sessions);
    print_size(out, "used_memory_human", f->memory_sessions);
    print(out, "used_memory_rss:%llu\r\n", (ull)f->memory_resident);
    print_size(out, "used_memory_rss_human", f->memory_resident);
    print(out, "maxmemory:%llu\r\n", (ull)f->memory_limit);
    print_size(out, "maxmemory_human", f->memory_limit);
    print(out, "maxmemory_policy:noeviction\r\n");
}

static void put_persistence(struct buffer *out, const struct facts *f)
{
    (void)f;
    print(out, "# Persistence\r\nloading:0\r\nrdb_bgsave_in_progress:0\r\naof_enabled:0\r\n");
}

static void put_stats(struct buffer *out, const struct facts *f)
{
    uint64_t commands = 0;
    for (int op = 0; op <= OP_TABLE_LAST; op++)
        commands += f->operations[op];
    print(out,
          "# Stats\r\ntotal_connections_received:%llu\r\ntotal_commands_processed:%llu\r\n"
          "total_net_input_bytes:%llu\r\ntotal_net_output_bytes:%llu\r\nrejected_connections:%llu\r\n",
          (ull)f->connections_total, (ull)commands, (ull)f->bytes_in, (ull)f->bytes_out,
          (ull)f->connections_refused);
    print(
        out,
        "expired_keys:%llu\r\nevicted_keys:0\r\nkeyspace_hits:%llu\r\nkeyspace_misses:%llu\r\noverloaded:%llu\r\n",
        (ull)f->expired, (ull)f->hits, (ull)f->misses, (ull)f->overloaded);
}

static void put_replication(struct buffer *out, const struct facts *f)
{
    (void)f;
    print(out, "# Replication\r\nrole:master\r\nconnected_slaves:0\r\n");
}

static void put_cpu(struct buffer *out, const struct facts *f)
{
    print(out, "# CPU\r\nused_cpu_sys:%llu.%06llu\r\nused_cpu_user:%llu.%06llu\r\n",
          (ull)f->cpu_system_us / 1000000, (ull)f->cpu_system_us % 1000000, (ull)f->cpu_user_us / 1000000,
          (ull)f->cpu_user_us % 1000000);
}

static void put_cluster(struct buffer *out, const struct facts *f)
{
    (void)f;
    print(out, "# Cluster\r\ncluster_enabled:0\r\n");
}

static void put_keyspace(struct buffer *out, const struct facts *f)
{
    print(out, "# Keyspace\r\n");
    for (int i = 0; i < DATABASES; i++)
        if (f->sessions[i] > 0)
            print(out, "db%d:keys=%llu,expires=%llu,avg_ttl=0\r\n", i, (ull)f->sessions[i], (ull)f->mortal[i]);
}

static const struct {
    const char *name;
    void (*put)(struct buffer *out, const struct facts *f);
} sections[] = {
    {"server", put_server},     {"clients", put_clients},
    {"memory", put_memory},     {"persistence", put_persistence},
    {"stats", put_stats},       {"replication", put_replication},
    {"cpu", put_cpu},           {"cluster", put_cluster},
    {"keyspace", put_keyspace},
};

/* Was this section asked for? Without a word, all are. */
static bool is_wanted(struct slice words, const char *name)
{
    struct slice word;
    if (words.len == 0) return true;
    while (keys_next(&words, &word))
        if (resp_is(word, name) || resp_is(word, "all") || resp_is(word, "everything") || resp_is(word, "default"))
            return true;
    return false;
}

void resp_render_info(struct buffer *out, const struct call *call)
{
    struct buffer text = {0};
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++) {
        if (!is_wanted(call->request.tag, sections[i].name)) continue;
        if (text.len > 0) buffer_append_text(&text, "\r\n");
        sections[i].put(&text, facts_of(call));
    }
    put_whole(out, call, &text);
}

/* ---- CONFIG GET ---- */

struct parameter {
    const char *name;
    uint64_t number; /* when there is no text */
    const char *text;
};

/* The name as the client wrote it, or ours where a pattern stands for it; empty: nobody asked for it. */
static struct slice asked_name(struct slice patterns, const char *name)
{
    struct slice pattern;
    while (keys_next(&patterns, &pattern)) {
        char lower[64];
        struct glob glob;
        size_t len = pattern.len < sizeof lower ? pattern.len : sizeof lower;
        for (size_t i = 0; i < len; i++)
            lower[i] =
                pattern.ptr[i] >= 'A' && pattern.ptr[i] <= 'Z' ? (char)(pattern.ptr[i] + 32) : pattern.ptr[i];
        if (resp_is(pattern, name)) return pattern;
        glob_compile(&glob, slice_of(lower, len));
        if (glob_match(&glob, slice_text(name))) return slice_text(name);
    }
    return slice_of(NULL, 0);
}

static void put_parameter(struct buffer *out, struct slice name, const struct parameter *p)
{
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%llu", (ull)p->number);
    resp_put_bulk(out, name);
    resp_put_bulk(out, p->text ? slice_text(p->text) : slice_of(digits, (size_t)n));
}

void resp_render_config(struct buffer *out, const struct call *call)
{
    const struct facts *f = facts_of(call);
    const struct parameter all[] = {
        {"maxmemory", f->memory_limit, NULL},
        {"maxmemory-policy", 0, "noeviction"},
        {"maxclients", f->connections_max, NULL},
        {"timeout", f->idle_timeout_s, NULL},
        {"databases", DATABASES, NULL},
        {"save", 0, ""},
        {"appendonly", 0, "no"},
        {"port", f->port, NULL},
        {"io-threads", f->threads, NULL},
        {"proto-max-bulk-len", f->value_max, NULL},
        {"replica-read-only", 0, "yes"},
        {"slave-read-only", 0, "yes"},
        {"cluster-enabled", 0, "no"},
        {"requirepass", 0, ""},
    };
    enum { PARAMETERS = sizeof all / sizeof all[0] };
    int64_t count = 0;
    for (size_t i = 0; i < PARAMETERS; i++)
        count += asked_name(call->request.tag, all[i].name).len > 0;
    resp_put_map(out, count, call->form & RESP_FORM_3);
    for (size_t i = 0; i < PARAMETERS; i++) {
        struct slice name = asked_name(call->request.tag, all[i].name);
        if (name.len > 0) put_parameter(out, name, &all[i]);
    }
}

/* ---- CLIENT LIST, CLIENT INFO: this connection ---- */

void resp_render_client(struct buffer *out, const struct call *call)
{
    const struct facts *f = facts_of(call);
    char own[321], name[80] = "", library[80] = "", version[80] = "";
    unsigned database = 0, protocol = 2;
    unsigned long long id = 0;
    size_t len = call->request.tag.len < sizeof own - 1 ? call->request.tag.len : sizeof own - 1;
    memcpy(own, call->request.tag.ptr, len);
    own[len] = '\0';
    if (sscanf(own, "%llu %u %u %79s %79s %79s", &id, &database, &protocol, name, library, version) < 3) return;
    struct buffer text = {0};
    print(&text, "id=%llu addr=%s laddr=%s fd=%llu name=%s age=%llu idle=0 flags=N db=%u sub=0 psub=0 multi=-1", id,
          f->peer, f->local, (ull)f->fd, name[0] == '-' && !name[1] ? "" : name, (ull)f->connected_s, database);
    print(&text, " cmd=client user=default resp=%u lib-name=%s lib-ver=%s\n", protocol,
          library[0] == '-' && !library[1] ? "" : library, version[0] == '-' && !version[1] ? "" : version);
    put_whole(out, call, &text);
}
