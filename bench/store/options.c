#include "bench/store/run.h"

#include <stdio.h>
#include <string.h>

#include "bench/common/options.h"
#include "bench/store/drive.h"
#include "daemon/queue/ring.h"

const struct store_backend store_backends[STORE_BACKENDS] = {
    {"mutex", &backend_mutex, LOCK_MUTEX, false, false},
    {"rwlock", &backend_mutex, LOCK_RWLOCK, false, false},
    {"owner", &backend_owner, LOCK_MUTEX, false, true},
    {"backpressure", &backend_owner, LOCK_MUTEX, true, true},
};

static bool take_backends(void *into, const char *text)
{
    struct store_options *o = into;
    char name[16];
    o->backend_count = 0;
    while (options_item(&text, name, sizeof name)) {
        const struct store_backend *found = NULL;
        for (uint32_t i = 0; i < STORE_BACKENDS; i++)
            if (strcmp(name, store_backends[i].name) == 0) found = &store_backends[i];
        if (!found || o->backend_count == STORE_BACKENDS) return false;
        o->backends[o->backend_count++] = found;
    }
    return !text;
}

static bool take_workers(void *into, const char *text)
{
    struct store_options *o = into;
    char digits[8];
    o->worker_counts = 0;
    while (options_item(&text, digits, sizeof digits)) {
        uint64_t n = 0;
        if (!options_count(digits, &n) || n < 1 || n > STORE_WORKERS_MAX) return false;
        if (o->worker_counts == STORE_WORKER_COUNTS_MAX) return false;
        o->workers[o->worker_counts++] = (uint32_t)n;
    }
    return !text;
}

static bool take_mix(void *into, const char *text)
{
    return mix_parse(text, &((struct store_options *)into)->mix);
}

static bool take_law(void *into, const char *text)
{
    return keys_parse_law(text, &((struct store_options *)into)->theta);
}

static bool take_where(void *into, const char *text)
{
    struct store_options *o = into;
    o->work_outside = strcmp(text, "outside") == 0;
    return o->work_outside || strcmp(text, "inside") == 0;
}

/* PERCENT:FACTOR */
static bool take_slow(void *into, const char *text)
{
    struct store_options *o = into;
    char percent[16] = {0};
    const char *colon = strchr(text, ':');
    if (!colon || (size_t)(colon - text) >= sizeof percent) return false;
    memcpy(percent, text, (size_t)(colon - text));
    return options_real(percent, &o->slow_percent) && o->slow_percent <= 100 &&
           options_count(colon + 1, &o->slow_factor) && o->slow_factor >= 1 && o->slow_factor <= 1000000;
}

#define OPTIONS_INTO struct store_options

static const struct option_spec specs[] = {
    CUSTOM("backend", "NAME[,...]", "mutex,rwlock,owner,backpressure", take_backends,
           "mutex, rwlock, owner or backpressure"),
    CUSTOM("workers", "N[,...]", "1,8,16,32,64", take_workers,
           "callers: light tasks, each with one call under way, up to 4096"),
    COUNT("threads", "N", NULL, threads, 1, LANES_MAX,
          "that the workers share, one each at most; if none are given as many as there are processors besides "
          "those of the owners"),
    CUSTOM("mix", "OP=N[,...]", MIX_DEFAULT, take_mix, "weights of get, put, delete, touch, len"),
    COUNT("keys", "N", "10000", keys, 1, 10000000, "how many keys there are, all stored before the start"),
    CUSTOM("key-law", "LAW", "uniform", take_law, "which keys are asked for: uniform, zipf or zipf:THETA"),
    COUNT("key-size", "BYTES", "17", key_size, KEYS_SIZE_MIN, KEYS_SIZE_MAX, "bytes of a key"),
    COUNT("value", "BYTES", "256", value_size, DRIVE_VALUE_MIN, 1 << 20, "bytes of a value"),
    COUNT("work", "ROUNDS", "0", work, 0, 1000000000, "rounds of xorshift per operation"),
    CUSTOM("work-where", "WHERE", "inside", take_where, "inside or outside the lock"),
    CUSTOM("slow", "PERCENT:FACTOR", NULL, take_slow, "so many of the keys do FACTOR times the work"),
    COUNT("queue", "N", "1024", queue, 1, RING_BOUND_MAX,
          "backpressure: calls that may be under way; what comes then is refused"),
    COUNT("stripes", "N", "1", stripes, 1, 1024, "locks, each with a table of its own"),
    COUNT("shards", "N", "1", shards, 1, LANES_MAX, "owners, each with a table of its own and a thread"),
    FLAG("in-place", in_place, "the threads of the workers are the owners: as many shards, no other threads"),
    FLAG("here", here,
         "in place: a call is executed where it is made, whose shard it may be, as those of a pipeline"),
    FLAG("own-keys", own_keys, "in place: each thread asks for keys of its own shard only"),
    FLAG("pin", pin, "each thread to one processor, in turn"),
    DURATION("duration", "1s", duration_ns, 1000000, 3600000000000U, "of each run"),
    COUNT("count", "N", NULL, count, 1, 1000000000000U, "operations per run, in place of a duration"),
    COUNT("repeat", "N", "1", repeat, 1, 1000, "runs of each kind, of which the fastest is shown"),
    COUNT("seed", "N", "1", seed, 0, 0, "of keys, operations and hashing"),
    TEXT("json", "FILE", NULL, json, "write all results there; - is standard output, in place of the table"),
};

static const struct option_table table = {
    "Measures the backends in process: callers that share threads call the store, each waiting for its answer.",
    specs, sizeof specs / sizeof specs[0]};

json_t *store_options_parse(struct store_options *o, int argc, char **argv)
{
    *o = (struct store_options){.slow_factor = 1};
    json_t *options = options_parse(&table, argc, argv, o);
    if (!options) return NULL;
    const char *wrong = NULL;
    if (o->slow_percent > 0 && o->work == 0) wrong = "--slow has nothing to multiply without --work";
    if (o->work_outside && o->work == 0) wrong = "--work-where says nothing without --work";
    if (o->in_place && o->shards > 1) wrong = "--in-place has as many shards as threads: leave --shards out";
    if (o->own_keys && !o->in_place) wrong = "--own-keys says nothing without --in-place";
    if (o->here && !o->in_place) wrong = "--here says nothing without --in-place";
    if (!wrong) return options;
    options_complain(argv[0], "%s", wrong);
    json_decref(options);
    return NULL;
}
