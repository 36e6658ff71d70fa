/* Numbers out of the JSON of STATS, by dotted path. */
#include "clients/cli/reading.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static const char *const names[READ_OPS] = {"get", "put", "delete", "touch", "len"};

const char *reading_op_name(enum reading_op op)
{
    return names[op];
}

/* The member at "a.b.c", or NULL. */
static const json_t *find(const json_t *json, const char *path)
{
    const char *dot;

    for (; json && (dot = strchr(path, '.')) != NULL; path = dot + 1) {
        char part[64];
        snprintf(part, sizeof part, "%.*s", (int)(dot - path), path);
        json = json_object_get(json, part);
    }
    return json_object_get(json, path);
}

static uint64_t number(const json_t *json, const char *path)
{
    double n = json_number_value(find(json, path));

    return n > 0 && n < 1e18 ? (uint64_t)n : 0;
}

static uint64_t op_number(const json_t *json, const char *format, enum reading_op op, const char *member)
{
    char path[64];

    snprintf(path, sizeof path, "%s.%s.%s", format, names[op], member);
    return number(json, path);
}

static void text(const json_t *json, const char *path, char *to, size_t size)
{
    const char *string = json_string_value(find(json, path));

    snprintf(to, size, "%s", string ? string : "");
}

static void parse_op(struct reading *r, const json_t *json, enum reading_op op)
{
    struct reading_count *c = &r->counts[op];
    struct reading_latency *l = &r->latency[op];

    c->done = op_number(json, "operations", op, "ok") + op_number(json, "operations", op, "not_found");
    c->refused = op_number(json, "operations", op, "overloaded") + op_number(json, "operations", op, "late");
    c->failed = op_number(json, "operations", op, "conflict") + op_number(json, "operations", op, "error");
    l->count = op_number(json, "latency_ns", op, "count");
    l->p50 = op_number(json, "latency_ns", op, "p50");
    l->p99 = op_number(json, "latency_ns", op, "p99");
    l->p999 = op_number(json, "latency_ns", op, "p999");
    l->max = op_number(json, "latency_ns", op, "max");
}

bool reading_parse(struct reading *r, struct sluice_bytes bytes)
{
    json_t *json = json_loadb(bytes.data, bytes.len, 0, NULL);

    *r = (struct reading){0};
    if (!json_is_object(json)) {
        json_decref(json);
        return false;
    }
    text(json, "version", r->version, sizeof r->version);
    text(json, "backend", r->backend, sizeof r->backend);
    r->uptime_ms = number(json, "uptime_s") * 1000;
    for (int op = 0; op < READ_OPS; op++)
        parse_op(r, json, (enum reading_op)op);
    r->malformed = number(json, "operations.malformed");
    r->expired = number(json, "sessions.expired");
    r->sessions = number(json, "sessions.stored");
    r->connections = number(json, "connections.open");
    r->memory = number(json, "memory.slabs") + number(json, "memory.buckets");
    r->queue_depth = number(json, "queue.depth");
    r->queue_max = number(json, "queue.max");
    r->queue_bound = number(json, "queue.bound");
    json_decref(json);
    return true;
}

struct reading_count reading_total(const struct reading *r)
{
    struct reading_count total = {.failed = r->malformed};

    for (int op = 0; op < READ_OPS; op++) {
        total.done += r->counts[op].done;
        total.refused += r->counts[op].refused;
        total.failed += r->counts[op].failed;
    }
    return total;
}
