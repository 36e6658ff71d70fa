#include "bench/store/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/common/options.h"
#include "bench/store/drive.h"
#include "daemon/queue/ring.h"

const struct store_backend store_backends[STORE_BACKENDS] = {
    {"mutex", &backend_mutex, LOCK_MUTEX, false},
    {"rwlock", &backend_mutex, LOCK_RWLOCK, false},
    {"owner", &backend_owner, LOCK_MUTEX, false},
    {"backpressure", &backend_owner, LOCK_MUTEX, true},
};

/* The next item of a list separated by commas; *text moves past it. False at the end. */
static bool next_item(const char **text, struct slice *item)
{
    if (*text == NULL) return false;
    const char *comma = strchr(*text, ',');
    *item = slice_of(*text, comma ? (size_t)(comma - *text) : strlen(*text));
    *text = comma ? comma + 1 : NULL;
    return true;
}

static bool take_backends(void *into, const char *text)
{
    struct store_options *o = into;
    struct slice item;
    o->backend_count = 0;
    while (next_item(&text, &item)) {
        const struct store_backend *found = NULL;
        for (uint32_t i = 0; i < STORE_BACKENDS; i++)
            if (slice_equal(item, slice_text(store_backends[i].name))) found = &store_backends[i];
        if (!found || o->backend_count == STORE_BACKENDS) return false;
        o->backends[o->backend_count++] = found;
    }
    return true;
}

static bool take_workers(void *into, const char *text)
{
    struct store_options *o = into;
    struct slice item;
    o->worker_counts = 0;
    while (next_item(&text, &item)) {
        char digits[8] = {0};
        uint64_t n = 0;
        if (item.len >= sizeof digits || o->worker_counts == STORE_WORKER_COUNTS_MAX) return false;
        memcpy(digits, item.ptr, item.len);
        if (!options_count(digits, &n) || n < 1 || n > LANES_MAX) return false;
        o->workers[o->worker_counts++] = (uint32_t)n;
    }
    return true;
}

static bool take_mix(void *into, const char *text)
{
    struct store_options *o = into;
    o->mix_text = text;
    return mix_parse(text, &o->mix);
}

static bool take_law(void *into, const char *text)
{
    struct store_options *o = into;
    return keys_parse_law(text, &o->law, &o->theta);
}

static bool take_wait(void *into, const char *text)
{
    struct store_options *o = into;
    return lane_parse_wait(text, &o->wait);
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

#define AT(field) offsetof(struct store_options, field)
#define COUNT(option, argument, field, least, most, help)                  \
    {                                                                      \
        option, argument, help, OPTION_COUNT, AT(field), least, most, NULL \
    }
#define CUSTOM(option, argument, take, help)                 \
    {                                                        \
        option, argument, help, OPTION_CUSTOM, 0, 0, 0, take \
    }

static const struct option_spec specs[] = {
    CUSTOM("backend", "NAME[,...]", take_backends, "mutex, rwlock, owner, backpressure (all)"),
    CUSTOM("workers", "N[,...]", take_workers, "threads that call the store, 1 to 64 (1,8,16,32,64)"),
    CUSTOM("mix", "OP=N[,...]", take_mix, "weights of get, put, delete, touch, len (" MIX_DEFAULT ")"),
    COUNT("keys", "N", keys, 1, 10000000, "how many keys there are, all stored before the start (10000)"),
    CUSTOM("key-law", "LAW", take_law, "which keys are asked for: uniform, zipf or zipf:THETA (uniform)"),
    COUNT("key-size", "BYTES", key_size, KEYS_SIZE_MIN, KEYS_SIZE_MAX, "bytes of a key (17)"),
    COUNT("value", "BYTES", value_size, DRIVE_VALUE_MIN, 1 << 20, "bytes of a value (256)"),
    COUNT("work", "ROUNDS", work, 0, 1000000000, "rounds of xorshift per operation (0)"),
    CUSTOM("work-where", "WHERE", take_where, "inside or outside the lock (inside)"),
    CUSTOM("slow", "PERCENT:FACTOR", take_slow, "so many of the keys do FACTOR times the work (none)"),
    COUNT("queue", "N", queue, 1, RING_BOUND_MAX, "calls that may wait for the owner (1024)"),
    CUSTOM("wait", "HOW", take_wait,
           "for an answer, before sleeping: spin, yield, sleep, or auto: spin if there is "
           "a processor for every thread, else sleep (auto)"),
    COUNT("stripes", "N", stripes, 1, 1024, "locks, each with a table of its own (1)"),
    COUNT("shards", "N", shards, 1, LANES_MAX, "owners, each with a table of its own and a thread (1)"),
    {"in-place", NULL, "the workers are the owners: as many shards as workers, no other threads", OPTION_FLAG,
     AT(in_place), 0, 0, NULL},
    {"here", NULL,
     "in place: a call is executed by who makes it, whose shard it may be, as those of a pipeline are", OPTION_FLAG,
     AT(here), 0, 0, NULL},
    {"own-keys", NULL, "in place: each worker asks for keys of its own shard only", OPTION_FLAG, AT(own_keys), 0, 0,
     NULL},
    COUNT("depth", "N", depth, 1, 1024, "calls that a worker may have under way (1)"),
    {"pin", NULL, "each worker to one processor, in turn", OPTION_FLAG, AT(pin), 0, 0, NULL},
    {"duration", "TIME", "of each run (1)", OPTION_DURATION, AT(duration_ns), 1000000, 3600000000000U, NULL},
    COUNT("count", "N", count, 1, 1000000000000U, "operations per run, in place of a duration"),
    COUNT("repeat", "N", repeat, 1, 1000, "runs of each kind, of which the fastest is shown (1)"),
    COUNT("seed", "N", seed, 0, 0, "of keys, operations and hashing (1)"),
    {"json", "FILE", "write all results there; - is standard output", OPTION_TEXT, AT(json), 0, 0, NULL},
    {"csv", NULL, "print the results as CSV", OPTION_FLAG, AT(csv), 0, 0, NULL},
};

#define SPECS (sizeof specs / sizeof specs[0])

bool store_options_parse(struct store_options *o, int argc, char **argv)
{
    *o = (struct store_options){
        .keys = 10000,
        .key_size = KEYS_SIZE_MIN,
        .theta = KEYS_ZIPF_THETA,
        .value_size = 256,
        .slow_factor = 1,
        .queue = 1024,
        .stripes = 1,
        .shards = 1,
        .depth = 1,
        .duration_ns = 1000000000,
        .repeat = 1,
        .seed = 1,
    };
    bool ok = take_backends(o, "mutex,rwlock,owner,backpressure") && take_workers(o, "1,8,16,32,64") &&
              take_mix(o, MIX_DEFAULT);
    if (!ok || !options_parse(specs, SPECS, argc, argv, o)) return false;
    if (o->slow_percent > 0 && o->work == 0) {
        return options_complain(argv[0], "--slow has nothing to multiply without --work");
    }
    if (o->work_outside && o->work == 0) {
        return options_complain(argv[0], "--work-where says nothing without --work");
    }
    if (o->in_place && o->shards > 1) {
        return options_complain(argv[0], "--in-place has as many shards as workers: leave --shards out");
    }
    if (o->own_keys && !o->in_place) return options_complain(argv[0], "--own-keys says nothing without --in-place");
    if (o->here && !o->in_place) return options_complain(argv[0], "--here says nothing without --in-place");
    return true;
}

void store_options_help(void)
{
    printf("usage: sluice-bench store [options]\n\n"
           "Measures the backends in process: threads call the store and wait for each answer.\n\n");
    options_print_help(stdout, specs, SPECS);
}
