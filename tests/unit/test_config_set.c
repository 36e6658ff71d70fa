/* Overrides, addresses, and the checks across keys. */
#include "tests/unit/config_helper.h"

static void overrides(void **state)
{
    (void)state;
    struct settings s;
    config_defaults(&s);
    set_ok(&s, "queue.bound=64");
    assert_int_equal(s.queue.bound, 64);
    set_ok(&s, "queue.bound=65"); /* the last one counts */
    assert_int_equal(s.queue.bound, 65);
    set_ok(&s, "ttl.default='2h'");
    assert_int_equal(s.ttl.default_ms, 7200000);
    set_ok(&s, "threads= 5 # YAML");
    assert_int_equal(s.threads, 5);

    set_ok(&s, "listen.text=[127.0.0.1:0,unix:/tmp/x]");
    assert_int_equal(s.listen.text.count, 2);
    assert_int_equal(s.listen.text.at[0].port, 0);
    assert_string_equal(s.listen.text.at[1].path, "/tmp/x");
    set_ok(&s, "listen.text=[::1]:7811");
    assert_int_equal(s.listen.text.count, 1);
    assert_string_equal(s.listen.text.at[0].host, "::1");
    set_ok(&s, "listen.text=[\"[::1]:1\", \"[::]:2\"]");
    assert_int_equal(s.listen.text.count, 2);
    assert_string_equal(s.listen.text.at[1].host, "::");
    set_ok(&s, "listen.text=off");
    assert_int_equal(s.listen.text.count, 0);
}

static void override_errors(void **state)
{
    (void)state;
    EXPECT_SET("queue.bound=abc", "--set queue.bound=abc: not a whole number, expected 1 to 1048576");
    EXPECT_SET("queue.bound=", "--set queue.bound=: no value, expected 1 to 1048576");
    EXPECT_SET("queue.bound=# 5", "--set queue.bound=# 5: no value, expected 1 to 1048576");
    EXPECT_SET("queue.bound=[1]", "--set queue.bound=[1]: a list, expected 1 to 1048576");
    EXPECT_SET("queue.bound={a: 1}", "--set queue.bound={a: 1}: a mapping, expected 1 to 1048576");
    EXPECT_SET("queue.bound=&a 1", "--set queue.bound=&a 1: anchor &a, expected only a value");
    EXPECT_SET("queue.bound=1\n--- 2", "--set queue.bound=1\\x0a--- 2: a second document, expected only one");
    EXPECT_SET("queue.bound", "--set queue.bound: no \"=\", expected key=value");
    EXPECT_SET("", "--set : no \"=\", expected key=value");
    EXPECT_SET("queue=5", "--set queue=5: \"queue\" is a section, expected one of its keys, such as queue.bound");
    EXPECT_SET("owner.cpus=3-",
               "--set owner.cpus=3-: no set of processors, expected any, or numbers and ranges below "
               "256, as in 0-3,6");
    EXPECT_SET("owner.cpus=5-2", "--set owner.cpus=5-2: no set of processors, expected any, or numbers and ranges "
                                 "below 256, as in 0-3,6");
    EXPECT_SET("threads_cpus=256",
               "--set threads_cpus=256: no set of processors, expected any, or numbers and ranges "
               "below 256, as in 0-3,6");
    EXPECT_SET("queue.target=5m",
               "--set queue.target=5m: unknown unit \"m\", short durations take us, ms, s or no unit "
               "(seconds); expected off or 0ms to 60s");
    EXPECT_SET("queue.bond=5", "--set queue.bond=5: unknown key \"queue.bond\", did you mean \"queue.bound\"?");
    EXPECT_SET("bound=5", "--set bound=5: unknown key \"bound\", did you mean \"queue.bound\"?");
    EXPECT_SET("zebra=5",
               "--set zebra=5: unknown key \"zebra\", expected section.key, or one of listen, threads, "
               "threads_cpus, backend, mutex, shards, owner, queue, class, ttl, work, limits, log, shutdown");
    EXPECT_SET("=5", "--set =5: unknown key \"\", expected section.key, or one of listen, threads, threads_cpus, "
                     "backend, mutex, shards, "
                     "owner, queue, class, ttl, work, limits, log, shutdown");
    EXPECT_SET("listen.text=[a:1, b]",
               "--set listen.text=[a:1, b]: \"b\": no port, expected host:port, [v6]:port or unix:/path");
    EXPECT_SET("listen.text=[a:1, [b:1]]", "--set listen.text=[a:1, [b:1]]: a list, expected an address");
    EXPECT_SET("listen.text=[]", "--set listen.text=[]: an empty list, expected an address, or off");
    EXPECT_SET("listen.text=[a:1", "--set listen.text=[a:1: no \"]\" before the port, expected [v6]:port");
    EXPECT_SET("listen.text=[a:1, off]",
               "--set listen.text=[a:1, off]: \"off\": off cannot stand in a list, expected an address");
}

static void addresses(void **state)
{
    (void)state;
    struct settings s;
    config_defaults(&s);
    set_ok(&s, "listen.text=localhost:65535");
    assert_string_equal(s.listen.text.at[0].host, "localhost");
    assert_int_equal(s.listen.text.at[0].port, 65535);
    assert_string_equal(s.listen.text.at[0].text, "localhost:65535");
    set_ok(&s, "listen.text=[fe80::1%eth0]:5");
    assert_string_equal(s.listen.text.at[0].host, "fe80::1%eth0");

    set_ok(&s, "listen.text=unix:/tmp/x");
    assert_true(s.listen.text.at[0].is_unix);
    assert_int_equal(s.listen.text.at[0].mode, 0660);
    set_ok(&s, "listen.text=unix:/tmp/x?mode=0600");
    assert_int_equal(s.listen.text.at[0].mode, 0600);
    assert_string_equal(s.listen.text.at[0].path, "/tmp/x");
    set_ok(&s, "listen.text=unix:/tmp/x?mode=777");
    assert_int_equal(s.listen.text.at[0].mode, 0777);

    char text[300] = "listen.text=unix:/";
    memset(text + 18, 'p', 106); /* a path of 107 bytes, the longest */
    set_ok(&s, text);
    assert_int_equal(strlen(s.listen.text.at[0].path), 107);
    memset(text, 0, sizeof text);
    strcpy(text, "listen.text=");
    memset(text + 12, 'h', 255);
    strcat(text, ":65535");
    set_ok(&s, text);
    assert_int_equal(strlen(s.listen.text.at[0].host), 255);
}

static void expect_address_error(const char *address, const char *why)
{
    char assignment[512], error[768];
    snprintf(assignment, sizeof assignment, "listen.text='%s'", address);
    snprintf(error, sizeof error, "--set listen.text='%s': %s", address, why);
    EXPECT_SET(assignment, error);
}

static void address_errors(void **state)
{
    (void)state;
    static const char every[] = "no host; for every interface write 0.0.0.0:port or [::]:port explicitly";
    static const char no_port[] = "no port, expected host:port, [v6]:port or unix:/path";
    static const char port[] = "bad port, expected 0 to 65535";
    static const char name[] =
        "neither a host name nor an IPv4 address, expected host:port, [v6]:port or unix:/path";
    static const char mode[] = "bad mode, expected octal permission bits, as in ?mode=0660";
    expect_address_error(":7811", every);
    expect_address_error("*:7811", every);
    expect_address_error("7811", "no host, write 127.0.0.1:port, or 0.0.0.0:port for every interface");
    expect_address_error("localhost", no_port);
    expect_address_error("[::1]", no_port);
    expect_address_error("a:", port);
    expect_address_error("a:65536", port);
    expect_address_error("a:-1", port);
    expect_address_error("a:http", port);
    expect_address_error("a:000001", port);
    expect_address_error("::1:7811", "an IPv6 address needs brackets, expected [v6]:port");
    expect_address_error("[::g]:1", "not an IPv6 address, expected [v6]:port");
    expect_address_error("[]:1", "not an IPv6 address, expected [v6]:port");
    expect_address_error("[::1%]:1", "not an IPv6 address, expected [v6]:port");
    expect_address_error("[::1:7811", "no \"]\" before the port, expected [v6]:port");
    expect_address_error("256.0.0.1:1", name);
    expect_address_error("a b:1", name);
    expect_address_error("http//x:1", name);
    expect_address_error("/tmp/x", "a path, write unix: in front of it");
    expect_address_error("unix:tmp/x", "not an absolute path, expected unix:/path");
    expect_address_error("unix:", "not an absolute path, expected unix:/path");
    expect_address_error("unix:/x?mode=1660", mode);
    expect_address_error("unix:/x?mode=0680", mode);
    expect_address_error("unix:/x?mode=66", mode);
    expect_address_error("unix:/x?mode=", mode);
    expect_address_error("unix:/x?made=0660",
                         "unknown option after \"?\", expected ?mode= and octal digits, as in ?mode=0660");

    EXPECT_FILE("listen: {text: \"unix:/a\\0b\"}",
                "f.yaml:1:16: listen.text is \"unix:/a\\x00b\": holds a control character, expected host:port, "
                "[v6]:port or unix:/path");
    EXPECT_FILE("listen: {text: \"unix:/a\\L\"}",
                "f.yaml:1:16: listen.text is \"unix:/a\u2028\": holds a control character, expected host:port, "
                "[v6]:port or unix:/path");
}

static void address_limits(void **state)
{
    (void)state;
    char path[109] = "/";
    memset(path + 1, 'p', 107);
    char address[300];
    snprintf(address, sizeof address, "unix:%s", path);
    expect_address_error(address, "path too long for a socket, expected at most 107 bytes");
    memset(address, 'h', 256);
    strcpy(address + 256, ":1");
    struct settings s;
    struct config_errors *errors = config_errors_create();
    char assignment[512];
    config_defaults(&s);
    snprintf(assignment, sizeof assignment, "listen.text=%s", address);
    assert_false(config_set(&s, assignment, errors));
    assert_non_null(strstr(config_errors_at(errors, 0), "host name too long, expected at most 255 bytes"));
    config_errors_destroy(errors);

    char list[256] = "listen.text=[a:0";
    for (int i = 1; i < SETTINGS_ADDRESSES_MAX; i++)
        strcat(list, ",a:0");
    strcpy(assignment, list);
    strcat(assignment, "]");
    set_ok(&s, assignment);
    assert_int_equal(s.listen.text.count, SETTINGS_ADDRESSES_MAX);
    strcpy(assignment, list);
    strcat(assignment, ",b:0]");
    char error[768];
    snprintf(error, sizeof error, "--set %s: \"b:0\": too many addresses, expected at most 16", assignment);
    EXPECT_SET(assignment, error);
}

/* What is wrong leaves the setting alone, so that one error does not bring others with it. */
static void errors_change_nothing(void **state)
{
    (void)state;
    static const char *const wrong[] = {"listen.text=x", "listen.text=[a:1,b]", "listen.text=[]", "threads=65",
                                        "backend=x",     "limits.value=2GiB",   "ttl.default=0",  "listen.text="};
    struct settings before, s;
    struct config_errors *errors = config_errors_create();
    config_defaults(&before);
    s = before;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(config_set(&s, wrong[i], errors));
    assert_memory_equal(&s, &before, sizeof s);
    assert_int_equal(config_errors_count(errors), sizeof wrong / sizeof wrong[0]);
    config_errors_destroy(errors);
}

/* Applies up to three assignments to the defaults and validates. */
static void check(const char *a, const char *b, const char *c, const char *const *errors)
{
    struct settings s;
    struct config_errors *found = config_errors_create();
    config_defaults(&s);
    set_ok(&s, a);
    if (b) set_ok(&s, b);
    if (c) set_ok(&s, c);
    assert_int_equal(config_validate(&s, "f.yaml", found), !errors[0]);
    expect_errors(found, errors);
}

/* What contradicts each other in a file is told with the line of the one that is wrong, or of the other. */
static void cross_checks_name_lines(void **state)
{
    (void)state;
    static const char text[] = "limits:\n  output_hard: 2MiB\n  line: 512\n  output_soft: 3MiB\n"
                               "ttl: {max_lifetime: 1m}\nlisten: {text: \"h:1\",\n  resp: \"h:1\"}\n";
    static const char *const expected[] = {
        "f.yaml:7: listen.text and listen.resp both listen on h:1, expected each address once",
        "f.yaml:5: ttl.default is 30m, but ttl.max_lifetime is 1m, expected default to be at most max_lifetime",
        "f.yaml:4: limits.output_hard is 2MiB, but limits.output_soft is 3MiB, expected output_hard to be at least "
        "output_soft",
        "f.yaml:3: limits.line is 512, but limits.key is 512, expected line to be at least 768 (a key and what "
        "stands "
        "around it)",
        NULL};
    struct settings s;
    struct config_errors *found = config_errors_create();
    config_defaults(&s);
    assert_true(config_load_text(&s, "f.yaml", text, sizeof text - 1, found));
    assert_true(config_set(&s, "limits.output_hard=2MiB", found)); /* it is no longer the file's */
    assert_false(config_validate(&s, "f.yaml", found));
    expect_errors(found, expected);
}

#define CHECK(a_, b_, c_, ...) check(a_, b_, c_, (const char *const[]){__VA_ARGS__, NULL})

static void cross_checks(void **state)
{
    (void)state;
    CHECK("threads=auto", NULL, NULL, NOTHING); /* the defaults are valid */
    CHECK("limits.output_hard=2MiB", "limits.output_soft=2MiB", NULL, NOTHING);
    CHECK("limits.output_hard=2MiB", "limits.output_soft=2097153", NULL,
          "f.yaml: limits.output_hard is 2MiB, but limits.output_soft is 2097153, expected output_hard to be at "
          "least output_soft");
    CHECK("limits.output_hard=1048832", NULL, NULL, NOTHING); /* 1 MiB + 256 */
    CHECK("limits.output_hard=1048831", NULL, NULL,
          "f.yaml: limits.output_hard is 1048831, but limits.value is 1MiB, expected output_hard to be at least "
          "1048832 (one value and its header)");
    CHECK("limits.line=768", NULL, NULL, NOTHING);
    CHECK("limits.line=767", NULL, NULL,
          "f.yaml: limits.line is 767, but limits.key is 512, expected line to be at least 768 (a key and what "
          "stands around it)");
    CHECK("work.where=outside", "backend=mutex", NULL, NOTHING);
    CHECK("work.where=outside", "backend=owner", NULL,
          "f.yaml: work.where is outside, but backend is owner, expected inside: only the mutex backend can work "
          "outside");
    CHECK("ttl.max_lifetime=30m", NULL, NULL, NOTHING);
    CHECK("ttl.max_lifetime=1799999ms", NULL, NULL,
          "f.yaml: ttl.default is 30m, but ttl.max_lifetime is 1799999ms, expected default to be at most "
          "max_lifetime");
    CHECK("ttl.max_lifetime=1d", "ttl.default=never", NULL,
          "f.yaml: ttl.default is never, but ttl.max_lifetime is 1d, expected default to be at most max_lifetime");
    CHECK("ttl.default=never", NULL, NULL, NOTHING);
}

static void listener_checks(void **state)
{
    (void)state;
    CHECK("listen.text=off", "listen.resp=off", "listen.memcached=off",
          "f.yaml: every listener is off, expected at least one address, such as listen.text: 127.0.0.1:7811");
    CHECK("listen.text=[a:1,a:2,b:1,a:0,a:0,unix:/x,unix:/y]", NULL, NULL, NOTHING);
    CHECK("listen.text=[a:1,b:1,A:1]", NULL, NULL,
          "f.yaml: listen.text names A:1 twice, expected each address once");
    CHECK("listen.text=[unix:/x,\"unix:/x?mode=0600\"]", NULL, NULL,
          "f.yaml: listen.text names unix:/x?mode=0600 twice, expected each address once");
    CHECK("listen.text=[\"[::1]:1\",\"[0:0::1]:1\"]", NULL, NULL,
          "f.yaml: listen.text names [0:0::1]:1 twice, expected each address once");
    CHECK("listen.text=127.0.0.1:7812", "work.where=outside", "limits.line=512",
          "f.yaml: listen.text and listen.resp both listen on 127.0.0.1:7812, expected each address once",
          "f.yaml: work.where is outside, but backend is backpressure, expected inside: only the mutex backend can "
          "work outside",
          "f.yaml: limits.line is 512, but limits.key is 512, expected line to be at least 768 (a key and what "
          "stands around it)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(overrides),       cmocka_unit_test(override_errors),
        cmocka_unit_test(addresses),       cmocka_unit_test(address_errors),
        cmocka_unit_test(address_limits),  cmocka_unit_test(errors_change_nothing),
        cmocka_unit_test(cross_checks),    cmocka_unit_test(cross_checks_name_lines),
        cmocka_unit_test(listener_checks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
