/* The in-process benchmark: every backend answers every call once, the sums hold, and wrong options are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "bench/commands.h"
#include "bench/store/run.h"

#define ARGS_MAX 24

/* Splits `line` at blanks into an argv; *copy is to be freed. */
static int split(const char *line, char **argv, char **copy)
{
    int argc = 0;
    char *rest = NULL;
    *copy = strdup(line);
    for (char *word = strtok_r(*copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        assert_true(argc < ARGS_MAX);
        argv[argc++] = word;
    }
    return argc;
}

static bool parse(struct store_options *o, const char *line, char **copy)
{
    char *argv[ARGS_MAX + 1] = {NULL};
    int argc = split(line, argv, copy);
    json_t *options = store_options_parse(o, argc, argv);
    json_decref(options);
    return options;
}

/* Runs every backend and number of workers that `line` names, `each` looking at every result. */
static void run_all(const char *line, void (*each)(const struct store_options *o, const char *name,
                                                   uint32_t workers, const struct run_result *result))
{
    struct store_options o;
    char *copy = NULL;
    assert_true(parse(&o, line, &copy));
    struct run_result *result = malloc(sizeof *result);
    assert_non_null(result);
    for (uint32_t b = 0; b < o.backend_count; b++) {
        for (uint32_t w = 0; w < o.worker_counts; w++) {
            assert_true(run_store(&o, o.backends[b], o.workers[w], result));
            assert_int_equal(result->tally.sent, o.count);
            assert_true(drive_tally_holds(&result->tally));
            assert_int_equal(histogram_count(&result->latency), result->tally.served);
            each(&o, o.backends[b]->name, o.workers[w], result);
        }
    }
    free(result);
    free(copy);
}

static uint64_t count_of(const struct drive_tally *t, const char *answer)
{
    for (size_t i = 0; i < DRIVE_ANSWERS; i++)
        if (strcmp(drive_answers[i].name, answer) == 0) return t->answers[i];
    fail_msg("no such answer: %s", answer);
    return 0;
}

/* ---- runs ---- */

static void all_served(const struct store_options *o, const char *name, uint32_t workers,
                       const struct run_result *result)
{
    (void)name;
    (void)workers;
    const struct drive_tally *t = &result->tally;
    assert_int_equal(t->served, o->count);
    assert_int_equal(t->refused, 0);
    assert_true(count_of(t, "get_found") > 0 && count_of(t, "get_not_found") > 0);
    assert_true(count_of(t, "put_stored") > 0 && count_of(t, "delete_done") > 0);
    assert_true(result->used.wall_ns > 0 && result->used.cpu_ns > 0);
    assert_int_equal(histogram_count(&result->ordinary), 0); /* nothing is slow */
}

static void every_backend_answers_everything(void **state)
{
    (void)state;
    run_all("store --workers 1,4 --count 3001 --keys 100 --mix get=60,put=20,delete=20", all_served);
}

/* More threads than processors, as many as callers, and one for all. */
static void any_number_of_threads_answers_everything(void **state)
{
    (void)state;
    run_all("store --workers 8 --threads 8 --count 3000 --keys 50 --mix get=4,put=3,delete=3", all_served);
    run_all("store --workers 1000 --threads 1 --count 3000 --keys 50 --mix get=4,put=3,delete=3", all_served);
    run_all("store --workers 2 --threads 64 --count 1000 --keys 50 --mix get=4,put=3,delete=3", all_served);
}

static void owners_of_shards_answer_everything(void **state)
{
    (void)state;
    run_all("store --backend owner --workers 1,30 --count 3000 --keys 100 --mix get=5,put=3,delete=2 --shards 3",
            all_served);
    run_all("store --backend owner --workers 1,2,4 --threads 4 --count 3000 --keys 100 --mix get=5,put=3,delete=2 "
            "--in-place",
            all_served);
    run_all("store --backend owner --workers 48 --threads 3 --count 3000 --keys 100 --mix get=5,put=3,delete=2 "
            "--in-place --pin",
            all_served);
    run_all("store --backend owner --workers 3 --threads 3 --count 3000 --keys 100 --in-place --own-keys",
            all_served);
    run_all("store --backend owner --workers 3 --threads 3 --count 3000 --keys 2 --in-place --own-keys --here",
            all_served);
}

static void one_worker(const struct store_options *o, const char *name, uint32_t workers,
                       const struct run_result *result)
{
    (void)o;
    (void)name;
    (void)workers;
    const struct drive_tally *t = &result->tally;
    assert_true(count_of(t, "touch_done") > 0 && count_of(t, "touch_not_found") > 0 && count_of(t, "len") > 0);
}

static void every_operation_is_known(void **state)
{
    (void)state;
    run_all("store --workers 2 --count 2000 --keys 20 --stripes 3 --mix get=1,put=1,delete=1,touch=1,len=1",
            one_worker);
}

/* With one worker the same seed gives the same answers, on every backend. */
static void the_same(const struct store_options *o, const char *name, uint32_t workers,
                     const struct run_result *result)
{
    static struct drive_tally first; /* the first call fills it */
    (void)o;
    (void)name;
    (void)workers;
    if (first.sent == 0) first = result->tally;
    assert_memory_equal(&first, &result->tally, sizeof first);
}

static void a_seed_decides(void **state)
{
    (void)state;
    run_all("store --workers 1 --count 2000 --keys 100 --seed 7 --key-law zipf --value 300", the_same);
    run_all("store --workers 1 --count 2000 --keys 100 --seed 7 --key-law zipf --value 300", the_same);
}

/* Values beyond what a call holds come as references, and are given back (the sanitized build would know). */
static void large_values_come_whole(void **state)
{
    (void)state;
    run_all("store --workers 4 --count 2000 --keys 20 --value 5000 --mix get=5,put=4,delete=1", all_served);
}

static void only_backpressure_refuses(const struct store_options *o, const char *name, uint32_t workers,
                                      const struct run_result *result)
{
    (void)workers;
    const struct drive_tally *t = &result->tally;
    bool refuses = strcmp(name, "backpressure") == 0;
    assert_int_equal(t->served + t->refused, o->count);
    assert_int_equal(t->refused > 0, refuses);
    assert_true(t->served > 0);
}

static void a_bound_refuses_where_that_is_meant(void **state)
{
    (void)state;
    run_all("store --backend owner,backpressure --workers 8 --queue 1 --count 4000 --keys 10 --work 200",
            only_backpressure_refuses);
}

/* A quarter of the keys is slow: about three quarters of the operations are ordinary ones. */
static void some_are_slow(const struct store_options *o, const char *name, uint32_t workers,
                          const struct run_result *result)
{
    (void)name;
    (void)workers;
    uint64_t ordinary = histogram_count(&result->ordinary);
    assert_true(ordinary > o->count / 2 && ordinary < o->count);
}

static void none_is_ordinary(const struct store_options *o, const char *name, uint32_t workers,
                             const struct run_result *result)
{
    (void)o;
    (void)name;
    (void)workers;
    assert_int_equal(histogram_count(&result->ordinary), 0);
}

static void slow_sessions_are_told_apart(void **state)
{
    (void)state;
    run_all("store --workers 2 --count 2000 --keys 40 --work 10 --slow 25:20", some_are_slow);
    run_all("store --workers 2 --count 500 --keys 40 --work 10 --slow 25:20 --work-where outside", some_are_slow);
    run_all("store --workers 2 --count 500 --keys 40 --work 10 --slow 100:2", none_is_ordinary);
}

/* ---- sums ---- */

static void sums_find_what_is_missing(void **state)
{
    (void)state;
    struct drive_tally good = {.sent = 10, .served = 8, .refused = 2, .answers = {3, 1, 2, 2}};
    assert_true(drive_tally_holds(&good));
    struct drive_tally lost = good;
    lost.sent++;
    assert_false(drive_tally_holds(&lost));
    struct drive_tally twice = good;
    twice.answers[0]++;
    assert_false(drive_tally_holds(&twice));
    struct drive_tally wrong = good;
    wrong.answers[0]--;
    wrong.wrong++;
    assert_false(drive_tally_holds(&wrong));
    struct drive_tally sum = good;
    drive_tally_add(&sum, &good);
    assert_true(drive_tally_holds(&sum));
    assert_int_equal(sum.sent, 20);
    assert_int_equal(sum.answers[3], 4);
}

/* ---- options ---- */

static void options_have_defaults(void **state)
{
    (void)state;
    struct store_options o;
    char *copy = NULL;
    assert_true(parse(&o, "store", &copy));
    assert_int_equal(o.backend_count, 4);
    assert_int_equal(o.worker_counts, 5);
    assert_int_equal(o.workers[4], 64);
    assert_int_equal(o.keys, 10000);
    assert_int_equal(o.count, 0);
    assert_int_equal(o.duration_ns, 1000000000);
    free(copy);
}

static void options_at_their_limits(void **state)
{
    (void)state;
    static const char *const good[] = {
        "store --workers 4096",
        "store --threads 64",
        "store --workers 1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1",
        "store --queue 1",
        "store --queue 1048576",
        "store --value 8",
        "store --stripes 1024",
        "store --work 1 --slow 0:1",
        "store --work 1 --slow 100:1000000",
        "store --work 1 --slow 0.5:2",
        "store --backend owner,mutex,owner,rwlock",
    };
    static const char *const bad[] = {
        "store --workers 0",
        "store --workers 4097",
        "store --threads 0",
        "store --threads 65",
        "store --workers 1,,2",
        "store --workers 1,",
        "store --workers ",
        "store --workers=",
        "store --workers 1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1",
        "store --workers 00000001",
        "store --backend none",
        "store --backend mutex,",
        "store --backend owner,owner,owner,owner,owner",
        "store --mix get=0",
        "store --mix ping=1",
        "store --keys 0",
        "store --queue 0",
        "store --queue 1048577",
        "store --value 7",
        "store --stripes 0",
        "store --stripes 1025",
        "store --key-size 16",
        "store --key-law pareto",
        "store --work-where beside",
        "store --work-where outside", /* no work */
        "store --own-keys",           /* whose? */
        "store --slow 1:100",         /* no work */
        "store --work 1 --slow 101:2",
        "store --work 1 --slow 1:0",
        "store --work 1 --slow 1:1000001",
        "store --work 1 --slow 1",
        "store --work 1 --slow 12345678901234567:2",
        "store --duration 0",
        "store --count 0",
        "store --repeat 0",
        "store --nothing",
        "store 5",
    };
    struct store_options o;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        char *copy = NULL;
        if (!parse(&o, good[i], &copy)) fail_msg("refused: %s", good[i]);
        free(copy);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char *copy = NULL;
        if (parse(&o, bad[i], &copy)) fail_msg("accepted: %s", bad[i]);
        free(copy);
    }
}

static void the_command_says_how_it_went(void **state)
{
    (void)state;
    char *bad[] = {"store", "--backend", "none", NULL};
    char *unwritable[] = {"store",  "--backend", "mutex",  "--workers",      "1", "--count", "10",
                          "--keys", "10",        "--json", "/nonexistent/x", NULL};
    assert_int_equal(store_main(3, bad), 2);
    assert_int_equal(store_main(11, unwritable), 1);
}

static void json_names_everything(void **state)
{
    (void)state;
    struct store_options o;
    char *copy = NULL;
    assert_true(parse(&o, "store --backend owner --workers 2 --count 100 --keys 10", &copy));
    struct run_result *r = malloc(sizeof *r);
    assert_non_null(r);
    assert_true(run_store(&o, o.backends[0], 2, r));
    json_t *json = run_json("owner", r);
    assert_non_null(json);
    static const char *const numbers[] = {"workers",
                                          "ns_per_op",
                                          "ns_per_served",
                                          "served_per_s",
                                          "wall_ns",
                                          "cpu_ns_per_op",
                                          "voluntary_switches_per_op",
                                          "involuntary_switches_per_op"};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        assert_true(json_is_number(json_object_get(json, numbers[i])));
    assert_int_equal(json_integer_value(json_object_get(json_object_get(json, "operations"), "served")), 100);
    assert_true(json_is_object(json_object_get(json, "latency_ns")));
    assert_true(json_is_null(json_object_get(json, "ordinary_latency_ns")));
    json_decref(json);
    free(r);
    free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_backend_answers_everything),
        cmocka_unit_test(any_number_of_threads_answers_everything),
        cmocka_unit_test(owners_of_shards_answer_everything),
        cmocka_unit_test(every_operation_is_known),
        cmocka_unit_test(a_seed_decides),
        cmocka_unit_test(large_values_come_whole),
        cmocka_unit_test(a_bound_refuses_where_that_is_meant),
        cmocka_unit_test(slow_sessions_are_told_apart),
        cmocka_unit_test(sums_find_what_is_missing),
        cmocka_unit_test(options_have_defaults),
        cmocka_unit_test(options_at_their_limits),
        cmocka_unit_test(the_command_says_how_it_went),
        cmocka_unit_test(json_names_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
