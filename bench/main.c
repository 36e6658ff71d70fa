/* sluice-bench: one program, several instruments. */
#include <stdio.h>
#include <string.h>

#include "bench/commands.h"

static const struct {
    const char *name, *help;
    int (*main)(int argc, char **argv);
} commands[] = {
    {"tcp", "load a running server over TCP or a Unix socket and measure it", tcp_main},
    {"store", "measure the backends in this process, without a network", store_main},
    {"null-server", "a server that does nothing but answer: the floor to compare with", null_main},
    {"simulate", "the admission policies under a virtual clock, without server or network", simulate_main},
};
#define COMMANDS (sizeof commands / sizeof commands[0])

static int usage(FILE *out, int status)
{
    fputs("usage: sluice-bench COMMAND [options]\n\n", out);
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(out, "  %-12s %s\n", commands[i].name, commands[i].help);
    fputs("\nsluice-bench COMMAND --help lists the options. docs/benchmark.md explains how to read the results.\n",
          out);
    return status;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0)
        return usage(stdout, 0);
    if (strcmp(name, "--version") == 0) {
        puts("sluice-bench " SLUICE_VERSION);
        return 0;
    }
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0) return commands[i].main(argc - 1, argv + 1);
    if (*name) fprintf(stderr, "sluice-bench: no such command: %s\n", name);
    return usage(stderr, 2);
}
