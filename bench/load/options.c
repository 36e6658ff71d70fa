/* The command line of sluice-bench tcp. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/common/options.h"
#include "bench/load/load.h"
#include "proto/number.h"

#define STEP_TEXT_MAX 32

/* What is parsed first; load_settings is made from it. */
struct raw {
    struct load_settings s;
    const char *host, *socket, *url, *protocol, *value;
    uint64_t port, keys, key_size, deadline_ns;
    struct arrival_step steps[ARRIVALS_STEPS_MAX]; /* of --step: instants from the start of the measuring */
    size_t steps_count;
    double theta;
    enum key_law key_law;
    enum arrival_law law;
};

static bool take_rate_text(const char *text, double *out)
{
    uint64_t n = 0;

    if (options_real(text, out)) return true;
    if (!options_count(text, &n)) return false;
    *out = (double)n;
    return true;
}

static bool take_rate(void *into, const char *text)
{
    struct raw *raw = into;

    raw->s.open_loop = true;
    return take_rate_text(text, &raw->s.rate) && raw->s.rate > 0;
}

static bool take_law(void *into, const char *text)
{
    return arrivals_parse_law(text, &((struct raw *)into)->law);
}

static bool take_step(struct raw *raw, char *text)
{
    char *colon = strchr(text, ':');
    struct arrival_step step;

    if (!colon || raw->steps_count == ARRIVALS_STEPS_MAX - 1) return false;
    *colon = '\0';
    if (!options_duration(text, &step.at_ns) || !take_rate_text(colon + 1, &step.rate)) return false;
    if (raw->steps_count > 0 && step.at_ns <= raw->steps[raw->steps_count - 1].at_ns) return false;
    raw->steps[raw->steps_count++] = step;
    return true;
}

static bool take_steps(void *into, const char *text)
{
    char part[STEP_TEXT_MAX];

    while (options_item(&text, part, sizeof part)) {
        if (!take_step(into, part)) return false;
    }
    return !text;
}

static bool take_mix(void *into, const char *text)
{
    return mix_parse(text, &((struct raw *)into)->s.mix);
}

static bool take_key_law(void *into, const char *text)
{
    struct raw *raw = into;

    return keys_parse_law(text, &raw->key_law, &raw->theta);
}

static bool take_ttl(void *into, const char *text)
{
    struct load_settings *s = &((struct raw *)into)->s;

    return number_parse_ttl(slice_text(text), &s->ttl_kind, &s->ttl_ms);
}

static bool take_class(void *into, const char *text)
{
    static const struct {
        const char *name;
        enum priority priority;
    } classes[] = {{"critical", PRIORITY_CRITICAL}, {"normal", PRIORITY_NORMAL}, {"sheddable", PRIORITY_SHEDDABLE}};

    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        if (strcmp(text, classes[i].name) != 0) continue;
        ((struct raw *)into)->s.priority = classes[i].priority;
        return true;
    }
    return false;
}

#define AT(field) .offset = offsetof(struct raw, field)
#define MS        UINT64_C(1000000)
#define DAY_NS    (UINT64_C(86400) * 1000 * MS)

static const struct option_spec specs[] = {
    {"host", "HOST", NULL, "server; 127.0.0.1 if none is given", OPTION_TEXT, AT(host)},
    {"port", "PORT", NULL, "its port; if none is given that of the protocol, 7811, 7812 or 7813", OPTION_COUNT,
     AT(port), .min = 1, .max = 65535},
    {"socket", "PATH", NULL, "Unix socket of the server, in place of host and port", OPTION_TEXT, AT(socket)},
    {"url", "URL", NULL, "sluice://host:port or unix:/path, in place of these", OPTION_TEXT, AT(url)},
    {"protocol", "NAME", "text", "text, resp (any Redis) or memcached", OPTION_TEXT, AT(protocol)},
    {"connections", "N", "50", "connections, shared out among the threads", OPTION_COUNT, AT(s.connections),
     .min = 1, .max = LOAD_CONNECTIONS_MAX},
    {"threads", "N", "1", "generator threads", OPTION_COUNT, AT(s.threads), .min = 1, .max = LOAD_THREADS_MAX},
    {"depth", "N", "1", "closed loop: requests in flight per connection", OPTION_COUNT, AT(s.depth), .min = 1,
     .max = 100000},
    {"rate", "R", NULL,
     "open loop: requests per second in all, sent on time whether or not replies come (200k, 1.5M)", OPTION_CUSTOM,
     .take = take_rate},
    {"arrivals", "LAW", "poisson", "open loop: poisson or constant", OPTION_CUSTOM, .take = take_law},
    {"step", "AT:RATE,...", NULL, "open loop: another rate from AT on, counted from the start of the measuring",
     OPTION_CUSTOM, .take = take_steps},
    {"in-flight", "N", "16384", "open loop: requests in flight per connection at most; later ones wait unsent",
     OPTION_COUNT, AT(s.in_flight), .min = 1, .max = 1000000},
    {"spin", "TIME", "50us", "open loop: how long before a send the thread stops sleeping and watches the clock",
     OPTION_DURATION, AT(s.spin_ns), .max = 1000 * MS},
    {"mix", "OP=N,...", MIX_DEFAULT, "weights of get, put, delete, touch, len", OPTION_CUSTOM, .take = take_mix},
    {"keys", "N", "10k", "number of keys", OPTION_COUNT, AT(keys), .min = 1, .max = KEYS_COUNT_MAX},
    {"key-dist", "LAW", "uniform", "uniform or zipf[:theta] (0.99)", OPTION_CUSTOM, .take = take_key_law},
    {"key-size", "BYTES", "20", "size of every key, 17 to 512", OPTION_COUNT, AT(key_size), .min = KEYS_SIZE_MIN,
     .max = KEYS_SIZE_MAX},
    {"value", "SIZE", "256", "bytes of a value: N, MIN-MAX, or file:PATH with one document per line", OPTION_TEXT,
     AT(value)},
    {"ttl", "TTL", "-", "lifetime that puts and touches ask for: 30m, never, or - (the server's default)",
     OPTION_CUSTOM, .take = take_ttl},
    {"deadline", "TIME", NULL, "deadline that every request carries, in whole milliseconds", OPTION_DURATION,
     AT(deadline_ns), .min = MS, .max = DAY_NS},
    {"class", "NAME", NULL, "class that every request carries: critical, normal, sheddable", OPTION_CUSTOM,
     .take = take_class},
    {"retries", "N", "0", "times that a refused request is sent again, at once", OPTION_COUNT, AT(s.retries),
     .max = 100},
    {"early-refusals", NULL, NULL,
     "every request has a tag, and may be refused ahead of answers to earlier ones; text protocol only",
     OPTION_FLAG, AT(s.early_refusals)},
    {"fill", NULL, NULL, "put every key once before the warm-up", OPTION_FLAG, AT(s.fill)},
    {"warmup", "TIME", "1s", "load that is not measured, before the measuring", OPTION_DURATION, AT(s.warmup_ns),
     .max = DAY_NS},
    {"duration", "TIME", "10s", "how long to measure", OPTION_DURATION, AT(s.duration_ns), .min = 1, .max = DAY_NS},
    {"count", "N", NULL, "measure this many requests, in place of a duration", OPTION_COUNT, AT(s.count), .min = 1},
    {"drain", "TIME", "2s", "how long to wait for the last answers", OPTION_DURATION, AT(s.drain_ns),
     .max = DAY_NS},
    {"seed", "N", "1", "the same seed makes the same requests", OPTION_COUNT, AT(s.seed)},
    {"server-pid", "PID", NULL, "a server on this machine, whose CPU time per reply is to be told", OPTION_COUNT,
     AT(s.server_pid), .min = 1, .max = 1U << 30},
    {"json", "FILE", NULL, "write everything as JSON (-: to standard output, in place of the tables)", OPTION_TEXT,
     AT(s.json)},
    {"distributions", NULL, NULL, "the JSON result holds the whole distributions of the latencies", OPTION_FLAG,
     AT(s.distributions)},
    {"csv-interval", "TIME", "1s", "length of an interval of the time line", OPTION_DURATION, AT(s.interval_ns),
     .min = MS, .max = 3600000 * MS},
    {"quiet", NULL, NULL, "no live progress", OPTION_FLAG, AT(s.quiet)},
};

static const struct option_table table = {
    "Loads a server and measures it: in a closed loop (connections x depth requests always in flight), or, with\n"
    "--rate, in an open loop, where requests are due by a schedule and latencies count from the instant due.",
    specs, sizeof specs / sizeof specs[0]};

/* The command line is wrong. */
static bool complain(const char *text)
{
    return options_complain("tcp", "%s", text);
}

static bool find_target(struct raw *raw)
{
    char error[400] = "";
    struct target *t = &raw->s.target;
    unsigned port = raw->port ? (unsigned)raw->port : raw->s.adapter->port;
    bool ok = false;

    if ((raw->url != NULL) + (raw->socket != NULL) + (raw->host || raw->port) > 1) {
        return complain("--url, --socket and --host with --port exclude each other");
    }
    if (raw->url) {
        ok = target_url(t, raw->url, port, error, sizeof(error));
    } else if (raw->socket) {
        ok = target_unix(t, raw->socket, error, sizeof(error));
    } else {
        ok = target_tcp(t, raw->host ? raw->host : "127.0.0.1", port, error, sizeof(error));
    }
    return ok || complain(error);
}

/* The plan counts from the start of the warm-up, --step from the start of the measuring. */
static void make_plan(struct raw *raw)
{
    struct arrival_plan *plan = &raw->s.plan;

    *plan = (struct arrival_plan){.law = raw->law, .count = 1, .steps = {{0, raw->s.rate}}};
    for (size_t i = 0; i < raw->steps_count; i++) {
        struct arrival_step step = raw->steps[i];
        step.at_ns += raw->s.warmup_ns;
        if (step.at_ns == 0) {
            plan->steps[0] = step;
        } else {
            plan->steps[plan->count++] = step;
        }
    }
}

static bool finish(struct raw *raw)
{
    struct load_settings *s = &raw->s;
    char error[400];

    s->adapter = adapter_find(raw->protocol);
    if (!s->adapter) return complain("--protocol is text, resp or memcached");
    if (raw->protocol[0] == 'm' && mix_share(&s->mix, OP_LEN) > 0)
        return complain("memcached has no len: leave it out of --mix");
    if (s->early_refusals && strcmp(raw->protocol, "text") != 0)
        return complain("--early-refusals needs --protocol text: others have no such thing");
    if (!find_target(raw)) return false;
    if (s->threads > s->connections) return complain("there must be a connection for every thread");
    if (s->count && s->count < s->threads) return complain("--count is less than --threads");
    if (raw->steps_count > 0 && !s->open_loop) return complain("--step needs --rate");
    if (s->open_loop) make_plan(raw);
    s->deadline_ms = raw->deadline_ns / MS;
    keys_init(&s->keys, raw->keys, raw->key_law, raw->theta, raw->key_size);
    s->values = values_open(raw->value, s->seed, error, sizeof(error));
    return s->values || complain(error);
}

json_t *load_settings_parse(struct load_settings *settings, int argc, char **argv)
{
    struct raw raw = {.theta = KEYS_ZIPF_THETA};
    json_t *options = options_parse(&table, argc, argv, &raw);

    if (options && !finish(&raw)) {
        json_decref(options);
        return NULL;
    }
    *settings = raw.s;
    return options;
}
