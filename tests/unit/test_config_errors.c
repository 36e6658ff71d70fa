/* What a user reads when a file is wrong: every kind of error, to the letter, with line and column. */
#include "tests/unit/config_helper.h"

#include <sys/stat.h>
#include <unistd.h>

#define TOP \
    "listen, threads, threads_cpus, backend, mutex, shards, owner, queue, class, ttl, work, limits, log, shutdown"

static void nothing_is_fine(void **state)
{
    (void)state;
    EXPECT_FILE("", NOTHING);
    EXPECT_FILE("# only words\n\n", NOTHING);
    EXPECT_FILE("---\n", NOTHING);
    EXPECT_FILE("{}", NOTHING);
    EXPECT_FILE("\xef\xbb\xbfthreads: 2\n", NOTHING);
    EXPECT_FILE("queue:\n  # bound: 5\n", NOTHING);
    EXPECT_FILE("%YAML 1.1\n---\nthreads: '2'\n...\n", NOTHING);
}

static void unknown_keys(void **state)
{
    (void)state;
    EXPECT_FILE("threds: 2\n", "f.yaml:1:1: unknown key \"threds\", did you mean \"threads\"?");
    EXPECT_FILE("queue:\n  bond: 2\n", "f.yaml:2:3: unknown key \"queue.bond\", did you mean \"queue.bound\"?");
    EXPECT_FILE("quue:\n  bound: 2\n", "f.yaml:1:1: unknown key \"quue\", did you mean \"queue\"?");
    EXPECT_FILE("bound: 2\n", "f.yaml:1:1: unknown key \"bound\", did you mean \"queue.bound\"?");
    EXPECT_FILE("zebra: 2\n", "f.yaml:1:1: unknown key \"zebra\", expected one of " TOP);
    EXPECT_FILE("queue: {zebra: 2}\n",
                "f.yaml:1:9: unknown key \"queue.zebra\", expected one of bound, policy, target");
    EXPECT_FILE("queue.bound: 2\n",
                "f.yaml:1:1: unknown key \"queue.bound\", expected it nested: bound below queue:");
    EXPECT_FILE("\"que\\0ue\": 2\n", "f.yaml:1:1: unknown key \"que\\x00ue\", expected one of " TOP);
    EXPECT_FILE("? [a]\n: 2\n? {b: c}\n: [d]\n", "f.yaml:1:3: a list as a key, expected a name",
                "f.yaml:3:3: a mapping as a key, expected a name");
}

static void long_names_are_cut(void **state)
{
    (void)state;
    char text[600], error[600];
    memset(text, 'x', 500);
    memcpy(text + 500, ": 1\n", 5);
    snprintf(error, sizeof error, "f.yaml:1:1: unknown key \"%.72s...\", expected one of " TOP, text);
    EXPECT_FILE(text, error);
}

static void duplicate_keys(void **state)
{
    (void)state;
    EXPECT_FILE("threads: 1\nbackend: mutex\nthreads: 2\n",
                "f.yaml:3:1: duplicate key \"threads\", first given on line 1");
    EXPECT_FILE("queue:\n  bound: 1\nqueue:\n  bound: x\n",
                "f.yaml:3:1: duplicate key \"queue\", first given on line 1");
    EXPECT_FILE("queue:\n  bound: 1\n  bound: [x]\n",
                "f.yaml:3:3: duplicate key \"queue.bound\", first given on line 2");
}

static void wrong_types(void **state)
{
    (void)state;
    EXPECT_FILE("queue:\n  bound: [1, {a: b}]\n", "f.yaml:2:10: queue.bound is a list, expected 1 to 1048576");
    EXPECT_FILE("queue:\n  bound:\n    a: 1\n", "f.yaml:3:5: queue.bound is a mapping, expected 1 to 1048576");
    EXPECT_FILE("queue: 5\n",
                "f.yaml:1:8: queue is a single value, expected a mapping with the keys bound, policy, target");
    EXPECT_FILE("queue: [a]\n",
                "f.yaml:1:8: queue is a list, expected a mapping with the keys bound, policy, target");
    EXPECT_FILE("listen: {text: {a: b}}\n", "f.yaml:1:16: listen.text is a mapping, expected host:port, [v6]:port, "
                                            "unix:/path, a list of these, or off");
    EXPECT_FILE("listen: {text: []}\n", "f.yaml:1:16: listen.text is an empty list, expected an address, or off");
    EXPECT_FILE("listen: {text: [a:1, [b:1], {c: d}]}\n",
                "f.yaml:1:22: an item of the list is a list, expected an address",
                "f.yaml:1:29: an item of the list is a mapping, expected an address");
    EXPECT_FILE("- a\n- b\n", "f.yaml:1:1: the file is a list, expected a mapping with the keys " TOP);
    EXPECT_FILE("hello\n", "f.yaml:1:1: the file is a single value, expected a mapping with the keys " TOP);
    EXPECT_FILE("threads:\n", "f.yaml:1:9: threads: no value, expected auto or 1 to 64");
    EXPECT_FILE("threads: ''\n", "f.yaml:1:10: threads: no value, expected auto or 1 to 64");
    EXPECT_FILE("threads: null\n",
                "f.yaml:1:10: threads is \"null\": not a whole number, expected auto or 1 to 64");
}

static void wrong_values(void **state)
{
    (void)state;
    EXPECT_FILE("threads: 1.5\n", "f.yaml:1:10: threads is \"1.5\": not a whole number, expected auto or 1 to 64");
    EXPECT_FILE("threads: 1e1\n", "f.yaml:1:10: threads is \"1e1\": not a whole number, expected auto or 1 to 64");
    EXPECT_FILE("threads: 010\n",
                "f.yaml:1:10: threads is \"010\": begins with a needless 0, expected auto or 1 to 64");
    EXPECT_FILE("threads: 18446744073709551618\n",
                "f.yaml:1:10: threads is \"18446744073709551618\": too large, expected auto or 1 to 64");
    EXPECT_FILE("threads: Auto\n",
                "f.yaml:1:10: threads is \"Auto\": not a whole number, expected auto or 1 to 64; "
                "did you mean \"auto\"?");
    EXPECT_FILE("backend: Owner\n", "f.yaml:1:10: backend is \"Owner\": unknown word, expected mutex, owner or "
                                    "backpressure; did you mean \"owner\"?");
    EXPECT_FILE("threads: \"4\\n\\e[2J\"\n",
                "f.yaml:1:10: threads is \"4\\x0a\\x1b[2J\": not a whole number, expected auto or 1 to 64");
}

static void units(void **state)
{
    (void)state;
#define SIZES "sizes take KiB, MiB, GiB or no unit (bytes); expected 1 to 1GiB"
#define TIMES "durations take ms, s, m, h, d or no unit (seconds); expected off or 1ms to 30d"
    EXPECT_FILE("limits: {value: 1MB}\n",
                "f.yaml:1:17: limits.value is \"1MB\": unit \"MB\" is not taken, use KiB, "
                "MiB or GiB; expected 1 to 1GiB");
    EXPECT_FILE("limits: {value: 64k}\n", "f.yaml:1:17: limits.value is \"64k\": unit \"k\" is not taken, use KiB, "
                                          "MiB or GiB; expected 1 to 1GiB");
    EXPECT_FILE("limits: {value: 1 MiB}\n",
                "f.yaml:1:17: limits.value is \"1 MiB\": unknown unit \" MiB\", " SIZES);
    EXPECT_FILE("limits: {value: 1TiB}\n", "f.yaml:1:17: limits.value is \"1TiB\": unknown unit \"TiB\", " SIZES);
    EXPECT_FILE("limits: {value: big}\n", "f.yaml:1:17: limits.value is \"big\": not a size, expected 1 to 1GiB");
    EXPECT_FILE("limits: {value: 18014398509481984KiB}\n",
                "f.yaml:1:17: limits.value is \"18014398509481984KiB\": too large, expected 1 to 1GiB");
    EXPECT_FILE("limits: {idle_timeout: 5min}\n",
                "f.yaml:1:24: limits.idle_timeout is \"5min\": unknown unit \"min\", " TIMES);
    EXPECT_FILE("limits: {idle_timeout: 1.5h}\n",
                "f.yaml:1:24: limits.idle_timeout is \"1.5h\": not a whole number, expected off or 1ms to 30d");
    EXPECT_FILE("limits: {idle_timeout: false}\n",
                "f.yaml:1:24: limits.idle_timeout is \"false\": not a duration, expected off or 1ms to 30d; did "
                "you mean \"off\"?");
    EXPECT_FILE("listen: {resp: no}\n",
                "f.yaml:1:16: listen.resp is \"no\": no port, expected host:port, [v6]:port or "
                "unix:/path; did you mean \"off\"?");
    EXPECT_FILE(
        "limits: {memory: None, request_timeout: ~}\n",
        "f.yaml:1:18: limits.memory is \"None\": not a size, expected auto, off or 1MiB to 16384GiB; did you "
        "mean \"off\"?",
        "f.yaml:1:41: limits.request_timeout is \"~\": not a duration, expected off or 1ms to 30d; did you "
        "mean \"off\"?");
    EXPECT_FILE("limits: {value: 7B, idle_timeout: 99s, request_timeout: 1500ms}\n", NOTHING);
}

static void yaml_features(void **state)
{
    (void)state;
    EXPECT_FILE("threads: &a 2\nqueue: {bound: *a}\n", "f.yaml:1:10: anchor &a, expected only a value",
                "f.yaml:2:16: alias *a, expected the value itself");
    EXPECT_FILE("threads: !!int 2\n", "f.yaml:1:10: tag tag:yaml.org,2002:int, expected only a value");
    EXPECT_FILE("queue: !q {bound: 2}\n", "f.yaml:1:8: tag !q, expected only a value");
    EXPECT_FILE("listen: {text: &l [a:1, &b b:1]}\n", "f.yaml:1:16: anchor &l, expected only a value",
                "f.yaml:1:25: anchor &b, expected only a value");
    EXPECT_FILE("queue: &q {bound: 2}\n<<: *q\n", "f.yaml:1:8: anchor &q, expected only a value",
                "f.yaml:2:1: unknown key \"<<\", expected one of " TOP,
                "f.yaml:2:5: alias *q, expected the value itself");
    EXPECT_FILE("threads: 2\n---\nthreads: 3\n", "f.yaml:2:1: a second document, expected only one");
    EXPECT_FILE("*a", "f.yaml:1:1: alias *a, expected the value itself");
}

static void syntax(void **state)
{
    (void)state;
    EXPECT_FILE("threads: x\nqueue: [1\nlog: {}\n",
                "f.yaml:1:10: threads is \"x\": not a whole number, expected auto or 1 to 64",
                "f.yaml:2:8: queue is a list, expected a mapping with the keys bound, policy, target",
                "f.yaml:3:4: not YAML: did not find expected ',' or ']', while parsing a flow sequence that begins "
                "on line 2");
    EXPECT_FILE("threads: 2\n\tqueue: 5\n",
                "f.yaml:2:1: not YAML: found a tab character that violates indentation, "
                "while scanning a plain scalar that begins on line 1; indent with "
                "spaces, not tabs");
    EXPECT_FILE("threads: 2: c\n", "f.yaml:1:11: not YAML: mapping values are not allowed in this context");
    EXPECT_FILE("listen:\n  text: [::1]:7811\n",
                "f.yaml:2:10: not YAML: did not find expected node content, while parsing a flow node; an address "
                "in brackets needs quotes: \"[::1]:7811\"");
    EXPECT_FILE("threads: 2\nlog: \xff\n", "f.yaml:2:6: bytes that are not UTF-8, expected UTF-8 text");
    EXPECT_FILE("# \xc3\xa9\xc3\xa9 \xc3", "f.yaml:1:6: bytes that are not UTF-8, expected UTF-8 text");
    EXPECT_FILE("\xff\xfe"
                "a",
                "f.yaml:1:1: bytes that are not UTF-8, expected UTF-8 text");
    EXPECT_FILE("threads: 2\n\n  \x07\n", "f.yaml:3:3: control character, expected UTF-8 text");
}

static void depth(void **state)
{
    (void)state;
    char text[256] = "a: ";
    memset(text + 3, '[', 31);
    memset(text + 34, ']', 31);
    EXPECT_FILE(text, "f.yaml:1:1: unknown key \"a\", expected one of " TOP); /* 32 levels with the mapping */
    memset(text + 3, '[', 200);
    EXPECT_FILE(text, "f.yaml:1:1: unknown key \"a\", expected one of " TOP,
                "f.yaml:1:35: nested too deeply, expected at most 32 levels");
}

static void all_are_listed_in_order(void **state)
{
    (void)state;
    EXPECT_FILE(
        "threads: none\n"
        "listen:\n"
        "  text: [\":7811\", ok:1, 7811]\n"
        "queue:\n"
        "  bond: 5\n"
        "  policy: wait # right\n"
        "limits: {value: 2GiB, line: 1KB}\n"
        "threads: 3\n"
        "log: {level: warning}\n",
        "f.yaml:1:10: threads is \"none\": not a whole number, expected auto or 1 to 64",
        "f.yaml:3:10: listen.text is \":7811\": no host; for every interface write 0.0.0.0:port or "
        "[::]:port explicitly",
        "f.yaml:3:25: listen.text is \"7811\": no host, write 127.0.0.1:port, or 0.0.0.0:port for every "
        "interface",
        "f.yaml:5:3: unknown key \"queue.bond\", did you mean \"queue.bound\"?",
        "f.yaml:7:17: limits.value is \"2GiB\": too large, expected 1 to 1GiB",
        "f.yaml:7:29: limits.line is \"1KB\": unit \"KB\" is not taken, use KiB, MiB or GiB; expected 512 to "
        "1MiB",
        "f.yaml:8:1: duplicate key \"threads\", first given on line 1",
        "f.yaml:9:14: log.level is \"warning\": unknown word, expected debug, info, warn or error");
}

static void the_list_is_bounded(void **state)
{
    (void)state;
    char text[150 * 9 + 1] = "";
    for (int i = 0; i < 150; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "zz%03d: 1\n", i);
    struct settings s;
    struct config_errors *errors = config_errors_create();
    config_defaults(&s);
    assert_false(config_load_text(&s, "f.yaml", text, strlen(text), errors));
    assert_int_equal(config_errors_count(errors), 101);
    assert_string_equal(config_errors_at(errors, 99), "f.yaml:100:1: unknown key \"zz099\", expected one of " TOP);
    assert_string_equal(config_errors_at(errors, 100), "more errors than these, not shown");
    assert_false(config_set(&s, "x=1", errors)); /* not shown, yet an error */
    assert_true(config_set(&s, "threads=1", errors));
    config_errors_destroy(errors);
}

static void expect_path(const char *path, const char *error)
{
    struct settings s;
    struct config_errors *errors = config_errors_create();
    const char *const texts[] = {error, NULL};
    config_defaults(&s);
    assert_int_equal(config_load_file(&s, path, errors), !error);
    expect_errors(errors, texts);
}

static void paths(void **state)
{
    (void)state;
    char directory[] = "/tmp/sluice-config-XXXXXX", path[64], error[256];
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/f.yaml", directory);

    snprintf(error, sizeof error, "%s: is a directory, expected a YAML file", directory);
    expect_path(directory, error);
    snprintf(error, sizeof error, "%s: cannot be opened: No such file or directory", path);
    expect_path(path, error);

    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fputs("threads: 2\n#", out);
    for (int i = 12; i < 1 << 20; i++)
        fputc('x', out);
    fflush(out);
    expect_path(path, NULL); /* 1 MiB to the byte */
    fputc('x', out);
    fclose(out);
    snprintf(error, sizeof error, "%s: larger than 1MiB, expected a configuration file", path);
    expect_path(path, error);

    out = fopen(path, "w");
    assert_non_null(out);
    fputs("a: 1\n", out);
    fclose(out);
    snprintf(error, sizeof error, "%s:1:1: unknown key \"a\", expected one of " TOP, path);
    expect_path(path, error);
    unlink(path);
    rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_fine),
        cmocka_unit_test(unknown_keys),
        cmocka_unit_test(long_names_are_cut),
        cmocka_unit_test(duplicate_keys),
        cmocka_unit_test(wrong_types),
        cmocka_unit_test(wrong_values),
        cmocka_unit_test(units),
        cmocka_unit_test(yaml_features),
        cmocka_unit_test(syntax),
        cmocka_unit_test(depth),
        cmocka_unit_test(paths),
        cmocka_unit_test(all_are_listed_in_order),
        cmocka_unit_test(the_list_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
