#include "bench/store/run.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "bench/store/allocations.h"
#include "bench/store/machine.h"

/* Everything a run holds; all zero is a run that holds nothing. */
struct run {
    const struct store_options *options;
    uint32_t workers;
    struct keys picker;
    struct drive_plan plan;
    struct lane *lanes;
    struct driver *drivers;
    char *bytes; /* of the keys */
    struct slice *names;
    bool *slow;
    struct own_keys own;
    pthread_barrier_t gate;
    _Atomic uint64_t end_ns;  /* set before the gate opens */
    _Atomic uint32_t running; /* workers that have not ended */
};

static bool fail(const char *why)
{
    fprintf(stderr, "sluice-bench store: %s\n", why);
    return false;
}

/* ---- keys ---- */

static bool make_names(struct run *r)
{
    size_t count = r->options->keys, size = r->options->key_size;
    keys_init(&r->picker, count, r->options->law, r->options->theta, size);
    r->bytes = malloc(count * size);
    r->names = malloc(count * sizeof *r->names);
    if (!r->bytes || !r->names) return false;
    for (size_t i = 0; i < count; i++) {
        keys_format(&r->picker, r->bytes + i * size, i);
        r->names[i] = slice_of(r->bytes + i * size, size);
    }
    return true;
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Marks the slow keys and finds the bound that makes the backend take the same for slow: that many keys have a
 * hash below it. */
static bool choose_slow(struct run *r, const struct siphash_key *hash_key, uint32_t *below)
{
    size_t count = r->options->keys;
    size_t wanted = (size_t)((double)count * r->options->slow_percent / 100 + 0.5);
    *below = 0;
    if (r->options->slow_percent <= 0) return true;
    r->slow = calloc(count, sizeof *r->slow);
    uint32_t *hashes = malloc(count * sizeof *hashes);
    if (!r->slow || !hashes) {
        free(hashes);
        return false;
    }
    for (size_t i = 0; i < count; i++)
        hashes[i] = (uint32_t)siphash13(hash_key, r->names[i].ptr, r->names[i].len);
    qsort(hashes, count, sizeof *hashes, by_value);
    *below = wanted < count ? hashes[wanted] : UINT32_MAX;
    for (size_t i = 0; i < count; i++)
        r->slow[i] = (uint32_t)siphash13(hash_key, r->names[i].ptr, r->names[i].len) < *below;
    free(hashes);
    return true;
}

/* ---- set up and tear down ---- */

static bool start_backend(struct run *r, const struct store_backend *backend)
{
    const struct store_options *o = r->options;
    struct rng rng;
    rng_seed(&rng, o->seed, UINT64_MAX);
    struct siphash_key hash_key = {rng_next(&rng), rng_next(&rng)};
    struct backend_options options = {
        .clock = &clock_system,
        .ttl_default_ms = 30 * 60 * 1000, /* the daemon's defaults */
        .ttl_max_lifetime_ms = UINT64_MAX,
        .sweep_interval_ms = 1000,
        .work_iterations = o->work,
        .work_outside = o->work_outside,
        .work_slow_factor = (uint32_t)o->slow_factor,
        .hash_key = &hash_key,
        .queue_bound = (uint32_t)o->queue,
        .workers = 0, /* the callers take the lock themselves */
        .stripes = (uint32_t)o->stripes,
        .shards = o->in_place ? r->workers : (uint32_t)o->shards,
        .in_place = o->in_place,
        .lock = backend->lock,
        .lanes = lanes_callbacks(r->lanes, r->workers),
    };
    if (!choose_slow(r, &hash_key, &options.work_slow_below)) return fail("out of memory");
    const char *error = NULL;
    r->plan = (struct drive_plan){
        .backend = backend->design->make(&options, &error),
        .clock = &clock_system,
        .picker = &r->picker,
        .mix = &o->mix,
        .names = r->names,
        .slow = r->slow,
        .value_size = o->value_size,
        .refuse = backend->refuse,
        .here = o->here,
        .depth = (uint32_t)o->depth,
    };
    if (!r->plan.backend || !backend->design->start(r->plan.backend, &error)) return fail(error);
    for (uint32_t i = 0; i < r->workers; i++) {
        const struct station *here = r->plan.backend->here[i].station;
        if (here && here->ring) r->lanes[i].owns = r->plan.backend;
    }
    if (!o->own_keys || r->workers == 1) return true;
    r->plan.own = &r->own;
    return own_keys_init(&r->own, r->plan.backend, r->names, o->keys, r->workers) || fail("out of memory");
}

static bool set_up(struct run *r, const struct store_backend *backend)
{
    r->lanes = lanes_create(r->workers, r->options->wait, r->options->in_place);
    if (!r->lanes || !make_names(r)) return fail("out of memory");
    if (!start_backend(r, backend)) return false;
    r->drivers = drivers_create(&r->plan, r->lanes, r->workers, r->options->seed);
    if (!r->drivers) return fail("out of memory");
    return driver_fill(&r->drivers[0]) || fail("a session could not be stored");
}

static void tear_down(struct run *r)
{
    drivers_destroy(r->drivers, r->workers); /* replies in them may hold sessions */
    if (r->plan.backend) r->plan.backend->design->stop(r->plan.backend);
    lanes_destroy(r->lanes, r->workers);
    free(r->bytes);
    free(r->names);
    free(r->slow);
    own_keys_free(&r->own);
}

/* ---- the measurement ---- */

struct worker {
    struct run *run;
    struct driver *driver;
    uint64_t count;
    uint32_t number;
    pthread_t thread;
};

/* To the processor of this number, of those that the process may use. */
static void pin_to(uint32_t number)
{
    cpu_set_t all, one;
    if (sched_getaffinity(0, sizeof all, &all) != 0) return;
    uint32_t left = number % (uint32_t)CPU_COUNT(&all);
    CPU_ZERO(&one);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &all) || left-- > 0) continue;
        CPU_SET(cpu, &one);
        break;
    }
    pthread_setaffinity_np(pthread_self(), sizeof one, &one);
}

static void *worker_main(void *arg)
{
    struct worker *w = arg;
    if (w->run->options->pin) pin_to(w->number);
    pthread_barrier_wait(&w->run->gate);
    driver_run(w->driver, w->count, w->run->end_ns);
    /* Others may still have something for it; when all have ended nobody has. */
    atomic_fetch_sub(&w->run->running, 1);
    while (w->run->options->in_place && atomic_load(&w->run->running) > 0)
        if (!lane_serve(w->driver->lane)) sched_yield();
    return NULL;
}

static uint64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

/* Adds what the process has used so far, times `sign`. */
static void take_stock(struct run_result *result, uint64_t sign)
{
    struct rusage usage;
    uint64_t allocations = 0;
    getrusage(RUSAGE_SELF, &usage);
    result->allocations_known = allocations_so_far(&allocations);
    result->allocations += allocations * sign;
    result->switches_voluntary += (uint64_t)usage.ru_nvcsw * sign;
    result->switches_involuntary += (uint64_t)usage.ru_nivcsw * sign;
    result->cpu_ns += cpu_ns() * sign;
}

/* Starts the threads, which wait at the gate. Ends the program when there is no thread to be had. */
static void start_workers(struct run *r, struct worker *workers)
{
    uint64_t count = r->options->count ? r->options->count : UINT64_MAX;
    pthread_barrier_init(&r->gate, NULL, r->workers + 1);
    atomic_store(&r->running, r->workers);
    for (uint32_t i = 0; i < r->workers; i++) {
        uint64_t share = count == UINT64_MAX ? count : count / r->workers + (i < count % r->workers);
        workers[i] = (struct worker){.run = r, .driver = &r->drivers[i], .count = share, .number = i};
        if (pthread_create(&workers[i].thread, NULL, worker_main, &workers[i]) != 0) {
            fail("cannot start the workers");
            exit(1);
        }
    }
}

static void measure(struct run *r, struct run_result *result)
{
    struct worker workers[LANES_MAX];
    start_workers(r, workers);
    uint64_t busy_ns = machine_busy_ns();
    take_stock(result, UINT64_MAX);
    uint64_t start_ns = clock_ns(&clock_system);
    r->end_ns = r->options->count ? UINT64_MAX : start_ns + r->options->duration_ns;
    pthread_barrier_wait(&r->gate);
    for (uint32_t i = 0; i < r->workers; i++)
        pthread_join(workers[i].thread, NULL);
    result->wall_ns = clock_ns(&clock_system) - start_ns;
    take_stock(result, 1);
    double others_ns = (double)(machine_busy_ns() - busy_ns) - (double)result->cpu_ns;
    result->others_cpu = others_ns > 0 ? others_ns / (double)result->wall_ns : 0;
    pthread_barrier_destroy(&r->gate);
    for (uint32_t i = 0; i < r->workers; i++) {
        tally_add(&result->tally, &r->drivers[i].tally);
        histogram_merge(&result->latency, &r->drivers[i].latency);
        histogram_merge(&result->ordinary, &r->drivers[i].ordinary);
    }
}

static bool sums_hold(struct run *r, const struct run_result *result)
{
    const struct store_options *o = r->options;
    if (!tally_holds(&result->tally) || histogram_count(&result->latency) != result->tally.served)
        return fail("the sums do not hold");
    if (o->count && result->tally.sent != o->count) return fail("an operation was lost");
    return driver_audit(&r->drivers[0]) || fail("what is stored is not what was counted");
}

bool run_store(const struct store_options *o, const struct store_backend *backend, uint32_t workers,
               struct run_result *result)
{
    struct run r = {.options = o, .workers = workers};
    memset(result, 0, sizeof *result);
    bool ok = set_up(&r, backend);
    if (ok) {
        measure(&r, result);
        ok = sums_hold(&r, result);
    }
    tear_down(&r);
    return ok;
}
