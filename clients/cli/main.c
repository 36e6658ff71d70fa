/*
 * sluice: the command-line client.
 *
 *     command line -> options -> verb?  -- yes -> command -> library -> output -> exit code
 *                                 |  `-- watch -> watch
 *                                 no --> terminal? repl : pipe
 */
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clients/cli/command.h"
#include "clients/cli/options.h"
#include "clients/cli/output.h"
#include "clients/cli/pipe.h"
#include "clients/cli/repl.h"
#include "clients/cli/verbs.h"
#include "clients/cli/watch.h"

static void print_help(void)
{
    puts("usage: sluice [options] VERB [arguments]\n"
         "       sluice [options]                    (a prompt, or a pipe)\n"
         "\nThe command-line client of the session store sluiced.\n"
         "\nVerbs:");
    verbs_print(stdout);
    puts("\nOptions:");
    options_print(stdout);
    puts("\nSLUICE_URL in the environment stands in for --url; --port or --host then replaces that part of it.\n"
         "\nExit codes: 0 ok, 1 not found, 2 usage, 3 cannot connect (or connection lost, or no answer in time),\n"
         "4 overloaded, 5 refused by --if, 6 server error. A pipe exits with the highest of its replies' codes.\n"
         "\nExamples:\n"
         "  sluice put alice --ttl 30m '{\"user\":\"alice\"}'\n"
         "  sluice get alice\n"
         "  sluice put photo - <photo.jpg\n"
         "  sluice put alice --if 7 hello           only if the version is still 7\n"
         "  printf 'LEN\\nGET alice\\n' | sluice\n"
         "  sluice watch --interval 500ms");
}

/* libedit and the terminal want to know what a character is; numbers are to stay as programs read them. */
static void set_locale(void)
{
    setlocale(LC_CTYPE, "");
    if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0) setlocale(LC_CTYPE, "C.UTF-8");
}

/* Is there somebody to talk to? */
static bool on_terminal(void)
{
    return isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1;
}

static enum exit_code usage(const struct usage_error *error)
{
    fprintf(stderr, "sluice: %s\nTry `sluice --help`.\n", error->text);
    return EXIT_USAGE;
}

static enum exit_code run_command(const struct output *output, struct command *command, struct sluice *s)
{
    struct sluice_result result;
    enum exit_code code = EXIT_OK;

    command_run(command, s, &result);
    code = output_result(output, command, &result, s);
    sluice_result_free(&result);
    return code;
}

/* Everything that needs a connection. */
static enum exit_code run(const struct options *options, struct command *command)
{
    struct output output = {.out = stdout,
                            .err = stderr,
                            .json = options->json,
                            .verbose = options->verbose,
                            .escape = isatty(STDOUT_FILENO) == 1 && !options->raw,
                            .newline = isatty(STDOUT_FILENO) == 1};
    struct sluice_options where = options_connection(options);
    struct sluice *s = NULL;
    enum sluice_status status = sluice_open(&where, &s);
    enum exit_code code = EXIT_OK;

    if (status != SLUICE_OK)
        code = output_no_connection(&output, status, s, options->url_from);
    else if (command->verb == VERB_WATCH)
        code = watch_run(options, s);
    else if (command->verb != VERB_NONE)
        code = run_command(&output, command, s);
    else if (on_terminal())
        code = repl_run(options, s);
    else
        code = pipe_run(options, s);
    sluice_close(s);
    return code;
}

int main(int argc, char **argv)
{
    struct options options;
    struct usage_error error;
    struct command command = {.verb = VERB_NONE};
    enum exit_code code = EXIT_OK;
    int first = 0;

    set_locale();
    if (!options_parse(&options, argc, argv, &first, &error)) return usage(&error);
    if (options.help || options.version) {
        if (options.help)
            print_help();
        else
            puts("sluice " SLUICE_VERSION);
        return output_flush(stdout, stderr, "the output");
    }
    if (first == argc) {
        if (!options_fit(&options, VERB_NONE, &error)) return usage(&error);
        if ((options.json || options.verbose) && !on_terminal()) {
            usage_error_set(&error, "--json and --verbose need a verb, or a terminal, to go with");
            return usage(&error);
        }
    } else if (!command_parse(&command, &options, argc - first, argv + first, &error)) {
        return usage(&error);
    }
    if (command.value_from_input && !command_read_input(&command, STDIN_FILENO, &error)) {
        fprintf(stderr, "sluice: %s\n", error.text);
        code = EXIT_SERVER_ERROR;
    } else {
        code = run(&options, &command);
    }
    command_clear(&command);
    return (int)code;
}
