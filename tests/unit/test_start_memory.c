/* Every allocation of the daemon's start fails once: it then says so in one line and exits with 1, or starts all
 * the same. The linker leads malloc and its kin through here. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/daemon.h"
#include "tests/unit/failing_alloc.h"

#define HANG_S       200
#define ATTEMPTS_MAX 3000

/* In a process of its own, whose messages go to `out`. */
static _Noreturn void run_daemon(int out, char **argv, long nth)
{
    int argc = 0;
    while (argv[argc])
        argc++;
    dup2(out, STDERR_FILENO);
    dup2(out, STDOUT_FILENO);
    allocations_left = nth;
    int status = daemon_main(argc, argv, &clock_system);
    /* 100: nothing failed, as there are fewer allocations */
    _exit(status == 0 && allocations_left >= 0 ? 100 : status);
}

/* All that it says. Once it is ready it is ended. */
static void read_messages(int in, pid_t pid, char *text, size_t size)
{
    size_t len = 0;
    bool ended = false;
    for (ssize_t n; len + 1 < size && (n = read(in, text + len, size - 1 - len)) > 0;) {
        len += (size_t)n;
        text[len] = '\0';
        if (!ended && strstr(text, "msg=ready")) {
            ended = true;
            kill(pid, SIGTERM);
        }
    }
    text[len] = '\0';
}

/* The exit status. */
static int run_with_failure(char **argv, long nth, char *text, size_t size)
{
    int ends[2], status = 0;
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(ends[0]);
        run_daemon(ends[1], argv, nth);
    }
    close(ends[1]);
    read_messages(ends[0], pid, text, size);
    close(ends[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (!WIFEXITED(status)) fail_msg("allocation %ld: ended by signal %d: %s", nth, WTERMSIG(status), text);
    return WEXITSTATUS(status);
}

/* Lines that say what is wrong, and are no news of how far it came. */
static int complaints(const char *text)
{
    int count = 0;
    while (*text) {
        size_t len = strcspn(text, "\n");
        bool news = memmem(text, len, "level=info", 10) || memmem(text, len, "level=warn", 10);
        count += !news;
        text += len + (text[len] == '\n');
    }
    return count;
}

static void expect_words_for_every_failure(char **argv)
{
    static char text[65536];
    int status = 1, failures = 0;
    long nth = 0;
    for (; status != 100; nth++) {
        assert_true(nth < ATTEMPTS_MAX);
        status = run_with_failure(argv, nth, text, sizeof text);
        if (status == 1) {
            failures++;
            if (complaints(text) != 1) fail_msg("allocation %ld failed, and it said: '%s'", nth, text);
        } else if (status != 0 && status != 100) {
            fail_msg("allocation %ld: exit status %d: %s", nth, status, text);
        }
    }
    assert_true(failures > 5);
}

static void a_start_without_memory_says_so(void **state)
{
    (void)state;
    static char *const variants[][4] = {
        {"backend=owner", "threads=1", "shards=1", NULL},
        {"backend=backpressure", "threads=2", "owner.placement=thread", NULL},
        {"backend=mutex", "threads=1", "mutex.workers=1", NULL},
    };
    for (size_t i = 0; i < sizeof variants / sizeof variants[0]; i++) {
        char *argv[20] = {"sluiced",
                          "--set",
                          "listen.text=127.0.0.1:0",
                          "--set",
                          "listen.resp=off",
                          "--set",
                          "listen.memcached=off",
                          "--set",
                          "limits.connections=20"};
        int argc = 9;
        for (int n = 0; variants[i][n]; n++) {
            argv[argc++] = "--set";
            argv[argc++] = variants[i][n];
        }
        expect_words_for_every_failure(argv);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_start_without_memory_says_so)};
    alarm(HANG_S);
    return cmocka_run_group_tests_name("start: memory", tests, NULL, NULL);
}
