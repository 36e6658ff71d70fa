/* The arguments of `sluiced`. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "daemon/base/log.h"
#include "daemon/daemon.h"

enum action { ACTION_RUN, ACTION_CHECK, ACTION_PRINT, ACTION_HELP, ACTION_VERSION };

struct arguments {
    enum action action;
    const char *file;
    char **sets; /* borrowed from argv */
    size_t set_count;
};

static void print_help(void)
{
    puts("usage: sluiced [--config FILE] [--set KEY=VALUE ...]\n"
         "\n"
         "A session store that answers OVERLOADED instead of falling over.\n"
         "\n"
         "  --config FILE        read settings from this YAML file (default: the built-in defaults)\n"
         "  --set KEY=VALUE      override one key, as in --set queue.bound=64; may be repeated\n"
         "  --check-config FILE  say what is wrong with FILE, all of it, and exit\n"
         "  --print-config       print the settings that would be in force, with comments, and exit\n"
         "  -h, --help           this\n"
         "  -v, --version        the version\n"
         "\n"
         "SIGHUP reads the settings again and takes over those that may change at run time.\n"
         "SIGTERM or SIGINT answers what was accepted and exits 0; a second one exits at once.\n");
    config_print_help(stdout);
}

/* False after a message: exit status 2. */
static bool parse(struct arguments *args, int argc, char **argv)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},
        {"set", required_argument, NULL, 's'},
        {"check-config", required_argument, NULL, 'k'},
        {"print-config", no_argument, NULL, 'p'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},
        {NULL, 0, NULL, 0},
    };
    int option;
    while ((option = getopt_long(argc, argv, "c:s:hv", options, NULL)) != -1) {
        switch (option) {
        case 'c': args->file = optarg; break;
        case 's': args->sets[args->set_count++] = optarg; break;
        case 'k':
            args->action = ACTION_CHECK;
            args->file = optarg;
            break;
        case 'p': args->action = ACTION_PRINT; break;
        case 'h': args->action = ACTION_HELP; break;
        case 'v': args->action = ACTION_VERSION; break;
        default: fputs("try: sluiced --help\n", stderr); return false;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "sluiced: unexpected argument '%s'; a configuration file is given as --config FILE\n",
                argv[optind]);
        return false;
    }
    return true;
}

/* All errors are printed, not only the first. */
static bool load(struct settings *settings, const struct arguments *args, void (*tell)(const char *error))
{
    struct config_errors *errors = config_errors_create();
    if (!errors) {
        tell("the configuration cannot be read: out of memory");
        return false;
    }
    config_defaults(settings);
    if (args->file) config_load_file(settings, args->file, errors);
    for (size_t i = 0; i < args->set_count; i++)
        config_set(settings, args->sets[i], errors);
    config_validate(settings, args->file ? args->file : "settings", errors);
    size_t count = config_errors_count(errors);
    for (size_t i = 0; i < count; i++)
        tell(config_errors_at(errors, i));
    config_errors_destroy(errors);
    return count == 0;
}

static void print_error(const char *error)
{
    fprintf(stderr, "%s\n", error);
}

static void log_config_error(const char *error)
{
    log_error("the configuration is not taken over", LOG_STR("error", error));
}

static bool load_again(const void *args, struct settings *settings)
{
    return load(settings, args, log_config_error);
}

/* What was printed may not have arrived: a full disk, say. */
static int finish_output(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout)) return status;
    fprintf(stderr, "sluiced: cannot write the output: %s\n", strerror(errno));
    return 1;
}

static int act(const struct arguments *args, const struct clock *clock)
{
    static struct settings settings; /* mutable on purpose: large, filled once before any thread starts */
    if (args->action == ACTION_HELP) {
        print_help();
        return finish_output(0);
    }
    if (args->action == ACTION_VERSION) {
        puts("sluiced " SLUICE_VERSION);
        return finish_output(0);
    }
    if (!load(&settings, args, print_error)) return 1;
    struct daemon_source source = {load_again, args};
    switch (args->action) {
    case ACTION_CHECK: printf("%s: ok\n", args->file); return finish_output(0);
    case ACTION_PRINT: config_print_yaml(&settings, stdout, true); return finish_output(0);
    default: return daemon_run(&settings, &source, clock);
    }
}

int daemon_main(int argc, char **argv, const struct clock *clock)
{
    struct arguments args = {.action = ACTION_RUN, .sets = calloc((size_t)argc, sizeof(char *))};
    int status = 2;
    if (!args.sets) {
        fputs("sluiced: cannot start: out of memory\n", stderr);
        return 1;
    }
    if (parse(&args, argc, argv)) status = act(&args, clock);
    free(args.sets);
    return status;
}
