/* The command line of sluice-bench tcp. */
#include <stdio.h>
#include <string.h>

#include "bench/common/options.h"
#include "bench/load/load.h"
#include "proto/number.h"
#include "proto/text/grammar.h"

#define STEP_TEXT_MAX 32

/* What is parsed first; load_settings is made from it. */
struct raw {
    struct load_settings s;
    const char *host, *socket, *url, *protocol, *value;
    uint64_t port, keys, key_size, deadline_ns;
    double theta;
};

static bool take_law(void *into, const char *text)
{
    bool constant = strcmp(text, "constant") == 0;
    ((struct raw *)into)->s.plan.law = constant ? ARRIVALS_CONSTANT : ARRIVALS_POISSON;
    return constant || strcmp(text, "poisson") == 0;
}

/* Behind the step at 0, which is --rate's and not counted yet; from the start of the measuring. */
static bool take_step(struct arrival_plan *plan, char *text)
{
    char *colon = strchr(text, ':');
    if (!colon || plan->count == ARRIVALS_STEPS_MAX - 1) return false;
    struct arrival_step *step = &plan->steps[plan->count + 1];
    *colon = '\0';
    if (!options_duration(text, &step->at_ns) || !options_real(colon + 1, &step->rate)) return false;
    return plan->count++ == 0 || step->at_ns > step[-1].at_ns;
}

static bool take_steps(void *into, const char *text)
{
    char part[STEP_TEXT_MAX];
    while (options_item(&text, part, sizeof part))
        if (!take_step(&((struct raw *)into)->s.plan, part)) return false;
    return !text;
}

static bool take_mix(void *into, const char *text)
{
    return mix_parse(text, &((struct raw *)into)->s.mix);
}

static bool take_key_law(void *into, const char *text)
{
    return keys_parse_law(text, &((struct raw *)into)->theta);
}

static bool take_ttl(void *into, const char *text)
{
    struct load_settings *s = &((struct raw *)into)->s;
    return number_parse_ttl(slice_text(text), &s->ttl_kind, &s->ttl_ms);
}

static bool take_class(void *into, const char *text)
{
    struct load_settings *s = &((struct raw *)into)->s;
    s->priority = text_class_find(slice_text(text));
    return s->priority != PRIORITY_DEFAULT;
}

#define MS     UINT64_C(1000000)
#define DAY_NS (UINT64_C(86400) * 1000 * MS)

#define OPTIONS_INTO struct raw

static const struct option_spec specs[] = {
    TEXT("host", "HOST", NULL, host, "server; 127.0.0.1 if none is given"),
    COUNT("port", "PORT", NULL, port, 1, 65535,
          "its port; if none is given that of the protocol, 7811, 7812 or 7813"),
    TEXT("socket", "PATH", NULL, socket, "Unix socket of the server, in place of host and port"),
    TEXT("url", "URL", NULL, url, "sluice://host:port or unix:/path, in place of these"),
    TEXT("protocol", "NAME", "text", protocol, "text, resp (any Redis) or memcached"),
    COUNT("connections", "N", "50", s.connections, 1, LOAD_CONNECTIONS_MAX,
          "connections, shared out among the threads"),
    COUNT("threads", "N", "1", s.threads, 1, LOAD_THREADS_MAX, "generator threads"),
    COUNT("depth", "N", "1", s.depth, 1, 100000, "closed loop: requests in flight per connection"),
    REAL("rate", "R", NULL, s.rate,
         "open loop: requests per second in all, sent on time whether or not replies come (200k, 1.5M)"),
    CUSTOM("arrivals", "LAW", "poisson", take_law, "open loop: poisson or constant"),
    CUSTOM("step", "AT:RATE,...", NULL, take_steps,
           "open loop: another rate from AT on, counted from the start of the measuring"),
    COUNT("in-flight", "N", "16384", s.in_flight, 1, 1000000,
          "open loop: requests in flight per connection at most; later ones wait unsent"),
    DURATION("spin", "50us", s.spin_ns, 0, 1000 * MS,
             "open loop: how long before a send the thread stops sleeping and watches the clock"),
    CUSTOM("mix", "OP=N,...", MIX_DEFAULT, take_mix, "weights of get, put, delete, touch, len"),
    COUNT("keys", "N", "10k", keys, 1, KEYS_COUNT_MAX, "number of keys"),
    CUSTOM("key-dist", "LAW", "uniform", take_key_law, "uniform or zipf[:theta] (0.99)"),
    COUNT("key-size", "BYTES", "20", key_size, KEYS_SIZE_MIN, KEYS_SIZE_MAX, "size of every key, 17 to 512"),
    TEXT("value", "SIZE", "256", value, "bytes of a value: N, MIN-MAX, or file:PATH with one document per line"),
    CUSTOM("ttl", "TTL", "-", take_ttl,
           "lifetime that puts and touches ask for: 30m, never, or - (the server's default)"),
    DURATION("deadline", NULL, deadline_ns, MS, DAY_NS,
             "deadline that every request carries, in whole milliseconds"),
    CUSTOM("class", "NAME", NULL, take_class, "class that every request carries: critical, normal, sheddable"),
    COUNT("retries", "N", "0", s.retries, 0, 100, "times that a refused request is sent again, at once"),
    FLAG("early-refusals", s.early_refusals,
         "every request has a tag, and may be refused ahead of answers to earlier ones; text protocol only"),
    FLAG("fill", s.fill, "put every key once before the warm-up"),
    DURATION("warmup", "1s", s.warmup_ns, 0, DAY_NS, "load that is not measured, before the measuring"),
    DURATION("duration", "10s", s.duration_ns, 1, DAY_NS, "how long to measure"),
    COUNT("count", "N", NULL, s.count, 1, 0, "measure this many requests, in place of a duration"),
    DURATION("drain", "2s", s.drain_ns, 0, DAY_NS, "how long to wait for the last answers"),
    COUNT("seed", "N", "1", s.seed, 0, 0, "the same seed makes the same requests"),
    COUNT("server-pid", "PID", NULL, s.server_pid, 1, 1U << 30,
          "a server on this machine, whose CPU time per reply is to be told"),
    TEXT("json", "FILE", NULL, s.json,
         "write everything as JSON (-: to standard output, and the text to standard error)"),
    FLAG("distributions", s.distributions, "the JSON result holds the whole distributions of the latencies"),
    DURATION("csv-interval", "1s", s.interval_ns, MS, 3600000 * MS, "length of an interval of the time line"),
    FLAG("quiet", s.quiet, "no live progress"),
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
    uint64_t port = raw->port ? raw->port : raw->s.adapter->port;
    if (!!raw->url + !!raw->socket + (raw->host || raw->port) > 1)
        return complain("--url, --socket and --host with --port exclude each other");
    return target_find(&raw->s.target, raw->url, raw->socket, raw->host ? raw->host : "127.0.0.1", (uint16_t)port);
}

/* The plan counts from the start of the warm-up, --step from the start of the measuring. */
static void make_plan(struct load_settings *s)
{
    struct arrival_plan *plan = &s->plan;
    plan->steps[0].rate = s->rate;
    for (size_t i = 1; i <= plan->count; i++)
        plan->steps[i].at_ns += s->warmup_ns;
    if (plan->count++ > 0 && plan->steps[1].at_ns == 0)
        memmove(&plan->steps[0], &plan->steps[1], --plan->count * sizeof plan->steps[0]);
}

static bool finish(struct raw *raw)
{
    struct load_settings *s = &raw->s;
    s->adapter = adapter_find(raw->protocol);
    if (!s->adapter) return complain("--protocol is text, resp or memcached");
    if (raw->protocol[0] == 'm' && mix_share(&s->mix, OP_LEN) > 0)
        return complain("memcached has no len: leave it out of --mix");
    if (s->early_refusals && strcmp(raw->protocol, "text") != 0)
        return complain("--early-refusals needs --protocol text: others have no such thing");
    if (!find_target(raw)) return false;
    if (s->threads > s->connections) return complain("there must be a connection for every thread");
    if (s->count && s->count < s->threads) return complain("--count is less than --threads");
    s->open_loop = s->rate > 0;
    if (s->plan.count > 0 && !s->open_loop) return complain("--step needs --rate");
    if (s->open_loop) make_plan(s);
    s->deadline_ms = raw->deadline_ns / MS;
    keys_init(&s->keys, raw->keys, raw->theta, raw->key_size);
    s->values = values_open(raw->value, s->seed);
    return s->values;
}

json_t *load_settings_parse(struct load_settings *settings, int argc, char **argv)
{
    struct raw raw = {0};
    json_t *options = options_parse(&table, argc, argv, &raw);
    if (options && !finish(&raw)) {
        json_decref(options);
        return NULL;
    }
    *settings = raw.s;
    return options;
}
