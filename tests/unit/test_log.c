/* The logger: direct and buffered writing through pipes, full and broken ones too. Nothing here may block: a hang
 * is ended by an alarm and fails the test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/base/log.h"

#define HANG_S    60
#define PATIENT   (HANG_S * 1000) /* for log_stop_within where nothing is stuck */
#define MANY      3000            /* lines of a hundred bytes and more: beyond any buffer here */
#define READ_SIZE 65536

/* A small pipe, so that it is soon full. */
static void open_pipe(int ends[2])
{
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_true(fcntl(ends[1], F_SETPIPE_SZ, 4096) >= 4096);
}

/* Reads until the other end is closed; the caller frees. */
static char *read_to_end(int fd, size_t *len)
{
    size_t capacity = 1 << 20;
    char *text = malloc(capacity + 1);

    assert(text);
    *len = 0;
    for (;;) {
        ssize_t n = read(fd, text + *len, capacity - *len);
        assert(n >= 0);
        if (!n) break;
        *len += (size_t)n;
        assert(*len < capacity);
    }
    text[*len] = '\0';
    return text;
}

static size_t count_of(const char *text, const char *what)
{
    size_t n = 0;

    for (const char *at = text; (at = strstr(at, what)); at++)
        n++;
    return n;
}

/* The sum of the numbers in all reports of dropped lines. */
static uint64_t reported_drops(const char *text)
{
    static const char report[] = "level=warn msg=\"log lines dropped\" lines=";
    uint64_t sum = 0;

    for (const char *at = text; (at = strstr(at, report)); at++)
        sum += strtoull(at + sizeof report - 1, NULL, 10);
    return sum;
}

static void lines_arrive_in_order(void **state)
{
    int ends[2];
    size_t len;

    (void)state;
    open_pipe(ends);
    assert_true(log_start_fd(LOG_INFO, LOG_LOGFMT, ends[1]));
    log_info("first");
    log_debug("hidden");
    log_warn("second", LOG_U64("n", 2));
    log_error("third", LOG_STR("a", "b c"), LOG_I64("i", -1));
    assert_true(log_stop_within(PATIENT));
    close(ends[1]);

    char *text = read_to_end(ends[0], &len);
    char *lines[4] = {text};
    for (int i = 1; i < 4; i++) {
        lines[i] = strchr(lines[i - 1], '\n');
        assert_non_null(lines[i]);
        *lines[i]++ = '\0';
    }
    /* 27 characters of time stamp, checked with the format of lines */
    assert_string_equal(lines[0] + 27, " level=info msg=first");
    assert_string_equal(lines[1] + 27, " level=warn msg=second n=2");
    assert_string_equal(lines[2] + 27, " level=error msg=third a=\"b c\" i=-1");
    assert_string_equal(lines[3], "");
    free(text);
    close(ends[0]);
}

static void format_and_level_are_those_of_the_start(void **state)
{
    int ends[2];
    size_t len;

    (void)state;
    open_pipe(ends);
    assert_true(log_start_fd(LOG_ERROR, LOG_JSON, ends[1]));
    assert_false(log_enabled(LOG_WARN));
    assert_true(log_enabled(LOG_ERROR));
    log_warn("hidden");
    log_write(LOG_INFO, "hidden", NULL, 0);
    log_error("shown");
    assert_true(log_stop_within(PATIENT));
    assert_true(log_start_fd(LOG_DEBUG, LOG_LOGFMT, ends[1]));
    assert_true(log_enabled(LOG_DEBUG));
    log_debug("shown again");
    assert_true(log_stop_within(PATIENT));
    close(ends[1]);

    char *text = read_to_end(ends[0], &len);
    assert_non_null(strstr(text, "\"level\":\"error\",\"msg\":\"shown\"}\n"));
    assert_non_null(strstr(text, " level=debug msg=\"shown again\"\n"));
    assert_null(strstr(text, "hidden"));
    free(text);
    close(ends[0]);
}

static void arguments_of_hidden_lines_are_not_evaluated(void **state)
{
    int evaluated = 0;

    (void)state;
    assert_true(log_start_fd(LOG_ERROR, LOG_LOGFMT, STDERR_FILENO));
    log_info("hidden", LOG_U64("n", ++evaluated));
    assert_true(log_stop_within(PATIENT));
    assert_int_equal(evaluated, 0);
}

static void starting_twice_is_refused(void **state)
{
    (void)state;
    assert_true(log_start(LOG_INFO, LOG_LOGFMT));
    errno = 0;
    assert_false(log_start(LOG_DEBUG, LOG_JSON));
    assert_int_equal(errno, EBUSY);
    assert_false(log_enabled(LOG_DEBUG)); /* the refused start changed nothing */
    assert_true(log_stop());
    assert_true(log_stop()); /* nothing to stop */
}

/* With no thread, a line is on standard error when the call returns. */
static void without_thread_lines_are_written_at_once(void **state)
{
    int ends[2], saved = dup(STDERR_FILENO);
    char text[LOG_LINE_MAX];

    (void)state;
    open_pipe(ends);
    assert_true(log_start_fd(LOG_INFO, LOG_LOGFMT, ends[1]));
    assert_true(log_stop_within(PATIENT));

    dup2(ends[1], STDERR_FILENO);
    log_info("direct", LOG_U64("n", 1));
    dup2(saved, STDERR_FILENO);
    close(saved);
    ssize_t n = read(ends[0], text, sizeof text);
    assert_true(n > 27);
    assert_int_equal(n - 27, strlen(" level=info msg=direct n=1\n"));
    assert_memory_equal(text + 27, " level=info msg=direct n=1\n", (size_t)n - 27);
    close(ends[0]);
    close(ends[1]);
}

static void keys_never_appear(void **state)
{
    static const char key[] = "ab45e9c0-session";
    int ends[2];
    size_t len;

    (void)state;
    open_pipe(ends);
    assert_true(log_start_fd(LOG_INFO, LOG_LOGFMT, ends[1]));
    log_info("got", LOG_KEY("session", key, sizeof key - 1));
    log_info("got", LOG_KEY("session", key, sizeof key - 1));
    log_info("got", LOG_KEY("session", key, sizeof key - 2));
    assert_true(log_stop_within(PATIENT));
    close(ends[1]);

    char *text = read_to_end(ends[0], &len);
    assert_null(strstr(text, "ab45"));
    const char *hash[3], *at = text;
    for (int i = 0; i < 3; i++) {
        at = strstr(at, "session=");
        assert_non_null(at);
        hash[i] = at += 8;
        assert_int_equal(strspn(hash[i], "0123456789abcdef"), 8);
        assert_int_equal(hash[i][8], '\n');
    }
    assert_memory_equal(hash[0], hash[1], 8); /* the same key can be followed through the log */
    assert_memory_not_equal(hash[0], hash[2], 8);
    free(text);
    close(ends[0]);
}

/* Nobody reads while lines are logged, far more than the buffer holds; the calls return all the same. Then every
 * line has either arrived or been counted and reported. */
static void check_full_pipe(int ends[2])
{
    uint64_t before = log_dropped();
    size_t received_len = 0, capacity = 1 << 20;
    char *received = malloc(capacity + 1);

    assert_non_null(received);
    received[0] = '\0';
    assert_true(log_start_fd(LOG_INFO, LOG_LOGFMT, ends[1]));
    for (uint64_t i = 0; i < MANY; i++) {
        log_info("a line that is somewhat longer than others, to fill the buffer sooner, and then to be dropped",
                 LOG_U64("n", i));
    }
    uint64_t dropped = log_dropped() - before;
    assert_true(dropped > 0 && dropped < MANY);

    while (!strstr(received, "log lines dropped") || received[received_len - 1] != '\n') {
        ssize_t n = read(ends[0], received + received_len, capacity - received_len);
        assert_true(n > 0);
        received_len += (size_t)n;
        received[received_len] = '\0';
    }
    log_info("room again");
    assert_true(log_stop_within(PATIENT));
    ssize_t n = read(ends[0], received + received_len, capacity - received_len);
    assert_true(n > 0);
    received[received_len + (size_t)n] = '\0';

    assert_int_equal(count_of(received, "a line that is"), MANY - dropped);
    assert_int_equal(count_of(received, "log lines dropped"), 1);
    assert_int_equal(reported_drops(received), dropped);
    assert_non_null(strstr(received, "msg=\"room again\"\n"));
    assert_int_equal(log_dropped() - before, dropped);
    free(received);
    close(ends[0]);
    close(ends[1]);
}

static void full_pipe_never_blocks(void **state)
{
    int ends[2];

    (void)state;
    open_pipe(ends);
    check_full_pipe(ends);
}

static void full_nonblocking_pipe_loses_nothing_more(void **state)
{
    int ends[2];

    (void)state;
    open_pipe(ends);
    assert_int_equal(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
    check_full_pipe(ends);
}

static void stuck_pipe_is_given_up_and_comes_back(void **state)
{
    int ends[2], again[2];
    char sink[READ_SIZE];
    size_t len;

    (void)state;
    open_pipe(ends);
    assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
    assert_true(log_start_fd(LOG_INFO, LOG_LOGFMT, ends[1]));
    for (uint64_t i = 0; i < MANY; i++)
        log_info("stuck", LOG_U64("n", i));
    assert_false(log_stop_within(20));

    uint64_t dropped = log_dropped();
    log_error("nobody can read this");
    assert_int_equal(log_dropped(), dropped + 1);
    assert_false(log_stop_within(PATIENT)); /* still stuck, and no second wait */

    /* Once the pipe is drained the thread ends by itself, and the log can be started again. */
    open_pipe(again);
    errno = 0;
    while (!log_start_fd(LOG_INFO, LOG_LOGFMT, again[1])) {
        assert_int_equal(errno, EBUSY);
        while (read(ends[0], sink, sizeof sink) > 0) {
        }
        sched_yield();
    }
    log_info("back");
    assert_true(log_stop_within(PATIENT));
    close(again[1]);
    char *text = read_to_end(again[0], &len);
    assert_non_null(strstr(text, "msg=back\n"));
    assert_true(reported_drops(text) > 0);
    free(text);
    close(again[0]);
    close(ends[0]);
    close(ends[1]);
}

static void broken_pipe_harms_nobody(void **state)
{
    int ends[2];

    (void)state;
    open_pipe(ends);
    close(ends[0]);
    assert_true(log_start_fd(LOG_INFO, LOG_LOGFMT, ends[1]));
    for (int i = 0; i < 100; i++)
        log_info("nobody listens");
    assert_true(log_stop_within(PATIENT)); /* and no SIGPIPE, which would have ended the test */
    close(ends[1]);
}

enum { THREADS = 3, EACH = 1000 };

static void *log_many(void *arg)
{
    const int *number = arg;

    for (int i = 0; i < EACH; i++)
        log_info("from", LOG_I64("thread", *number), LOG_I64("line", i));
    return NULL;
}

struct reading {
    int fd;
    char *text;
    size_t len;
};

static void *read_all(void *arg)
{
    struct reading *r = arg;

    r->text = read_to_end(r->fd, &r->len);
    return NULL;
}

static void threads_log_whole_lines(void **state)
{
    int ends[2], numbers[THREADS], next[THREADS] = {0};
    pthread_t threads[THREADS], reader;
    uint64_t before = log_dropped();

    (void)state;
    open_pipe(ends);
    struct reading reading = {.fd = ends[0]};
    assert_int_equal(pthread_create(&reader, NULL, read_all, &reading), 0);
    assert_true(log_start_fd(LOG_INFO, LOG_LOGFMT, ends[1]));
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, log_many, &numbers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_true(log_stop_within(PATIENT));
    close(ends[1]);
    pthread_join(reader, NULL);

    size_t lines = 0;
    char *rest = reading.text;
    for (char *line; (line = strsep(&rest, "\n")) && rest; lines++) {
        int thread, number;
        if (strstr(line, "log lines dropped")) {
            lines--;
            continue;
        }
        assert_int_equal(sscanf(line + 27, " level=info msg=from thread=%d line=%d", &thread, &number), 2);
        assert_in_range(thread, 0, THREADS - 1);
        assert_true(number >= next[thread]); /* those of one thread in order, some perhaps dropped */
        next[thread] = number + 1;
    }
    assert_int_equal(lines + log_dropped() - before, THREADS * EACH);
    free(reading.text);
    close(ends[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_arrive_in_order),
        cmocka_unit_test(format_and_level_are_those_of_the_start),
        cmocka_unit_test(arguments_of_hidden_lines_are_not_evaluated),
        cmocka_unit_test(starting_twice_is_refused),
        cmocka_unit_test(without_thread_lines_are_written_at_once),
        cmocka_unit_test(keys_never_appear),
        cmocka_unit_test(full_pipe_never_blocks),
        cmocka_unit_test(full_nonblocking_pipe_loses_nothing_more),
        cmocka_unit_test(stuck_pipe_is_given_up_and_comes_back),
        cmocka_unit_test(broken_pipe_harms_nobody),
        cmocka_unit_test(threads_log_whole_lines),
    };
    alarm(HANG_S);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
