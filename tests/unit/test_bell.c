/* The bell: who has to wake whom, what ends a wait, and the descriptor. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "daemon/queue/bell.h"

#define HANG_S 120 /* a lost wakeup hangs; the alarm then kills the test */

static bool readable(const struct bell *b)
{
    struct pollfd p = {.fd = b->fd, .events = POLLIN};
    return poll(&p, 1, 0) == 1;
}

static void rings_only_for_a_sleeper(void **state)
{
    (void)state;
    struct bell b;
    bell_init(&b);
    assert_int_equal(b.fd, -1);
    assert_false(bell_ring(&b)); /* awake from the start */
    bell_arm(&b);
    assert_true(bell_ring(&b)); /* the first one wakes, the next need not */
    assert_false(bell_ring(&b));
    bell_arm(&b);
    bell_disarm(&b);
    assert_false(bell_ring(&b));
    bell_arm(&b);
    bell_arm(&b);
    assert_true(bell_ring(&b));
    assert_false(bell_ring(&b));
    bell_close(&b);
}

static void waits_only_while_armed(void **state)
{
    (void)state;
    struct bell b;
    bell_init(&b);
    bell_wait(&b, UINT64_MAX); /* not armed: comes back at once or the alarm ends the test */
    bell_arm(&b);
    assert_true(bell_ring(&b));
    bell_wait(&b, UINT64_MAX); /* rung between arm and wait */
    bell_arm(&b);
    bell_disarm(&b);
    bell_wait(&b, UINT64_MAX);
    bell_close(&b);
}

static void stops_waiting_when_time_has_passed(void **state)
{
    (void)state;
    static const uint64_t limits[] = {0, 1, 999999, 1000000};
    struct bell b;
    bell_init(&b);
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        bell_arm(&b);
        bell_wait(&b, limits[i]);
        assert_true(bell_ring(&b)); /* it was time that ended the wait: the flag is still up */
    }
    bell_close(&b);
}

/* The longest limits that are not "none" are good ones for the kernel too. */
static void takes_any_limit(void **state)
{
    (void)state;
    static const uint64_t limits[] = {999999999, 1000000000, INT64_MAX, UINT64_MAX - 1, UINT64_MAX};
    struct bell b;
    bell_init(&b);
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        bell_arm(&b);
        assert_true(bell_ring(&b));
        bell_wait(&b, limits[i]);
    }
    bell_close(&b);
}

struct sleeper {
    struct bell bell;
    atomic_bool woken;
};

static void *sleeper_main(void *arg)
{
    struct sleeper *s = arg;
    bell_arm(&s->bell);
    bell_wait(&s->bell, UINT64_MAX);
    atomic_store(&s->woken, true);
    return NULL;
}

static void on_signal(int signo)
{
    (void)signo;
}

static void a_signal_ends_the_wait(void **state)
{
    (void)state;
    struct sigaction action = {.sa_handler = on_signal}, old; /* without SA_RESTART */
    struct sleeper s = {.woken = false};
    pthread_t thread;
    sigaction(SIGUSR1, &action, &old);
    bell_init(&s.bell);
    assert_int_equal(pthread_create(&thread, NULL, sleeper_main, &s), 0);
    while (!atomic_load(&s.woken)) {
        pthread_kill(thread, SIGUSR1);
        sched_yield();
    }
    pthread_join(thread, NULL);
    assert_true(bell_ring(&s.bell)); /* nobody had rung */
    bell_close(&s.bell);
    sigaction(SIGUSR1, &old, NULL);
}

static void fd_is_readable_when_rung(void **state)
{
    (void)state;
    struct bell b;
    assert_true(bell_init_fd(&b));
    assert_true(b.fd >= 0);
    assert_false(bell_ring(&b));
    assert_false(readable(&b)); /* awake: no system call, nothing to read */
    bell_drain(&b);             /* with nothing to drain it comes back at once */
    for (int i = 0; i < 3; i++) {
        bell_arm(&b);
        assert_false(readable(&b));
        assert_true(bell_ring(&b));
        assert_true(readable(&b));
        assert_false(bell_ring(&b));
        bell_drain(&b);
        assert_false(readable(&b));
    }
    /* Several wakes that nobody drained in between are one. */
    bell_arm(&b);
    assert_true(bell_ring(&b));
    bell_arm(&b);
    assert_true(bell_ring(&b));
    bell_drain(&b);
    assert_false(readable(&b));
    bell_close(&b);
    assert_int_equal(b.fd, -1);
    bell_close(&b); /* again: harmless */
}

static void no_descriptor_is_an_error(void **state)
{
    (void)state;
    struct rlimit old, none;
    struct bell b;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    none = old;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    bool made = bell_init_fd(&b);
    int error = errno;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_false(made);
    assert_int_equal(error, EMFILE);
    bell_close(&b); /* nothing to close */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rings_only_for_a_sleeper),
        cmocka_unit_test(waits_only_while_armed),
        cmocka_unit_test(stops_waiting_when_time_has_passed),
        cmocka_unit_test(takes_any_limit),
        cmocka_unit_test(a_signal_ends_the_wait),
        cmocka_unit_test(fd_is_readable_when_rung),
        cmocka_unit_test(no_descriptor_is_an_error),
    };
    alarm(HANG_S);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
