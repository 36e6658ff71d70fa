/*
 *     STATS -> reading -> screen or line -> wait for the next tick, a key or a signal -> STATS ...
 *
 * Signals come through a descriptor, so that whatever ends the program the terminal is put back first.
 */
#include "clients/cli/watch.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "clients/cli/output.h"
#include "clients/cli/reading.h"
#include "clients/cli/screen.h"

#define ENTER_SCREEN "\033[?1049h\033[?25l\033[2J"
#define LEAVE_SCREEN "\033[?25h\033[?1049l"
#define HOME         "\033[H"
#define CLEAR_REST   "\033[J"

struct watch {
    const struct options *options;
    struct sluice *s;
    struct output output;
    bool screen;
    bool keys; /* standard input is a terminal in raw mode */
    struct termios terminal;
    sigset_t mask;
    int signals;
    struct reading before;
    bool has_before;
};

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void enter(struct watch *w)
{
    sigset_t mask;
    struct termios raw;

    sigemptyset(&mask);
    sigaddset(&mask, SIGINT);
    sigaddset(&mask, SIGTERM);
    sigaddset(&mask, SIGHUP);
    sigprocmask(SIG_BLOCK, &mask, &w->mask);
    w->signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
    w->screen = isatty(STDOUT_FILENO) == 1;
    w->keys = w->screen && isatty(STDIN_FILENO) == 1 && tcgetattr(STDIN_FILENO, &w->terminal) == 0;
    if (w->keys) {
        raw = w->terminal;
        raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
    }
    if (w->screen) fputs(ENTER_SCREEN, stdout);
    fflush(stdout);
}

static void leave(struct watch *w)
{
    struct signalfd_siginfo info;

    if (w->screen) fputs(LEAVE_SCREEN, stdout);
    fflush(stdout);
    if (w->keys) tcsetattr(STDIN_FILENO, TCSADRAIN, &w->terminal);
    /* The signal that ended the watch has done its work. */
    while (w->signals >= 0 && read(w->signals, &info, sizeof info) > 0) {
    }
    if (w->signals >= 0) close(w->signals);
    sigprocmask(SIG_SETMASK, &w->mask, NULL);
}

/* Waits until `tick`. True when the user wants to leave. */
static bool wait_tick(struct watch *w, int64_t tick)
{
    for (;;) {
        int64_t left = tick - now_ms();
        struct pollfd p[] = {
            {.fd = w->signals, .events = POLLIN},
            {.fd = w->keys ? STDIN_FILENO : -1, .events = POLLIN},
        };
        char key = 0;

        if (left < 0) left = 0;
        if (poll(p, 2, (int)left) <= 0) {
            if (now_ms() >= tick) return false;
            continue;
        }
        if (p[0].revents != 0) return true;
        if (p[1].revents != 0 && (read(STDIN_FILENO, &key, 1) <= 0 || key == 'q' || key == 'Q')) return true;
    }
}

static void show(struct watch *w, const struct reading *now)
{
    struct reading start = {.taken_ms = now->taken_ms - (int64_t)now->uptime_ms};
    /* The first rates are those since the server started. */
    const struct reading *before = w->has_before ? &w->before : &start;

    if (w->screen) {
        fputs(HOME, stdout);
        screen_print(stdout, sluice_address(w->s), before, now);
        fputs("q leaves\033[K\n" CLEAR_REST, stdout);
    } else {
        screen_print_line(stdout, before, now);
    }
    w->before = *now;
    w->has_before = true;
}

/* On a screen the trouble is shown, and the next tick tries again. */
static enum exit_code show_failure(struct watch *w, enum sluice_status status)
{
    w->has_before = false;
    if (!w->screen) {
        if (status == SLUICE_CANNOT_CONNECT) return output_no_connection(&w->output, status, w->s, NULL);
        fprintf(stderr, "sluice: %s\n", sluice_error_text(w->s));
        return output_exit_code(status);
    }
    fprintf(stdout, HOME CLEAR_REST "%s\n\ntrying again; q leaves\n", sluice_error_text(w->s));
    fflush(stdout);
    return EXIT_OK;
}

static enum exit_code take_reading(struct watch *w)
{
    struct reading now;
    struct sluice_result result;
    enum sluice_status status = SLUICE_OK;

    if (sluice_fd(w->s) < 0) status = sluice_reconnect(w->s);
    if (status == SLUICE_OK) status = sluice_stats(w->s, NULL, &result);
    if (status == SLUICE_DISCONNECTED && w->screen) {
        status = sluice_reconnect(w->s);
        if (status == SLUICE_OK) status = sluice_stats(w->s, NULL, &result);
    }
    if (status != SLUICE_OK) return show_failure(w, status);
    if (!reading_parse(&now, result.body)) {
        fprintf(stderr, "sluice: %s sent statistics that are no JSON object\n", sluice_address(w->s));
        return EXIT_SERVER_ERROR;
    }
    now.taken_ms = now_ms();
    show(w, &now);
    return output_flush(stdout, stderr, "the statistics");
}

enum exit_code watch_run(const struct options *options, struct sluice *s)
{
    struct watch w = {.options = options, .s = s, .output = {.out = stdout, .err = stderr}};
    enum exit_code code = EXIT_OK;
    int64_t tick = now_ms();

    enter(&w);
    for (uint64_t n = 1;; n++) {
        code = take_reading(&w);
        if (code != EXIT_OK || n == options->count) break;
        tick += options->interval_ms;
        /* Ticks that a slow server made us miss are not caught up on. */
        if (tick < now_ms()) tick = now_ms();
        if (wait_tick(&w, tick)) break;
    }
    leave(&w);
    return code;
}
