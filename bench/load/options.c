/* The command line of sluice-bench tcp. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/common/options.h"
#include "bench/load/load.h"
#include "proto/number.h"
#include "proto/text/grammar.h"

#define STEP_TEXT_MAX 32

/* What is parsed first; load_settings is made from it. */
struct raw {
    struct load_settings s;
    const char *host, *socket, *url, *protocol;
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
    for (;;) {
        char part[STEP_TEXT_MAX];
        size_t len = strcspn(text, ",");
        if (len >= sizeof(part)) return false;
        memcpy(part, text, len);
        part[len] = '\0';
        if (!take_step(into, part)) return false;
        if (text[len] == '\0') return true;
        text += len + 1;
    }
}

static bool take_mix(void *into, const char *text)
{
    struct load_settings *s = &((struct raw *)into)->s;

    s->mix_text = text;
    return mix_parse(text, &s->mix);
}

static bool take_key_law(void *into, const char *text)
{
    struct raw *raw = into;

    raw->s.key_law_text = text;
    return keys_parse_law(text, &raw->key_law, &raw->theta);
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

#define AT(field) offsetof(struct raw, field)
#define MS        UINT64_C(1000000)
#define DAY_NS    (UINT64_C(86400) * 1000 * MS)

static const struct option_spec specs[] = {
    {"host", "HOST", "server; default 127.0.0.1", OPTION_TEXT, AT(host), 0, 0, NULL},
    {"port", "PORT", "its port; default: that of the protocol, 7811, 7812 or 7813", OPTION_COUNT, AT(port), 1,
     65535, NULL},
    {"socket", "PATH", "Unix socket of the server, in place of host and port", OPTION_TEXT, AT(socket), 0, 0, NULL},
    {"url", "URL", "sluice://host:port or unix:/path, in place of these", OPTION_TEXT, AT(url), 0, 0, NULL},
    {"protocol", "NAME", "text, the default, resp (any Redis) or memcached", OPTION_TEXT, AT(protocol), 0, 0, NULL},
    {"connections", "N", "connections, shared out among the threads; default 50", OPTION_COUNT, AT(s.connections),
     1, LOAD_CONNECTIONS_MAX, NULL},
    {"threads", "N", "generator threads; default 1", OPTION_COUNT, AT(s.threads), 1, LOAD_THREADS_MAX, NULL},
    {"depth", "N", "closed loop: requests in flight per connection; default 1", OPTION_COUNT, AT(s.depth), 1,
     100000, NULL},
    {"rate", "R", "open loop: requests per second in all, sent on time whether or not replies come (200k, 1.5M)",
     OPTION_CUSTOM, 0, 0, 0, take_rate},
    {"arrivals", "LAW", "open loop: poisson, the default, or constant", OPTION_CUSTOM, 0, 0, 0, take_law},
    {"step", "AT:RATE,...", "open loop: another rate from AT on, counted from the start of the measuring",
     OPTION_CUSTOM, 0, 0, 0, take_steps},
    {"in-flight", "N",
     "open loop: requests in flight per connection at most; later ones wait unsent; default 16384", OPTION_COUNT,
     AT(s.in_flight), 1, 1000000, NULL},
    {"spin", "TIME",
     "open loop: how long before a send the thread stops sleeping and watches the clock; default 50us",
     OPTION_DURATION, AT(s.spin_ns), 0, 1000 * MS, NULL},
    {"mix", "OP=N,...", "weights of get, put, delete, touch, len; default " MIX_DEFAULT, OPTION_CUSTOM, 0, 0, 0,
     take_mix},
    {"keys", "N", "number of keys; default 10k", OPTION_COUNT, AT(keys), 1, KEYS_COUNT_MAX, NULL},
    {"key-dist", "LAW", "uniform, the default, or zipf[:theta] (0.99)", OPTION_CUSTOM, 0, 0, 0, take_key_law},
    {"key-size", "BYTES", "size of every key, 17 to 512; default 20", OPTION_COUNT, AT(key_size), KEYS_SIZE_MIN,
     KEYS_SIZE_MAX, NULL},
    {"value", "SIZE", "bytes of a value: N, MIN-MAX, or file:PATH with one document per line; default 256",
     OPTION_TEXT, AT(s.value_text), 0, 0, NULL},
    {"ttl", "TTL", "lifetime that puts and touches ask for: 30m, never, or - (the server's default; this is ours)",
     OPTION_CUSTOM, 0, 0, 0, take_ttl},
    {"deadline", "TIME", "deadline that every request carries, in whole milliseconds; default none",
     OPTION_DURATION, AT(deadline_ns), MS, DAY_NS, NULL},
    {"class", "NAME", "class that every request carries: critical, normal, sheddable; default none", OPTION_CUSTOM,
     0, 0, 0, take_class},
    {"retries", "N", "times that a refused request is sent again, at once; default 0", OPTION_COUNT, AT(s.retries),
     0, 100, NULL},
    {"early-refusals", NULL,
     "every request has a tag, and may be refused ahead of answers to earlier ones; text protocol only",
     OPTION_FLAG, AT(s.early_refusals), 0, 0, NULL},
    {"fill", NULL, "put every key once before the warm-up", OPTION_FLAG, AT(s.fill), 0, 0, NULL},
    {"warmup", "TIME", "load that is not measured, before the measuring; default 1s", OPTION_DURATION,
     AT(s.warmup_ns), 0, DAY_NS, NULL},
    {"duration", "TIME", "how long to measure; default 10s", OPTION_DURATION, AT(s.duration_ns), 1, DAY_NS, NULL},
    {"count", "N", "measure this many requests, in place of a duration", OPTION_COUNT, AT(s.count), 1, 0, NULL},
    {"drain", "TIME", "how long to wait for the last answers; default 2s", OPTION_DURATION, AT(s.drain_ns), 0,
     DAY_NS, NULL},
    {"seed", "N", "the same seed makes the same requests; default 1", OPTION_COUNT, AT(s.seed), 0, 0, NULL},
    {"server-pid", "PID", "a server on this machine, whose CPU time per reply is to be told", OPTION_COUNT,
     AT(s.server_pid), 1, 1U << 30, NULL},
    {"ratio-to", "FILE", "tell the results as ratios to those of an earlier --json, for example of null-server",
     OPTION_TEXT, AT(s.ratio_to), 0, 0, NULL},
    {"json", "FILE", "write everything as JSON (-: to standard output, without the table)", OPTION_TEXT, AT(s.json),
     0, 0, NULL},
    {"hgrm", "FILE",
     "write the latencies of executed requests in HdrHistogram's format; of refused ones to "
     "FILE.refused",
     OPTION_TEXT, AT(s.hgrm), 0, 0, NULL},
    {"csv", "FILE", "write a row per interval", OPTION_TEXT, AT(s.csv), 0, 0, NULL},
    {"csv-interval", "TIME", "length of an interval of the time line; default 1s", OPTION_DURATION,
     AT(s.csv_interval_ns), MS, 3600000 * MS, NULL},
    {"quiet", NULL, "no live progress", OPTION_FLAG, AT(s.quiet), 0, 0, NULL},
};
#define SPECS (sizeof(specs) / sizeof(specs[0]))

void load_settings_help(void)
{
    puts("usage: sluice-bench tcp [options]\n\n"
         "Loads a server and measures it: in a closed loop (connections x depth requests always in flight), or, "
         "with\n"
         "--rate, in an open loop, where requests are due by a schedule and latencies count from the instant "
         "due.\n");
    options_print_help(stdout, specs, SPECS);
}

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
    s->values = values_open(s->value_text, s->seed, error, sizeof(error));
    return s->values || complain(error);
}

bool load_settings_parse(struct load_settings *settings, int argc, char **argv)
{
    struct raw *raw = calloc(1, sizeof(*raw));
    if (!raw) {
        fprintf(stderr, "sluice-bench tcp: out of memory\n");
        return false;
    }

    *raw = (struct raw){
        .s = {.connections = 50,
              .threads = 1,
              .depth = 1,
              .in_flight = 16384,
              .spin_ns = 50000,
              .mix_text = MIX_DEFAULT,
              .value_text = "256",
              .key_law_text = "uniform",
              .warmup_ns = 1000 * MS,
              .duration_ns = 10000 * MS,
              .drain_ns = 2000 * MS,
              .seed = 1,
              .csv_interval_ns = 1000 * MS},
        .protocol = "text",
        .keys = 10000,
        .key_size = 20,
        .theta = KEYS_ZIPF_THETA,
    };
    bool ok = mix_parse(MIX_DEFAULT, &raw->s.mix) && options_parse(specs, SPECS, argc, argv, raw) && finish(raw);
    if (ok) *settings = raw->s;
    free(raw);
    return ok;
}
