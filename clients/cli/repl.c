/* The prompt, on libedit. */
#include "clients/cli/repl.h"

#include <histedit.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "clients/cli/command.h"
#include "clients/cli/complete.h"
#include "clients/cli/history.h"
#include "clients/cli/output.h"
#include "clients/cli/watch.h"

#define HISTORY_SIZE 1000

struct repl {
    const struct options *options;
    struct sluice *s;
    struct output output;
    EditLine *el;
    History *history;
};

static char *prompt(EditLine *el)
{
    static char text[] = "sluice> "; /* mutable on purpose: libedit's type asks for it; nobody writes */

    (void)el;
    return text;
}

static bool start(struct repl *r)
{
    HistEvent event;

    r->el = el_init("sluice", stdin, stdout, stderr);
    r->history = history_init();
    if (!r->el || !r->history) return false;
    history(r->history, &event, H_SETSIZE, HISTORY_SIZE);
    history(r->history, &event, H_SETUNIQUE, 1);
    history_load(r->history);
    el_set(r->el, EL_PROMPT, prompt);
    el_set(r->el, EL_EDITOR, "emacs");
    el_set(r->el, EL_SIGNAL, 1);
    el_set(r->el, EL_HIST, history, r->history);
    el_set(r->el, EL_ADDFN, "sluice-complete", "complete a verb", complete_verb);
    el_set(r->el, EL_BIND, "^I", "sluice-complete", NULL);
    el_set(r->el, EL_BIND, "^R", "em-inc-search-prev", NULL);
    el_set(r->el, EL_BIND, "-s", "^C", "^E^U^J", NULL);
    el_source(r->el, NULL);
    return true;
}

static void stop(struct repl *r)
{
    if (r->history) {
        history_save(r->history);
        history_end(r->history);
    }
    if (r->el) el_end(r->el);
}

/* An idle connection on which something comes has been closed, or is about to be. */
static bool connection_stale(const struct sluice *s)
{
    struct pollfd p = {.fd = sluice_fd(s), .events = POLLIN};

    return p.fd < 0 || poll(&p, 1, 0) != 0;
}

static bool connect_again(struct repl *r)
{
    enum sluice_status status = sluice_reconnect(r->s);

    if (status == SLUICE_OK) {
        fprintf(r->output.err, "(connected to %s again)\n", sluice_address(r->s));
        return true;
    }
    output_no_connection(&r->output, status, r->s, r->options->url_from);
    return false;
}

static bool is_word(struct slice line, const char *word)
{
    return line.len == strlen(word) && strncasecmp(line.ptr, word, line.len) == 0;
}

/* True when the line is `word` with something behind it. */
static bool has_more(struct slice line, const char *word)
{
    size_t len = strlen(word);

    return line.len > len && line.ptr[len] == ' ' && strncasecmp(line.ptr, word, len) == 0;
}

/* The words that only the prompt knows. False: `line` is a request, or is to be taken for one. */
static bool run_word(struct repl *r, struct slice line)
{
    if (is_word(line, verb_name(VERB_WATCH)))
        watch_run(r->options, r->s);
    else if (has_more(line, verb_name(VERB_WATCH)))
        output_refused(&r->output, "watch takes no arguments here (sluice watch --interval TIME does)");
    else if (has_more(line, "exit") || has_more(line, "quit"))
        output_refused(&r->output, "exit and quit take no arguments");
    else
        return false;
    return true;
}

static void run_line(struct repl *r, struct slice line)
{
    struct command command = {0};
    struct sluice_result result = {0};
    struct usage_error error;

    if (connection_stale(r->s) && !connect_again(r)) return;
    if (is_word(line, "?")) line = slice_text(verb_name(VERB_HELP));
    if (run_word(r, line)) return;
    if (command_parse_line(&command, line, &error)) {
        command_run(&command, r->s, &result);
        output_result(&r->output, &command, &result, r->s);
    } else {
        output_refused(&r->output, error.text);
    }
    command_clear(&command);
}

/* A line without blanks around it. */
static struct slice trim(const char *text, size_t len)
{
    while (len > 0 && strchr(" \r\n", text[len - 1]) != NULL)
        len--;
    while (len > 0 && *text == ' ') {
        text++;
        len--;
    }
    return slice_of(text, len);
}

/*
 * Makes the terminal raw; el_gets makes it cooked again. By itself el_gets would print the prompt first, and what
 * is typed in between would not be edited. And while a line is edited Ctrl-C is a key that clears it: a signal
 * could come just before the read that it is to end.
 */
static void prepare_terminal(struct repl *r)
{
    struct termios terminal;

    el_set(r->el, EL_PREP_TERM, 1);
    if (tcgetattr(STDIN_FILENO, &terminal) != 0) return;
    terminal.c_cc[VINTR] = _POSIX_VDISABLE;
    tcsetattr(STDIN_FILENO, TCSADRAIN, &terminal);
}

/* One line; false at the end. */
static bool step(struct repl *r)
{
    int n = 0;
    HistEvent event;
    const char *text = NULL;
    struct slice line;

    prepare_terminal(r);
    text = el_gets(r->el, &n);
    if (!text || n <= 0) {
        fputc('\n', stdout);
        return false;
    }
    line = trim(text, (size_t)n);
    if (line.len == 0) return true;
    /* As in shells: what begins with a blank is not remembered. */
    if (text[0] != ' ') history(r->history, &event, H_ENTER, text);
    if (is_word(line, "quit") || is_word(line, "exit")) return false;
    run_line(r, line);
    return true;
}

static void greet(struct repl *r)
{
    struct sluice_result result;

    if (sluice_version(r->s, NULL, &result) == SLUICE_OK)
        printf("%s: %.*s\n", sluice_address(r->s), (int)result.body.len, result.body.data);
    printf("Requests as in the protocol (PUT alice 30m hello); Tab completes, help lists them, Ctrl-D leaves.\n");
}

enum exit_code repl_run(const struct options *options, struct sluice *s)
{
    struct repl r = {
        .options = options,
        .s = s,
        .output = {.out = stdout,
                   .err = stderr,
                   .json = options->json,
                   .escape = !options->raw,
                   .verbose = true,
                   .newline = true,
                   .interactive = true},
    };
    bool ok = start(&r);

    if (ok) {
        greet(&r);
        while (step(&r)) {
        }
    } else {
        fprintf(stderr, "sluice: no memory, or a terminal that libedit cannot use (TERM)\n");
    }
    stop(&r);
    return ok ? EXIT_OK : EXIT_SERVER_ERROR;
}
