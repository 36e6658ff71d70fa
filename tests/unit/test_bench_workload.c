/* What the benchmarks' requests are made of: random numbers, keys, mixes, values, schedules, options. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/common/options.h"
#include "bench/common/report.h"
#include "bench/common/workload.h"

static void the_generator_is_xoshiro256starstar(void **state)
{
    /* The first outputs from the state 1, 2, 3, 4, computed by hand from the published algorithm. */
    static const uint64_t known[] = {11520, 0, 1509978240, UINT64_C(1215971899390074240)};
    struct rng r = {{1, 2, 3, 4}}, a, b;

    (void)state;
    for (size_t i = 0; i < 4; i++)
        assert_true(rng_next(&r) == known[i]);
    rng_seed(&a, 7, 0);
    rng_seed(&b, 7, 0);
    assert_true(rng_next(&a) == rng_next(&b));
    rng_seed(&b, 7, 1);
    assert_true(rng_next(&a) != rng_next(&b));
    rng_seed(&a, 0, 0); /* a state of zeros would stay so */
    assert_true(a.s[0] | a.s[1] | a.s[2] | a.s[3]);
}

static void zipf_draws_follow_the_law(void **state)
{
    static const double thetas[] = {0.5, 0.99, 1.0, 1.5};
    enum { KEYS = 1000, DRAWS = 400000 };
    static uint32_t seen[KEYS];
    struct keys k;
    struct rng r;

    (void)state;
    for (size_t t = 0; t < 4; t++) {
        double sum = 0;
        memset(seen, 0, sizeof seen);
        rng_seed(&r, 1, t);
        keys_init(&k, KEYS, thetas[t], KEYS_SIZE_MIN);
        for (int i = 0; i < DRAWS; i++) {
            uint64_t key = keys_pick(&k, &r);
            assert_true(key < KEYS);
            seen[key]++;
        }
        for (int i = 1; i <= KEYS; i++)
            sum += pow(i, -thetas[t]);
        for (int i = 0; i < 20; i++) {
            double expected = DRAWS * pow(i + 1, -thetas[t]) / sum;
            assert_true(fabs(seen[i] - expected) < 6 * sqrt(expected));
        }
    }
}

static void uniform_draws_reach_all_keys(void **state)
{
    static uint32_t seen[100];
    struct keys k;
    struct rng r;

    (void)state;
    rng_seed(&r, 3, 3);
    keys_init(&k, 100, 0, KEYS_SIZE_MIN);
    for (int i = 0; i < 100000; i++)
        seen[keys_pick(&k, &r)]++;
    for (int i = 0; i < 100; i++)
        assert_in_range(seen[i], 800, 1200);
    keys_init(&k, 1, 2, KEYS_SIZE_MIN); /* a single key */
    assert_int_equal(keys_pick(&k, &r), 0);
}

static void keys_have_their_size(void **state)
{
    struct keys k;
    char key[KEYS_SIZE_MAX];

    (void)state;
    keys_init(&k, KEYS_COUNT_MAX, 0, KEYS_SIZE_MIN);
    keys_format(&k, key, KEYS_COUNT_MAX - 1);
    assert_memory_equal(key, "session:999999999", KEYS_SIZE_MIN);
    keys_init(&k, 10, 0, 20);
    keys_format(&k, key, 7);
    assert_memory_equal(key, "session:000000000007", 20);
}

static void key_laws_are_parsed(void **state)
{
    double theta = 0;

    (void)state;
    assert_true(keys_parse_law("zipf", &theta) && theta == KEYS_ZIPF_THETA);
    assert_true(keys_parse_law("zipf:1.2", &theta) && theta == 1.2);
    assert_true(keys_parse_law("uniform", &theta) && theta == 0);
    assert_false(keys_parse_law("zipf:0", &theta));
    assert_false(keys_parse_law("zipf:11", &theta));
    assert_false(keys_parse_law("zipf:", &theta));
    assert_false(keys_parse_law("zipfy", &theta));
    assert_false(keys_parse_law("", &theta));
}

static void mixes_are_parsed_and_drawn(void **state)
{
    static const char *const bad[] = {"",       "get",   "get=",        "get=-1", "fly=3",
                                      "get=1,", "get=0", "get=1000001", "ping=1"};
    struct mix m;
    struct rng r;
    int seen[OP_COUNT] = {0};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(mix_parse(bad[i], &m));
    assert_true(mix_parse("get=70,put=25,delete=5", &m));
    rng_seed(&r, 9, 9);
    for (int i = 0; i < 100000; i++)
        seen[mix_pick(&m, &r)]++;
    assert_in_range(seen[OP_GET], 69000, 71000);
    assert_in_range(seen[OP_PUT], 24000, 26000);
    assert_in_range(seen[OP_DELETE], 4500, 5500);
    assert_int_equal(seen[OP_LEN] + seen[OP_TOUCH], 0);
    assert_true(mix_share(&m, OP_PUT) == 0.25 && mix_share(&m, OP_LEN) == 0 && mix_share(&m, OP_PING) == 0);
    assert_true(mix_parse("touch=1,len=1000000", &m));
}

static void made_up_values_have_their_sizes(void **state)
{
    struct rng r;
    struct values *v = values_open("3-5", 1);
    int seen[6] = {0};

    (void)state;
    rng_seed(&r, 1, 1);
    assert_non_null(v);
    for (int i = 0; i < 3000; i++) {
        struct slice value = values_pick(v, &r);
        assert_in_range(value.len, 3, 5);
        seen[value.len]++;
    }
    assert_true(seen[3] > 800 && seen[4] > 800 && seen[5] > 800);
    values_close(v);
    v = values_open("0", 1);
    assert_int_equal(values_pick(v, &r).len, 0);
    values_close(v);
    static const char *const bad[] = {"", "-5", "5-3", "x", "16777217", "5-", "5-6-7", "file:/nonexistent/file"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_null(values_open(bad[i], 1));
}

static struct values *open_file(const char *content)
{
    char path[] = "/tmp/sluice-bench-XXXXXX", name[64];
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), strlen(content));
    close(fd);
    snprintf(name, sizeof name, "file:%s", path);
    struct values *v = values_open(name, 1);
    unlink(path);
    return v;
}

static void documents_come_from_a_file(void **state)
{
    struct rng r;
    struct values *v = open_file("{\"a\":1}\n\nlast, without end");
    int seen[3] = {0};

    (void)state;
    rng_seed(&r, 1, 1);
    assert_non_null(v);
    for (int i = 0; i < 300; i++) {
        struct slice value = values_pick(v, &r);
        if (slice_equal(value, slice_text("{\"a\":1}"))) seen[0]++;
        if (value.len == 0) seen[1]++;
        if (slice_equal(value, slice_text("last, without end"))) seen[2]++;
    }
    assert_int_equal(seen[0] + seen[1] + seen[2], 300);
    assert_true(seen[0] > 50 && seen[1] > 50 && seen[2] > 50);
    values_close(v);
    assert_null(open_file(""));
}

static void arrivals_count(const struct arrival_plan *plan, uint64_t at_ns, uint64_t *count)
{
    struct arrivals a;

    *count = 0;
    for (arrivals_init(&a, plan, 0, 1, 5); arrivals_peek(&a) < at_ns; arrivals_pop(&a))
        ++*count;
}

static void rates_change_in_steps(void **state)
{
    struct arrival_plan plan = {
        .count = 4,
        .steps = {{0, 1000}, {1000000000, 0}, {2000000000, 500.5}, {3000000000, 10000}},
    };
    uint64_t n = 0;

    (void)state;
    for (int law = ARRIVALS_POISSON; law <= ARRIVALS_CONSTANT; law++) {
        uint64_t spread = law == ARRIVALS_POISSON ? 5 : 0; /* deviations of sqrt(n) */
        plan.law = (enum arrival_law)law;
        arrivals_count(&plan, 1000000000, &n);
        assert_in_range(n, 999 - spread * 32, 1001 + spread * 32);
        uint64_t before = n;
        arrivals_count(&plan, 2000000000, &n);
        assert_int_equal(n, before); /* a rate of nothing */
        arrivals_count(&plan, 3000000000, &n);
        assert_in_range(n - before, 499 - spread * 23, 502 + spread * 23);
        before = n;
        arrivals_count(&plan, 4000000000, &n);
        assert_in_range(n - before, 9999 - spread * 100, 10001 + spread * 100);
    }
}

static void a_rate_that_ends_at_nothing_ends(void **state)
{
    struct arrival_plan plan = {.law = ARRIVALS_CONSTANT, .count = 2, .steps = {{0, 1000}, {2500000, 0}}};
    struct arrivals a;

    (void)state;
    arrivals_init(&a, &plan, 0, 1, 5);
    for (int i = 0; i < 3; i++) {
        assert_true(arrivals_peek(&a) != ARRIVALS_NEVER);
        arrivals_pop(&a);
    }
    assert_true(arrivals_peek(&a) == ARRIVALS_NEVER);
    arrivals_pop(&a);
    assert_true(arrivals_peek(&a) == ARRIVALS_NEVER);
}

static void poisson_gaps_are_exponential(void **state)
{
    struct arrival_plan plan = {.law = ARRIVALS_POISSON, .count = 1, .steps = {{0, 1000}}};
    enum { DRAWS = 200000 };
    struct arrivals a;
    uint64_t last = 0, under[3] = {0};

    (void)state;
    arrivals_init(&a, &plan, 2, 4, 5); /* a quarter of the rate: a mean gap of 4 ms */
    for (int i = 0; i < DRAWS; i++, arrivals_pop(&a)) {
        uint64_t gap = arrivals_peek(&a) - last;
        last = arrivals_peek(&a);
        under[0] += gap < 400000;
        under[1] += gap < 4000000;
        under[2] += gap < 16000000;
    }
    assert_true(fabs((double)last / DRAWS / 4e6 - 1) < 0.01);
    assert_true(fabs((double)under[0] / DRAWS - (1 - exp(-0.1))) < 0.004);
    assert_true(fabs((double)under[1] / DRAWS - (1 - exp(-1))) < 0.006);
    assert_true(fabs((double)under[2] / DRAWS - (1 - exp(-4))) < 0.002);
}

struct target {
    bool flag;
    const char *text;
    uint64_t count, ns;
    double real;
    int custom;
};

static bool take_custom(void *into, const char *text)
{
    ((struct target *)into)->custom = atoi(text);
    return atoi(text) > 0;
}

#define AT(field) .offset = offsetof(struct target, field)

static const struct option_spec specs[] = {
    {"flag", NULL, NULL, "f", OPTION_FLAG, AT(flag)},
    {"text", "T", NULL, "t", OPTION_TEXT, AT(text)},
    {"count", "N", "1k", "n", OPTION_COUNT, AT(count), .min = 2, .max = 2000},
    {"a-time", "D", "5ms", "d", OPTION_DURATION, AT(ns)},
    {"real", "R", NULL, "r", OPTION_REAL, AT(real)},
    {"custom", "C", NULL, "c", OPTION_CUSTOM, .take = take_custom},
};
static const struct option_table table = {"", specs, sizeof specs / sizeof specs[0]};

static bool parse(struct target *t, char *a, char *b)
{
    char *argv[] = {"program", a, b, NULL};
    json_t *options = options_parse(&table, b ? 3 : 2, argv, t);

    json_decref(options);
    return options;
}

static void options_are_told_with_their_defaults(void **state)
{
    struct target t = {0};
    char *argv[] = {"program", "--text", "x", "--count=2k", "--flag", "--count", "7", NULL};
    json_t *options = options_parse(&table, 7, argv, &t), *expected = NULL;

    (void)state;
    assert_true(t.ns == 5000000 && t.count == 7 && t.flag);
    expected = json_pack("{s:b, s:s, s:i, s:f, s:n, s:n}", "flag", 1, "text", "x", "count", 7, "a_time_s", 0.005,
                         "real", "custom");
    assert_true(json_equal(options, expected));
    json_decref(options);
    json_decref(expected);
    options = options_parse(&table, 1, argv, &t);
    assert_true(json_is_false(json_object_get(options, "flag")));
    assert_int_equal(json_integer_value(json_object_get(options, "count")), 1000);
    json_decref(options);
}

static void items_are_cut_off_a_list(void **state)
{
    const char *list = "a,,bcd,long";
    char item[4];

    (void)state;
    assert_true(options_item(&list, item, sizeof item));
    assert_string_equal(item, "a");
    assert_true(options_item(&list, item, sizeof item));
    assert_string_equal(item, "");
    assert_true(options_item(&list, item, sizeof item));
    assert_string_equal(item, "bcd");
    assert_false(options_item(&list, item, sizeof item));
    assert_string_equal(list, "long"); /* it does not fit */
    list = "ab";
    assert_true(options_item(&list, item, sizeof item));
    assert_false(options_item(&list, item, sizeof item));
    assert_null(list);
}

static void options_go_where_they_belong(void **state)
{
    struct target t = {0};

    (void)state;
    assert_true(parse(&t, "--flag", NULL) && t.flag);
    assert_true(parse(&t, "--text=a=b", NULL));
    assert_string_equal(t.text, "a=b");
    assert_true(parse(&t, "--text", "--flag"));
    assert_string_equal(t.text, "--flag");
    assert_true(parse(&t, "--count", "2k") && t.count == 2000);
    assert_true(parse(&t, "--count=2", NULL) && t.count == 2);
    assert_true(parse(&t, "--a-time", "1.5ms") && t.ns == 1500000);
    assert_true(parse(&t, "--a-time", "3") && t.ns == 3000000000);
    assert_true(parse(&t, "--a-time", "2m") && t.ns == 120000000000);
    assert_true(parse(&t, "--real", "0.25") && t.real == 0.25);
    assert_true(parse(&t, "--custom", "7") && t.custom == 7);
}

static void wrong_options_are_refused(void **state)
{
    static char *bad[][2] = {
        {"--nothing", "1"},    {"count", "5"},     {"--count", NULL},      {"--count", "1"},
        {"--count", "2001"},   {"--count", "-5"},  {"--count", "5x"},      {"--count", "0x10"},
        {"--count", ""},       {"--flag=1", NULL}, {"--a-time", "5 ms"},   {"--a-time", "inf"},
        {"--a-time", "1e300"}, {"--real", "nan"},  {"--real", "-1"},       {"--custom", "0"},
        {"--", NULL},          {"--coun", "5"},    {"--count", "1e99999"},
    };
    struct target t = {0};

    (void)state;
    int saved = dup(STDERR_FILENO), accepted = -1;
    assert_non_null(freopen("/dev/null", "w", stderr)); /* the complaints */
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (parse(&t, bad[i][0], bad[i][1])) accepted = (int)i;
    dup2(saved, STDERR_FILENO);
    close(saved);
    if (accepted >= 0) fail_msg("%s %s", bad[accepted][0], bad[accepted][1] ? bad[accepted][1] : "");
}

static void numbers_are_printed_for_people(void **state)
{
    static const struct {
        uint64_t ns;
        const char *text;
    } cases[] = {
        {0, "0 ns"},           {999, "999 ns"},         {1000, "1.00 us"},     {12345, "12.3 us"},
        {999499, "999 us"},    {999500, "1.00 ms"},     {99949999, "99.9 ms"}, {123456789, "123 ms"},
        {999500000, "1.00 s"}, {12000000000, "12.0 s"},
    };
    char text[32];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(report_format_ns(text, sizeof text, cases[i].ns), cases[i].text);
    assert_string_equal(report_format_count(text, sizeof text, 0), "0");
    assert_string_equal(report_format_count(text, sizeof text, 999), "999");
    assert_string_equal(report_format_count(text, sizeof text, 1234567), "1,234,567");
}

static void reports_hold_the_percentiles(void **state)
{
    static struct histogram h;
    json_t *json = report_latency(&h);

    (void)state;
    assert_true(json_is_null(json_object_get(json, "p99")));
    json_decref(json);
    for (uint64_t i = 1; i <= 50; i++)
        histogram_record(&h, i);
    json = report_latency(&h);
    assert_int_equal(json_integer_value(json_object_get(json, "p50")), 25);
    assert_int_equal(json_integer_value(json_object_get(json, "max")), 50);
    assert_int_equal(json_integer_value(json_object_get(json, "count")), 50);
    json_decref(json);
    histogram_record_n(&h, 1000000, 3);
    json = report_distribution(&h);
    assert_int_equal(json_array_size(json), 51);
    json_t *last = json_pack("[i, i]", 1000000, 3); /* not the bucket's edge: it is the largest */
    assert_true(json_equal(json_array_get(json, 50), last));
    json_decref(last);
    json_decref(json);
}

static void results_are_printed_a_line_an_object(void **state)
{
    json_t *json = json_pack("{s:i, s:f, s:{s:i, s:n, s:{s:i, s:i}}, s:[{s:s}, s], s:b}", "sent", 1234, "share",
                             0.125, "latency_ns", "mean", 1500, "p50", "accepted", "count", 7, "max", 20, "list",
                             "name", "a", "text", "good", 1);
    char text[1000] = "";
    FILE *f = fmemopen(text, sizeof text, "w");

    (void)state;
    report_print(f, json);
    fclose(f);
    assert_string_equal(text, " sent 1,234  share 0.125  good yes \n"
                              "latency_ns: mean 1.50 us  p50 - \n"
                              "latency_ns.accepted: count 7  max 20 ns \n"
                              "list: name a \n"
                              "list: text\n");
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_generator_is_xoshiro256starstar),
        cmocka_unit_test(zipf_draws_follow_the_law),
        cmocka_unit_test(uniform_draws_reach_all_keys),
        cmocka_unit_test(keys_have_their_size),
        cmocka_unit_test(key_laws_are_parsed),
        cmocka_unit_test(mixes_are_parsed_and_drawn),
        cmocka_unit_test(made_up_values_have_their_sizes),
        cmocka_unit_test(documents_come_from_a_file),
        cmocka_unit_test(rates_change_in_steps),
        cmocka_unit_test(a_rate_that_ends_at_nothing_ends),
        cmocka_unit_test(poisson_gaps_are_exponential),
        cmocka_unit_test(options_go_where_they_belong),
        cmocka_unit_test(options_are_told_with_their_defaults),
        cmocka_unit_test(items_are_cut_off_a_list),
        cmocka_unit_test(wrong_options_are_refused),
        cmocka_unit_test(numbers_are_printed_for_people),
        cmocka_unit_test(reports_hold_the_percentiles),
        cmocka_unit_test(results_are_printed_a_line_an_object),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
