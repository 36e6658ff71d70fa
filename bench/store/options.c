#include "bench/store/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/common/options.h"
#include "bench/store/drive.h"
#include "daemon/queue/ring.h"

const struct store_backend store_backends[STORE_BACKENDS] = {
    {"mutex", &backend_mutex, BACKEND_LOCK_MUTEX, false, false},
    {"rwlock", &backend_mutex, BACKEND_LOCK_RWLOCK, false, false},
    {"owner", &backend_owner, BACKEND_LOCK_MUTEX, false, true},
    {"backpressure", &backend_owner, BACKEND_LOCK_MUTEX, true, true},
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
    struct store_options *o = into;
    return keys_parse_law(text, &o->law, &o->theta);
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

#define AT(field) .offset = offsetof(struct store_options, field)

static const struct option_spec specs[] = {
    {"backend", "NAME[,...]", "mutex,rwlock,owner,backpressure", "mutex, rwlock, owner or backpressure",
     OPTION_CUSTOM, .take = take_backends},
    {"workers", "N[,...]", "1,8,16,32,64", "callers: light tasks, each with one call under way, up to 4096",
     OPTION_CUSTOM, .take = take_workers},
    {"threads", "N", NULL,
     "that the workers share, one each at most; if none are given as many as there are processors besides those of "
     "the owners",
     OPTION_COUNT, AT(threads), .min = 1, .max = LANES_MAX},
    {"mix", "OP=N[,...]", MIX_DEFAULT, "weights of get, put, delete, touch, len", OPTION_CUSTOM, .take = take_mix},
    {"keys", "N", "10000", "how many keys there are, all stored before the start", OPTION_COUNT, AT(keys), .min = 1,
     .max = 10000000},
    {"key-law", "LAW", "uniform", "which keys are asked for: uniform, zipf or zipf:THETA", OPTION_CUSTOM,
     .take = take_law},
    {"key-size", "BYTES", "17", "bytes of a key", OPTION_COUNT, AT(key_size), .min = KEYS_SIZE_MIN,
     .max = KEYS_SIZE_MAX},
    {"value", "BYTES", "256", "bytes of a value", OPTION_COUNT, AT(value_size), .min = DRIVE_VALUE_MIN,
     .max = 1 << 20},
    {"work", "ROUNDS", "0", "rounds of xorshift per operation", OPTION_COUNT, AT(work), .max = 1000000000},
    {"work-where", "WHERE", "inside", "inside or outside the lock", OPTION_CUSTOM, .take = take_where},
    {"slow", "PERCENT:FACTOR", NULL, "so many of the keys do FACTOR times the work", OPTION_CUSTOM,
     .take = take_slow},
    {"queue", "N", "1024", "backpressure: calls that may be under way; what comes then is refused", OPTION_COUNT,
     AT(queue), .min = 1, .max = RING_BOUND_MAX},
    {"stripes", "N", "1", "locks, each with a table of its own", OPTION_COUNT, AT(stripes), .min = 1, .max = 1024},
    {"shards", "N", "1", "owners, each with a table of its own and a thread", OPTION_COUNT, AT(shards), .min = 1,
     .max = LANES_MAX},
    {"in-place", NULL, NULL, "the threads of the workers are the owners: as many shards, no other threads",
     OPTION_FLAG, AT(in_place)},
    {"here", NULL, NULL,
     "in place: a call is executed where it is made, whose shard it may be, as those of a pipeline", OPTION_FLAG,
     AT(here)},
    {"own-keys", NULL, NULL, "in place: each thread asks for keys of its own shard only", OPTION_FLAG,
     AT(own_keys)},
    {"pin", NULL, NULL, "each thread to one processor, in turn", OPTION_FLAG, AT(pin)},
    {"duration", "TIME", "1s", "of each run", OPTION_DURATION, AT(duration_ns), .min = 1000000,
     .max = 3600000000000U},
    {"count", "N", NULL, "operations per run, in place of a duration", OPTION_COUNT, AT(count), .min = 1,
     .max = 1000000000000U},
    {"repeat", "N", "1", "runs of each kind, of which the fastest is shown", OPTION_COUNT, AT(repeat), .min = 1,
     .max = 1000},
    {"seed", "N", "1", "of keys, operations and hashing", OPTION_COUNT, AT(seed)},
    {"json", "FILE", NULL, "write all results there; - is standard output, in place of the table", OPTION_TEXT,
     AT(json)},
};

static const struct option_table table = {
    "Measures the backends in process: callers that share threads call the store, each waiting for its answer.",
    specs, sizeof specs / sizeof specs[0]};

json_t *store_options_parse(struct store_options *o, int argc, char **argv)
{
    *o = (struct store_options){.theta = KEYS_ZIPF_THETA, .slow_factor = 1};
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
