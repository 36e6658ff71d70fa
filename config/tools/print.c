/* Writes the generated files: `print yaml` is config/sluice.yaml, `print markdown` is docs/config.md. */
#include <stdio.h>
#include <string.h>

#include "config/config.h"

int main(int argc, char **argv)
{
    struct settings settings;
    const char *what = argc == 2 ? argv[1] : "";
    bool ok;
    config_defaults(&settings);
    if (strcmp(what, "yaml") == 0) {
        ok = config_print_yaml(&settings, stdout, true);
    } else if (strcmp(what, "markdown") == 0) {
        ok = config_print_markdown(stdout);
    } else {
        fputs("usage: print yaml|markdown\n", stderr);
        return 2;
    }
    if (!ok) perror("print");
    return ok ? 0 : 1;
}
