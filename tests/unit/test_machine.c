/* What a process may use of a machine, read from made-up files under /proc and /sys. */
#include "daemon/base/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define MEMINFO "/proc/meminfo", "Buffers: 5 kB\nMemTotal:       4000 kB\nMemFree: 7 kB\n"
#define GROUPS  "/proc/self/cgroup"
#define FILES   6

struct machine_case {
    const char *name;
    const char *files[FILES][2]; /* path, text */
    uint64_t memory;
    bool capped;
};

static const struct machine_case cases[] = {
    {"nothing known", {{NULL}}, 0, false},
    {"no groups", {{MEMINFO}}, 4000 * 1024, false},
    {"no limit", {{MEMINFO}, {GROUPS, "0::/a\n"}, {"/sys/fs/cgroup/a/memory.max", "max\n"}}, 4000 * 1024, false},
    {"version 2",
     {{MEMINFO}, {GROUPS, "0::/a/b\n"}, {"/sys/fs/cgroup/a/b/memory.max", "1000000\n"}},
     1000000,
     true},
    {"a group around it",
     {{MEMINFO},
      {GROUPS, "0::/a/b\n"},
      {"/sys/fs/cgroup/a/b/memory.max", "2000000\n"},
      {"/sys/fs/cgroup/a/memory.max", "1000000\n"}},
     1000000,
     true},
    {"slowed down before",
     {{MEMINFO},
      {GROUPS, "0::/a\n"},
      {"/sys/fs/cgroup/a/memory.max", "2000000\n"},
      {"/sys/fs/cgroup/a/memory.high", "1500000\n"}},
     1500000,
     true},
    {"the top of a container", {{MEMINFO}, {GROUPS, "0::/\n"}, {"/sys/fs/cgroup/memory.max", "7\n"}}, 7, true},
    {"a path from outside the container",
     {{MEMINFO}, {GROUPS, "0::/host/c1\n"}, {"/sys/fs/cgroup/memory.max", "900000\n"}},
     900000,
     true},
    {"version 1",
     {{MEMINFO},
      {GROUPS, "5:cpu,cpuacct:/x\n4:hugetlb,memory:/a:b\n0::/\n"},
      {"/sys/fs/cgroup/memory/a:b/memory.limit_in_bytes", "123456\n"}},
     123456,
     true},
    {"version 1, no limit",
     {{MEMINFO},
      {GROUPS, "4:memory:/\n"},
      {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"}},
     4000 * 1024,
     false},
    {"more than there is",
     {{MEMINFO}, {GROUPS, "0::/a\n"}, {"/sys/fs/cgroup/a/memory.max", "99999999999\n"}},
     4000 * 1024,
     false},
    {"nonsense", {{"/proc/meminfo", "MemTotal: lots\n"}, {GROUPS, "4\n:\nmemory\n"}}, 0, false},
};

static void write_file(const char *root, const char *path, const char *text)
{
    char name[512];
    snprintf(name, sizeof name, "%s%s", root, path);
    for (char *slash = strchr(name + strlen(root) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(name, 0700) != 0) assert_int_equal(errno, EEXIST);
        *slash = '/';
    }
    FILE *f = fopen(name, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void remove_files(const char *root, const struct machine_case *c)
{
    for (int i = 0; i < FILES && c->files[i][0]; i++) {
        char name[512];
        snprintf(name, sizeof name, "%s%s", root, c->files[i][0]);
        assert_int_equal(unlink(name), 0);
        for (char *slash = strrchr(name, '/'); slash > name + strlen(root) - 1; slash = strrchr(name, '/')) {
            *slash = '\0';
            rmdir(name); /* where nothing else is in it */
        }
    }
}

static void memory_is_what_the_closest_limit_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char root[] = "/tmp/sluice-machine-XXXXXX";
        struct machine m;
        assert_non_null(mkdtemp(root));
        for (int n = 0; n < FILES && cases[i].files[n][0]; n++)
            write_file(root, cases[i].files[n][0], cases[i].files[n][1]);
        machine_read(&m, root);
        remove_files(root, &cases[i]);
        rmdir(root);
        if (m.memory != cases[i].memory || m.memory_capped != cases[i].capped)
            fail_msg("%s: %llu bytes%s", cases[i].name, (unsigned long long)m.memory,
                     m.memory_capped ? ", capped" : "");
    }
}

static void this_machine_is_known(void **state)
{
    (void)state;
    struct machine m;
    uint64_t bits = 0;
    machine_read(&m, "");
    for (size_t i = 0; i < THREAD_CPUS_MAX / 64; i++)
        bits |= m.allowed.bits[i];
    assert_true(m.processors > 0);
    assert_true(bits != 0);
    assert_true(m.memory > 1 << 20);
}

/* Read while no descriptor is left. */
static void resident_memory_needs_no_new_descriptor(void **state)
{
    (void)state;
    struct rlimit before, none;
    int fd = resident_open();
    assert_true(fd >= 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    uint64_t bytes = resident_bytes(fd), again = resident_bytes(fd);
    int failed = open("/proc/self/statm", O_RDONLY);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(failed, -1);
    assert_true(bytes > 4096 && again > 4096);
    close(fd);
    assert_int_equal(resident_bytes(-1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_what_the_closest_limit_says),
        cmocka_unit_test(this_machine_is_known),
        cmocka_unit_test(resident_memory_needs_no_new_descriptor),
    };
    return cmocka_run_group_tests_name("machine", tests, NULL, NULL);
}
