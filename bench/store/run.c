#include "bench/store/run.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "bench/common/report.h"

/* Everything a run holds; all zero is a run that holds nothing. */
struct run {
    const struct store_options *options;
    uint32_t workers, threads;
    struct keys picker;
    struct drive_plan plan;
    struct lane *lanes;
    struct driver *drivers;
    char *bytes; /* of the keys */
    struct slice *names;
    bool *slow;
    pthread_barrier_t gate;
    _Atomic uint64_t end_ns;  /* set before the gate opens */
    _Atomic uint32_t running; /* threads that have not ended */
};

/* ---- keys ---- */

static bool make_names(struct run *r)
{
    size_t count = r->options->keys, size = r->options->key_size;
    keys_init(&r->picker, count, r->options->theta, size);
    r->bytes = malloc(count * size);
    r->names = malloc(count * sizeof *r->names);
    if (!r->bytes || !r->names) return false;
    for (size_t i = 0; i < count; i++) {
        keys_format(&r->picker, r->bytes + i * size, i);
        r->names[i] = slice_of(r->bytes + i * size, size);
    }
    return true;
}

/* The bound of the hashes that the backend takes for slow, and which keys these are. */
static bool choose_slow(struct run *r, const struct siphash_key *hash_key, uint32_t *below)
{
    size_t count = r->options->keys;
    *below = (uint32_t)(r->options->slow_percent / 100 * UINT32_MAX);
    if (r->options->slow_percent <= 0) return true;
    r->slow = calloc(count, sizeof *r->slow);
    for (size_t i = 0; r->slow && i < count; i++)
        r->slow[i] = (uint32_t)siphash13(hash_key, r->names[i].ptr, r->names[i].len) < *below;
    return r->slow;
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
        .queue_bound = STORE_WORKERS_MAX, /* room for all */
        .workers = 0,                     /* the callers take the lock themselves */
        .stripes = (uint32_t)o->stripes,
        .shards = o->in_place ? r->threads : (uint32_t)o->shards,
        .in_place = o->in_place,
        .lock = backend->lock,
        .lanes = lanes_callbacks(r->lanes, r->threads),
    };
    if (!choose_slow(r, &hash_key, &options.work_slow_below)) return report_fail("out of memory");
    const char *error = NULL;
    r->plan = (struct drive_plan){
        .backend = backend->design->make(&options, &error),
        .clock = &clock_system,
        .picker = &r->picker,
        .mix = &o->mix,
        .names = r->names,
        .slow = r->slow,
        .value_size = o->value_size,
        .bound = backend->refuse && o->queue < r->workers ? (uint32_t)o->queue : 0,
        .here = o->here,
        .own_keys = o->own_keys && r->threads > 1,
    };
    if (!r->plan.backend || !backend->design->start(r->plan.backend, &error)) return report_fail("%s", error);
    for (uint32_t i = 0; i < r->threads; i++) {
        const struct station *here = r->plan.backend->here[i].station;
        if (here && here->ring) r->lanes[i].owns = r->plan.backend;
    }
    return true;
}

/* As many as there are processors besides those of the backend's own threads, but one worker each at least. */
static uint32_t threads_of(const struct store_options *o, const struct store_backend *backend, uint32_t workers)
{
    cpu_set_t set;
    uint64_t cpus = sched_getaffinity(0, sizeof set, &set) == 0 ? (uint64_t)CPU_COUNT(&set) : 1;
    uint64_t taken = backend->threads && !o->in_place ? o->shards : 0;
    uint64_t threads = o->threads ? o->threads : cpus > taken ? cpus - taken : 1;
    if (threads > LANES_MAX) threads = LANES_MAX;
    return threads < workers ? (uint32_t)threads : workers;
}

static bool set_up(struct run *r, const struct store_backend *backend)
{
    r->lanes = lanes_create(r->threads);
    if (!r->lanes || !make_names(r)) return report_fail("out of memory");
    if (!start_backend(r, backend)) return false;
    r->drivers = drivers_create(&r->plan, r->lanes, r->threads, r->workers, r->options->seed);
    if (!r->drivers) return report_fail("out of memory");
    return driver_fill(&r->drivers[0]) || report_fail("a session could not be stored");
}

static void tear_down(struct run *r)
{
    drivers_destroy(r->drivers, r->threads); /* replies in them may hold sessions */
    if (r->plan.backend) r->plan.backend->design->stop(r->plan.backend);
    lanes_destroy(r->lanes, r->threads);
    free(r->bytes);
    free(r->names);
    free(r->slow);
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

/* Starts the threads, which wait at the gate. Ends the program when there is no thread to be had. */
static void start_threads(struct run *r, struct worker *workers)
{
    uint64_t count = r->options->count ? r->options->count : UINT64_MAX;
    pthread_barrier_init(&r->gate, NULL, r->threads + 1);
    atomic_store(&r->running, r->threads);
    for (uint32_t i = 0; i < r->threads; i++) {
        uint64_t share = count == UINT64_MAX ? count : count / r->threads + (i < count % r->threads);
        workers[i] = (struct worker){.run = r, .driver = &r->drivers[i], .count = share, .number = i};
        if (pthread_create(&workers[i].thread, NULL, worker_main, &workers[i]) != 0) {
            report_fail("cannot start the threads");
            exit(1);
        }
    }
}

static void measure(struct run *r, struct run_result *result)
{
    struct worker workers[LANES_MAX];
    start_threads(r, workers);
    usage_add(&result->used, UINT64_MAX);
    r->end_ns = r->options->count ? UINT64_MAX : clock_ns(&clock_system) + r->options->duration_ns;
    pthread_barrier_wait(&r->gate);
    for (uint32_t i = 0; i < r->threads; i++)
        pthread_join(workers[i].thread, NULL);
    usage_add(&result->used, 1);
    pthread_barrier_destroy(&r->gate);
    for (uint32_t i = 0; i < r->threads; i++) {
        drive_tally_add(&result->tally, &r->drivers[i].tally);
        histogram_merge(&result->latency, &r->drivers[i].latency);
        histogram_merge(&result->ordinary, &r->drivers[i].ordinary);
    }
}

static bool sums_hold(struct run *r, const struct run_result *result)
{
    const struct store_options *o = r->options;
    if (!drive_tally_holds(&result->tally) || histogram_count(&result->latency) != result->tally.served)
        return report_fail("the sums do not hold");
    if (o->count && result->tally.sent != o->count) return report_fail("an operation was lost");
    return driver_audit(&r->drivers[0]) || report_fail("what is stored is not what was counted");
}

bool run_store(const struct store_options *o, const struct store_backend *backend, uint32_t workers,
               struct run_result *result)
{
    struct run r = {.options = o, .workers = workers, .threads = threads_of(o, backend, workers)};
    memset(result, 0, sizeof *result);
    result->workers = workers;
    result->threads = r.threads;
    bool ok = set_up(&r, backend);
    if (ok) {
        measure(&r, result);
        ok = sums_hold(&r, result);
    }
    tear_down(&r);
    return ok;
}

/* ---- results ---- */

static double per(uint64_t amount, uint64_t of)
{
    return of > 0 ? (double)amount / (double)of : 0;
}

static json_t *tally_json(const struct drive_tally *t)
{
    json_t *j = json_pack("{s:I, s:I, s:I}", "sent", (json_int_t)t->sent, "served", (json_int_t)t->served,
                          "refused", (json_int_t)t->refused);
    for (size_t i = 0; i < DRIVE_ANSWERS; i++)
        json_object_set_new(j, drive_answers[i].name, json_integer((json_int_t)t->answers[i]));
    return j;
}

json_t *run_json(const char *backend, const struct run_result *r)
{
    uint64_t sent = r->tally.sent, served = r->tally.served, wall_ns = r->used.wall_ns;
    double others_ns = (double)r->used.busy_ns - (double)r->used.cpu_ns;
    return json_pack("{s:s, s:I, s:I, s:f, s:f, s:f, s:I, s:f, s:f, s:f, s:o, s:f, s:o, s:o, s:o}", "backend",
                     backend, "workers", (json_int_t)r->workers, "threads", (json_int_t)r->threads, "ns_per_op",
                     per(wall_ns, sent), "ns_per_served", per(wall_ns, served), "served_per_s",
                     per(served, wall_ns) * 1e9, "wall_ns", (json_int_t)wall_ns, "cpu_ns_per_op",
                     per(r->used.cpu_ns, sent), "voluntary_switches_per_op", per(r->used.switches_voluntary, sent),
                     "involuntary_switches_per_op", per(r->used.switches_involuntary, sent), "allocations_per_op",
                     r->used.allocations_known ? json_real(per(r->used.allocations, sent)) : json_null(),
                     /* processors that other programs used meanwhile: 0 on a quiet machine */
                     "others_cpu", others_ns > 0 ? others_ns / (double)wall_ns : 0.0, "operations",
                     tally_json(&r->tally), "latency_ns", report_latency(&r->latency), "ordinary_latency_ns",
                     histogram_count(&r->ordinary) ? report_latency(&r->ordinary) : json_null());
}
