/* What the load tester tells: its verdict at the limits, rows per interval, addresses, another process's CPU time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "bench/common/report.h"
#include "bench/load/channel.h"
#include "bench/load/load.h"
#include "bench/load/result.h"

#define SECOND UINT64_C(1000000000)

static size_t spoiled(bool open_loop, uint64_t lag_ns, uint64_t cpu_ns, uint64_t spin_ns)
{
    static struct load_settings settings;
    static struct tally tally;
    static struct load_result r;
    char reasons[2][120];

    tally = (struct tally){0};
    settings = (struct load_settings){.threads = 2, .open_loop = open_loop};
    r = (struct load_result){.settings = &settings, .tally = &tally, .seconds = 1, .cpu_seconds = 1};
    r.threads[1].cpu_ns = cpu_ns;
    r.threads[1].spin_ns = spin_ns;
    histogram_record_n(&tally.lag, 10, 98);
    histogram_record_n(&tally.lag, lag_ns, 2);
    return load_spoiled(&r, reasons);
}

static void the_verdict_turns_at_the_limits(void **state)
{
    (void)state;
    assert_int_equal(spoiled(true, LOAD_LAG_LIMIT_NS, SECOND * 7 / 10, 0), 0);
    assert_int_equal(spoiled(true, LOAD_LAG_LIMIT_NS + 1, 0, 0), 1);
    assert_int_equal(spoiled(true, 0, SECOND * 7 / 10 + 1000, 0), 1);
    assert_int_equal(spoiled(true, SECOND, SECOND, 0), 2);
    assert_int_equal(spoiled(true, 0, SECOND, SECOND * 3 / 10), 0); /* deliberate spinning is no work */
    assert_int_equal(spoiled(true, 0, SECOND / 2, SECOND), 0);
    assert_int_equal(spoiled(false, SECOND, 0, 0), 0); /* nothing is due in the closed loop */
    assert_int_equal(spoiled(false, 0, SECOND, 0), 1);
}

static void rates_count_the_answers_that_came_in_time(void **state)
{
    static struct load_settings settings = {.threads = 1};
    static struct tally tally;
    static struct load_result r = {.settings = &settings, .tally = &tally, .seconds = 2, .cpu_seconds = 4};

    (void)state;
    counter_add(&tally.in_window[OUTCOME_SERVED], 30);
    counter_add(&tally.in_window[OUTCOME_NOT_FOUND], 10);
    counter_add(&tally.in_window[OUTCOME_OVERLOADED], 60);
    r.server_cpu_ns = 4000;
    assert_true(load_goodput(&r) == 20);
    assert_true(load_server_ns(&r) == 20); /* 2000 ns in 2 s, over 100 answers */
}

static json_int_t integer(const json_t *row, const char *name)
{
    return json_integer_value(json_object_get(row, name));
}

/* Of `count` values, the larger half of which is `max`. */
static json_t *latency(json_t *json, int count, int p50, int max)
{
    json_object_set_new(json, "count", json_integer(count));
    json_object_set_new(json, "p50", json_integer(p50));
    json_object_set_new(json, "p99", json_integer(max));
    json_object_set_new(json, "p99_9", json_integer(max));
    json_object_set_new(json, "max", json_integer(max));
    return json;
}

static void rows_are_differences(void **state)
{
    json_t *expected = json_object();
    struct tally *a = calloc(1, sizeof *a), *b = calloc(1, sizeof *b);
    const struct tally *both[] = {a, b};
    struct timeline *t = calloc(1, sizeof *t);

    (void)state;
    counter_add(&a->live_sent, 5);
    counter_add(&a->live[OUTCOME_SERVED], 5);
    histogram_record_n(&a->live_accepted, 1000, 5);
    assert_null(timeline_sample(t, both, 2, 0)); /* the baseline */
    counter_add(&a->live_sent, 10);
    counter_add(&b->live_sent, 3);
    counter_add(&b->live[OUTCOME_SERVED], 2);
    counter_add(&b->live[OUTCOME_LATE], 1);
    histogram_record_n(&b->live_accepted, 50, 1);
    histogram_record_n(&b->live_accepted, 60, 1);
    histogram_record_n(&b->live_refused, 7, 1);
    const json_t *row = timeline_sample(t, both, 2, 0.5);
    assert_true(json_equal(json_object_get(row, "accepted_ns"), latency(expected, 2, 50, 60)));
    assert_true(json_equal(json_object_get(row, "refused_ns"), latency(expected, 1, 7, 7)));
    assert_true(json_real_value(json_object_get(row, "at_s")) == 0.5);
    assert_int_equal(integer(row, "sent"), 13);
    assert_int_equal(integer(row, "in_flight"), 10);
    assert_int_equal(integer(row, "served"), 2);
    row = timeline_sample(t, both, 2, 1.5);
    assert_true(json_real_value(json_object_get(row, "seconds")) == 1);
    assert_int_equal(integer(row, "sent") + integer(row, "late"), 0);
    assert_true(json_equal(json_object_get(row, "accepted_ns"), latency(expected, 0, 0, 0)));
    assert_int_equal(json_array_size(t->rows), 2);
    json_decref(expected);
    json_decref(t->rows);
    free(t);
    free(a);
    free(b);
}

/* ---- files ---- */

/* Reads the whole file at `path` into `text`. */
static void read_file(const char *path, char *text, size_t size)
{
    FILE *f = fopen(path, "re");

    assert_non_null(f);
    text[fread(text, 1, size - 1, f)] = '\0';
    fclose(f);
}

static void files_keep_what_they_held_until_something_is_written(void **state)
{
    char path[] = "/tmp/sluice-bench-XXXXXX", text[1000];
    int fd = mkstemp(path);

    (void)state;
    assert_int_equal(write(fd, "a long old text", 15), 15);
    close(fd);
    json_t *options = json_pack("{s:i}", "seed", 7), *read = NULL;
    struct report report;
    assert_true(report_begin(&report, "test", 0, NULL, options, path));
    read_file(path, text, sizeof text);
    assert_string_equal(text, "a long old text");
    assert_false(report_end(&report, NULL)); /* nothing came of it */
    read_file(path, text, sizeof text);
    assert_string_equal(text, "a long old text");
    assert_true(report_begin(&report, "test", 0, NULL, options, path));
    assert_true(report_end(&report, json_pack("{s:i}", "n", 1)));
    read = json_load_file(path, 0, NULL); /* and nothing behind it */
    assert_int_equal(json_integer_value(json_object_get(read, "seed")), 7);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(read, "results"), "n")), 1);
    json_decref(read);
    unlink(path);
    assert_false(report_begin(&report, "test", 0, NULL, options, "/nonexistent/file"));
    assert_false(report_end(&report, NULL));
    json_decref(options);
}

static void a_full_disk_is_noticed(void **state)
{
    json_t *options = json_pack("{s:i}", "seed", 7);
    struct report report;

    (void)state;
    assert_true(report_begin(&report, "test", 0, NULL, options, "/dev/full"));
    assert_false(report_end(&report, json_object()));
    json_decref(options);
}

static void addresses_are_understood(void **state)
{
    static const char *const bad[] = {"",
                                      "sluice://127.0.0.1:0",
                                      "sluice://127.0.0.1:65536",
                                      "sluice://127.0.0.1:x",
                                      "sluice://[::1",
                                      "sluice://[::1]7811",
                                      "unix:",
                                      "sluice://:7811",
                                      "sluice://",
                                      "sluice://127.0.0.1:",
                                      "127.0.0.1",
                                      "127.0.0.1:7811",
                                      "http://127.0.0.1"};
    const struct sockaddr_in *v4 = NULL;
    struct target t = {0};
    char path[200];

    (void)state;
    assert_true(target_find(&t, "sluice://127.0.0.1:9/", NULL, NULL, 7811));
    v4 = (const struct sockaddr_in *)&t.address;
    assert_int_equal(ntohs(v4->sin_port), 9);
    assert_string_equal(t.text, "127.0.0.1:9");
    assert_true(target_find(&t, "sluice://127.0.0.1", NULL, NULL, 7811));
    assert_int_equal(ntohs(v4->sin_port), 7811);
    assert_true(target_find(&t, "sluice://[::1]:65535", NULL, NULL, 7811));
    assert_int_equal(t.address.ss_family, AF_INET6);
    assert_string_equal(t.text, "[::1]:65535");
    assert_true(target_find(&t, "unix:/a/b", NULL, NULL, 7811));
    assert_string_equal(((const struct sockaddr_un *)&t.address)->sun_path, "/a/b");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (target_find(&t, bad[i], NULL, NULL, 7811)) fail_msg("%s", bad[i]);
    memset(path, 'p', sizeof path);
    path[107] = '\0';
    assert_true(target_find(&t, NULL, path, NULL, 0));
    path[107] = 'p';
    path[108] = '\0';
    assert_false(target_find(&t, NULL, path, NULL, 0));
}

static void adapters_are_found_by_name(void **state)
{
    (void)state;
    assert_non_null(adapter_find("text"));
    assert_null(adapter_find("tex"));
    assert_null(adapter_find(""));
}

static void cpu_time_of_a_process_grows(void **state)
{
    static struct server_cpu before, after;

    (void)state;
    assert_true(server_cpu_read(&before, (uint64_t)getpid()));
    assert_int_equal(before.count, 1);
    assert_int_equal(before.threads[0].tid, getpid());
    do { /* until it shows: the kernel's counts may come in ticks */
        for (volatile uint64_t i = 0; i < 1000000;)
            i = i + 1;
        assert_true(server_cpu_read(&after, (uint64_t)getpid()));
    } while (after.threads[0].cpu_ns <= before.threads[0].cpu_ns);
    uint64_t whole = after.threads[0].cpu_ns;
    assert_true(server_cpu_since(&after, &before) == whole - before.threads[0].cpu_ns);
    assert_false(server_cpu_read(&after, UINT64_C(1) << 40));
}

static void a_new_thread_counts_from_its_beginning(void **state)
{
    static struct server_cpu before = {.count = 1, .threads = {{7, "old", 100}}};
    static struct server_cpu after = {.count = 2, .threads = {{7, "old", 150}, {8, "new", 30}}};

    (void)state;
    assert_int_equal(server_cpu_since(&after, &before), 80);
    assert_int_equal(after.threads[0].cpu_ns, 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_verdict_turns_at_the_limits),
        cmocka_unit_test(rates_count_the_answers_that_came_in_time),
        cmocka_unit_test(rows_are_differences),
        cmocka_unit_test(files_keep_what_they_held_until_something_is_written),
        cmocka_unit_test(a_full_disk_is_noticed),
        cmocka_unit_test(addresses_are_understood),
        cmocka_unit_test(adapters_are_found_by_name),
        cmocka_unit_test(cpu_time_of_a_process_grows),
        cmocka_unit_test(a_new_thread_counts_from_its_beginning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
